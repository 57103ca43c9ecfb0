"""Socket Mode over a real websocket: nothing is acknowledged that is not on disk, and no connection dies unseen."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from collectors.base import Tools
from collectors.slack.api import SlackApi
from collectors.slack.socket import Listener
from collectors.watch import Watch
from overheard.db import Sessions, make_engine, make_sessions
from overheard.errors import CollectorError
from overheard.listening import sources
from overheard.models import Delivery, Post, Source
from overheard.vocabulary import Platform
from tests.collectors.slack_live import TOLD, SlackLive, assert_all_is_well, make_live, refusing, say
from tests.fakeworld import faults
from tests.fakeworld.model import World
from tests.fakeworld.server import serve
from tests.fakeworld.wires import slack as wire

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

LISTENING = {**TOLD, "app_token": wire.APP_TOKEN}
PATIENCE = 30.0  # seconds until a test gives up; nothing waits that long


class Ear:
    """A listener in a thread of its own, and what it kept."""

    def __init__(self, live: SlackLive, *, quiet_for: float = 600.0) -> None:
        self.live = live
        self.state = live.world.state(wire.Slack)
        self.stop = threading.Event()
        self.error: BaseException | None = None
        self.before_commit: Callable[[str], object] = lambda _: None
        self._api = SlackApi(Tools(live.settings, live.clock, live.waits.append, live.secrets))
        self._listener = Listener(self._api, wire.APP_TOKEN, quiet_for)
        self._thread = threading.Thread(target=self._listen)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self.stop.set()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def wait(self) -> None:
        """Until it ends by itself."""
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def _listen(self) -> None:
        try:
            self._listener.listen(self.deliver, self.stop)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.error = error
        finally:
            self._api.close()

    def deliver(self, delivery_id: str, address: str, raw: bytes) -> None:
        with self.live.sessions.begin() as session:
            account = session.scalars(sa.select(Source.credential_id)).one()
            assert account is not None
            sources.deliver(
                session, credential_id=account, delivery_id=delivery_id, address=address, raw=raw,
                now=self.live.world.now,
            )  # fmt: skip
            self.before_commit(delivery_id)


def until(condition: Callable[[], object]) -> None:
    """Wait for what another thread does."""
    waiting = threading.Event()
    for _ in range(int(PATIENCE / 0.02)):
        if condition():
            return
        waiting.wait(0.02)
    pytest.fail("it did not come about")


@contextmanager
def listening(live: SlackLive, *, quiet_for: float = 600.0) -> Iterator[Ear]:
    """Both connections are there when the block begins."""
    ear = Ear(live, quiet_for=quiet_for)
    ear.start()
    try:
        until(lambda: ear.state.sockets == 2 or ear.error)
        yield ear
    finally:
        ear.end()


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def live(sessions: Sessions, world: World, tmp_path: Path) -> Iterator[SlackLive]:
    with serve(world, [wire.WIRE]):
        yield make_live(sessions, world, tmp_path, LISTENING)


def kept(live: SlackLive) -> list[str]:
    with live.sessions() as session:
        return list(session.scalars(sa.select(Delivery.delivery_id).order_by(Delivery.id)))


def test_what_is_said_edited_and_deleted_comes_over_the_socket(live: SlackLive, world: World) -> None:
    live.collect_after(60)
    with listening(live) as ear:
        say(world, "One")
        two, three = say(world, "Two"), say(world, "Three")
        world.edit(two, body="Two, edited")
        world.delete(three)
        until(lambda: len(ear.state.acknowledged) == 5)
        live.collect_after(1)
    assert live.bodies() == {"One", "Two, edited"}
    assert ear.error is None


def test_an_event_is_on_disk_before_it_is_acknowledged(live: SlackLive, world: World) -> None:
    on_disk: list[bool] = []
    world.state(wire.Slack).on_acknowledgement = lambda event_id: on_disk.append(f"T1:{event_id}" in kept(live))
    with listening(live):
        for _ in range(20):
            say(world)
        until(lambda: len(on_disk) == 20)
    assert all(on_disk)


def test_what_cannot_be_kept_is_not_acknowledged_and_is_told(live: SlackLive, world: World) -> None:
    def disk_is_full(_: str) -> None:
        raise OSError("no space left")

    with listening(live) as ear:
        ear.before_commit = disk_is_full
        say(world, "Once")
        ear.wait()
    assert isinstance(ear.error, OSError)
    assert ear.state.acknowledged == []
    with listening(live) as ear:
        until(lambda: ear.state.acknowledged == ["Ev000001"])
    assert ear.state.sent[-1]["retry_attempt"] > 0, "it is marked as a retry, and it is the only delivery"
    assert live.collect().intake.new == 1


@pytest.mark.parametrize("is_committed", [False, True])
def test_a_kill_between_disk_and_acknowledgement_loses_and_doubles_nothing(
    live: SlackLive, world: World, database_url: str, *, is_committed: bool
) -> None:
    child = os.fork()
    if child == 0:
        try:
            engine = make_engine(database_url)
            live.sessions = make_sessions(engine)
            ear = Ear(live)

            def die(*_: object) -> None:
                os.kill(os.getpid(), signal.SIGKILL)

            if is_committed:
                sa.event.listen(engine, "commit", lambda _: threading.Timer(0, die).start())
            else:
                ear.before_commit = die
            ear.start()
            ear.wait()
        finally:
            os._exit(1)
    state = world.state(wire.Slack)
    until(lambda: state.sockets == 2)
    say(world, "Once")
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    until(lambda: state.sockets == 0)
    with listening(live):
        until(lambda: "Ev000001" in state.acknowledged)
    assert kept(live) == ["T1:Ev000001"]
    live.collect_after(60)
    assert live.count(Post) == 1


def test_stopping_is_quick_and_leaves_no_connection(live: SlackLive, world: World) -> None:
    with listening(live):
        pass
    until(lambda: world.state(wire.Slack).sockets == 0)


@pytest.mark.parametrize("reason", ["refresh_requested", "warning"])
def test_a_connection_that_slack_ends_is_replaced_and_nothing_is_lost(
    live: SlackLive, world: World, reason: str
) -> None:
    with listening(live) as ear:
        for _ in range(5):
            ear.state.goodbyes.append(reason)
            say(world)
            until(lambda: len(set(ear.state.acknowledged)) == len(world.changes) and not ear.state.goodbyes)
            until(lambda: ear.state.sockets == 2)
    live.collect_after(60)
    assert live.count(Post) == 5


def test_a_connection_that_is_cut_is_replaced_and_its_event_comes_again(live: SlackLive, world: World) -> None:
    world.fail("/link", faults.SocketFault(after=1))
    with listening(live) as ear:
        for _ in range(6):
            say(world)
        until(lambda: len(set(ear.state.acknowledged)) == 6)
    live.collect_after(60)
    assert live.count(Post) == 6


def test_a_connection_on_which_nothing_comes_is_replaced(live: SlackLive, world: World) -> None:
    world.fail("/link", faults.SILENT, times=2)
    with listening(live, quiet_for=1.0) as ear:
        until(lambda: [say(world)] and ear.state.acknowledged)
    assert len(ear.state.acknowledged) < len(world.changes), "the first went into the void"
    live.collect_after(300)
    assert_all_is_well(live)


@pytest.mark.parametrize(
    ("answer", "permanent"),
    [
        (refusing("invalid_auth"), True),
        (refusing("missing_scope", needed="connections:write"), True),
        (faults.rate_limited("90"), False),
        (refusing("internal_error"), False),
        (faults.Answer(200, b'{"ok": true}', {"Content-Type": "application/json"}), False),
    ],
)
def test_a_socket_that_slack_does_not_open_is_told(
    live: SlackLive, world: World, answer: faults.Fault, *, permanent: bool
) -> None:
    world.fail("apps.connections.open", answer, times=9)
    ear = Ear(live)
    ear.start()
    ear.wait()
    assert isinstance(ear.error, CollectorError)
    assert ear.error.permanent is permanent
    assert "apps.connections.open" in str(ear.error)


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # the vendor leaves the socket to the collector
def test_an_address_at_which_nobody_answers_is_told(live: SlackLive, world: World) -> None:
    world.fail("/link", faults.UNAVAILABLE, times=9)
    ear = Ear(live)
    ear.start()
    ear.wait()
    assert isinstance(ear.error, CollectorError)
    assert not ear.error.permanent


@pytest.mark.parametrize(("reason", "permanent"), [("link_disabled", True), ("too_many_websockets", False)])
def test_a_farewell_that_will_not_pass_is_told(live: SlackLive, reason: str, *, permanent: bool) -> None:
    with listening(live) as ear:
        ear.state.goodbyes.append(reason)
        ear.wait()
    assert isinstance(ear.error, CollectorError)
    assert ear.error.permanent is permanent


@pytest.mark.parametrize("kind", ["tokens_revoked", "app_uninstalled"])
def test_an_app_that_was_removed_waits_for_the_operator(live: SlackLive, world: World, kind: str) -> None:
    with listening(live) as ear:
        say(world, type=kind)
        ear.wait()
    assert isinstance(ear.error, CollectorError)
    assert ear.error.permanent


@pytest.mark.parametrize(
    "extra", [{"type": "reaction_added"}, {"channel": None}, {"text": "x" * 300_000}, {"text": "\ud800"}]
)
def test_whatever_an_event_holds_it_is_acknowledged(live: SlackLive, world: World, extra: dict[str, Any]) -> None:
    with listening(live) as ear:
        say(world, **extra)
        until(lambda: ear.state.acknowledged)
        live.collect_after(60)
    assert ear.error is None


def test_without_an_app_level_token_listening_only_waits(live: SlackLive, world: World) -> None:
    live.secrets = TOLD
    stop = threading.Event()
    stop.set()
    with live.open_slack() as collector:
        collector.listen(lambda *_: None, stop)
    assert world.asked("apps.connections.open") == []


def test_the_collector_listens_with_its_own_token(live: SlackLive, world: World) -> None:
    stop, heard = threading.Event(), threading.Event()
    with live.open_slack() as collector:
        thread = threading.Thread(target=collector.listen, args=(lambda *_: heard.set(), stop))
        thread.start()
        until(lambda: world.state(wire.Slack).sockets == 2)
        world.write(Platform.SLACK, "C1", author="URITA")
        assert heard.wait(PATIENCE)
        stop.set()
        thread.join(PATIENCE)


def test_whoever_watches_has_a_message_as_soon_as_it_is_said(live: SlackLive, world: World) -> None:
    watch = Watch(live.sessions, live.settings, live.clock, look_every=0.05)
    thread = threading.Thread(target=watch.run)
    thread.start()
    try:
        until(lambda: world.state(wire.Slack).sockets == 2 and live.source().cursor)
        asked = live.asked("conversations.history")
        written = say(world, "Which oven?")
        until(lambda: live.texts() == ["Which oven?"])
        world.edit(written, body="Which oven, please?")
        until(lambda: live.texts() == ["Which oven, please?"])
        world.delete(written)
        until(lambda: live.texts() == [])
        assert live.asked("conversations.history") == asked
    finally:
        watch.stop.set()
        thread.join(PATIENCE)
    assert not thread.is_alive()
