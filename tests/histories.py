"""Random lives of communities, read by the real collectors through faults and crashes, and what the oracle says.

`tests/collectors/test_histories.py` lives short ones under Hypothesis, `tests/soak.py` one long one for each place of
`tests/histories_places.py`.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from itertools import count
from pathlib import Path
from random import Random

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from collectors.run import CollectSummary, Reader, collect, lanes, open_collector
from collectors.sweep import sweep
from overheard.db import Sessions, make_engine, make_sessions
from overheard.leads.qualify import qualify
from overheard.listening import credentials, sources
from overheard.models import Post, Prediction, Source
from overheard.vocabulary import PostKind
from tests.collectors.crashes import killed_at
from tests.factories import MODEL, make_campaign, predict, watch_source
from tests.fakeworld.model import World, Written
from tests.fakeworld.oracle import Report, compare
from tests.histories_listening import CrashError, Listening
from tests.histories_places import Place

_AUTHORS = 12  # write at any one time
_OFTEN = {"write": 40, "reply": 20, "edit": 20, "delete": 15, "leave": 5}
_FALL_SILENT = 0.02  # so likely after each post: or whoever leaves a long history would take a tenth of it along
_LATE = 25 * 3600.0  # seconds: what is asked for again once a day is due
_FIRST = 100  # posts: less than any first pass goes back
_WRITTEN_WHILE_KILLED = 3  # posts, so that something is pushed
_LISTENS = 0.5  # so likely before a pass, where something is pushed
_LOOK_EVERY = 0.005  # seconds


class Life:
    """The history of one place, and somebody who watches it."""

    def __init__(self, place: Place, world: World, url: str, home: Path, rng: Random) -> None:
        self.place = place
        self.world = world
        self.url = url
        self.rng = rng
        self._open = ExitStack()
        self._open.enter_context(place.server(world))
        self.settings = place.settings(world, home)
        self.engine = make_engine(url)
        self.story: list[str] = []
        """What happened, for whoever has to find out why."""
        self.counts: Counter[str] = Counter()
        self.alive: list[Written] = []
        self.authors = [f"writer{number}" for number in range(_AUTHORS)]
        self._numbers = count(_AUTHORS)
        self._room: int | None = place.window // 2 if place.window else _FIRST
        """So many may be written until somebody reads, or what we must know would be shown no more; None: any."""
        place.prepare(world)
        for number, community in enumerate(place.communities):  # some platforms deny a place in which nobody wrote
            self._write(number, None, community)
        with self.sessions.begin() as session:
            make_campaign(session, now=world.now, queries={"everything": "*"})
            self._watch(session)

    @property
    def sessions(self) -> Sessions:
        return make_sessions(self.engine)

    def _watch(self, session: Session) -> None:
        place, account = self.place, None
        if place.secrets is not None:
            account = credentials.save(
                session,
                self.settings,
                mode=place.mode,
                name="ours",
                secrets=place.secrets(self.world),
                now=self.world.now,
            )
        for name in place.communities:
            watch_source(
                session, now=self.world.now, mode=place.mode, platform=place.source or place.platform,
                community=place.community(name), address=place.address(self.world, name), options=dict(place.options),
                credential_id=account,
            )  # fmt: skip

    def close(self) -> None:
        self.engine.dispose()
        self._open.close()

    # --- what people do ------------------------------------------------------------------------------------------

    def people(self, most: int = 5) -> None:
        """Somebody does something, or several do."""
        (act,) = self.rng.choices(self.place.acts, [_OFTEN[act] for act in self.place.acts])
        most = min(most, self.place.window or most)  # where it shows more than that, little would be left to compare
        times = self.rng.randint(1, most if act in {"write", "reply"} else 2)
        for _ in range(times):
            self._act(act if self.alive else "write")
        self.place.stir(self.world, self.rng)
        self._tell(f"{act} x {times}")
        self.world.advance(self.rng.choice((1, 10, 60, 300)))

    def _act(self, act: str) -> None:
        number = next(self._numbers)
        window = self.place.window
        chosen = self.rng.choice(self.alive[-window // 3 :] if window else self.alive) if self.alive else None
        if act in {"write", "reply"} or chosen is None:
            parent = chosen if act == "reply" else None
            if self._room == 0:
                return
            self._room = None if self._room is None else self._room - 1
            self._write(number, parent, parent.community if parent else self.rng.choice(self.place.communities))
        elif act == "edit":
            if self._room is None and window:
                self._room = window // 2
            self.world.edit(chosen, body=f"Invented text {number}, edited & <changed>")
        elif act == "delete":
            self.world.delete(chosen)
            self.alive.remove(chosen)
        elif act == "leave":
            self.world.delete_author(self.place.platform, chosen.author)
            self.alive = [written for written in self.alive if not written.is_deleted]
            self._succeed(chosen.author, number)  # nobody comes back
        self.counts[act] += 1
        self.world.advance(0.001)

    def _write(self, number: int, parent: Written | None, community: str) -> None:
        seat = number % _AUTHORS
        self.alive.append(
            self.world.write(
                self.place.platform,
                community,
                kind=PostKind.COMMENT if parent else PostKind.SUBMISSION,
                author=self.authors[seat],
                title=f"Title {number}" if self.place.has_titles and not parent else "",
                body=f"Invented text {number} & <more>",
                parent=parent,
            )
        )
        if self.rng.random() < _FALL_SILENT:
            self._succeed(self.authors[seat], number)

    def _succeed(self, author: str, number: int) -> None:
        """Somebody else writes from now on."""
        self.authors = [f"writer{number}" if name == author else name for name in self.authors]

    # --- what goes wrong -----------------------------------------------------------------------------------------

    def go_wrong(self) -> None:
        """The next requests fail."""
        if self.place.fail is not None:
            self._tell(self.place.fail(self.world, self.rng))
            self.counts["fault"] += 1
            return
        fault, times = self.rng.choice(self.place.faults), self.rng.randint(1, 5)
        self.world.fail(self.place.route, fault, times)
        self.counts["fault"] += times
        self._tell(f"{fault} x {times}")

    # --- what we do ----------------------------------------------------------------------------------------------

    def collect(self) -> None:
        """One pass over all sources; where the platform pushes, often after having listened."""
        self._collect(self.engine)

    def _collect(self, engine: Engine) -> None:
        if self.place.pushes is not None and self.rng.random() < _LISTENS:
            self._listen(engine)
        self._pass(engine)

    def _pass(self, engine: Engine) -> list[CollectSummary]:
        found = collect(make_sessions(engine), self.settings, clock=self._clock, sleep=_no_sleep)
        self._note(found)
        return found

    def _note(self, found: list[CollectSummary]) -> None:
        self._tell(f"collect: {[str(summary.error or summary.intake) for summary in found]}")
        self.counts["pass"] += 1
        if len(found) == len(self.place.communities) and all(map(self._was_read, found, self.place.communities)):
            self._room = None
        self.world.advance(self.rng.choice((1, 20, 60)))

    def _was_read(self, summary: CollectSummary, community: str) -> bool:
        """Whether all was read that is shown there, or nothing, as it is unchanged: an answer may be cut short."""
        taken = summary.intake.new + summary.intake.edited + summary.intake.unchanged
        shown = min(self.place.window or 0, len(self.world.posts(self.place.platform, community)))
        return summary.error is None and (not taken or taken >= shown)

    def _clock(self) -> datetime:
        return self.world.now

    def _listening(self, engine: Engine) -> Listening | None:
        """Somebody who listens, where there is something to hear and no person has to mend anything first."""
        with make_sessions(engine)() as session:
            lane = next(iter(lanes(session)), None)
        if self.place.pushes is None or lane is None:
            return None
        return Listening(self.world, self.place.pushes, self.settings, engine, lane)

    def _listen(self, engine: Engine) -> None:
        """What is pushed is kept while people go on; passes with one collector take it in, as in `collectors.watch`."""
        listening = self._listening(engine)
        if listening is None:
            return
        try:
            with listening:
                self._go_on_beside(listening, engine)
        finally:
            self.counts["delivery"] += len(listening.kept)

    def _go_on_beside(self, listening: Listening, engine: Engine) -> None:
        lane = listening.lane
        with open_collector(self.settings, lane, clock=self._clock, sleep=_no_sleep) as collector:
            reader = Reader(make_sessions(engine), collector, lane.mode, self._clock, stays=lambda: True)
            for _ in range(self.rng.randint(1, 2)):
                listening.wait_until_open()
                self.people()
                listening.wait_until_told()
                self._tell(f"listened: {len(listening.kept)} deliveries {listening.error or ''}")
                self._note([reader.read(source) for source in lane.sources])

    def sweep(self) -> None:
        """Retention, and asking again."""
        self._qualify()
        while True:
            done = sweep(self.sessions, self.settings, clock=self._clock, sleep=_no_sleep)
            self._tell(f"sweep: {done}")
            if not done.rechecked or done.errors:
                return

    def _qualify(self) -> None:
        """Every post is a lead's: those are asked for again wherever that can be done."""
        with self.sessions.begin() as session:
            has_none = ~sa.exists().where(Prediction.post_id == Post.id)
            for post in session.scalars(sa.select(Post).where(has_none)):
                predict(session, post, now=self.world.now)
            qualify(session, model_version=MODEL, threshold=0.5, now=self.world.now)

    def crash(self) -> None:
        """A pass that breaks off at some statement or commit, with all that it had not committed."""
        step = self.rng.randint(1, 60)
        engine = make_engine(self.url)
        try:
            with _crashing(engine, step):
                self._collect(engine)
        except CrashError:
            self._tell(f"crashed at step {step}")
            self.counts["crash"] += 1
            self.world.advance(1)
        finally:
            engine.dispose()

    def kill(self) -> None:
        """A pass in a process of its own that is ended with `kill -9`."""
        step = self.rng.randint(1, 60)
        self.engine.dispose()  # a connection must not be shared with the child
        with self._others_write():
            was_killed = killed_at(step, self.url, self._work)
        if was_killed:
            self._tell(f"killed at step {step}")
            self.counts["crash"] += 1
        self.world.advance(1)

    def _work(self, engine: Engine) -> None:
        """In a process of its own, to which the world is what it was when that began."""
        if (listening := self._listening(engine)) is not None:
            with listening:
                listening.wait_for(lambda: len(listening.kept) >= _WRITTEN_WHILE_KILLED)
        self._pass(engine)

    @contextmanager
    def _others_write(self) -> Iterator[None]:
        """Where it is pushed, and somebody listens, somebody writes while the block runs."""
        pushes, over = self.place.pushes, threading.Event()
        if pushes is None:
            yield
            return

        def write() -> None:
            while not pushes.is_open(self.world) and not over.wait(_LOOK_EVERY):
                pass
            for _ in range(_WRITTEN_WHILE_KILLED):
                self._act("write")

        writer = threading.Thread(target=write)
        writer.start()
        try:
            yield
        finally:
            over.set()
            writer.join()

    def enable(self) -> None:
        """The operator says that all is well: no source waits any more."""
        with self.sessions.begin() as session:
            for source in session.scalars(sa.select(Source).where(Source.mode.is_not(None))):
                sources.enable(source)

    def settle(self) -> Report:
        """All is well again, and there is time: what is still wrong now is a fault of ours."""
        self.world.heal()
        self.place.calm(self.world)
        self.enable()
        if (listening := self._listening(self.engine)) is not None:
            with listening:
                listening.wait_until_open()
                listening.wait_until_told()
            assert listening.error is None, f"{listening.error}\n{self}"
        for late in (0.0, _LATE):
            self.world.advance(late)
            self.enable()
            for _ in range(2):
                for summary in self._pass(self.engine):
                    assert summary.error is None, f"{summary.error}\n{self}"
            self.sweep()
        return compare(self.world, self.sessions, platforms=[self.place.platform])

    def _tell(self, what: str) -> None:
        self.story.append(f"{self.world.now:%H:%M:%S} {what}")

    def __str__(self) -> str:
        """The last of the story."""
        return "\n".join(self.story[-60:])


def _no_sleep(_: float) -> None:
    """Nothing is waited for."""


@contextmanager
def _crashing(engine: Engine, step: int) -> Iterator[None]:
    steps = count(1)

    def crash(*_: object) -> None:
        if next(steps) >= step:  # and nothing comes after it, in whichever thread
            raise CrashError

    event.listen(engine, "before_cursor_execute", crash)
    event.listen(engine, "commit", crash)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", crash)
        event.remove(engine, "commit", crash)
