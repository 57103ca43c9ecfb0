"""Runs of retraining as rows: how far the one is that is under way, and how the last ones ended.

A retraining runs in a process of its own, perhaps on another machine than the pages, so the table is what they share.
"""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.db import Sessions
from overheard.errors import OverheardError, WrongStage
from overheard.home import prepare_home
from overheard.models import Retraining
from overheard.settings import Settings

KILLED = "It was ended from outside."
SILENT_AFTER = timedelta(minutes=10)
"""A run that was not heard of for so long was most likely ended from outside."""

_EVERY = 1.0  # seconds between two words to the table
_LOCK = "retraining.lock"

Told = Callable[[str, int, int], None]
"""What is being done, how many steps of it are done, and how many there are (0: not counted)."""


def latest(session: Session) -> Retraining | None:
    """The newest run."""
    return session.scalars(sa.select(Retraining).order_by(Retraining.id.desc()).limit(1)).one_or_none()


def is_silent(run: Retraining, now: datetime) -> bool:
    """Whether a run that should be under way is heard of no more."""
    return run.ended_at is None and run.updated_at < now - SILENT_AFTER


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """While the block runs no other retraining does. A process that is killed holds nobody up."""
    prepare_home(settings)
    with (settings.home / _LOCK).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise WrongStage(
                "A retraining is under way: see the page /models, and try again when it is done."
            ) from error
        yield


class UnderWay:
    """A run that others can watch."""

    def __init__(self, sessions: Sessions, clock: Callable[[], datetime]) -> None:
        self._sessions, self._clock = sessions, clock
        self._said, self._phase = 0.0, ""
        with sessions.begin() as session:
            now = clock()
            session.execute(
                sa.update(Retraining).where(Retraining.ended_at.is_(None)).values(ended_at=now, error=KILLED)
            )
            run = Retraining(begun_at=now, updated_at=now, phase="beginning", done=0, total=0)
            session.add(run)
            session.flush()
            self._id = run.id

    def tell(self, phase: str, done: int, total: int) -> None:
        """How far it is; at most once a second, but for another phase."""
        if phase == self._phase and time.monotonic() - self._said < _EVERY:
            return
        self._said, self._phase = time.monotonic(), phase
        self._write(phase=phase, done=done, total=total)

    def end(self, *, version: str, is_accepted: bool) -> None:
        """It came to its end."""
        self._write(ended_at=self._clock(), version=version, is_accepted=is_accepted)

    def _write(self, **values: object) -> None:
        with self._sessions.begin() as session:
            session.execute(
                sa.update(Retraining).where(Retraining.id == self._id).values(updated_at=self._clock(), **values)
            )

    @contextmanager
    def watched(self) -> Iterator[None]:
        """What ends the block by an error stands in the table."""
        try:
            yield
        except OverheardError as error:
            self._write(ended_at=self._clock(), error=str(error))
            raise
        except Exception as error:  # told, and raised as it is
            self._write(ended_at=self._clock(), error=type(error).__name__)
            raise
