"""The operator's page in a real browser, on either database, with what an operator meets there."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from procrastinate import App, PsycopgConnector
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from overheard.errors import CollectorError
from overheard.listening.intake import Item, Rejected, take_in
from overheard.models import AuditEntry, DeadLetter, Gap, Post
from overheard.operations import jobs
from overheard.settings import Settings
from overheard.vocabulary import AuditAction, Platform, SourceState
from tests.api.browsing import Site, complaints_of, fits_every_width, found_by_axe, in_a_browser, site_over
from tests.factories import new_post, watch_source

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = in_a_browser

on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
ORIGIN = "Hacker News: Hacker News"
LONG = "the answer is no item: " + "x" * 300 + " is all that it says"


def _says_today(letter: DeadLetter) -> Sequence[Item]:
    """A platform by now: one item can be read, one is still wrong, of the others it says nothing today."""
    match letter.external_id:
        case "4711":
            return [new_post(platform=letter.platform or Platform.HACKERNEWS, external_id="4711", title="Mended")]
        case "4712":
            return [Rejected("item 4712", "time is missing", letter.raw, letter.platform, letter.external_id)]
    raise CollectorError("Hacker News is closed for the night.")


@pytest.fixture
def site(engine: Engine, settings: Settings, now: datetime) -> Iterator[Site]:
    in_berlin = settings.model_copy(update={"time_zone": "Europe/Berlin"})
    with site_over(engine, in_berlin, now=now, reread=_says_today) as site:
        with site.sessions.begin() as session:
            _trouble(session, now)
        if engine.dialect.name == "postgresql":
            with ThreadPoolExecutor() as elsewhere:  # Playwright holds the event loop of this thread
                elsewhere.submit(lambda: asyncio.run(_give_up(engine))).result()
            with site.sessions.begin() as session:
                _as_hours_ago(session, now)
        yield site


def _trouble(session: Session, now: datetime) -> None:
    """Sources of which each has another trouble, dead letters, and jobs that wait."""
    news = watch_source(session, now=now)
    news.state, news.last_error, news.last_error_at = SourceState.NEEDS_OPERATOR, LONG, now - timedelta(hours=3)
    bakers = watch_source(
        session,
        now=now,
        mode="rss",
        platform=Platform.RSS,
        community="Bakers' news",
        address="https://bakers.example/feed",
    )
    bakers.failures, bakers.last_error, bakers.last_error_at = 3, "It answers 503.", now - timedelta(minutes=20)
    watch_source(
        session,
        now=now - timedelta(days=1),
        mode="rss",
        platform=Platform.RSS,
        community="Millers",
        address="https://millers.example/feed",
    )
    session.add(Gap(source_id=bakers.id, first="a", last="b", reason="it went too fast", found_at=now))
    rejected = [
        Rejected(f"item {n}", "title is missing", b"<b>canary</b>", Platform.HACKERNEWS, str(n))
        for n in (4713, 4712, 4711)
    ]
    take_in(session, rejected, origin=ORIGIN, now=now - timedelta(hours=2))
    take_in(session, [Rejected("line 17", LONG, b"{")], origin="/data/" + "a-long-folder/" * 8 + "posts.jsonl", now=now)
    for queue in ("collect", "upkeep"):
        jobs.defer(session, queue, queue=queue)


async def _give_up(engine: Engine) -> None:
    """A real worker fails at two jobs and does a third one."""
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    app = App(connector=PsycopgConnector(conninfo=url, min_size=1))

    def fail() -> None:
        raise ZeroDivisionError("as a test asked for")

    does: dict[str, Callable[[], object]] = {"sweep": fail, "digests": fail, "send": int}
    for name, act in does.items():
        app.task(name=name, queue="test")(act)
    async with app.open_async():
        for name in does:
            await app.configure_task(name, queue="test").defer_async()
        await app.run_worker_async(
            queues=["test"], wait=False, delete_jobs="successful", listen_notify=False, install_signal_handlers=False
        )


def _as_hours_ago(session: Session, now: datetime) -> None:
    """Procrastinate goes by the database's clock, the page by the test's."""
    session.execute(sa.text("UPDATE procrastinate_events SET at = :at"), {"at": now - timedelta(hours=5)})
    session.execute(sa.text("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now()), (now())"))


def _letter(site: Site, locator: str) -> str:
    """Where the dead letter with this locator stands on the page."""
    with site.sessions() as session:
        found = session.scalars(sa.select(DeadLetter.id).where(DeadLetter.locator.endswith(f" {locator}"))).one()
    return f"#letter-{found}"


def _press(page: "Page", place: str, button: str, answer: str) -> None:
    page.locator(place).get_by_role("button", name=button).focus()
    page.keyboard.press("Enter")
    page.locator("#flash").get_by_text(answer).wait_for()


def test_dead_letters_are_tried_again_and_dropped_by_keyboard(site: Site, context: "BrowserContext") -> None:
    page = context.new_page()
    complaints = complaints_of(page)
    page.goto(site.login_link(site.cast.alice))
    page.get_by_role("link", name="Operations").press("Enter")
    readable, unreadable, closed, from_file = (_letter(site, word) for word in ("4711", "4712", "4713", "17"))
    assert page.locator(f"{readable} time").get_attribute("title") == "Friday, 20 November 2026, 08:30"
    _press(page, readable, "Try again", "It could be read and is taken in.")
    _press(page, unreadable, "Try again", "It still cannot be read.")
    _press(page, closed, "Try again", "Hacker News is closed for the night.")
    page.get_by_text("time is missing").wait_for()
    page.locator(from_file).get_by_text("the answer is no item").click()
    assert page.locator(from_file).get_by_text("is all that it says").is_visible()
    _press(page, from_file, "Drop", "It is dropped.")
    assert page.locator("#dead-letters li").count() == 2
    assert complaints == []
    with site.sessions() as session:
        assert session.scalar(sa.select(Post.title).where(Post.external_id == "4711")) == "Mended"
        assert set(session.scalars(sa.select(DeadLetter.external_id))) == {"4712", "4713"}
        actions = list(session.scalars(sa.select(AuditEntry.action).order_by(AuditEntry.id.desc()).limit(3)))
        assert actions == [AuditAction.DROPPED, AuditAction.RETRIED, AuditAction.RETRIED]


@on_postgresql
def test_jobs_that_a_worker_gave_up_are_tried_again_and_dropped(site: Site, context: "BrowserContext") -> None:
    page = context.new_page()
    page.goto(site.login_link(site.cast.alice))
    page.goto(f"{site.url}/admin")
    assert page.locator("#jobs").get_by_role("heading", name="Given up").is_visible()
    sweep, digests = page.locator("#jobs li", has_text="sweep"), page.locator("#jobs li", has_text="digests")
    places = [f"#{one.get_attribute('id')}" for one in (sweep, digests)]
    _press(page, places[0], "Try again", "waits to be done again")
    with site.sessions.begin() as session:  # a worker was faster
        session.execute(sa.text("DELETE FROM procrastinate_jobs WHERE status = 'failed'"))
    _press(page, places[1], "Drop", "it may be done by now")
    assert page.locator("#jobs").get_by_role("heading", name="Given up").count() == 0
    with site.sessions() as session:
        assert jobs.counts(session)["sweep"] == {jobs.WAITING: 1}


def test_the_page_fits_every_width_and_axe_finds_nothing(site: Site, browser: "Browser", tmp_path: Path) -> None:
    # The policy of the pages would refuse the script that looks at them.
    context = browser.new_context(bypass_csp=True, reduced_motion="reduce")
    page = context.new_page()
    page.goto(site.login_link(site.cast.alice))
    page.goto(f"{site.url}/admin")
    complaints = complaints_of(page)
    fits_every_width(page, tmp_path / "admin", full_page=True)
    assert found_by_axe(page) == []
    page.emulate_media(color_scheme="dark")
    assert found_by_axe(page) == []
    assert complaints == []
    context.close()


def test_who_is_no_admin_sees_no_way_there_and_finds_it_closed(site: Site, context: "BrowserContext") -> None:
    page = context.new_page()
    page.goto(site.login_link(site.cast.sam))
    assert page.get_by_role("link", name="Operations").count() == 0
    answer = page.goto(f"{site.url}/admin")
    assert answer is not None
    assert answer.status == 403
    assert "title is missing" not in page.content()
