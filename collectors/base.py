"""The seam between what reads a platform and what stores: a collector gives pages, `collectors.run` commits them."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import ClassVar, Self

from overheard.listening.intake import Item
from overheard.listening.sources import Pause
from overheard.listening.terms import Terms
from overheard.settings import Settings
from overheard.vocabulary import Platform

Clock = Callable[[], datetime]
Sleep = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Ask:
    """Something that `overheard sources add` asks for."""

    name: str
    question: str
    is_secret: bool = False
    default: str | None = None
    """None: it must be given."""


@dataclass(frozen=True, slots=True)
class Found:
    """A community that can be watched, as the platform told of it."""

    address: str
    """What `pages` will be asked to read: a channel's id, a feed's URL."""
    community: str
    """Its name as people know it."""
    note: str = ""
    """What the operator should know: members, private, not joined."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A source, as its collector sees it."""

    address: str
    community: str
    """Posts are filed under this name, whatever the platform calls the place by now."""
    options: Mapping[str, str] = field(default_factory=dict)
    spent: float = 0.0
    """US dollars that its mode has cost this month, all its sources together."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What the platform pushed, in the bytes in which it came."""

    id: int
    raw: bytes
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Missed:
    """A range of items that was not read, and why. It becomes a gap."""

    first: str
    last: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reading:
    """Where a source stands when a pass begins."""

    cursor: str | None
    revisits: Mapping[str, datetime]
    """Items to ask for again, and when they were asked for first."""
    stored: Callable[[Sequence[str]], frozenset[str]]
    """Which of these ids are stored posts."""
    known: Callable[[Sequence[str]], frozenset[str]]
    """Which of these ids have been here: stored, erased or set aside. An overlap poller stops at them."""
    held: Callable[[datetime], Mapping[str, str | None]] = lambda _: {}
    """The source's stored posts that were written since then, each with the one it answers. For a collector that
    looks back: what it holds and the platform shows no more is gone."""
    gaps: Sequence[Missed] = ()
    """Ranges that are still missed, for a collector that can fill them."""
    deliveries: Callable[[], Sequence[Delivery]] = lambda: ()
    """The next deliveries that no page has taken yet, oldest first; empty when there are none."""
    stays: Callable[[], bool] = lambda: False
    """Whether a stream goes on once it has caught up. False: the pass ends there."""


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
    repaired: Sequence[Missed] = ()
    """Gaps of `Reading.gaps` that are filled with this page."""
    taken: Sequence[int] = ()
    """Deliveries that this page holds."""
    left: int = 0
    """How many items are still to be read in this pass."""


class Meter:
    """Counts what reading costs; the pages commit it. May be used by several threads."""

    def __init__(self) -> None:
        """Nothing spent yet."""
        self._lock = threading.Lock()
        self._requests = 0
        self._cost = 0.0
        self.budget: dict[str, float] | None = None
        """What the platform last said: `limit`, `remaining`, `resets_in` seconds, as far as it did."""

    def count(self, requests: int = 1, *, cost: float = 0.0) -> None:
        """So many requests were made, for so many US dollars."""
        with self._lock:
            self._requests += requests
            self._cost += cost

    def take(self) -> tuple[int, float]:
        """Requests and US dollars since the last call."""
        with self._lock:
            spent = self._requests, self._cost
            self._requests, self._cost = 0, 0.0
        return spent


class Caller:
    """Keeps connections open as long as it is used in a `with`."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up. Most have nothing to close."""


@dataclass(frozen=True)
class Tools:
    """What a collector works with."""

    settings: Settings
    clock: Clock
    sleep: Sleep
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The account, as the answers to `Collector.account`."""
    addresses: Sequence[str] = ()
    """Of all sources of the account, for `listen`: it runs anew when they change."""
    meter: Meter = field(default_factory=Meter)


Deliver = Callable[[str, str, bytes], None]
"""Keeps a pushed event: its delivery id, the source's address, the bytes. When it returns, it is on disk."""


class Collector(Caller, ABC):
    """Brings posts from one platform in one way. It raises `CollectorError` and nothing of its vendor's.

    One instance serves all sources of one account, one after the other.
    """

    platform: ClassVar[Platform]
    terms: ClassVar[Terms]
    account: ClassVar[Sequence[Ask]] = ()
    """What it needs to know of an account, kept encrypted; empty: it needs none."""
    options: ClassVar[Sequence[Ask]] = ()
    """What it needs to know of each source, besides its address."""
    address: ClassVar[str | None] = None
    """The question for an address, where `communities` cannot list all that there is."""
    pause: ClassVar[Pause] = Pause()
    listens: ClassVar[bool] = False
    """Whether `listen` is to run beside the passes."""

    def __init__(self, tools: Tools) -> None:
        """Nothing is asked for yet."""
        self._tools = tools

    @property
    def meter(self) -> Meter:
        """What reading costs is counted here."""
        return self._tools.meter

    @property
    def settings(self) -> Settings:
        """The settings it works by."""
        return self._tools.settings

    def account_name(self) -> str:
        """Whose account this is, asked of the platform: the proof that the credentials are good."""
        return self.platform.display

    @abstractmethod
    def communities(self, address: str | None = None) -> Sequence[Found]:
        """What can be watched: the community at an address as a person typed it, or all that the account can see."""

    @abstractmethod
    def pages(self, source: Watched, reading: Reading) -> Iterator[Page]:
        """One pass over a source. A page is asked for when the one before it has been committed."""

    def recheck(self, source: Watched, external_ids: Sequence[str]) -> Iterator[Iterable[Item]]:
        """What the platform says of posts that we have: newer texts, and `Erased` for those that are gone.

        Only asked of collectors whose terms say that they can.
        """
        raise NotImplementedError

    def listen(self, deliver: Deliver, stop: threading.Event) -> None:
        """Keep what the platform pushes, until told to stop. Only asked of collectors that listen."""
        raise NotImplementedError
