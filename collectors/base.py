"""The seam between what reads a platform and what stores: a collector gives pages, `collectors.run` commits them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self

from overheard.intake import Item
from overheard.settings import Settings

Clock = Callable[[], datetime]
Sleep = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Reading:
    """Where a source stands when a pass begins."""

    cursor: str | None
    revisits: Mapping[str, datetime]
    """Items to ask for again, and when they were asked for first."""
    stored: Callable[[Sequence[str]], frozenset[str]]
    """Which of these ids are stored posts."""


@dataclass(frozen=True, slots=True)
class Missed:
    """A range of items that will not be read, and why. It becomes a gap."""

    first: str
    last: str
    reason: str


@dataclass(frozen=True, slots=True)
class Page:
    """What is committed together: items, and what follows from having read them."""

    items: Sequence[Item] = ()
    cursor: str | None = None
    """How far the source has been read; none leaves it where it was."""
    ask_again: Sequence[str] = ()
    settled: Sequence[str] = ()
    """Items that need not be asked for again."""
    missed: Sequence[Missed] = ()
    left: int = 0
    """How many items are still to be read in this pass."""


class Collector(Protocol):
    """Brings posts from one platform. It raises `CollectorError` and nothing of its vendor's."""

    def __init__(self, settings: Settings, *, clock: Clock, sleep: Sleep) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def communities(self) -> Sequence[str]:
        """What it reads."""
        ...

    def pages(self, community: str, reading: Reading) -> Iterator[Page]:
        """One pass over a community. A page is asked for when the one before it has been committed."""
        ...
