"""Reading a channel's history: from the newest message down, each thread with its message, by times and not by pages.

What was read stands in the cursor after every answer, so a pass that breaks off goes on where it was. Messages that
come while we read cannot shift anything: each request asks for what is older than what we have seen.
"""

import json
import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from collectors.base import Page, Reading
from collectors.formats.records import Skipped
from collectors.rows import Row
from collectors.slack.api import SlackApi, SlackError
from collectors.slack.messages import Place, order, read_message, subject
from overheard.errors import CollectorError
from overheard.listening.intake import Erased, Item
from overheard.vocabulary import Platform

logger = logging.getLogger(__name__)

_LIMIT = 200  # the most that Slack recommends for one answer
_END_OF_TIME = "9999999999.999999"
# An event may come before history shows its message: only what is older than this is missed there, in seconds.
_SETTLED = 600
# How late an event may be before we doubt that it will come, in seconds. Slack's second attempt follows after a minute.
_LATE = 90


@dataclass
class Walk:
    """One reading of history, from the newest message down to `oldest`."""

    oldest: str
    begun: float
    looks_back: bool
    """It goes over what was read before, for edits, deletions and threads that nobody told us of."""
    newest: str = ""
    below: str = _END_OF_TIME
    """All that is newer has been read."""


@dataclass
class Progress:
    """How far a channel has been read. As JSON it is the source's cursor. Times of ours are seconds since 1970."""

    since: str = ""
    """Where the very first reading began: nothing older is ever asked for."""
    read_to: str = ""
    read_at: float = 0.0
    looked_back_at: float = 0.0
    heard: str = "0.0"
    """The newest message of which an event told."""
    is_doubtful: bool = False
    """Events went missing since we last looked back."""
    walk: Walk | None = None
    threads: dict[str, str] = field(default_factory=dict)
    """Thread → what its replies looked like when we read them."""

    @classmethod
    def of(cls, cursor: str | None) -> "Progress":
        """The progress that a cursor holds."""
        if cursor is None:
            return cls()
        told = json.loads(cursor)
        return cls(**{**told, "walk": Walk(**told["walk"]) if told["walk"] else None})

    def cursor(self) -> str:
        """The form in which it is kept."""
        return json.dumps(asdict(self), separators=(",", ":"))

    def hear(self, ts: str) -> None:
        """An event told of this message."""
        self.heard = max(self.heard, ts, key=order)


def ts_at(seconds: float) -> str:
    """The time as Slack writes it."""
    return f"{max(seconds, 0.0):.6f}"


def read_all(messages: Sequence[object], place: Place, reading: Reading) -> list[Item]:
    """The posts and erasures in these messages; a stored post whose text was taken away is an erasure too."""
    items: list[Item] = []
    emptied: list[str] = []
    for number, message in enumerate(messages):
        outcome = read_message(message, place, f"{place.channel}, message {subject(message) or number}")
        if not isinstance(outcome, Skipped):
            items.append(outcome)
        elif ts := subject(message):
            emptied.append(place.message_id(ts))
    gone = reading.stored(emptied) if emptied else frozenset()
    return [*items, *(Erased(Platform.SLACK, id_, "its text was taken away") for id_ in sorted(gone))]


@dataclass
class History:
    """One channel, being read as far as `progress.walk` says."""

    api: SlackApi
    place: Place
    progress: Progress
    reading: Reading
    held: Mapping[str, str | None]
    """Time of each message that we had stored before we ask → that of its thread, if it is a reply."""
    now: float
    is_told: bool
    """Whether events should have told us of everything."""

    def __post_init__(self) -> None:
        """Leave out what is too fresh to be missed."""
        settled = order(ts_at(self.now - _SETTLED))
        self._fresh = {ts: thread for ts, thread in self.held.items() if thread is not None and order(ts) >= settled}
        self.held = {ts: thread for ts, thread in self.held.items() if order(ts) < settled}
        self._replies_to: defaultdict[str, set[str]] = defaultdict(set)
        for ts, thread in self.held.items():
            if thread is not None:
                self._replies_to[thread].add(ts)

    def pages(self, walk: Walk) -> Iterator[Page]:
        """Read on to the end of the walk."""
        has_more = True
        while has_more:
            answer = self.api.messages(
                "conversations.history",
                {"channel": self.place.channel, "oldest": walk.oldest, "latest": walk.below, "limit": _LIMIT},
            )
            times = sorted((ts for message in answer.messages if (ts := subject(message))), key=order)
            has_more = answer.has_more
            if has_more and (not times or order(times[0]) >= order(walk.below)):
                raise CollectorError("Slack answered conversations.history in an unknown form: it does not go on.")
            if times and not walk.newest:
                walk.newest = times[-1]
                self._doubt(times[-1], walk)
            for message in answer.messages:
                if isinstance(message, dict):
                    yield from self._thread(message)
            floor = times[0] if has_more or (answer.is_limited and times) else walk.oldest
            # A message whose time cannot be read may be any of those that are not here.
            is_whole = len(times) == len(answer.messages) and not (answer.is_limited and not times)
            gone = self._gone(set(times), above=floor, below=walk.below) if is_whole else []
            walk.below = floor
            if not has_more:
                self._end(walk)
            yield Page([*read_all(answer.messages, self.place, self.reading), *gone], cursor=self.progress.cursor())

    def _doubt(self, newest: str, walk: Walk) -> None:
        """The canary: a message stands there of which nobody told us, and which is no news any more."""
        is_late = order(newest)[0] < self.now - _LATE
        if self.is_told and self.progress.read_at and is_late and order(newest) > order(self.progress.heard):
            self.progress.is_doubtful = True
            logger.warning("Slack did not tell of every message", extra={"action": "slack_events_missing"})
        if is_late or not self.progress.read_at:
            self.progress.hear(newest)

    def _end(self, walk: Walk) -> None:
        progress = self.progress
        progress.since = progress.since or walk.oldest
        progress.read_to = max(walk.newest or walk.oldest, progress.read_to or walk.oldest, key=order)
        progress.read_at, progress.walk = walk.begun, None
        if walk.looks_back:
            progress.looked_back_at, progress.is_doubtful = walk.begun, False
            older = [thread for thread in progress.threads if order(thread) < order(walk.oldest)]
            for thread in older:
                del progress.threads[thread]

    def _thread(self, parent: Row) -> Iterator[Page]:
        """The replies to a message, if there are others than when we last looked."""
        ts, count = subject(parent), parent.get("reply_count")
        if ts is None or parent.get("thread_ts", ts) != ts:
            return  # a reply that was sent to the channel too: its thread comes with its parent
        mark = f"{parent.get('latest_reply')} {count}" if count else ""
        held = self._replies_to.get(ts, set())
        if mark == self.progress.threads.get(ts, "") and (mark or not held):
            return
        shown: set[str | None] = set()
        if mark:
            for messages in self._replies(ts):
                shown.update(subject(message) for message in messages)
                yield Page(read_all(messages, self.place, self.reading))
        gone = set() if None in shown else held - shown
        if not any(thread == ts and reply not in shown for reply, thread in self._fresh.items()):
            self.progress.threads[ts] = mark  # else it is read again, when what is missing now is no longer too fresh
        yield Page(self._erased(gone), cursor=self.progress.cursor())

    def _replies(self, parent: str) -> Iterator[Sequence[object]]:
        params: dict[str, str | int] = {"channel": self.place.channel, "ts": parent, "limit": _LIMIT}
        while True:
            try:
                answer = self.api.messages("conversations.replies", params)
            except SlackError as error:
                if error.code == "thread_not_found":  # it went while we read
                    return
                raise
            yield answer.messages
            if not answer.next_cursor:
                return
            params["cursor"] = answer.next_cursor

    def _gone(self, shown: set[str], *, above: str, below: str) -> list[Erased]:
        """What we hold of this stretch and Slack shows no more. A thread of which nothing is left takes its replies."""
        first = {ts: thread or ts for ts, thread in self.held.items()}
        stretch = ((ts, start) for ts, start in first.items() if order(above) < order(start) < order(below))
        return self._erased({ts for ts, start in stretch if not {ts, start} & shown})

    def _erased(self, gone: set[str]) -> list[Erased]:
        reason = "no longer shown at the source"
        return [Erased(Platform.SLACK, self.place.message_id(ts), reason) for ts in sorted(gone, key=order)]
