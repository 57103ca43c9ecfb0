"""One pass over Jetstream: from a place in the stream up to now, or on and on, through lost connections."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from collectors.base import Missed, Page, Reading, Tools
from collectors.bluesky.events import Event, Notice, Reader
from collectors.bluesky.stream import CursorTooOldError, Stream
from overheard.errors import CollectorError
from overheard.listening.intake import Erased, Item, Rejected
from overheard.listening.posts import NewPost

_PAGE = 500  # events
_PAGE_EVERY = 1.0  # seconds: nothing waits longer for its page

# Servers number events each for itself, and see them each at its own time: who changes the server goes back this far.
_OVERLAP = timedelta(minutes=5)

_ATTEMPTS = 4  # to connect and get on, one after the other without success
_FIRST_WAIT = 0.5  # seconds, doubled each time
_LONGEST_WAIT = 60.0

_KEPT = (
    "we were away for longer than Bluesky's stream keeps events (about 36 hours): the last one is of {:%F %H:%M} UTC"
)


@dataclass(frozen=True, slots=True)
class Place:
    """How far a stream has been read: our cursor."""

    host: str
    seq: int | None
    """Of the last event; None before the first one, and where its number says nothing any more."""
    time_us: int
    """When that event was seen, in microseconds since 1970."""

    @classmethod
    def at(cls, host: str, moment: datetime, seq: int | None = None) -> "Place":
        """The place of an event, or of a time."""
        return cls(host, seq, round(moment.timestamp() * 1_000_000))

    @property
    def moment(self) -> datetime:
        """When it was."""
        return datetime.fromtimestamp(self.time_us / 1_000_000, UTC)

    def cursor_for(self, host: str) -> int:
        """What to ask a server for. Numbers from 10^15 on mean a time to it."""
        if self.seq is not None and self.host == host:
            return self.seq
        return self.time_us - round(_OVERLAP.total_seconds() * 1_000_000)

    def as_json(self) -> str:
        """The form in which the source keeps it."""
        return json.dumps(asdict(self))


class _BackByTimeError(Exception):
    """The server does not know our number: it is from another numbering."""


class Pass:
    """What one pass knows."""

    def __init__(
        self, tools: Tools, reader: Reader, reading: Reading, *, dids: Sequence[str], keeps_all: bool, first: timedelta
    ) -> None:
        """`first`: how far back it begins where nothing has been read yet."""
        self._tools, self._reader, self._reading = tools, reader, reading
        self._dids, self._keeps_all = dids, keeps_all
        self._host = urlsplit(str(tools.settings.bluesky.stream_url)).netloc
        self._began = tools.clock()
        self._is_first = reading.cursor is None
        self._place = (
            Place(**json.loads(reading.cursor)) if reading.cursor else Place.at(self._host, self._began - first)
        )
        self._stays = reading.stays()
        self._failures = 0
        self._is_outdated = False
        """The server has begun later than we asked: what lies between is missed."""
        patience = tools.settings.http_timeout
        # In a pass that ends: the replay may take a moment to begin, and pauses no longer than this in between.
        self._first_silence, self._short_silence = patience / 2, patience / 10
        # In one that stays: all of Bluesky is never silent for so long. Accounts may be; connecting again is cheap.
        self._long_silence = patience * (30 if dids else 3)

    def pages(self) -> Iterator[Page]:
        """All that comes, in pages. The place moves with what has been handed over, and with nothing else."""
        if self._is_first:  # the next pass must go on from here, whether or not anything comes now
            yield Page(cursor=self._place.as_json())
        while True:
            try:
                cursor = self._place.cursor_for(self._host)
                with Stream(self._tools, cursor=cursor, dids=self._dids) as stream:
                    yield from self._follow(stream)
            except CursorTooOldError as error:
                yield from self._jump(error.floor)
            except _BackByTimeError:
                self._place = replace(self._place, seq=None)
            except CollectorError as error:
                self._wait_after(error)
            else:
                return
            if self._stays and not self._reading.stays():
                return

    def _follow(self, stream: Stream) -> Iterator[Page]:
        """The pages of one connection. It ends when the pass does; what breaks it is raised after its last page."""
        items: list[Item] = []
        missed: list[Missed] = []
        before, is_over = self._place, False
        heard_at = page_at = time.monotonic()
        heard_any = False
        while not is_over:
            try:
                frame = stream.receive(within=min(_PAGE_EVERY, self._short_silence))
                if frame is not None:
                    heard_at, heard_any = time.monotonic(), True
                    is_over = self._take(frame, items, missed)
                else:
                    is_over = self._is_silent(time.monotonic() - heard_at, heard_any=heard_any)
            except (CollectorError, _BackByTimeError):
                if items or self._place != before:
                    yield self._page(items, missed)
                raise
            is_over = is_over or (self._stays and not self._reading.stays())
            now = time.monotonic()
            if is_over or len(items) >= _PAGE or now - page_at >= _PAGE_EVERY:
                if items or self._place != before:
                    yield self._page(items, missed)
                    items, missed, before = [], [], self._place
                page_at = time.monotonic()

    def _take(self, frame: str | bytes, items: list[Item], missed: list[Missed]) -> bool:
        """Note what a frame says; whether the pass has come to its end."""
        match self._reader.read(frame):
            case Notice() as notice:
                self._hear(notice)
            case Rejected() as rejected:
                items.append(rejected)
            case Event() as event:
                if self._is_outdated:
                    missed += self._left_out(event)
                    self._is_outdated = False
                if event.item is not None:
                    items.append(event.item)
                if event.seq != self._place.seq:  # the cursor is inclusive: its event comes again, and is no progress
                    self._failures = 0
                self._place = Place.at(self._host, event.seen_at, event.seq)
                return not self._stays and event.seen_at > self._began
        return False

    def _hear(self, notice: Notice) -> None:
        if notice.is_error:
            what = "we read too slowly" if notice.name == "ConsumerTooSlow" else "something went wrong there"
            raise CollectorError(f"Bluesky's stream was ended by the server: {what}.")
        if notice.name == "FutureCursor":
            raise _BackByTimeError
        self._is_outdated = self._is_outdated or notice.name == "OutdatedCursor"

    def _is_silent(self, seconds: float, *, heard_any: bool) -> bool:
        """Whether the silence ends the pass. One that stays connects again: a server may have forgotten us."""
        if not self._stays:
            return seconds >= (self._short_silence if heard_any else self._first_silence)
        if seconds < self._long_silence:
            return False
        if self._dids:
            self._failures = 0  # they may have had nothing to say
        raise CollectorError(f"Bluesky's stream has sent nothing for {self._long_silence:.0f} seconds.")

    def _page(self, items: Sequence[Item], missed: Sequence[Missed]) -> Page:
        return Page(items=self._worth_keeping(items), cursor=self._place.as_json(), missed=list(missed))

    def _worth_keeping(self, items: Sequence[Item]) -> list[Item]:
        """Of all that is deleted on Bluesky only what we have leaves a tombstone; there would be ten a second."""
        gone = [item.external_id for item in items if isinstance(item, Erased)]
        if self._keeps_all or not gone:
            return list(items)
        ours = self._reading.stored(gone) | {item.external_id for item in items if isinstance(item, NewPost)}
        return [item for item in items if not isinstance(item, Erased) or item.external_id in ours]

    # --- what is missed ------------------------------------------------------------------------------------------

    def _jump(self, floor: int | None) -> Iterator[Page]:
        """Our place is gone. Go on where the server begins, and say what lies between."""
        before = self._place
        if floor is None or before.seq is None or floor <= before.seq:
            self._place = replace(before, seq=None)  # by time it begins where it can, and says so
            self._wait_after(CollectorError("Bluesky's stream has not kept our place."))
            return
        missed = Missed(str(before.seq + 1), str(floor - 1), _KEPT.format(before.moment))
        self._place = replace(before, host=self._host, seq=floor)
        yield Page(cursor=self._place.as_json(), missed=[missed])

    def _left_out(self, first: Event) -> list[Missed]:
        before = self._place.moment
        if first.seen_at <= before:  # it lies within the overlap
            return []
        return [Missed(before.isoformat(), first.seen_at.isoformat(), _KEPT.format(before))]

    def _wait_after(self, error: CollectorError) -> None:
        """Wait before the next attempt, or give up."""
        self._failures += 1
        wait = max(error.retry_after or 0.0, _FIRST_WAIT * 2 ** (self._failures - 1))
        if self._failures >= _ATTEMPTS or wait > _LONGEST_WAIT:
            raise error
        self._tools.sleep(wait)
