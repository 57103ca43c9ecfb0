"""Hacker News by numeric item id: every id is asked for once, so nothing can slip through between two passes."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import TracebackType
from typing import Self

from collectors.base import Clock, Missed, Page, Reading, Sleep
from collectors.hackernews_items import COMMUNITY, read_item
from collectors.http import JsonReader
from overheard.errors import CollectorError
from overheard.intake import Item
from overheard.settings import Settings

# Items of one transaction, and how many are asked for at once: politeness, as the service names no limit.
_BATCH = 200
_AT_ONCE = 8

# An id exists before its item can be read: Hacker News answers null for a while, and for some ids forever.
_GIVE_UP_AFTER = timedelta(minutes=10)


class HackerNews:
    """Reads the Firebase API that Hacker News publishes."""

    def __init__(self, settings: Settings, *, clock: Clock, sleep: Sleep) -> None:
        """Nothing is asked for yet."""
        self._backfill = settings.hackernews.backfill
        self._clock = clock
        base_url = str(settings.hackernews.base_url)
        self._reader = JsonReader(
            "Hacker News", base_url, timeout=settings.hackernews.timeout, clock=clock, sleep=sleep
        )

    def __enter__(self) -> Self:
        self._reader.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._reader.__exit__(kind, error, traceback)

    def communities(self) -> Sequence[str]:
        """It is one place."""
        return (COMMUNITY,)

    def pages(self, community: str, reading: Reading) -> Iterator[Page]:  # noqa: ARG002 - there is only one
        """What could not be read before, what has changed, what is new."""
        yield from self._revisited(reading)
        yield from self._changed(reading)
        yield from self._new(reading)

    def _revisited(self, reading: Reading) -> Iterator[Page]:
        ids = sorted(reading.revisits, key=int)
        for batch in _batches(ids):
            now = self._clock()
            items, unreadable = self._read(batch)
            given_up = [id_ for id_ in unreadable if now - reading.revisits[id_] >= _GIVE_UP_AFTER]
            yield Page(
                items=items,
                settled=[id_ for id_ in batch if id_ not in unreadable or id_ in given_up],
                missed=[Missed(id_, id_, "the item stayed empty for ten minutes") for id_ in given_up],
            )

    def _changed(self, reading: Reading) -> Iterator[Page]:
        """Edits and deletions of what we have. The rest is none of ours, or comes with its number."""
        answer = self._reader.get("updates.json")
        changed = answer.get("items") if isinstance(answer, dict) else None
        if not isinstance(changed, list):
            raise CollectorError("Hacker News answered updates.json in an unknown form.")
        for batch in _batches([str(id_) for id_ in changed if isinstance(id_, int)]):
            stored = reading.stored(batch)
            items, _ = self._read([id_ for id_ in batch if id_ in stored])
            yield Page(items=items)

    def _new(self, reading: Reading) -> Iterator[Page]:
        newest = self._reader.get("maxitem.json")
        if isinstance(newest, bool) or not isinstance(newest, int):
            raise CollectorError("Hacker News answered maxitem.json in an unknown form.")
        cursor = int(reading.cursor) if reading.cursor is not None else max(0, newest - self._backfill)
        if reading.cursor is None:
            # Also where there is nothing to read yet: the next pass must go on from here, not from its own newest.
            yield Page(cursor=str(cursor), left=newest - cursor)
        for batch in _batches([str(id_) for id_ in range(cursor + 1, newest + 1)]):
            items, unreadable = self._read(batch)
            yield Page(items=items, cursor=batch[-1], ask_again=unreadable, left=newest - int(batch[-1]))

    def _read(self, ids: Sequence[str]) -> tuple[list[Item], list[str]]:
        """The items, and the ids of those that are not readable yet."""
        as_of = self._clock()  # before asking: what is read is at least as new as this
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            try:
                answers = list(pool.map(lambda id_: self._reader.get(f"item/{id_}.json"), ids))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        items: list[Item] = []
        unreadable: list[str] = []
        for id_, answer in zip(ids, answers, strict=True):
            if answer is None:
                unreadable.append(id_)
            elif (item := read_item(id_, answer, as_of=as_of)) is not None:
                items.append(item)
        return items, unreadable


def _batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), _BATCH):
        yield ids[start : start + _BATCH]
