from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from collectors.base import Reading, Watched
from overheard.db import Sessions, make_sessions
from overheard.errors import CollectorError
from overheard.listening import sources
from overheard.listening.intake import Intake, take_in
from overheard.listening.posts import NewPost
from overheard.vocabulary import Platform, PostKind, SourceState
from tests.collectors.live import Live
from tests.collectors.mails import F5BOT_TEXT, GOOGLE_HTML, GOOGLE_TEXT, mail
from tests.collectors.test_crashes import Chapter, assert_the_end_is_the_same_wherever_it_is_killed
from tests.factories import make_campaign
from tests.fakeworld.imap import Mailserver
from tests.fakeworld.model import World

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

COMMUNITY = "alerts@example.org/INBOX"


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def server() -> Iterator[Mailserver]:
    server = Mailserver()
    with server.serve():
        yield server


def secrets_of(server: Mailserver) -> dict[str, str]:
    return {"host": "127.0.0.1", "port": str(server.port), "user": server.user, "password": server.password}


@pytest.fixture
def live(sessions: Sessions, world: World, server: Mailserver, tmp_path: Path) -> Live:
    return Live(sessions, world, tmp_path, "mailbox", Platform.OTHER, secrets_of(server), {"x_url": "http://127.0.0.1"})


@pytest.fixture
def watcher(live: Live) -> Live:
    live.watch(COMMUNITY, "INBOX")
    return live


def shown(live: Live) -> list[tuple[str, str, str, str]]:
    return [(post.platform.value, post.external_id, post.title, post.body) for post in live.posts()]


def test_each_post_that_an_alert_tells_of_is_stored_under_its_own_key(watcher: Live, server: Mailserver) -> None:
    server.inbox.add(mail(F5BOT_TEXT))
    assert watcher.collect().intake == Intake(new=3)
    assert shown(watcher) == [
        (
            "reddit", "t3_1abc9z", "Which CRM for a bakery?",
            "We are three people and would like a simple CRM.\nIt must work on a phone.",
        ),
        ("reddit", "t1_k0def1", "Orders", "What CRM do you use?"),
        ("hackernews", "4711", "Ask HN: Tools", "Looking for a CRM with an API."),
    ]  # fmt: skip
    post, comment, _ = watcher.posts()
    assert post.permalink == "https://www.reddit.com/r/bakers/comments/1abc9z/"
    assert post.posted_at == datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
    assert comment.kind is PostKind.COMMENT


@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1"])
def test_html_is_read_with_redirects_taken_off_and_the_footer_left_out(
    watcher: Live, server: Mailserver, charset: str
) -> None:
    sender = "googlealerts-noreply@google.com"
    server.inbox.add(mail("See the HTML", html=GOOGLE_HTML, sender=sender, subject="Google Alert", charset=charset))
    watcher.collect()
    article, topic = shown(watcher)
    assert article[:3] == ("other", "https://baking.example/posts/crm?id=7", "Bakers look for a CRM (again)")
    assert "Anna asks which CRM suits a bakery & its café" in article[3]
    assert topic == ("discourse", "forum.example/t/123/1", "CRM wanted", "For a shop of two.")


def test_where_the_link_comes_last_the_title_stands_first(watcher: Live, server: Mailserver) -> None:
    server.inbox.add(mail(GOOGLE_TEXT, sender="googlealerts-noreply@google.com"))
    watcher.collect()
    ((_, _, title, body),) = shown(watcher)
    assert title == "Bakers look for a CRM"
    assert body == "Baking Weekly\nAnna asks which CRM suits a bakery ..."


def test_two_alerts_on_one_post_are_one_post(watcher: Live, server: Mailserver) -> None:
    server.inbox.add(mail(F5BOT_TEXT))
    server.inbox.add(mail(F5BOT_TEXT, message_id="<2@example.org>", subject="Another keyword"))
    assert watcher.collect().intake == Intake(new=3)


def test_a_snippet_never_replaces_what_the_platform_itself_has_told(watcher: Live, server: Mailserver) -> None:
    whole = NewPost(
        platform=Platform.HACKERNEWS, external_id="4711", community="Hacker News", title="", body="The whole text",
        posted_at=datetime(2026, 11, 19, tzinfo=UTC),
    )  # fmt: skip
    with watcher.sessions.begin() as session:
        take_in(session, [whole], origin="test", now=watcher.world.now)
    server.inbox.add(mail(F5BOT_TEXT))
    watcher.collect()
    assert "The whole text" in watcher.texts()
    with watcher.sessions.begin() as session:
        late = NewPost(
            platform=Platform.REDDIT, external_id="t3_1abc9z", community="r/bakers", title="Which?", body="All of it",
            posted_at=datetime(2026, 11, 18, tzinfo=UTC),
        )  # fmt: skip
        take_in(session, [late], origin="test", now=watcher.world.now)
    assert "All of it" in watcher.texts()


def test_a_mail_without_a_post_is_a_dead_letter_that_says_so(watcher: Live, server: Mailserver) -> None:
    server.inbox.add(mail("Welcome! Confirm here: https://f5bot.com/confirm?token=1", message_id="<7@f5bot.com>"))
    server.inbox.add(mail("Hello, how are you? Photo: https://cdn.example/a.png", sender="aunt@example.com"))
    server.inbox.add(b"\xff\xfe\x00 no mail at all")
    server.inbox.add(mail(F5BOT_TEXT))
    assert watcher.collect().intake == Intake(new=3, rejected=3)
    assert ("mail <7@f5bot.com>", "there is no link to a post in it") in watcher.dead_letters()


@pytest.mark.parametrize(
    "broken",
    [
        b"Content-Type: text/plain; charset=klingon-8\r\n\r\nhttps://news.ycombinator.com/item?id=1 Which CRM?",
        b"Content-Type: text/html; charset=\xff\r\nSubject: =?utf-8?b?/?=\r\n\r\n<a href='https://x.com/a/status/1'>Which",
        b"Content-Type: multipart/mixed; boundary=never\r\n\r\nno boundary https://news.ycombinator.com/item?id=1",
        b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!not base64",
        b"Date: someday\r\nFrom: <<>@\r\n\r\nWhich CRM? https://news.ycombinator.com/item?id=1",
        b"From: a@b.c\r\n\r\n" + b"<a<a<a" * 5000,
        b"From: a@b.c\r\n\r\nhttps://[broken https://example.org:port/x http://\xff\x00/",
    ],
)
def test_a_broken_mail_keeps_no_other_out(watcher: Live, server: Mailserver, broken: bytes) -> None:
    server.inbox.add(broken)
    server.inbox.add(mail(F5BOT_TEXT))
    summary = watcher.collect()
    assert summary.error is None
    assert {"t3_1abc9z", "t1_k0def1"} <= {post.external_id for post in watcher.posts()}


def test_only_new_mails_are_fetched_and_none_is_marked(watcher: Live, server: Mailserver) -> None:
    for number in range(45):
        server.inbox.add(mail(f"Which CRM? https://news.ycombinator.com/item?id={number}", message_id=f"<{number}@a>"))
    assert watcher.collect().intake == Intake(new=45)
    assert watcher.collect().intake == Intake()
    server.inbox.add(mail("Which CRM? https://news.ycombinator.com/item?id=100"))
    assert watcher.collect().intake == Intake(new=1)
    fetched = [command for command in server.commands if command.startswith("UID FETCH")]
    assert len(fetched) == 46
    assert not any(command.startswith(("SELECT", "STORE", "UID STORE")) for command in server.commands)


def test_the_first_pass_begins_some_days_back_and_older_mails_stay_out(watcher: Live, server: Mailserver) -> None:
    server.inbox.add(mail("https://news.ycombinator.com/item?id=1"), at=watcher.world.now - timedelta(days=30))
    assert watcher.collect().intake == Intake()
    server.inbox.add(mail("https://news.ycombinator.com/item?id=2"))
    assert watcher.collect().intake == Intake(new=1)


def test_mails_that_were_numbered_anew_are_read_again_and_change_nothing(watcher: Live, server: Mailserver) -> None:
    server.inbox.add(mail("https://news.ycombinator.com/item?id=9"), at=watcher.world.now - timedelta(days=30))
    server.inbox.add(mail(F5BOT_TEXT))
    server.inbox.add(mail("Nothing in here"))
    watcher.collect()
    server.inbox.renumber()
    server.inbox.add(mail("Which CRM? https://news.ycombinator.com/item?id=100"))
    assert watcher.collect().intake.new == 1
    assert len(watcher.posts()) == 4
    assert len(watcher.dead_letters()) == 1
    assert watcher.collect().intake == Intake()


@pytest.mark.parametrize("command", ["LOGIN", "EXAMINE", "UID SEARCH", "UID FETCH"])
@pytest.mark.parametrize(
    "fault",
    [None, b"TAG BAD what?\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xff\xfe\x00\r\n", b"* BYE gone\r\n"],
    ids=["reset", "bad", "http", "garbage", "bye"],
)
def test_what_goes_wrong_and_passes_costs_nothing(
    watcher: Live, server: Mailserver, command: str, fault: bytes | None
) -> None:
    server.inbox.add(mail(F5BOT_TEXT))
    server.faults[command] = [fault]
    error = watcher.collect().error
    assert error
    if not (command in {"LOGIN", "EXAMINE"} and fault and fault.startswith(b"TAG")):
        assert not error.permanent
        assert watcher.collect().intake == Intake(new=3)


def test_a_login_that_is_refused_waits_for_the_operator(watcher: Live, server: Mailserver) -> None:
    server.password = "changed"
    error = watcher.collect().error
    assert error
    assert "app password" in str(error)
    assert "app-password" not in str(error)
    assert watcher.state() is SourceState.NEEDS_OPERATOR


def test_a_login_that_is_refused_for_now_is_tried_again(watcher: Live, server: Mailserver) -> None:
    server.faults["LOGIN"] = [b"TAG NO [UNAVAILABLE] Too many connections\r\n"]
    server.inbox.add(mail(F5BOT_TEXT))
    error = watcher.collect().error
    assert error
    assert not error.permanent
    assert watcher.collect().intake == Intake(new=3)


def test_a_mail_that_arrives_while_the_first_pass_begins_is_read(
    watcher: Live, server: Mailserver, world: World
) -> None:
    def alert(number: int) -> bytes:
        return mail(f"A CRM? https://news.ycombinator.com/item?id={number}", message_id=f"<{number}@a>")

    server.inbox.add(alert(0))
    server.arriving = [(alert(number), world.now) for number in range(1, 9)]
    watcher.collect()
    watcher.collect()
    assert not server.arriving
    assert len(watcher.posts()) == 9


def test_old_mails_that_an_unfinished_pass_left_are_found_though_the_server_numbers_them_anew(
    watcher: Live, server: Mailserver, world: World
) -> None:
    def cursor_after(cursor: str | None, most: int) -> tuple[str | None, int]:
        reading = Reading(cursor, {}, lambda _: frozenset(), lambda _: frozenset())
        with watcher.open() as collector:
            pages = collector.pages(Watched("INBOX", COMMUNITY), reading)
            found = list(islice(pages, most))
        return found[-1].cursor, sum(len(page.items) for page in found)

    cursor, _ = cursor_after(None, 9)
    for number in range(50):
        text = f"A CRM? https://news.ycombinator.com/item?id={number}"
        server.inbox.add(mail(text, message_id=f"<{number}@a>"), at=world.now)
    world.advance(timedelta(days=5).total_seconds())
    cursor, read = cursor_after(cursor, 2)
    assert read == 40
    server.inbox.renumber()
    assert cursor_after(cursor, 9)[1] == 50


def test_a_folder_that_is_gone_waits_for_the_operator(watcher: Live, server: Mailserver) -> None:
    del server.folders["INBOX"]
    assert "no such folder" in str(watcher.collect().error)
    assert watcher.state() is SourceState.NEEDS_OPERATOR


def test_the_folders_are_listed_and_one_is_verified(live: Live, server: Mailserver) -> None:
    server.folders["Alerts"] = server.folders["INBOX"]
    with live.open() as collector:
        assert collector.account_name() == "alerts@example.org"
        assert [found.community for found in collector.communities()] == [COMMUNITY, "alerts@example.org/Alerts"]
        assert [found.address for found in collector.communities("Alerts")] == ["Alerts"]
        with pytest.raises(CollectorError, match="Folders: INBOX, Alerts"):
            collector.communities("Spam")


@pytest.mark.parametrize("port", ["", "many", "70000"])
def test_a_port_that_is_none_is_refused(live: Live, port: str) -> None:
    live.secrets = {**live.secrets, "port": port}
    with live.open() as collector, pytest.raises(CollectorError, match="is no port"):
        collector.account_name()


def test_what_a_mailbox_brings_is_kept_for_48_hours(watcher: Live, server: Mailserver, world: World) -> None:
    with watcher.sessions.begin() as session:
        make_campaign(session, now=world.now)
    server.inbox.add(mail(F5BOT_TEXT))
    watcher.collect()
    world.advance(timedelta(hours=47).total_seconds())
    watcher.sweep()
    assert len(watcher.posts()) == 3
    world.advance(timedelta(hours=1).total_seconds())
    watcher.sweep()
    assert watcher.posts() == []


def test_a_pass_that_is_killed_anywhere_ends_as_if_it_had_not_been(
    engine: Engine, database_url: str, world: World, server: Mailserver, tmp_path: Path
) -> None:
    for number in range(22):  # two pages
        server.inbox.add(mail(f"A CRM? https://news.ycombinator.com/item?id={number}", message_id=f"<{number}@a>"))
    server.inbox.add(mail("Nothing in here"))

    def work(engine: Engine) -> None:
        services = {"x_url": "http://127.0.0.1"}
        live = Live(
            make_sessions(engine), world, tmp_path, "mailbox", Platform.OTHER, secrets_of(server), services,
        )  # fmt: skip
        with live.sessions() as session:
            is_watched = sources.was_ever_watched(session)
        if not is_watched:
            live.watch(COMMUNITY, "INBOX")
        live.collect()
        world.now = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)

    story = Chapter(lambda: None, work)
    assert_the_end_is_the_same_wherever_it_is_killed(engine, database_url, story, wanted=10)
