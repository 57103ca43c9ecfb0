"""Somebody who listens to what a place pushes, for a while, beside whatever else happens."""

import threading
import time
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Self

from sqlalchemy.engine import Engine

from collectors.run import Lane, open_collector
from overheard.db import make_sessions
from overheard.errors import CollectorError
from overheard.listening import sources
from overheard.settings import Settings
from tests.fakeworld.model import World
from tests.histories_places import Pushes

_PATIENCE = 2.0  # seconds in which nothing comes until we no longer wait: a socket may have fallen silent
_LOOK_EVERY = 0.005


class CrashError(BaseException):
    """Nobody catches it: the work ends as if the process had."""


class Listening:
    """While the block runs, what is pushed to an account is kept. A crash in there is one of the block."""

    def __init__(self, world: World, pushes: Pushes, settings: Settings, engine: Engine, lane: Lane) -> None:
        self.lane = lane
        self.kept: list[str] = []
        """Ids of what was delivered."""
        self.error: CollectorError | None = None
        """Why it ended before it was told to."""
        self._world, self._pushes, self._settings = world, pushes, settings
        self._sessions = make_sessions(engine)
        self._is_crashed = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._listen)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        if self._is_crashed and error is None:
            raise CrashError

    def wait_until_open(self) -> None:
        """Until the platform has somebody to tell."""
        self.wait_for(lambda: self._pushes.is_open(self._world))

    def wait_until_told(self) -> None:
        """Until what happened is here."""
        self.wait_for(lambda: self._pushes.is_told(self._world, self.kept))

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Until this is so, or cannot become so any more."""
        heard, heard_at = len(self.kept), time.monotonic()
        while self._thread.is_alive() and time.monotonic() < heard_at + _PATIENCE and not condition():
            time.sleep(_LOOK_EVERY)
            if heard != len(self.kept):
                heard, heard_at = len(self.kept), time.monotonic()
        if self._is_crashed:
            raise CrashError

    def _now(self) -> datetime:
        return self._world.now

    def _listen(self) -> None:
        try:
            with open_collector(self._settings, self.lane, clock=self._now, sleep=lambda _: None) as collector:
                collector.listen(self._deliver, self._stop)
        except CollectorError as error:
            self.error = error
        except RuntimeError:
            if not self._is_crashed:
                raise

    def _deliver(self, delivery_id: str, address: str, raw: bytes) -> None:
        """As `collectors.watch` keeps it."""
        credential = self.lane.credential
        assert credential is not None
        try:
            with self._sessions.begin() as session:
                sources.deliver(
                    session, credential_id=credential.id, delivery_id=delivery_id, address=address, raw=raw,
                    now=self._now(),
                )  # fmt: skip
        except CrashError as error:
            self._is_crashed = True
            raise RuntimeError("the process has ended") from error
        self.kept.append(delivery_id)
