"""What feedparser does that a collector must know of. A release that changes it fails here, and not in production."""

import io
from pathlib import Path

import feedparser
from feedparser.encodings import convert_to_utf8

FEED = (
    b"<rss version='2.0'><channel><title>Local</title><item><guid>t3_abc</guid><title>A</title></item></channel></rss>"
)
ATOM = b"<feed xmlns='http://www.w3.org/2005/Atom'><entry><id>t3_abc</id><title>A</title></entry></feed>"


def test_a_path_is_opened_as_a_local_file_so_it_never_gets_a_string(tmp_path: Path) -> None:
    path = tmp_path / "secret.xml"
    path.write_bytes(FEED)
    assert feedparser.parse(str(path)).feed.title == "Local"
    assert feedparser.parse(str(path).encode()).feed.title == "Local"  # nor plain bytes
    assert "title" not in feedparser.parse(io.BytesIO(str(path).encode())).feed


def test_an_id_becomes_an_address_where_the_feeds_own_address_is_given() -> None:
    headers = {"content-location": "https://example.org/r/feed"}
    resolved = feedparser.parse(io.BytesIO(ATOM), response_headers=headers, resolve_relative_uris=False)
    assert resolved.entries[0].id == "https://example.org/r/t3_abc"
    assert feedparser.parse(io.BytesIO(ATOM), resolve_relative_uris=False).entries[0].id == "t3_abc"


def test_nul_and_bad_utf8_come_through() -> None:
    parsed = feedparser.parse(io.BytesIO(FEED.replace(b">A<", b">A\x00B\xff<")))
    assert parsed.bozo
    assert parsed.entries[0].title == "A\x00B\xff"


def test_dates_and_guids_may_be_missing() -> None:
    item = FEED.replace(b"<guid>t3_abc</guid>", b"<pubDate>whenever</pubDate>")
    (entry,) = feedparser.parse(io.BytesIO(item)).entries
    assert (entry.get("id"), entry.get("published_parsed")) == (None, None)


def test_internal_entities_are_expanded() -> None:
    bomb = b'<!DOCTYPE rss [\n<!ENTITY a "aaaa">\n]>' + FEED.replace(b">A<", b">&a;&a;<")
    assert feedparser.parse(io.BytesIO(bomb)).entries[0].title == "aaaaaaaa"


def test_bytes_are_converted_before_they_are_parsed_and_we_can_do_it_first() -> None:
    told: dict[str, object] = {}
    converted = convert_to_utf8({}, '<?xml version="1.0" encoding="utf-16"?><rss/>'.encode("utf-16"), told)
    assert converted == b"<?xml version='1.0' encoding='utf-8'?><rss/>"
