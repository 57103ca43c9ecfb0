"""A feed's bytes as posts: RSS and Atom in all their dialects, the broken ones too."""

import hashlib
import html
import io
import json
import re
from calendar import timegm
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from xml.etree.ElementTree import ParseError

import feedparser
import httpx
from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException
from feedparser.encodings import convert_to_utf8

from collectors.markup import attributes_of, plain
from overheard.errors import CollectorError, InvalidInput
from overheard.listening.intake import Item, Rejected
from overheard.listening.posts import NewPost
from overheard.vocabulary import Platform

_ENTITY = re.compile(rb"<!ENTITY", re.IGNORECASE)
_FEED_TYPES = frozenset({"application/rss+xml", "application/atom+xml", "application/rdf+xml"})
_END = re.compile(rb"</(?:\w+:)?(?:rss|feed|rdf)\s*>", re.IGNORECASE)
_MAX_RAW = 20_000

Entry = Mapping[str, Any]
"""An entry as feedparser gives it: whatever the feed held, under feedparser's names."""


@dataclass(frozen=True, slots=True)
class Feed:
    """What a feed holds."""

    title: str
    entries: Sequence[Entry]
    is_cut: bool
    """It stops in the middle. Its last entry, which may be half of one, is left out."""


def read_feed(raw: bytes, *, address: str, content_type: str = "") -> Feed:
    """The feed; `CollectorError` says that it is none, and which feeds the page names instead."""
    # Converted first: what is checked for entities and what is parsed must be the same bytes.
    text: bytes = convert_to_utf8({"content-type": content_type}, raw, {})
    _refuse_entities(text, address)
    # From a stream: feedparser opens whatever a plain string or bytes happen to name. And without the feed's address:
    # it would be put before ids that are no addresses.
    parsed = feedparser.parse(
        io.BytesIO(text),
        response_headers={"content-type": "application/xml; charset=utf-8"},
        resolve_relative_uris=False,
        sanitize_html=False,
    )
    if not parsed.version and not parsed.entries:
        offered = feeds_named_in(raw, address)
        hint = f"It names these feeds: {', '.join(offered)}" if offered else "It names no feed either."
        raise CollectorError(f"{address} is no feed but a page. {hint}")
    is_cut = not _END.search(text)
    entries = [dict(entry) for entry in parsed.entries]  # feedparser's own kind finds values under other names too
    return Feed(plain(parsed.feed.get("title", "")), entries[:-1] if is_cut else entries, is_cut)


def _refuse_entities(text: bytes, address: str) -> None:
    """A kilobyte of entities can stand for a gigabyte of text. Feeds have no use for them."""
    try:
        ElementTree.fromstring(text, forbid_dtd=False, forbid_entities=True, forbid_external=True)
    except (DefusedXmlException, ParseError, ValueError) as error:
        # Not well-formed is no crime: feedparser reads it all the same, so only a look at the text is left.
        if isinstance(error, DefusedXmlException) or _ENTITY.search(text):
            raise CollectorError(f"{address} declares XML entities, which is how feeds blow up. Not read.") from error


def feeds_named_in(raw: bytes, address: str) -> list[str]:
    """The feeds that a page names, as absolute addresses."""
    links = attributes_of("link", raw.decode("utf-8", "replace"))
    found = [
        link["href"]
        for link in links
        if "alternate" in link.get("rel", "").lower().split()
        and link.get("type", "").lower().partition(";")[0].strip() in _FEED_TYPES
        and link.get("href")
    ]
    absolute = []
    for href in found[:20]:
        try:
            absolute.append(str(httpx.URL(address).join(href)))
        except (httpx.InvalidURL, ValueError):
            continue
    return list(dict.fromkeys(each for each in absolute if each.startswith(("https://", "http://"))))


def key_of(entry: Entry, feed: str) -> str:
    """What makes it this entry: the feed and its guid, its link where it has none, else all that it says.

    Hashed, as both are addresses of any length.
    """
    own = entry.get("id") or entry.get("link") or json.dumps([_title(entry), _body(entry), _said(entry, "published")])
    return hashlib.sha256(f"{feed}\n{own}".encode("utf-8", "surrogatepass")).hexdigest()


def read_entry(entry: Entry, *, feed: str, community: str, as_of: datetime) -> Item:
    """The post; what cannot be one is rejected, under its key."""
    key = key_of(entry, feed)
    try:
        return _post(entry, key, feed, community, as_of)
    except InvalidInput as error:
        raw = json.dumps(entry, default=str)[:_MAX_RAW].encode("utf-8", "replace")
        return Rejected(f"entry {key}", str(error), raw, Platform.RSS, key)


def _post(entry: Entry, key: str, feed: str, community: str, as_of: datetime) -> NewPost:
    title, body = _title(entry), _body(entry)
    if not title and not body:
        raise InvalidInput("title and text are both missing")
    detail = entry.get("author_detail") or {}
    name = detail.get("name") or entry.get("author")
    posted_at = _time(entry, "published_parsed") or _time(entry, "updated_parsed")
    return NewPost(
        platform=Platform.RSS,
        external_id=key,
        community=community,
        title=title,
        body=body,
        # There is an "admin" in every feed: a name means somebody only within its own.
        author=detail.get("href") or (f"{name} ({httpx.URL(feed).host})" if name else None),
        author_name=name,
        permalink=entry.get("link"),
        posted_at=min(posted_at, as_of) if posted_at else None,
        as_of=as_of,
    )


def _said(entry: Entry, name: str) -> str:
    value = entry.get(name)
    return value if isinstance(value, str) else ""


def _title(entry: Entry) -> str:
    return _text(entry.get("title_detail") or {})


def _body(entry: Entry) -> str:
    """The longest that it has to say: many feeds give a summary beside the text, and not in any order."""
    texts = [_text(part) for part in (*entry.get("content", ()), entry.get("summary_detail") or {})]
    return max(texts, key=len, default="")


def _text(detail: Mapping[str, Any]) -> str:
    value = detail.get("value")
    if not isinstance(value, str):
        return ""
    if detail.get("type") == "text/plain":
        return value.strip()
    return plain(value) if "<" in value else html.unescape(value).strip()


def _time(entry: Entry, name: str) -> datetime | None:
    value = entry.get(name)
    try:
        return datetime.fromtimestamp(timegm(value), UTC) if value else None
    except (ValueError, OverflowError, OSError):
        return None
