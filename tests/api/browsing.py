"""Debian's Chromium before the application: fixtures that `tests/api/conftest.py` hands to all tests here."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from api.app import create_app
from overheard.db import Sessions, make_engine, make_sessions
from overheard.models import Lead, Post, User
from overheard.settings import Settings
from overheard.users import accounts
from tests.api.serving import serving
from tests.factories import Cast, make_campaign, make_cast, make_lead, new_post

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

_AXE = Path(__file__).parent / "vendor" / "axe.min.js"
_AXE_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync"
TITLES = ["First bakery", "Second bakery", "Third bakery", "Fourth bakery"]

in_a_browser = [
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
        """An address that logs a user in once, without a click (`serving`)."""
        with self.sessions.begin() as session:
            return f"{self.url}/come-in/{accounts.make_login_link(session, user, now=self.now).token}"

    def lead(self, title: str) -> Lead:
        """The lead whose post has this title."""
        with self.sessions() as session:
            return session.scalars(
                sa.select(Lead).join(Post, Post.id == Lead.top_post_id).where(Post.title == title)
            ).one()


@pytest.fixture
def rooms() -> dict[str, Any]:
    """What the roof hands to the application besides: doors to other rooms."""
    return {}


@pytest.fixture
def site(
    sqlite_template: Path, tmp_path: Path, settings: Settings, rooms: dict[str, Any], now: datetime
) -> Iterator[Site]:
    path = tmp_path / "overheard.db"
    path.write_bytes(sqlite_template.read_bytes())
    engine = make_engine(f"sqlite:///{path}")
    with site_over(engine, settings, now=now, **rooms) as site:
        yield site
    engine.dispose()


@contextmanager
def site_over(engine: Engine, settings: Settings, *, now: datetime, **rooms: Any) -> Iterator[Site]:  # noqa: ANN401 - doors of any kind
    """A site over a migrated, empty database; `rooms`: what the roof hands to the application besides."""
    sessions = make_sessions(engine)
    with sessions.begin() as session:
        cast = make_cast(session, now=now)
        campaign = make_campaign(session, now=now, queries={"asks": "crm"})
        for number, title in enumerate(TITLES):
            post = new_post(title=title, author=f"baker{number}", body="We are three people. Looking for a CRM. " * 3)
            signals = [["team_size", "body", 7, 19], ["competitor", "title", 0, len(title)], ["budget", "body", 0, 80]]
            told = {"need": ["body", 21, 38], "signals": signals[: number + 1]}
            make_lead(session, now=now, campaign=campaign, post=post, score=0.9 - number / 10, explanation=told)
    with serving(create_app(settings, engine=engine, clock=lambda: now, **rooms)) as (url, _):
        yield Site(url, sessions, cast, now)


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        yield browser
        browser.close()


@pytest.fixture
def context(browser: "Browser") -> "Iterator[BrowserContext]":
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(30_000)
    yield context
    context.close()


def complaints_of(page: "Page") -> list[str]:
    """What the page complains about: errors of its script, and whatever its security policy refused."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return complaints


# What of the bar nobody could click, at either of its ends; its menu is opened for that where it has to be.
_OUT_OF_REACH = """() => {
  const menu = document.querySelector(".nav"), isClosed = !menu.checkVisibility();
  const isReached = (entry) => {
    const {left, right, top, bottom} = entry.getBoundingClientRect(), y = (top + bottom) / 2;
    return [left + 2, right - 2].every((x) => entry.contains(document.elementFromPoint(x, y)));
  };
  if (isClosed) menu.showPopover();
  const found = [...document.querySelectorAll(".bar :is(a, button)")].filter((entry) => entry.checkVisibility());
  const outOfReach = found.filter((entry) => !isReached(entry)).map((entry) => entry.innerText);
  if (isClosed) menu.hidePopover();
  return isClosed && !found.some((entry) => entry.popoverTargetElement === menu) ? ["the whole menu"] : outOfReach;
}"""


def fits_every_width(page: "Page", picture: Path, *, full_page: bool = False) -> None:
    """Nothing sticks out at three widths, and every entry of the menu can be reached. Screenshots, each a costly thing,
    stand at `picture-WIDTH-SCHEME.png`.
    """
    for width, schemes in ((1440, ("dark", "light")), (1024, ()), (390, ("light",))):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (picture.name, width)
        assert page.evaluate(_OUT_OF_REACH) == [], (picture.name, width)
        for scheme in schemes:
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
            page.screenshot(path=f"{picture}-{width}-{scheme}.png", full_page=full_page)


def found_by_axe(page: "Page") -> list[tuple[str, str, str]]:
    """What of WCAG 2.2 AA a program sees broken: rule, place, markup. The page's policy has to be bypassed for it."""
    page.evaluate(_AXE.read_text())
    result = page.evaluate("rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})", _AXE_RULES)
    return [
        (broken["id"], str(node["target"]), node["html"][:120])
        for broken in result["violations"]
        for node in broken["nodes"]
    ]


def until(page: "Page", holds: str | Callable[[], bool]) -> None:
    """Wait for what the page's script would say, or for what comes of it; the page's own policy forbids Playwright to
    wait for that in there.
    """
    end = time.monotonic() + 30
    while not (page.evaluate(holds) if isinstance(holds, str) else holds()):
        assert time.monotonic() < end, holds
        page.wait_for_timeout(30)


def titles_on(page: "Page") -> list[str]:
    """The cards of the queue, from the top."""
    return page.locator(".card h3").all_inner_texts()
