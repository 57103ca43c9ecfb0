"""Feeds: read whole each time, as entries may be back-dated, and stopped at nothing but what is known."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from collectors.base import Collector, Found, Missed, Page, Reading, Tools, Watched
from collectors.http import Answer
from collectors.rss.entries import Feed, feeds_named_in, read_entry, read_feed
from collectors.web import web_address, web_reader
from overheard.errors import CollectorError
from overheard.listening.intake import ErasedAuthor, Item
from overheard.listening.sources import Pause
from overheard.listening.terms import ReplyWay, Terms
from overheard.vocabulary import Platform

_BATCH = 200  # entries of one transaction
_MOST_FEEDS = 10  # that one page may name
_GIVE_UP_AFTER = timedelta(days=7)  # of a feed that is not found: sites come back
_COME_BACK_AFTER = 3_600.0  # seconds, where a site refuses

_NOT_FOUND, _GONE = 404, 410


@dataclass(frozen=True, slots=True)
class _State:
    """The cursor: what the feed was like when it was last read."""

    etag: str | None = None
    modified: str | None = None
    entries: int = 0
    read_at: str | None = None
    missing_since: str | None = None

    @classmethod
    def of(cls, cursor: str | None) -> "_State":
        return cls(**json.loads(cursor)) if cursor else cls()

    def __str__(self) -> str:
        return json.dumps(asdict(self))


class Rss(Collector):
    """Reads one feed for each source."""

    platform = Platform.RSS
    terms = Terms(
        permission="None for what a site publishes as a feed; its terms of use hold. A feed does not tell what was "
        "deleted, and cannot be asked: so its posts are kept for 30 days.",
        retention_hours=720,
        can_reply=ReplyWay.ASSISTED,
    )
    address = "Address of the feed, or of the site whose feed it is"
    pause = Pause(shortest=300, longest=3_600)

    def __init__(self, tools: Tools) -> None:
        """Nothing is asked for yet."""
        super().__init__(tools)
        self._is_missing = False
        self._reader = web_reader("The feed", tools, on_refusal=self._refusal)

    def close(self) -> None:
        """Hang up."""
        self._reader.close()

    def communities(self, address: str | None = None) -> Sequence[Found]:
        """The feed at an address, or those that the page there names."""
        if address is None:
            return []
        address = str(web_address(address))
        answer = self._reader.read(address)
        try:
            return [_found(address, self._feed(answer))]
        except CollectorError:
            named = feeds_named_in(answer.body or b"", answer.url)[:_MOST_FEEDS]
            if not named:
                raise
            return [_found(each, self._feed(self._reader.read(each))) for each in named]

    def pages(self, source: Watched, reading: Reading) -> Iterator[Page]:
        """All entries of the feed, if it has changed."""
        state, now = _State.of(reading.cursor), self._tools.clock()
        self._is_missing = False
        try:
            answer = self._reader.read(source.address, headers=_conditions(state))
        except CollectorError as error:
            if self._is_missing:
                since = datetime.fromisoformat(state.missing_since) if state.missing_since else now
                error.permanent = now - since >= _GIVE_UP_AFTER
                yield Page(cursor=str(replace(state, missing_since=since.isoformat())))
            raise
        if answer.body is None:
            if state.missing_since:
                yield Page(cursor=str(replace(state, missing_since=None)))
            return
        feed = self._feed(answer)
        entries = reversed(feed.entries)  # oldest first, as a rule
        items = [read_entry(each, feed=source.address, community=source.community, as_of=now) for each in entries]
        missed = _overlap_lost(state, items, reading, now)
        # Of a feed that is cut the whole must come next time, whatever its server calls unchanged.
        etag, modified = (None if feed.is_cut else answer.headers.get(name) for name in ("ETag", "Last-Modified"))
        new_state = _State(etag, modified, len(items), now.isoformat())
        for start in range(0, len(items), _BATCH):
            left = max(0, len(items) - start - _BATCH)
            # Only with the last: after a crash the feed must not be called unchanged.
            yield Page(items[start : start + _BATCH], None if left else str(new_state), missed=missed, left=left)
            missed = []
        if not items:
            yield Page(cursor=str(new_state))

    def _feed(self, answer: Answer) -> Feed:
        return read_feed(answer.body or b"", address=answer.url, content_type=answer.headers.get("Content-Type", ""))

    def _refusal(self, status: int, _: object) -> CollectorError | None:
        if status == _GONE:
            message = "The feed is gone for good (410). Remove the source, or add the feed's new address."
            return CollectorError(message, permanent=True)
        if status == _NOT_FOUND:
            self._is_missing = True
            message = "The feed is not found (404). If that lasts, add its new address."
            return CollectorError(message, retry_after=_COME_BACK_AFTER)
        if status in {401, 403}:
            return CollectorError(f"The feed is refused to us ({status}).", retry_after=_COME_BACK_AFTER)
        return None


def _conditions(state: _State) -> dict[str, str]:
    headers = {"If-None-Match": state.etag, "If-Modified-Since": state.modified}
    return {name: value for name, value in headers.items() if value}


def _overlap_lost(state: _State, items: Sequence[Item], reading: Reading, now: datetime) -> list[Missed]:
    """A feed shows its newest entries. Where none of them was there the last time, others may have come and gone."""
    if not state.entries or not items:
        return []
    ids = [item.external_id for item in items if not isinstance(item, ErasedAuthor) and item.external_id]
    if reading.known(ids):
        return []
    reason = f"all {len(items)} entries of the feed are new: others may have come and gone in between"
    return [Missed(state.read_at or "", now.isoformat(), reason)]


def _found(address: str, feed: Feed) -> Found:
    name = address.partition("://")[2].rstrip("/")
    return Found(address, name, f"{feed.title}: {len(feed.entries)} entries now" if feed.title else "")
