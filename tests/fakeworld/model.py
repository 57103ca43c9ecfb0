"""What there is in the fake world: who wrote what, when it changed, and what time it is. Wires show it."""

import asyncio
import copy
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from threading import Condition
from typing import Any, Self, TypeVar

from aiohttp import web

from overheard.models import Gap, Source
from overheard.vocabulary import Platform, PostKind
from tests.fakeworld.faults import FaultScript

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
"""When a world begins, unless a test says otherwise."""

State = TypeVar("State")


@dataclass(slots=True, eq=False)
class Written:
    """Something that somebody wrote, as it is now at its platform. A deleted one keeps its text, for the oracle."""

    platform: Platform
    community: str
    id: str
    """The platform's own id, in the form of its wire."""
    number: int
    """The how manieth of its platform, from 1."""
    kind: PostKind
    author: str
    title: str
    body: str
    """Plain text: a wire dresses it in its markup."""
    written_at: datetime
    parent: Self | None = None
    edited_at: datetime | None = None
    deleted_at: datetime | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    """What one platform alone knows."""

    @property
    def is_deleted(self) -> bool:
        return self.deleted_at is not None

    @property
    def root(self) -> "Written":
        """The submission or message that the thread began with."""
        return self.parent.root if self.parent else self


class ChangeKind(StrEnum):
    """What happened to something written."""

    CREATE = "create"
    EDIT = "edit"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the world's log: a stream replays them in order."""

    seq: int
    """From 1, without holes, over all platforms."""
    kind: ChangeKind
    written: Written
    at: datetime
    title: str
    body: str
    """The text as it was at this change; `written` has it as it is by now."""
    is_of_author: bool = False
    """The writer deleted their account, and this went with it."""


def _no_routes(_: "World") -> Sequence[web.RouteDef]:
    return ()


def _counted(_: "World", written: Written) -> str:
    return str(written.number)


def _own_id(written: Written) -> str:
    return written.id


def _own_text(written: Written) -> tuple[str, str]:
    return written.title, written.body


def _every_one(_: Written) -> bool:
    return True


def covers_numbers(gap: Gap, written: Written) -> bool:
    """Whether a gap, whose ends are numbers as the post's id is, holds the post."""
    return int(gap.first) <= int(written.id) <= int(gap.last)


def _named_alike(source: Source, written: Written) -> bool:
    return written.community in {source.community, source.address}


def _covers_itself(gap: Gap, written: Written) -> bool:
    return written.id in {gap.first, gap.last}


@dataclass(frozen=True, slots=True)
class Wire:
    """How one platform shows the world, and how what it shows looks in our tables."""

    platform: Platform
    routes: Callable[["World"], Sequence[web.RouteDef]] = _no_routes
    """Paths without the prefix, which is the platform's word: `/v0/x` is served at `/hackernews/v0/x`."""
    new_id: Callable[["World", Written], str] = _counted
    """Called once for each thing written; its `id` is still empty."""
    external_id: Callable[[Written], str] = _own_id
    """`Post.external_id` of it."""
    text: Callable[[Written], tuple[str, str]] = _own_text
    """`Post.title` and `Post.body` of it."""
    is_post: Callable[[Written], bool] = _every_one
    """Whether a collector should store it at all."""
    covers: Callable[[Gap, Written], bool] = _covers_itself
    """Whether a gap of its source holds it."""
    is_of: Callable[[Source, Written], bool] = _named_alike
    """Whether it stands in what this source reads."""

    @property
    def prefix(self) -> str:
        return f"/{self.platform.value}"


_WIRES: dict[Platform, Wire] = {}


def register(wire: Wire) -> Wire:
    """Make a wire known. `tests.fakeworld.wires` does it for all there are."""
    _WIRES[wire.platform] = wire
    return wire


def wire_of(platform: Platform) -> Wire:
    """The platform's wire, or a plain one without routes."""
    return _WIRES.get(platform) or Wire(platform)


_SAVED = ("now", "changes", "_by_platform", "_by_community", "_by_id", "_in_thread", "_states")


class World(FaultScript):
    """Tests write to it from their thread, while wires read it in the server's."""

    def __init__(self, now: datetime = NOW) -> None:
        super().__init__()
        self.now = now
        self.changes: list[Change] = []
        self.base_url = ""
        """Where it is served, while it is."""
        self._changed = Condition()  # re-entrant, so it is the lock of everything here as well
        self._listeners: set[Callable[[], object]] = set()
        self._by_platform: defaultdict[Platform, list[Written]] = defaultdict(list)
        self._by_community: defaultdict[tuple[Platform, str], list[Written]] = defaultdict(list)
        self._by_id: dict[tuple[Platform, str], Written] = {}
        self._in_thread: defaultdict[Written, list[Written]] = defaultdict(list)
        self._states: dict[type[Any], Any] = {}

    def url(self, platform: Platform) -> str:
        """Where the platform's wire begins."""
        return self.base_url + wire_of(platform).prefix

    def advance(self, seconds: float) -> datetime:
        """Let time pass; the time it is then."""
        self.now += timedelta(seconds=seconds)
        return self.now

    # --- what people do ----------------------------------------------------------------------------------------

    def write(
        self,
        platform: Platform,
        community: str,
        *,
        id: str | None = None,  # noqa: A002 - what platforms call it
        kind: PostKind = PostKind.SUBMISSION,
        author: str = "writer",
        title: str = "",
        body: str | None = None,
        parent: Written | None = None,
        at: datetime | None = None,
        **extra: Any,  # noqa: ANN401 - each platform has its own
    ) -> Written:
        """Somebody writes something, now unless `at` says otherwise."""
        with self._changed:
            number = len(self._by_platform[platform]) + 1
            body = f"Invented text number {number}" if body is None else body
            written = Written(
                platform, community, "", number, kind, author, title, body, at or self.now, parent, extra=extra
            )
            written.id = wire_of(platform).new_id(self, written) if id is None else id
            self._by_platform[platform].append(written)
            self._by_community[platform, community].append(written)
            self._by_id[platform, written.id] = written
            if parent is not None:
                self._in_thread[written.root].append(written)
            self._log(ChangeKind.CREATE, written)
            return written

    def edit(
        self,
        written: Written,
        *,
        title: str | None = None,
        body: str | None = None,
        **extra: Any,  # noqa: ANN401
    ) -> None:
        """The writer changes it."""
        with self._changed:
            written.title = written.title if title is None else title
            written.body = written.body if body is None else body
            written.extra.update(extra)
            written.edited_at = self.now
            self._log(ChangeKind.EDIT, written)

    def delete(self, written: Written) -> None:
        """It is gone. What answered to it stays, as it does on most platforms."""
        self._delete(written, is_of_author=False)

    def delete_author(self, platform: Platform, author: str) -> None:
        """Somebody leaves, and all that they wrote goes with them."""
        with self._changed:
            for written in self.posts(platform):
                if written.author == author:
                    self._delete(written, is_of_author=True)

    def _delete(self, written: Written, *, is_of_author: bool) -> None:
        with self._changed:
            written.deleted_at = self.now
            self._log(ChangeKind.DELETE, written, is_of_author=is_of_author)

    def _log(self, kind: ChangeKind, written: Written, *, is_of_author: bool = False) -> None:
        seq = len(self.changes) + 1
        self.changes.append(Change(seq, kind, written, self.now, written.title, written.body, is_of_author))
        self._changed.notify_all()
        for listener in self._listeners:
            listener()

    # --- what there is -----------------------------------------------------------------------------------------

    def posts(
        self, platform: Platform, community: str | None = None, *, include_deleted: bool = False
    ) -> list[Written]:
        """What was written there, in the order of writing."""
        with self._changed:
            everything = self._by_platform[platform] if community is None else self._by_community[platform, community]
            return [written for written in everything if include_deleted or not written.is_deleted]

    def thread(self, root: Written) -> list[Written]:
        """What is still there below a submission or message, answers to answers too, in the order of writing."""
        with self._changed:
            return [written for written in self._in_thread.get(root, ()) if not written.is_deleted]

    def find(self, platform: Platform, id: str) -> Written | None:  # noqa: A002 - what platforms call it
        """What has this id, deleted or not."""
        return self._by_id.get((platform, id))

    def platforms(self) -> list[Platform]:
        """Where something was written."""
        with self._changed:
            return [platform for platform, written in self._by_platform.items() if written]

    def state(self, kind: type[State]) -> State:
        """What one wire alone keeps (tokens, reserved ids): an object of its own class, made when first asked for.

        A wire asks in its handlers, not before: `restore` puts another object there.
        """
        with self._changed:
            found: State = self._states.setdefault(kind, None) or kind()
            self._states[kind] = found
            return found

    def saved(self) -> dict[str, object]:
        """All that there is, to go back to."""
        with self._changed:
            return copy.deepcopy({name: getattr(self, name) for name in _SAVED})

    def restore(self, saved: dict[str, object]) -> None:
        """Go back to what was saved, any number of times. What is in a test's hands by then is of another world."""
        with self._changed:
            vars(self).update(copy.deepcopy(saved))

    # --- streams -----------------------------------------------------------------------------------------------

    def changes_after(self, seq: int, platform: Platform | None = None) -> list[Change]:
        """The log from there on."""
        with self._changed:
            return [change for change in self.changes[seq:] if platform in {None, change.written.platform}]

    def wait_for_change(self, after_seq: int, timeout: float) -> bool:
        """Wait in a thread until there is a change after this one; whether there is."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.changes) > after_seq, timeout)

    async def change_after(self, seq: int, within: float | None = None) -> bool:
        """The same for a handler in the server's loop, which must not block it."""
        event = asyncio.Event()
        loop = asyncio.get_running_loop()

        def tell() -> None:
            loop.call_soon_threadsafe(event.set)

        with self._changed:
            if len(self.changes) > seq:
                return True
            self._listeners.add(tell)
        try:
            await asyncio.wait_for(event.wait(), within)
        except TimeoutError:
            return False
        else:
            return True
        finally:
            with self._changed:
                self._listeners.discard(tell)
