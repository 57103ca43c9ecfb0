"""How far a Discord channel and its threads have been read, and which messages are looked at again: the cursor."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from overheard.errors import CollectorError

# Threads whose end is kept. One that is older and wakes up again is read like a new one.
_MOST_THREADS = 500


@dataclass(slots=True)
class Window:
    """Ids are snowflakes: they grow with time, over all of Discord."""

    size: int
    newest: dict[str, int] = field(default_factory=dict)
    """The newest message that was read, by channel and thread."""
    held: dict[str, list[int]] = field(default_factory=dict)
    """The newest posts of all these places together, at most `size`: they will be asked for again."""
    threads_until: int | None = None
    """The newest id that there was before the threads were last looked at; none before the first time."""

    @classmethod
    def of(cls, cursor: str | None, *, size: int) -> Self:
        """The window that a cursor holds; an empty one for none."""
        if cursor is None:
            return cls(size)
        try:
            kept = json.loads(cursor)
            return cls(size, kept["newest"], kept["held"], kept["threads_until"])
        except (ValueError, KeyError, TypeError) as error:
            raise CollectorError(
                "The cursor of this source is not Discord's: remove the source and add it again.", permanent=True
            ) from error

    def as_cursor(self) -> str:
        """All that the next pass needs."""
        return json.dumps({"newest": self.newest, "held": self.held, "threads_until": self.threads_until})

    def begins(self, place: str) -> int | None:
        """The id after which the next pass reads this place; None where it has never been read."""
        held = self.held.get(place)
        return min(held) - 1 if held else self.newest.get(place)

    def missing(self, place: str, after: int, until: int | None, found: Iterable[int]) -> list[int]:
        """What was here when we looked last, in this range, and is not among what was found."""
        there = set(found)
        held = self.held.get(place, ())
        return [id_ for id_ in held if after < id_ and (until is None or id_ <= until) and id_ not in there]

    def take(self, place: str, read: Iterable[int], posts: Iterable[int], gone: Iterable[int]) -> None:
        """These messages were read, of which these are posts; and those are gone."""
        self.newest[place] = max({self.newest.get(place, 0), *read})
        self.held[place] = sorted({*self.held.get(place, ()), *posts} - {*gone})
        self._trim()

    def forget(self, place: str) -> list[int]:
        """The place is gone; what it held."""
        self.newest.pop(place, None)
        return self.held.pop(place, [])

    def _trim(self) -> None:
        everything = sorted((id_ for ids in self.held.values() for id_ in ids), reverse=True)
        oldest = everything[: self.size][-1] if everything and self.size else None
        kept = {place: [id_ for id_ in ids if oldest and id_ >= oldest] for place, ids in self.held.items()}
        self.held = {place: ids for place, ids in kept.items() if ids}
        self.newest = _latest(self.newest)


def _latest(newest: Mapping[str, int]) -> dict[str, int]:
    by_time = sorted(newest.items(), key=lambda item: item[1], reverse=True)
    return dict(by_time[:_MOST_THREADS])
