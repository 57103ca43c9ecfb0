"""Hacker News by numeric item id: every id is asked for once, so nothing can slip through between two passes."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from collectors.base import Collector, Found, Missed, Page, Reading, Tools, Watched
from collectors.hackernews.items import COMMUNITY, read_item
from collectors.http import JsonReader
from overheard.errors import CollectorError
from overheard.listening.intake import Item
from overheard.listening.sources import Pause
from overheard.listening.terms import Recheck, Terms
from overheard.vocabulary import Platform

# Items of one transaction, and how many are asked for at once: politeness, as the service names no limit.
_BATCH = 200
_AT_ONCE = 8

# An id exists before its item can be read: Hacker News answers null for a while, and for some ids forever.
_GIVE_UP_AFTER = timedelta(minutes=10)


class HackerNews(Collector):
    """Reads the Firebase API that Hacker News publishes."""

    platform = Platform.HACKERNEWS
    terms = Terms(
        permission="None: the API is public. The site's guidelines ask for answers in your own words.",
        recheck=Recheck.ALL,
        may_train=True,
    )
    pause = Pause(shortest=20, longest=60)  # its list of changed items reaches back only some minutes

    def __init__(self, tools: Tools) -> None:
        """Nothing is asked for yet."""
        super().__init__(tools)
        self._reader = JsonReader("Hacker News", str(tools.settings.hackernews.base_url), tools, is_open=True)

    def close(self) -> None:
        """Hang up."""
        self._reader.close()

    def communities(self, address: str | None = None) -> Sequence[Found]:
        """It is one place."""
        newest = self._newest()
        return [Found("", COMMUNITY, f"public, {newest:,} items so far")]

    def pages(self, source: Watched, reading: Reading) -> Iterator[Page]:
        """What could not be read before, what has changed, what is new."""
        yield from self._revisited(reading)
        yield from self._changed(reading)
        yield from self._new(reading)

    def recheck(self, source: Watched, external_ids: Sequence[str]) -> Iterator[Sequence[Item]]:
        """The items again, as they stand now."""
        for batch in _batches(external_ids):
            items, _ = self._read(batch)
            yield items

    def _revisited(self, reading: Reading) -> Iterator[Page]:
        ids = sorted(reading.revisits, key=int)
        for batch in _batches(ids):
            now = self._tools.clock()
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
        newest = self._newest()
        cursor = (
            int(reading.cursor)
            if reading.cursor is not None
            else max(0, newest - self._tools.settings.hackernews.backfill)
        )
        if reading.cursor is None:
            # Also where there is nothing to read yet: the next pass must go on from here, not from its own newest.
            yield Page(cursor=str(cursor), left=newest - cursor)
        for batch in _batches([str(id_) for id_ in range(cursor + 1, newest + 1)]):
            items, unreadable = self._read(batch)
            yield Page(items=items, cursor=batch[-1], ask_again=unreadable, left=newest - int(batch[-1]))

    def _newest(self) -> int:
        newest = self._reader.get("maxitem.json")
        if isinstance(newest, bool) or not isinstance(newest, int):
            raise CollectorError("Hacker News answered maxitem.json in an unknown form.")
        return newest

    def _read(self, ids: Sequence[str]) -> tuple[list[Item], list[str]]:
        """The items, and the ids of those that are not readable yet."""
        as_of = self._tools.clock()  # before asking: what is read is at least as new as this
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
