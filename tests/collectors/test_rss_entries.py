import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.markup import plain
from collectors.rss.entries import read_entry, read_feed
from overheard.errors import CollectorError
from overheard.listening.intake import Rejected
from overheard.listening.posts import NewPost
from tests.fakeworld.model import NOW


def test_atom_is_read_and_the_longest_text_is_taken() -> None:
    atom = """<feed xmlns="http://www.w3.org/2005/Atom" xml:base="https://example.org/"><title>T</title><entry>
        <id>t3_b</id><title type="html">A &amp;amp; B</title><link href="/p/1"/><updated>2099-01-01T10:00:00Z</updated>
        <summary>short</summary><content type="text">plain &lt;b&gt; text</content>
        <author><name>Rita</name><uri>https://example.org/rita</uri></author></entry></feed>"""
    feed = read_feed(atom.encode(), address="https://example.org/feed")
    post = read_entry(feed.entries[0], feed="https://example.org/feed", community="T", as_of=NOW)
    assert isinstance(post, NewPost)
    assert (post.title, post.body, post.permalink) == ("A & B", "plain <b> text", "https://example.org/p/1")
    assert (post.author, post.author_name) == ("https://example.org/rita", "Rita")
    assert post.posted_at == NOW  # nobody has written in 2099


FEED = b"""<?xml version="1.0"?><rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>T</title>
<item><guid>a</guid><title>Which oven?</title><link>https://example.org/a</link><dc:creator>Rita</dc:creator>
<pubDate>Fri, 20 Nov 2026 09:00:00 GMT</pubDate><description><![CDATA[<p>For rye</p>]]></description></item>
<item><guid>b</guid><title>Second</title></item></channel></rss>"""


@given(st.data())
@settings(deadline=None)
def test_no_feed_can_stop_the_reading(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(FEED)))
    end = data.draw(st.integers(start, len(FEED)))
    broken = FEED[:start] + data.draw(st.binary(max_size=8)) + FEED[end:]
    try:
        feed = read_feed(broken, address="https://example.org/feed")
    except CollectorError:
        return
    for entry in feed.entries:
        item = read_entry(entry, feed="https://example.org/feed", community="T", as_of=NOW)
        assert isinstance(item, NewPost | Rejected)


@pytest.mark.parametrize("end", range(140, len(FEED) - 6, 7))
def test_of_a_feed_that_is_cut_only_whole_entries_are_taken(end: int) -> None:
    whole = {"a": "Which oven?", "b": "Second"}
    feed = read_feed(FEED[:end], address="https://example.org/feed")
    assert feed.is_cut
    assert all(whole[entry["id"]] == plain(entry["title"]) for entry in feed.entries)
