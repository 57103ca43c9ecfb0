"""Reddit through its public feeds: the newest posts of a subreddit, one question a minute, and no second look at them.

A feed that answers is not a permission, and Reddit has named feeds as what it will close next. So: one question in 65
seconds over all sources together, under our own name, and the end of it at the first 403.
"""

import json
import re
from calendar import timegm
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

import feedparser
import httpx

from collectors.base import Collector, Found, Page, Reading, Tools, Watched
from collectors.formats.records import is_gone
from collectors.formats.reddit import is_bot
from collectors.http import JsonReader, retry_after
from collectors.markup import plain
from collectors.reddit.listing import Entry, names_in, read_back, rejected, remembered_in
from overheard.errors import CollectorError, InvalidInput
from overheard.listening.intake import Erased
from overheard.listening.posts import NewPost
from overheard.listening.sources import Pause
from overheard.listening.terms import Recheck, ReplyWay, Terms
from overheard.vocabulary import Platform

_EVERY = 65.0  # seconds between two questions: Reddit answered logged-out programs about once a minute
_PAGE = 100
_WINDOW = 25  # entries of the shortest page that may have had more behind it: Reddit gives 25 to 100
_LISTING = "new"
# Reddit's own line below each text. People can write these words too, so the last ones are meant.
_BELOW = "submitted by"
_SUBMISSION = re.compile(r"t3_[0-9a-z]{1,20}")


class RedditRss(Collector):
    """Reads the feeds of new posts."""

    platform = Platform.REDDIT
    terms = Terms(
        permission="Reddit's approval: that a feed answers is no permission (Responsible Builder Policy), and "
        "commercial use, which finding leads is, needs a written one. Nothing can be asked for again, so all is "
        "erased after 48 hours.",
        must_confirm=True,
        retention_hours=48,
        recheck=Recheck.NONE,
        can_reply=ReplyWay.ASSISTED,
        may_train=False,
    )
    address = "Subreddit (several as one: bakers+cooking)"
    pause = Pause(shortest=_EVERY, longest=1800)

    def __init__(self, tools: Tools) -> None:
        """Nothing is asked for yet; and as nobody knows what was asked before we were started, it is not at once."""
        super().__init__(tools)
        self._not_before = tools.clock() + timedelta(seconds=_EVERY)
        self._wait = 0.0
        # A question that is put again is a question as well.
        patient = replace(tools, sleep=lambda seconds: tools.sleep(max(seconds, _EVERY)))
        self._reader = JsonReader(
            "Reddit",
            str(tools.settings.reddit.base_url),
            patient,
            on_answer=self._note,
            on_refusal=self._refusal,
        )

    def close(self) -> None:
        """Hang up."""
        self._reader.close()

    def communities(self, address: str | None = None) -> Sequence[Found]:
        """The subreddit as it was typed. It is not asked for: that is the first pass's one question."""
        if address is None:
            return []
        names = names_in(address)
        note = "not looked up: Reddit is asked once a minute, and the first pass will tell"
        return [Found("+".join(names), "+".join(f"r/{name}" for name in names), note)]

    def pages(self, source: Watched, reading: Reading) -> Iterator[Page]:
        """What is new in the feed, as far back as it goes."""
        if not self._may_ask():
            return
        path = f"r/{source.address}/new/.rss"
        try:
            body = self._reader.read(path, {"limit": _PAGE}).body or b""
        finally:
            self._not_before = max(self._not_before, self._tools.clock() + timedelta(seconds=_EVERY))
        entries = [_entry(entry, source.community) for entry in _entries(body, path)]
        remembered = remembered_in(reading.cursor).get(_LISTING)
        for batch in read_back([entries], reading, remembered, backfill=_PAGE, window=_WINDOW):
            cursor = json.dumps({_LISTING: list(batch.remembered)})
            yield Page(items=batch.items, cursor=cursor, missed=batch.missed, left=batch.left)

    def _may_ask(self) -> bool:
        """Wait for our turn; False when the waiting was broken off, as everything is being stopped."""
        wait = (self._not_before - self._tools.clock()).total_seconds()
        if wait > _EVERY:
            raise CollectorError("Reddit asked us to wait.", retry_after=wait)
        if wait > 0:
            self._tools.sleep(wait)
        return self._tools.clock() >= self._not_before

    def _note(self, headers: httpx.Headers) -> None:
        """When we may ask again, as every answer says in its own way."""
        now = self._tools.clock()
        told = retry_after(headers.get("retry-after"), now=now)
        resets_in = retry_after(headers.get("x-ratelimit-reset"), now=now)
        remaining = headers.get("x-ratelimit-remaining", "").partition(".")[0]
        if resets_in is not None and remaining.isdigit():
            self._tools.meter.budget = {"remaining": float(remaining), "resets_in": resets_in}
        self._wait = max(_EVERY, told or 0.0, 0.0 if remaining not in {"", "0"} else resets_in or 0.0)
        self._not_before = now + timedelta(seconds=self._wait)

    def _refusal(self, status: int, _answer: object) -> CollectorError | None:
        if status == HTTPStatus.FORBIDDEN:
            return CollectorError(
                "Reddit does not let this feed be read (403), so it is not asked again. What works instead: your own "
                "approved app (overheard sources add reddit), or handing over what you read (overheard posts add).",
                permanent=True,
            )
        if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return CollectorError(f"Reddit answered {status}, and is left alone for a while.", retry_after=self._wait)
        return None


def _entries(body: bytes, path: str) -> Iterable[Any]:
    """The entries of a feed. Read from bytes: given an address, feedparser makes one of each id (t3_abc) too."""
    start = body[:1000].lower()
    if b"<html" in start or b"<!doctype" in start or b"<!entity" in body.lower():
        message = (
            f"Reddit answered {path} with a page instead of a feed: it blocks this network. It is not asked again."
        )
        raise CollectorError(message, permanent=True)
    feed = feedparser.parse(body, sanitize_html=False, resolve_relative_uris=False)
    # feedparser makes do with half a feed; what the other half had would be passed over for good.
    if not feed.get("version") or not body.rstrip().endswith(b"</feed>"):
        raise CollectorError(f"Reddit answered {path} with something other than a whole feed.")
    entries: Iterable[Any] = feed.entries
    return entries


def _entry(entry: Any, community: str) -> Entry:  # noqa: ANN401 - feedparser's, which has any field or none
    external_id = str(entry.get("id") or "").rpartition("/")[2]
    raw = json.dumps(entry, default=str).encode()
    if not _SUBMISSION.fullmatch(external_id):
        return rejected(None, f"{external_id[:40]!r} is no id of a submission", raw)
    try:
        author = str(entry.get("author") or "").removeprefix("/u/").strip() or None
        if is_bot(author):
            return Entry(external_id, None)
        if author is not None and is_gone(author):
            return Entry(external_id, Erased(Platform.REDDIT, external_id, "the author's account was deleted"))
        return Entry(external_id, _post(entry, external_id, author, community))
    except (InvalidInput, ValueError, OverflowError) as error:
        return rejected(external_id, str(error), raw)


def _post(entry: Any, external_id: str, author: str | None, community: str) -> NewPost:  # noqa: ANN401
    content = entry.get("content") or [{}]
    text, below, whole = str(content[0].get("value") or "").rpartition(_BELOW)
    posted = entry.get("published_parsed") or entry.get("updated_parsed")
    return NewPost(
        platform=Platform.REDDIT,
        external_id=external_id,
        community=community,
        title=str(entry.get("title") or ""),
        body=plain(text if below else whole),
        author=author,
        permalink=str(entry.get("link") or "") or None,
        posted_at=datetime.fromtimestamp(timegm(posted), UTC) if posted else None,
    )
