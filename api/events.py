"""Live updates: server-sent events, from one look at the database a second however many people listen.

An event tells how things stand, not what happened, so that nothing is lost by missing some. Its id is that of its
content: who comes back with the id of the newest is not told it again, whichever process answers.
"""

import asyncio
import hashlib
import json
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo

from fastapi.concurrency import run_in_threadpool
from sqlalchemy.exc import SQLAlchemyError

from overheard.days import day_of
from overheard.db import Sessions
from overheard.desk.queue_counts import Fingerprint, QueueCounts, count_queue, fingerprint

log = logging.getLogger(__name__)

MAX_LISTENERS = 8
"""Of one user, in one server process: so many tabs and programs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """Seconds between what the feed does."""

    look: float = 1.0
    """Between two looks at the database."""
    recount: float = 30.0
    """Until what is counted is counted anew though nothing seems to have changed: a snooze ends, a lead is erased."""
    heartbeat: float = 15.0
    """Between signs of life, so that no proxy takes the connection for dead."""
    lifetime: float = 900.0
    """Until a listener must come back and show that they may still listen; a browser does so by itself."""


class Feed:
    """What the queue's counts are now, for all who listen. Lives on the event loop; closed when the server ends."""

    def __init__(self, reading: Sessions, clock: Callable[[], datetime], rhythm: Rhythm, zone: tzinfo) -> None:
        self.reading = reading
        self._clock = clock
        self._rhythm = rhythm
        self._zone = zone
        self._listening: Counter[int] = Counter()
        self._counts: QueueCounts | None = None
        self._seen: Fingerprint | None = None
        self._counted_at = 0.0
        self._changed = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None
        self._is_closed = False

    @property
    def listeners(self) -> int:
        """How many listen just now."""
        return self._listening.total()

    def has_place(self, user_id: int) -> bool:
        """Whether this user may listen once more."""
        return self._listening[user_id] < MAX_LISTENERS

    def close(self) -> None:
        """End all streams, so that the server can end."""
        self._is_closed = True
        self._changed.set()

    async def listen(self, user_id: int, last_id: str | None) -> AsyncIterator[str]:
        """The stream of one listener: how things stand, then every change, and signs of life between."""
        self._listening[user_id] += 1
        if self._looking is None:
            self._looking = asyncio.create_task(self._look_on())
        try:
            async for chunk in self._stream(user_id, last_id):
                yield chunk
        finally:
            self._listening[user_id] -= 1
            if not self.listeners and self._looking is not None:
                self._looking.cancel()
                self._looking = self._counts = self._seen = None

    async def _stream(self, user_id: int, last_id: str | None) -> AsyncIterator[str]:
        ends = time.monotonic() + self._rhythm.lifetime
        yield ": listening\n\n"
        while not self._is_closed and time.monotonic() < ends:
            changed = self._changed
            if self._counts is not None:
                data = _data(self._counts, user_id)
                if (new_id := _id_of(data)) != last_id:
                    last_id = new_id
                    yield f"event: queue\nid: {new_id}\ndata: {data}\n\n"
                    continue
            try:
                await asyncio.wait_for(changed.wait(), self._rhythm.heartbeat)
            except TimeoutError:
                yield ": still here\n\n"

    async def _look_on(self) -> None:
        while True:
            try:
                counts = await run_in_threadpool(self._look)
            except SQLAlchemyError:
                # One of the loops that must go on: a database that is away for a moment comes back.
                log.exception("The queue could not be counted", extra={"action": "count_failed"})
                counts = None
            if counts is not None and counts != self._counts:
                self._counts = counts
                self._changed.set()
                self._changed = asyncio.Event()
            await asyncio.sleep(self._rhythm.look)

    def _look(self) -> QueueCounts | None:
        """The counts, if they may have changed since the last look."""
        now = self._clock()
        today = day_of(now, self._zone)
        with self.reading() as session:
            seen = fingerprint(session, today)
            if seen == self._seen and time.monotonic() < self._counted_at + self._rhythm.recount:
                return None
            counts = count_queue(session, now, today)
        self._seen, self._counted_at = seen, time.monotonic()
        return counts


def _data(counts: QueueCounts, user_id: int) -> str:
    shown = {
        "to_review": counts.to_review,
        "mine": counts.mine.get(user_id, 0),
        "due": counts.due.get(user_id, 0),
        "newest_lead": counts.newest_lead,
    }
    return json.dumps(shown)


def _id_of(data: str) -> str:
    return hashlib.sha256(data.encode()).hexdigest()[:16]
