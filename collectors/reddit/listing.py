"""Walking a listing of Reddit back to what is known. It shows what is newest, and of the rest it tells nothing."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from collectors.base import Missed, Reading
from overheard.errors import CollectorError
from overheard.listening.intake import Item, Rejected
from overheard.vocabulary import Platform

# So many known entries in a row mean that the rest is known too. One is not enough: old ones come up again.
_RUN = 10
# The newest entries stay in mind from pass to pass, for those that the tables do not know (a source may keep only
# posts that a query meets), and so that some are left when authors delete theirs.
_REMEMBERED = 100
_BATCH = 200  # items of one transaction

_ADDRESS = re.compile(r"(?:(?:https?://)?(?:[a-z]+\.)?reddit\.com/r/|/?r/)?(\w{2,24}(?:\+\w{2,24})*)(?:/.*)?", re.ASCII)
_FULLNAME = re.compile(r"(t[13])_([0-9a-z]{1,20})")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a listing."""

    id: str
    item: Item | None
    """What it is read as; None for what is no person's post, which neither ends the walk nor keeps it going."""
    is_changed: bool = False
    """It says of itself that it is not what it once was: worth handing over where we have it."""


@dataclass(frozen=True, slots=True)
class Handed:
    """A batch of items, oldest first, and what to remember once they are stored."""

    items: Sequence[Item]
    remembered: Sequence[str]
    missed: Sequence[Missed] = ()
    left: int = 0


@dataclass(slots=True)
class Walk:
    """What one walk has shown."""

    entries: list[Entry] = field(default_factory=list)
    """Newest first, as the listing had them. Their order is the listing's, not that of time."""
    wanted: dict[str, Item] = field(default_factory=dict)
    """What is to be handed over, in the same order."""
    fresh: list[str] = field(default_factory=list)
    """Those of them that we did not know."""
    is_joined: bool = False
    """Whether it led back to what we know."""


def read_back(
    pages: Iterable[Sequence[Entry]], reading: Reading, remembered: Sequence[str] | None, *, backfill: int, window: int
) -> Iterator[Handed]:
    """Walk back until what comes is known, then hand over what was not, oldest first.

    `remembered`: what the last batch said; None for the very first walk, which goes back `backfill` entries.
    `window`: a listing of so many entries may have had more behind them.
    """
    walk = _first_walk(pages, backfill) if remembered is None else _walk(pages, reading, set(remembered))
    missed = []
    if remembered is not None and not walk.is_joined and len(walk.entries) >= window:
        missed = _gap(walk.fresh, remembered)
    yield from _hand_over(walk, remembered, missed)


def _first_walk(pages: Iterable[Sequence[Entry]], backfill: int) -> Walk:
    walk = Walk()
    for page in pages:
        walk.entries += page
        if len(walk.entries) >= backfill:
            break
    for entry in walk.entries[:backfill]:
        if entry.item is not None:
            walk.wanted.setdefault(entry.id, entry.item)
    return walk


def _walk(pages: Iterable[Sequence[Entry]], reading: Reading, remembered: set[str]) -> Walk:
    walk, seen, run = Walk(), set[str](), 0
    for page in pages:
        entries = [entry for entry in page if entry.id not in seen]
        ids = [entry.id for entry in entries]
        known = remembered | reading.known(ids)
        ours = reading.stored([entry.id for entry in entries if entry.is_changed])
        for entry in entries:
            if entry.id in seen or entry.item is None:
                continue
            seen.add(entry.id)
            walk.entries.append(entry)
            run = run + 1 if entry.id in known else 0
            walk.is_joined = walk.is_joined or run >= _RUN
            if entry.id not in known:
                walk.fresh.append(entry.id)
            if entry.id not in known or entry.id in ours:
                walk.wanted[entry.id] = entry.item
        if walk.is_joined:
            break
    walk.is_joined = walk.is_joined or run > 0  # it ended on the known, if on less than a whole run of it
    return walk


def _gap(fresh: Sequence[str], remembered: Sequence[str]) -> list[Missed]:
    """From the newest that we knew to the oldest that is new. Ids count up, if not quite in the listing's order."""
    newest_known = max(map(_number, remembered), default=0)
    newer = [id_ for id_ in fresh if _number(id_) > newest_known]
    oldest = min(newer, key=_number, default=None)
    if oldest is None or _number(oldest) == newest_known + 1:
        return []
    kind, _, _ = oldest.partition("_")
    first, last = f"{kind}_{_base36(newest_known + 1)}", f"{kind}_{_base36(_number(oldest) - 1)}"
    return [Missed(first, last, "more came between two passes than the listing shows")]


def _hand_over(walk: Walk, remembered: Sequence[str] | None, missed: Sequence[Missed]) -> Iterator[Handed]:
    newest_first = list(walk.wanted)
    positions = {entry.id: position for position, entry in enumerate(walk.entries)}
    if not newest_first and remembered is None:
        yield Handed((), _remembered(walk.entries, ()))
    for end in range(len(newest_first), 0, -_BATCH):
        ids = newest_first[max(0, end - _BATCH) : end]
        left = max(0, end - _BATCH)
        # What is newer than this batch is not stored yet, and must not be taken for known after a crash.
        stored = walk.entries[positions[ids[0]] if left else 0 :]
        items = [walk.wanted[id_] for id_ in reversed(ids)]
        yield Handed(items, _remembered(stored, remembered or ()), missed, left)
        missed = ()


def _remembered(entries: Sequence[Entry], before: Sequence[str]) -> list[str]:
    ids = [entry.id for entry in entries if entry.item is not None]
    return list(dict.fromkeys([*ids, *before]))[:_REMEMBERED]


def _number(id_: str) -> int:
    found = _FULLNAME.fullmatch(id_)
    return int(found[2], 36) if found else 0


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits


def rejected(id_: object, reason: str, raw: bytes) -> Entry:
    """An entry that could not be read as a post. One that does not even tell its id is remembered by its bytes."""
    id_ = id_ if isinstance(id_, str) and _FULLNAME.fullmatch(id_) else None
    key = id_ or hashlib.sha256(raw).hexdigest()[:20]
    return Entry(key, Rejected(f"entry {key}", reason, raw, Platform.REDDIT, id_))


def names_in(address: str) -> list[str]:
    """The subreddits that somebody means who types `r/bakers`, an address, or `bakers+cooking`."""
    found = _ADDRESS.fullmatch(address.strip())
    if found is None:
        raise CollectorError(
            f"{address[:60]!r} is no subreddit. Write its name (bakers), or several as one: bakers+cooking.",
            permanent=True,
        )
    return found[1].split("+")


# --- the cursor of a source: what is remembered of each of its listings -------------------------------------------


def remembered_in(cursor: str | None) -> dict[str, list[str]]:
    """What a cursor says."""
    if cursor is None:
        return {}
    try:
        listings: dict[str, list[str]] = json.loads(cursor)
    except ValueError as error:
        message = "This source's cursor was written by something else. Remove the source and add it anew."
        raise CollectorError(message, permanent=True) from error
    return listings
