"""All sources are read as they fall due, side by side, and nothing that one of them does keeps another out."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import pytest
import sqlalchemy as sa

import collectors
from collectors.base import Ask, Collector, Deliver, Found, Page, Reading, Tools, Watched
from collectors.run import collect
from collectors.watch import Watch
from overheard.db import Sessions
from overheard.errors import CollectorError
from overheard.listening import credentials, sources
from overheard.listening.intake import take_in
from overheard.listening.sources import Pause
from overheard.listening.terms import Terms
from overheard.models import Delivery, Post, Source, UnjudgedPost
from overheard.settings import Settings
from overheard.vocabulary import Platform, SourceState
from tests.factories import new_post

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

PATIENCE = 30.0  # seconds; nothing here takes one, but the machine may be busy


class Wall(Collector):
    """A platform whose posts are numbers; what happens when a community is read stands in `acts`."""

    platform = Platform.OTHER
    terms = Terms(permission="None.")
    pause = Pause(shortest=0.01, longest=0.05)
    acts: ClassVar[dict[str, Callable[[Reading], None]]] = {}
    passes: ClassVar[dict[str, int]] = {}
    opened: ClassVar[list[str]] = []

    def __init__(self, tools: Tools) -> None:
        super().__init__(tools)
        self.opened.append(type(self).__name__)

    def communities(self, address: str | None = None) -> Sequence[Found]:
        return [Found(address or "", "wall")]

    def pages(self, source: Watched, reading: Reading) -> Iterator[Page]:
        number = self.passes[source.community] = self.passes.get(source.community, 0) + 1
        if source.community in self.acts:
            self.acts[source.community](reading)
        post = new_post(platform=Platform.OTHER, community=source.community, external_id=f"{source.community}:{number}")
        yield Page(items=[post], cursor=str(number))


class Pushing(Wall):
    """A platform that pushes: three events when somebody listens, and one of them twice."""

    account = (Ask("token", "Token", is_secret=True),)
    listens = True

    def listen(self, deliver: Deliver, stop: threading.Event) -> None:
        assert self._tools.secrets == {"token": "s3cret"}
        for number in (1, 2, 2, 3):
            deliver(f"E{number}", "C1", str(number).encode())
        stop.wait()

    def pages(self, source: Watched, reading: Reading) -> Iterator[Page]:
        while waiting := reading.deliveries():
            posts = [
                new_post(platform=Platform.OTHER, community=source.community, external_id=each.raw.decode())
                for each in waiting
            ]
            yield Page(items=posts, taken=[each.id for each in waiting])
        if source.community in self.acts:
            self.acts[source.community](reading)


class Deaf(Wall):
    """A platform that would push, if the line were not dead."""

    account = (Ask("token", "Token", is_secret=True),)
    listens = True

    def listen(self, deliver: Deliver, stop: threading.Event) -> None:
        raise CollectorError("The line is dead.")


@pytest.fixture(autouse=True)
def walls(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in (Wall, Pushing, Deaf):
        monkeypatch.setitem(collectors.COLLECTORS, kind.__name__, ("Wall", f"{__name__}:{kind.__name__}"))
    Wall.acts, Wall.passes, Wall.opened = {}, {}, []


def add(sessions: Sessions, community: str, *, mode: str = "Wall", credential_id: int | None = None) -> None:
    with sessions.begin() as session:
        sources.add(
            session, mode=mode, platform=Platform.OTHER, community=community, address="C1", terms=Wall.terms,
            credential_id=credential_id, now=datetime.now(UTC),
        )  # fmt: skip


@contextmanager
def watching(sessions: Sessions, settings: Settings | None = None) -> Iterator[Watch]:
    watch = Watch(sessions, settings or Settings(), lambda: datetime.now(UTC), look_every=0.02)
    thread = threading.Thread(target=watch.run)
    thread.start()
    try:
        yield watch
    finally:
        watch.stop.set()
        thread.join(PATIENCE)
        assert not thread.is_alive(), "it ends when it is told to"


def until(happened: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(int(PATIENCE / 0.02)):
        if happened():
            return
        pause.wait(0.02)
    raise AssertionError("it did not happen")


def ids(sessions: Sessions) -> set[str]:
    with sessions() as session:
        return set(session.scalars(sa.select(Post.external_id)))


def state_of(sessions: Sessions, community: str) -> Source:
    with sessions() as session:
        return session.scalars(sa.select(Source).filter_by(community=community)).one()


def test_a_source_is_read_again_and_again(sessions: Sessions) -> None:
    add(sessions, "wall")
    with watching(sessions):
        until(lambda: {"wall:1", "wall:2", "wall:3"} <= ids(sessions))
    assert Wall.opened == ["Wall"], "one collector serves all passes"


def test_a_source_that_is_added_later_is_read_without_a_restart(sessions: Sessions) -> None:
    with watching(sessions):
        add(sessions, "late")
        until(lambda: "late:1" in ids(sessions))


def test_a_paused_source_is_left_alone(sessions: Sessions) -> None:
    add(sessions, "wall")
    add(sessions, "other")
    with watching(sessions):
        until(lambda: "wall:1" in ids(sessions))
        with sessions.begin() as session:
            sources.pause(sources.find(session, "wall"))
        seen = Wall.passes["wall"] + 1  # one pass may have begun
        until(lambda: Wall.passes.get("other", 0) > seen + 5)
        assert Wall.passes["wall"] <= seen


def test_one_that_fails_keeps_no_other_out(sessions: Sessions) -> None:
    def refuse(_: Reading) -> None:
        raise CollectorError("The wall is being painted.", retry_after=3600)

    def break_down(_: Reading) -> None:
        raise KeyError("a bug of ours")

    Wall.acts = {"painted": refuse, "broken": break_down}
    for community in ("painted", "broken", "good"):
        add(sessions, community)
    with watching(sessions):
        until(lambda: "good:5" in ids(sessions))
        until(lambda: state_of(sessions, "broken").failures == 1)
    assert state_of(sessions, "painted").last_error == "The wall is being painted."
    assert "KeyError" in (state_of(sessions, "broken").last_error or "")
    assert (Wall.passes["painted"], Wall.passes["broken"]) == (1, 1), "both wait before they are tried again"


def test_one_that_needs_the_operator_is_asked_no_more(sessions: Sessions) -> None:
    def withdraw(_: Reading) -> None:
        raise CollectorError("Access withdrawn.", permanent=True)

    Wall.acts = {"wall": withdraw}
    add(sessions, "wall")
    with watching(sessions):
        until(lambda: state_of(sessions, "wall").state is SourceState.NEEDS_OPERATOR)
        Wall.acts = {}
        with sessions.begin() as session:
            sources.enable(sources.find(session, "wall"))
        until(lambda: "wall:2" in ids(sessions))


def test_a_stream_makes_room_for_the_other_source_of_its_account(sessions: Sessions) -> None:
    def stay(reading: Reading) -> None:
        until(lambda: not reading.stays())

    Wall.acts = {"first": stay, "second": stay}
    add(sessions, "first")
    add(sessions, "second")
    with watching(sessions):
        until(lambda: {"first:2", "second:2"} <= ids(sessions))


def test_what_is_pushed_is_on_disk_at_once_and_taken_in_once(sessions: Sessions, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with sessions.begin() as session:
        secrets = {"token": "s3cret"}
        account = credentials.save(session, settings, mode="Pushing", name="us", secrets=secrets, now=datetime.now(UTC))
    add(sessions, "channel", mode="Pushing", credential_id=account)
    with watching(sessions, settings):
        until(lambda: ids(sessions) == {"1", "2", "3"})
        until(lambda: all(row.taken_at and row.raw == b"" for row in _deliveries(sessions)))
    assert len(_deliveries(sessions)) == 3


def test_what_is_pushed_while_a_pass_ends_is_due_at_once(sessions: Sessions, tmp_path: Path) -> None:
    settings, now = Settings(home=tmp_path), datetime.now(UTC)
    with sessions.begin() as session:
        secrets = {"token": "s3cret"}
        account = credentials.save(session, settings, mode="Pushing", name="us", secrets=secrets, now=now)
    add(sessions, "channel", mode="Pushing", credential_id=account)

    def push_when_it_has_looked(_: Reading) -> None:
        with sessions.begin() as session:
            sources.deliver(session, credential_id=account, delivery_id="E9", address="C1", raw=b"9", now=now)

    Wall.acts = {"channel": push_when_it_has_looked}
    collect(sessions, settings, clock=lambda: now)
    assert state_of(sessions, "channel").next_run_at == now
    Wall.acts = {}
    collect(sessions, settings, clock=lambda: now)
    assert ids(sessions) == {"9"}
    assert state_of(sessions, "channel").next_run_at != now


def test_a_listener_that_fails_is_told_and_delays_no_pass(sessions: Sessions, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with sessions.begin() as session:
        account = credentials.save(
            session, settings, mode="Deaf", name="us", secrets={"token": "s3cret"}, now=datetime.now(UTC)
        )
    add(sessions, "channel", mode="Deaf", credential_id=account)
    told: list[str | None] = []

    def note(_: Reading) -> None:
        told.append(state_of(sessions, "channel").last_error)

    Wall.acts = {"channel": note}
    with watching(sessions, settings):
        until(lambda: "The line is dead." in told)
        until(lambda: "channel:9" in ids(sessions))
    assert state_of(sessions, "channel").failures == 0


def _deliveries(sessions: Sessions) -> Sequence[Delivery]:
    with sessions() as session:
        return session.scalars(sa.select(Delivery)).all()


def test_credentials_that_cannot_be_opened_are_told(sessions: Sessions, tmp_path: Path) -> None:
    with sessions.begin() as session:
        account = credentials.save(
            session, Settings(home=tmp_path / "old"), mode="Pushing", name="us", secrets={}, now=datetime.now(UTC)
        )
    add(sessions, "channel", mode="Pushing", credential_id=account)
    with watching(sessions, Settings(home=tmp_path / "new")):
        until(lambda: state_of(sessions, "channel").state is SourceState.NEEDS_OPERATOR)
    assert "credentials of us (Pushing) cannot be opened with this key" in (
        state_of(sessions, "channel").last_error or ""
    )


def test_nothing_is_read_while_too_many_posts_wait_to_be_judged(sessions: Sessions) -> None:
    add(sessions, "wall")
    with sessions.begin() as session:
        take_in(session, [new_post(author=f"a{n}") for n in range(3)], origin="t", now=datetime.now(UTC))
    with watching(sessions, Settings(backlog_limit=2)) as watch:
        until(watch.is_full)
        assert "wall" not in Wall.passes
        with sessions.begin() as session:
            session.execute(sa.delete(UnjudgedPost))
        until(lambda: "wall:1" in ids(sessions))
