from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from collectors import collector_class
from collectors.base import Found, Tools
from collectors.rss.entries import read_entry, read_feed
from overheard.db import Sessions
from overheard.errors import CollectorError
from overheard.listening.intake import Intake
from overheard.listening.posts import NewPost
from overheard.models import DeadLetter, Gap, Post, Tombstone
from overheard.vocabulary import Platform, SourceState
from tests.collectors.live import Live
from tests.fakeworld import faults
from tests.fakeworld.model import NOW, World, Written
from tests.fakeworld.oracle import compare
from tests.fakeworld.server import serve
from tests.fakeworld.wires.rss import Rss

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def live(sessions: Sessions, world: World, tmp_path: Path) -> Iterator[Live]:
    with serve(world):
        live = Live(sessions, world, tmp_path, "rss", Platform.RSS, {})
        live.watch("ovens", f"{world.url(Platform.RSS)}/ovens")
        yield live


@pytest.fixture
def feeds(world: World) -> Rss:
    return world.state(Rss)


def write(world: World, body: str | None = None, **extra: object) -> Written:
    world.advance(1)
    return world.write(Platform.RSS, "ovens", body=body, title="Which oven?", **extra)  # type: ignore[arg-type]


def show(feeds: Rss, text: str | bytes, kind: str = "application/rss+xml") -> None:
    feeds.raw["ovens"] = (text.encode() if isinstance(text, str) else text, kind)


def rss(items: str) -> str:
    return f"<?xml version='1.0'?><rss version='2.0'><channel><title>Ovens</title>{items}</channel></rss>"


def test_an_entry_becomes_a_post(live: Live, world: World) -> None:
    written = write(world, "Rye & <wheat>\n\nWhich one?", author="rita@example.org (Rita)")
    assert live.collect().intake == Intake(new=1)
    (post,) = live.posts()
    assert (post.title, post.body) == ("Which oven?", "Rye & <wheat>\n\nWhich one?")
    assert (post.author, post.author_name) == ("Rita (127.0.0.1)", "Rita")
    assert (post.permalink, post.posted_at) == ("https://example.org/1", written.written_at)
    assert compare(world, live.sessions).is_clean


def test_a_feed_that_has_not_changed_is_not_sent_again(live: Live, world: World) -> None:
    write(world)
    live.collect()
    assert live.collect().intake == Intake()
    assert [request.headers.get("If-None-Match") is not None for request in world.asked("/ovens")] == [False, True]
    write(world)
    assert live.collect().intake == Intake(new=1, unchanged=1)


def test_an_entry_that_is_older_than_those_we_have_is_new_all_the_same(live: Live, world: World) -> None:
    write(world)
    live.collect()
    write(world, at=NOW - timedelta(days=400))
    assert live.collect().intake == Intake(new=1, unchanged=1)


def test_an_edited_entry_is_followed_and_one_that_is_gone_from_the_feed_is_not_deleted(
    live: Live, world: World
) -> None:
    first, second = write(world), write(world)
    live.collect()
    world.edit(second, body="Edited")
    world.delete(first)
    assert live.collect().intake == Intake(edited=1)
    assert (live.texts()[1], live.count(Post), live.count(Tombstone)) == ("Edited", 2, 0)


def test_a_feed_in_which_nothing_is_known_leaves_a_gap(live: Live, world: World, feeds: Rss) -> None:
    feeds.size = 10
    for _ in range(12):
        write(world)
    live.collect()
    assert live.count(Gap) == 0  # what a feed showed before we came is not missed
    for _ in range(9):
        write(world)
    live.collect()
    assert live.count(Gap) == 0
    for _ in range(15):
        write(world)
    assert live.collect().missed == 1
    with live.sessions() as session:
        gap = session.scalars(sa.select(Gap)).one()
    assert gap.reason.startswith("all 10 entries of the feed are new")
    assert gap.first < gap.last


@pytest.mark.parametrize("fault", faults.PASSING, ids=str)
def test_a_fault_that_passes_costs_nothing(live: Live, world: World, fault: faults.Fault) -> None:
    write(world)
    world.fail("/ovens", fault, times=1)
    summary = live.collect()
    if not live.count(Post):  # a page instead of the feed, or half of it: the next pass gets it
        assert summary.error is None or not summary.error.permanent
        world.advance(3600)
        summary = live.collect()
    assert (summary.error, live.count(Post)) == (None, 1)
    assert compare(world, live.sessions).is_clean


def test_a_cut_feed_is_not_taken_for_the_whole(live: Live, world: World) -> None:
    for _ in range(20):
        write(world)
    world.fail("/ovens", faults.HALF_JSON, times=1)  # half of it, whatever it is
    live.collect()
    live.collect()
    assert compare(world, live.sessions).is_clean


def test_a_feed_that_is_gone_for_good_waits_for_the_operator(live: Live, feeds: Rss) -> None:
    feeds.status = 410
    error = live.collect().error
    assert str(error).startswith("The feed is gone for good (410)")
    assert live.state() is SourceState.NEEDS_OPERATOR


def test_a_feed_that_is_not_found_is_given_a_week(live: Live, world: World, feeds: Rss) -> None:
    write(world)
    live.collect()
    feeds.status = 404
    for _ in range(6):
        world.advance(86_400)
        assert live.collect().error is not None
        assert live.state() is SourceState.WATCHING
    feeds.status = 200
    world.advance(7200)
    assert live.collect().error is None  # back: the week begins anew
    feeds.status = 404
    for _ in range(8):
        world.advance(86_400)
        live.collect()
    assert live.state() is SourceState.NEEDS_OPERATOR


def test_a_page_instead_of_a_feed_is_told_with_the_feeds_it_names(live: Live, world: World, feeds: Rss) -> None:
    page = (
        "<html><head><link rel='stylesheet' href='x.css'><link rel=alternate type='application/atom+xml' "
        "href='/rss/ovens'>"
        "<link rel='alternate' type='application/rss+xml' href='javascript:alert(1)'></head><body>Hello</body></html>"
    )
    show(feeds, page, "text/html")
    error = live.collect().error
    assert error is not None
    assert f"is no feed but a page. It names these feeds: {world.base_url}/rss/ovens" in str(error)
    assert not error.permanent


def test_a_feed_is_found_from_the_address_of_its_site(live: Live, world: World, feeds: Rss) -> None:
    site = f"{world.url(Platform.RSS)}/site"
    write(world)
    feeds.raw["site"] = (b"<html><link rel=alternate type=application/rss+xml href=ovens></html>", "text/html")
    with live.open() as collector:
        (found,) = collector.communities(site)
        assert found == Found(
            f"{world.url(Platform.RSS)}/ovens", site.partition("://")[2][:-4] + "ovens", "ovens: 1 entries now"
        )
        assert collector.communities(found.address) == [found]
        feeds.raw["site"] = (b"<html>nothing</html>", "text/html")
        with pytest.raises(CollectorError, match="It names no feed either"):
            collector.communities(site)


def test_entries_without_guid_link_and_date_are_told_apart_and_stay_the_same(live: Live, feeds: Rss) -> None:
    show(
        feeds,
        rss(
            "<item><description>no guid, no link</description></item>"
            "<item><description>another</description><pubDate>whenever</pubDate></item>"
            "<item><title>By its link</title><link>https://example.org/l</link></item>"
            "<item><guid>urn:broken</guid></item>"
        ),
    )
    assert live.collect().intake == Intake(new=3, rejected=1)
    assert live.collect().intake == Intake(unchanged=3, rejected=1)
    assert live.count(DeadLetter) == 1
    assert all(post.posted_at is None for post in live.posts())


def test_nul_bad_utf8_and_broken_xml_are_read_as_far_as_they_go(live: Live, feeds: Rss) -> None:
    whole = rss(
        "<item><guid>a</guid><title>A?B &nbsp; \xff</title></item><item><guid>b</guid><title>whole</title></item>"
    )
    show(feeds, whole.encode("latin-1").replace(b"?B", b"\x00B"))
    assert live.collect().intake.new == 2
    titles = [post.title for post in live.posts()]
    assert "whole" in titles
    assert not any("\x00" in title for title in titles)


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE rss [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><rss version="2.0"><channel>&b;</channel></rss>',
        '<!DOCTYPE rss [<!ENTITY a SYSTEM "file:///etc/passwd">]><rss version="2.0"><channel>&a;</channel></rss>',
        'junk<!DOCTYPE rss [<!ENTITY a "aaaa">]><rss version="2.0"><channel>&a;</channel></rss>',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_feed_that_declares_entities_is_refused(live: Live, feeds: Rss, text: str, encoding: str) -> None:
    show(feeds, f'<?xml version="1.0" encoding="{encoding}"?>{text}'.encode(encoding))
    assert "declares XML entities" in str(live.collect().error)
    assert live.count(Post) == 0


def test_a_feed_that_was_cut_is_sent_whole_though_its_server_calls_it_unchanged(live: Live, world: World) -> None:
    half = "<rss version='2.0'><channel><item><guid>a</guid><title>Which oven?</title></item><item><guid>b</guid>"
    headers = {"Content-Type": "application/rss+xml", "ETag": '"1"', "Last-Modified": "Fri, 20 Nov 2026 09:00:00 GMT"}
    world.fail("/ovens", faults.Answer(200, half.encode(), headers))
    assert live.collect().intake == Intake(new=1)
    live.collect()
    assert {"If-None-Match", "If-Modified-Since"}.isdisjoint(world.requests[-1].headers)


def test_a_doctype_alone_is_no_harm(live: Live, feeds: Rss) -> None:
    doctype = '<!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN" "http://example.org/rss-0.91.dtd">'
    items = "<rss version='0.91'><channel><item><title>Old but &lt;!ENTITY good</title></item></channel></rss>"
    show(feeds, doctype + items)
    assert live.collect().intake == Intake(new=1)


def test_two_feeds_may_use_the_same_guid(live: Live, feeds: Rss) -> None:
    item = "<item><guid>1</guid><title>The same number</title><author>admin</author></item>"
    show(feeds, rss(item))
    feeds.raw["other"] = (rss(item).encode(), "application/rss+xml")
    live.collect()
    feed = read_feed(rss(item).encode(), address="https://other.example/feed")
    post = read_entry(feed.entries[0], feed="https://other.example/feed", community="other", as_of=NOW)
    assert isinstance(post, NewPost)
    assert (post.external_id, post.author) != (live.posts()[0].external_id, live.posts()[0].author)


def test_posts_are_kept_for_thirty_days_leads_or_not(live: Live, world: World) -> None:
    write(world)
    live.collect()
    world.advance(31 * 86_400)
    live.sweep()
    assert (live.count(Post), live.count(Tombstone)) == (0, 1)
    write(world)
    assert live.collect().intake == Intake(new=1, refused=1)  # the old one is still in the feed, and stays away


def test_a_private_address_is_refused_unless_the_settings_allow_it(live: Live, world: World) -> None:
    settings = live.settings.model_copy(update={"allow_private_addresses": False})
    collector = collector_class("rss")(Tools(settings, live.clock, live.waits.append))
    with collector, pytest.raises(CollectorError, match="private network"):
        collector.communities(f"{world.url(Platform.RSS)}/ovens")
