"""The pages in a real browser: with script, without, and how they look at three widths."""

import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
import uvicorn

from api.app import create_app
from overheard import accounts, funnel
from overheard.db import Sessions, make_engine, make_sessions
from overheard.models import Label, Lead, Post, User
from overheard.settings import Settings
from overheard.vocabulary import Platform, Stage
from tests.factories import Cast, make_campaign, make_cast, make_lead, new_post, watch_source

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync"
TITLES = ["First bakery", "Second bakery", "Third bakery", "Fourth bakery"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed"),
]


@dataclass(frozen=True)
class Site:
    """A server on the loopback interface, over a database with four leads."""

    url: str
    sessions: Sessions
    cast: Cast
    now: datetime

    def login_link(self, user: User) -> str:
        """An address that logs a user in once."""
        with self.sessions.begin() as session:
            return f"{self.url}/login/{accounts.make_login_link(session, user, now=self.now).token}"

    def lead(self, title: str) -> Lead:
        """The lead whose post has this title."""
        with self.sessions() as session:
            return session.scalars(
                sa.select(Lead).join(Post, Post.id == Lead.top_post_id).where(Post.title == title)
            ).one()


@pytest.fixture
def site(sqlite_template: Path, tmp_path: Path, settings: Settings, now: datetime) -> Iterator[Site]:
    path = tmp_path / "overheard.db"
    path.write_bytes(sqlite_template.read_bytes())
    engine = make_engine(f"sqlite:///{path}")
    sessions = make_sessions(engine)
    with sessions.begin() as session:
        cast = make_cast(session, now=now)
        campaign = make_campaign(session, now=now, queries={"asks": "crm"})
        for number, title in enumerate(TITLES):
            post = new_post(title=title, author=f"baker{number}", body="We are three people. Looking for a CRM. " * 3)
            signals = [["team_size", "body", 7, 19], ["competitor", "title", 0, len(title)], ["budget", "body", 0, 80]]
            told = {"need": ["body", 21, 38], "signals": signals[: number + 1]}
            make_lead(session, now=now, campaign=campaign, post=post, score=0.9 - number / 10, explanation=told)
    app = create_app(settings, engine=engine, clock=lambda: now)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    _wait(lambda: server.started)
    yield Site(f"http://127.0.0.1:{listener.getsockname()[1]}", sessions, cast, now)
    server.should_exit = True
    thread.join()
    engine.dispose()


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        yield browser
        browser.close()


@pytest.fixture
def context(browser: "Browser") -> "Iterator[BrowserContext]":
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(10_000)
    yield context
    context.close()


def _wait(done: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not done():
        assert time.monotonic() < until
        time.sleep(0.02)


def _watched(page: "Page") -> list[str]:
    """What the page complains about: errors of its script, and whatever its security policy refused."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return complaints


def _titles(page: "Page") -> list[str]:
    return page.locator(".card h3").all_inner_texts()


def test_a_newcomer_logs_in_by_a_link_promotes_by_a_click_and_takes_it_back(
    site: Site, context: "BrowserContext"
) -> None:
    page = context.new_page()
    complaints = _watched(page)
    page.goto(site.login_link(site.cast.sam))
    assert page.url == f"{site.url}/queue"
    assert _titles(page) == TITLES
    page.evaluate("window.sameDocument = true")
    page.get_by_role("button", name="Promote").nth(1).click()
    page.get_by_text("Promoted u/baker1.").wait_for()
    assert _titles(page) == ["First bakery", "Third bakery", "Fourth bakery"]
    assert page.locator(".count").inner_text() == "3"
    assert site.lead("Second bakery").stage is Stage.SALES_QUALIFIED
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("Taken back").wait_for()
    assert _titles(page) == TITLES
    assert page.evaluate("window.sameDocument")  # all of it in place
    assert complaints == []


def test_a_queue_is_cleared_from_the_keyboard(site: Site, context: "BrowserContext") -> None:
    page = context.new_page()
    complaints = _watched(page)
    page.goto(site.login_link(site.cast.sam))
    page.keyboard.press("j")
    page.keyboard.press("p")
    page.keyboard.press("p")  # before the first answer is there
    page.get_by_text("Promoted u/baker1.").wait_for()
    page.keyboard.press("d")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_text("Disqualified u/baker2: no need.").wait_for()
    assert _titles(page) == ["Fourth bakery"]
    page.keyboard.press("u")
    page.get_by_text("Taken back").wait_for()
    assert _titles(page) == ["Third bakery", "Fourth bakery"]
    stages = {title: site.lead(title).stage for title in TITLES}
    assert list(stages.values()).count(Stage.SALES_QUALIFIED) == 2
    assert complaints == []


def test_whoever_was_slower_is_told_and_the_card_comes_back(site: Site, context: "BrowserContext") -> None:
    page = context.new_page()
    page.goto(site.login_link(site.cast.sam))
    with site.sessions.begin() as session:
        funnel.promote(session, site.lead("First bakery").id, actor=site.cast.sue, now=site.now)
    page.get_by_role("button", name="Promote").first.click()
    page.get_by_text("Sue promoted it").wait_for()
    page.wait_for_function("!document.querySelector('.leaving')")


def test_a_cut_network_harms_nothing_and_is_told(site: Site, context: "BrowserContext") -> None:
    page = context.new_page()
    page.goto(site.login_link(site.cast.sam))
    context.set_offline(True)
    page.get_by_role("button", name="Promote").first.click()
    page.get_by_text("The server cannot be reached").wait_for()
    context.set_offline(False)
    page.get_by_role("button", name="Promote").first.click()
    page.get_by_text("Promoted u/baker0.").wait_for()


def test_everything_works_without_script(site: Site, browser: "Browser") -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site.login_link(site.cast.sam))
    page.get_by_role("button", name="Promote").first.click()
    assert "Promoted u/baker0." in page.content()
    page.locator("summary", has_text="Disqualify").first.click()
    page.get_by_role("button", name="Stale").first.click()
    assert "Disqualified u/baker1: stale." in page.content()
    page.get_by_role("button", name="Undo").click()
    assert "Taken back" in page.content()
    page.get_by_label("Least score").select_option("0.8")
    page.get_by_role("button", name="Filter").click()
    assert page.url.endswith("/queue?campaign=&platform=&intent=&score=0.8")
    assert _titles(page) == ["Second bakery"]
    page.get_by_role("link", name="Second bakery").click()
    assert page.locator("h1").inner_text().startswith("u/baker1")
    page.get_by_role("button", name="Log out").click()
    assert page.url == f"{site.url}/login"
    with site.sessions() as session:
        assert [label.position for label in session.scalars(sa.select(Label).order_by(Label.id))] == [1, 1]
    context.close()


def _pages(lead: int) -> list[tuple[str, str]]:
    return [
        ("queue", "/queue"),
        ("lead", f"/leads/{lead}"),
        ("campaigns", "/campaigns"),
        ("sources", "/sources"),
        ("new-post", "/posts/new"),
        ("suggestions", "/campaigns/1/suggestions"),
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_every_width(site: Site, browser: "Browser", tmp_path: Path, scheme: str) -> None:
    dark = scheme == "dark"
    context = browser.new_context(color_scheme="dark" if dark else "light")
    page = context.new_page()
    complaints = _watched(page)
    page.goto(site.login_link(site.cast.alice))
    lead = site.lead("First bakery").id
    for width in (1440, 1024, 390):
        page.set_viewport_size({"width": width, "height": 900})
        for name, path in _pages(lead):
            page.goto(site.url + path)
            if name in ("queue", "lead"):
                page.locator("summary", has_text="Disqualify").first.click()
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, width)
            page.screenshot(path=tmp_path / f"{name}-{width}-{scheme}.png")
    assert complaints == []
    context.close()


def test_the_chosen_theme_is_kept(site: Site, context: "BrowserContext") -> None:
    page = context.new_page()
    page.goto(f"{site.url}/login")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Switch between light and dark").click()
    page.reload()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light


OTHER_SITE = """<!doctype html><title>Which CRM? A group</title>
<p>Small talk.</p><p id="post">We are a bakery & need a CRM. "Cheap", 50 % off?</p>"""


def test_the_bookmarklet_brings_the_selected_text_of_another_site_into_the_form(
    site: Site, context: "BrowserContext"
) -> None:
    page = context.new_page()
    complaints = _watched(page)
    page.goto(site.login_link(site.cast.sam))
    page.goto(f"{site.url}/posts/new")
    bookmarklet = page.locator("#bookmarklet").get_attribute("href") or ""
    assert complaints == []  # nothing of it runs on our own page, nor does our policy mind it there
    other = "https://www.facebook.com/groups/471/posts/1234567/?__cft__=tracked"
    context.route("https://www.facebook.com/**", lambda route: route.fulfill(body=OTHER_SITE, content_type="text/html"))
    page.goto(other)
    page.evaluate("getSelection().selectAllChildren(document.querySelector('#post'))")
    with context.expect_page() as opened:
        page.evaluate(bookmarklet.removeprefix("javascript:"))
    form = opened.value
    form.wait_for_load_state()
    assert form.evaluate("window.opener") is None
    assert form.get_by_label("Address of the post").input_value() == other
    assert form.get_by_label("Title").input_value() == "Which CRM? A group"
    assert form.get_by_label("Text").input_value() == 'We are a bakery & need a CRM. "Cheap", 50 % off?'
    form.get_by_label("Author").fill("Anna Roggen")
    form.get_by_role("button", name="Take it in").click()
    form.get_by_text("Taken in (Facebook, groups/471).").wait_for()
    with site.sessions() as session:
        post = session.scalars(sa.select(Post).where(Post.author_name == "Anna Roggen")).one()
        assert post.permalink == "https://www.facebook.com/groups/471/posts/1234567/"


def test_a_source_is_paused_enabled_and_removed_with_its_posts_by_typing_its_name(
    site: Site, context: "BrowserContext"
) -> None:
    with site.sessions.begin() as session:
        watch_source(session, now=site.now, platform=Platform.REDDIT, community="r/bakers")
    page = context.new_page()
    complaints = _watched(page)
    page.goto(site.login_link(site.cast.mara))
    page.get_by_role("link", name="Sources").click()
    page.get_by_role("button", name="Pause").click()
    page.get_by_text("r/bakers is paused").wait_for()
    page.get_by_role("button", name="Enable").click()
    page.get_by_text("is read again with the next pass").wait_for()
    page.locator("summary", has_text="Remove").click()
    page.get_by_label("To confirm, type r/bakers").fill("r/bakers")
    page.get_by_role("button", name="Remove with its posts").click()
    page.get_by_text("r/bakers is removed with its 4 posts").wait_for()
    assert complaints == []
    with site.sessions() as session:
        assert session.query(Lead).count() == 0
