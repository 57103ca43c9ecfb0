"""Watching all sources without end: each account in a thread of its own, each source when it falls due."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from collectors import collector_class
from collectors.base import Clock, Collector
from collectors.run import Lane, Reader, lanes, open_collector
from overheard.db import Sessions, make_reading_sessions
from overheard.errors import CollectorError, OverheardError
from overheard.listening import judging_queue, sources
from overheard.models import Source
from overheard.settings import Settings

logger = logging.getLogger(__name__)

_ALIVE_EVERY = 60.0  # seconds in which a stream that stays says that it does

# Seconds between two looks at what is due. The look is one small statement.
_LOOK_EVERY = 1.0
# Seconds that a pass may keep others of its account waiting, as long as it can go on later from where it was.
_TURN = 30.0
# What a listener that failed waits before it tries again, unless the platform said how long.
_LISTEN_AGAIN = 15.0

LaneKey = tuple[str, int | None]


@dataclass
class Watch:
    """All that is being watched, until `stop` is set."""

    sessions: Sessions
    settings: Settings
    clock: Clock
    stop: threading.Event = field(default_factory=threading.Event)
    look_every: float = _LOOK_EVERY
    turn: float = _TURN
    _looked_at: float | None = None
    _is_full: bool = False

    def run(self) -> None:
        """Keep a thread for each account, and one more where it listens. Ends with `stop`."""
        threads: dict[str, threading.Thread] = {}
        while not self.stop.is_set():
            for lane in self._lanes():
                self._attend(threads, lane.key)
            self.stop.wait(self.look_every)
        for thread in threads.values():
            thread.join()

    def hold(self, key: LaneKey, *, until: Callable[[], bool]) -> None:
        """Do so for one account, as long as there is something to read by it and `until` does not hold."""
        threads: dict[str, threading.Thread] = {}
        while not self.stop.is_set() and not until() and self.lane(key) is not None:
            self._attend(threads, key)
            self.stop.wait(self.look_every)
        self.stop.set()
        for thread in threads.values():
            thread.join()

    def _attend(self, threads: dict[str, threading.Thread], key: LaneKey) -> None:
        mode, account = key
        name = f"{mode} {account or ''}"
        self._keep(threads, name, partial(self._read, key))
        if _listens(mode):
            self._keep(threads, f"{name} listening", partial(self._listen, key))

    def _keep(self, threads: dict[str, threading.Thread], name: str, work: Callable[[], None]) -> None:
        """See to it that a thread of this name is alive."""
        if name not in threads or not threads[name].is_alive():
            threads[name] = threading.Thread(target=self._guarded, args=(work,), name=name)
            threads[name].start()

    def _guarded(self, work: Callable[[], None]) -> None:
        """One of the two loops that must go on: what nobody foresaw is told, and the thread is started anew."""
        try:
            work()
        except Exception:
            logger.exception("watching broke off", extra={"action": "watch_failed"})
            self.stop.wait(_LISTEN_AGAIN)

    def _lanes(self, *where: sa.ColumnElement[bool]) -> Sequence[Lane]:
        try:
            # Once a second in every thread: on SQLite an ordinary session would take the writers' lock each time.
            with make_reading_sessions(self.sessions.kw["bind"])() as session:
                return lanes(session, *where)
        except SQLAlchemyError:
            logger.exception("the database could not be asked", extra={"action": "watch_failed"})
            return []

    def lane(self, key: LaneKey) -> Lane | None:
        """The lane as it stands now, if there still is one."""
        mode, account = key
        return next(iter(self._lanes(Source.mode == mode, Source.credential_id.is_not_distinct_from(account))), None)

    def is_full(self) -> bool:
        """Whether more posts wait to be judged than should: what is read then comes later, and is not lost."""
        if self._looked_at is None or time.monotonic() - self._looked_at >= self.look_every:
            try:
                with make_reading_sessions(self.sessions.kw["bind"])() as session:
                    is_full = judging_queue.is_full(session, self.settings.backlog_limit)
            except SQLAlchemyError:
                return self._is_full  # the lanes tell of it
            if is_full != self._is_full:
                words = "wait to be judged: sources wait too" if is_full else "were judged: sources are read again"
                logger.warning("Enough posts %s", words, extra={"action": "held_up" if is_full else "let_go"})
            # Last: who asks meanwhile, in another thread, looks for itself, and takes no old answer for a new one.
            self._is_full, self._looked_at = is_full, time.monotonic()
        return self._is_full

    def due(self, lane: Lane) -> list[Source]:
        """Its sources that are to be read now, the longest waiting first."""
        if self.is_full():
            return []
        now = self.clock()
        times = ((source, source.next_run_at, source.not_before) for source in lane.sources)
        due = [
            source
            for source, *when in times
            if sources.is_ahead(source, now) or all(at is None or at <= now for at in when)
        ]
        return sorted(due, key=lambda source: source.next_run_at or source.created_at)

    # --- passes --------------------------------------------------------------------------------------------------

    def _read(self, key: LaneKey) -> None:
        """Read a lane's sources as they fall due, until it has none. A collector that failed is opened anew."""
        while not self.stop.is_set() and (lane := self.lane(key)) is not None:
            if self.due(lane):
                try:
                    with open_collector(self.settings, lane, clock=self.clock, sleep=self._sleep) as collector:
                        self._read_with(collector, key)
                except OverheardError as error:
                    self._fail(lane.sources, CollectorError(str(error), permanent=True))
            self.stop.wait(self.look_every)

    def _read_with(self, collector: Collector, key: LaneKey) -> None:
        while not self.stop.is_set() and (lane := self.lane(key)) is not None:
            for source in self.due(lane):
                stays = _Stays(self, key, source.id)
                reader = Reader(
                    self.sessions, collector, lane.mode, self.clock, stays=stays, gives_way=stays.has_had_its_turn
                )
                if self._failed(reader, source):
                    return
            self.stop.wait(self.look_every)

    def _failed(self, reader: Reader, source: Source) -> bool:
        try:
            summary = reader.read(source)
        except Exception as error:
            logger.exception("a pass broke off", extra={"action": "collect_failed", "source_id": source.id})
            self._fail(
                [source], CollectorError(f"Something unforeseen happened ({type(error).__name__}): see the log.")
            )
            return True
        if not summary.is_noted:  # by what is written it is due at once, and its platform would be asked without end
            self.stop.wait(_LISTEN_AGAIN)
        return summary.error is not None

    def _fail(self, failed: Sequence[Source], error: CollectorError) -> None:
        with self.sessions.begin() as session:
            for source in failed:
                sources.record_failure(session, source.id, error, now=self.clock())

    def _sleep(self, seconds: float) -> None:
        self.stop.wait(seconds)

    # --- what is pushed ------------------------------------------------------------------------------------------

    def _listen(self, key: LaneKey) -> None:
        """Keep what the platform pushes, as long as the lane is there."""
        lane = self.lane(key)
        if lane is None or lane.credential is None:
            return
        credential_id, ended = lane.credential.id, threading.Event()

        def deliver(delivery_id: str, address: str, raw: bytes) -> None:
            with self.sessions.begin() as session:
                sources.deliver(
                    session, credential_id=credential_id, delivery_id=delivery_id, address=address, raw=raw,
                    now=self.clock(),
                )  # fmt: skip

        guard = threading.Thread(target=self._end_with_the_lane, args=(lane, ended), name=f"{lane.mode} guard")
        guard.start()
        try:
            with open_collector(self.settings, lane, clock=self.clock, sleep=self._sleep) as collector:
                collector.listen(deliver, ended)
        except OverheardError as error:
            failure = error if isinstance(error, CollectorError) else CollectorError(str(error), permanent=True)
            self._tell(lane.sources, failure)
            self.stop.wait(max(failure.retry_after or 0.0, _LISTEN_AGAIN))
        finally:
            ended.set()
            guard.join()

    def _tell(self, deaf: Sequence[Source], error: CollectorError) -> None:
        """What a listener could not do. Passes go on as planned, as they read what was not pushed."""
        if error.permanent:
            self._fail(deaf, error)
            return
        with self.sessions.begin() as session:
            for source in deaf:
                sources.record_trouble(session, source.id, error, now=self.clock())

    def _end_with_the_lane(self, lane: Lane, ended: threading.Event) -> None:
        while not ended.is_set():
            now = self.lane(lane.key)
            if self.stop.is_set() or now is None or now.addresses != lane.addresses:
                ended.set()
            self.stop.wait(self.look_every)


class _Stays:
    """Whether a stream goes on: nobody stops it, its source is still watched, and no other one of its lane waits."""

    def __init__(self, watch: Watch, key: LaneKey, source_id: int) -> None:
        self._watch, self._key, self._source_id = watch, key, source_id
        self._began = self._asked_at = self._told_at = time.monotonic()
        self._answer = True

    def __call__(self) -> bool:
        if self._watch.stop.is_set():
            return False
        if time.monotonic() - self._told_at >= _ALIVE_EVERY:
            self._told_at = time.monotonic()
            with self._watch.sessions.begin() as session:
                sources.record_alive(session, self._source_id, now=self._watch.clock())
        if time.monotonic() - self._asked_at >= self._watch.look_every:
            self._asked_at, self._answer = time.monotonic(), self._ask()
        return self._answer

    def has_had_its_turn(self) -> bool:
        """Whether a pass that has an end makes room, to go on when its turn comes again."""
        if self._watch.is_full():
            return True
        return time.monotonic() - self._began >= self._watch.turn and not self()

    def _ask(self) -> bool:
        lane = self._watch.lane(self._key)
        if self._watch.is_full() or lane is None or self._source_id not in {source.id for source in lane.sources}:
            return False
        return all(source.id == self._source_id for source in self._watch.due(lane))


def _listens(mode: str) -> bool:
    try:
        return collector_class(mode).listens
    except OverheardError:  # the lane's own thread tells it
        return False
