"""Hostile texts in every field that somebody fills: no element or attribute is made of them, and no script runs."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from api.middleware import SECURITY_HEADERS
from overheard.models import User
from tests.api.browsing import Site, in_a_browser
from tests.api.conftest import World
from tests.api.hostile import HOSTILE, fill

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

PAGES = [
    "/queue",
    "/queue?community=%22%3E%3Cxsscanary%3E",
    "/queue/views",
    "/board",
    "/campaigns",
    "/campaigns/1",
    "/campaigns/new",
    "/campaigns/1/suggestions",
    "/sources",
    "/posts/new",
    "/replies",
    "/snippets",
    "/accounts",
    "/people",
    "/me",
    "/notices",
    "/audit",
]


@dataclass
class Page(HTMLParser):
    """What elements and attributes a page is made of, and where it leads."""

    html: str
    made_of: set[tuple[str, str]] = field(default_factory=set)
    addresses: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.made_of |= {(tag, "")} | {(tag, name) for name, _ in attrs}
        self.addresses += [value or "" for name, value in attrs if name in _LEADS]


_LEADS = {"href", "src", "action", "formaction", "srcdoc", "data", "poster"}

# What our own templates are made of where no text can add to it.
FORBIDDEN = {"iframe", "object", "embed", "base", "style", "img", "math", "template", "noscript", "applet", "frame"}


def test_there_are_enough_hostile_texts_and_unescaped_they_would_be_elements() -> None:
    assert len(set(HOSTILE)) >= 40
    assert sum(bool(Page(text).made_of) for text in HOSTILE) >= 25


def _pages(world: World, viewer: User, texts: list[str]) -> dict[str, str]:
    with world.sessions.begin() as session:
        leads = fill(session, session.merge(viewer), texts, now=world.now)
    browser = world.browser(viewer)
    shown = {}
    for path in (*PAGES, *(f"/leads/{lead}" for lead in leads)):
        response = browser.get(path)
        assert response.status_code == 200, (path, response.text[:300])
        assert response.headers["content-security-policy"] == SECURITY_HEADERS["Content-Security-Policy"]
        shown[path] = response.text
    return shown


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_element_and_no_attribute_is_made_of_a_text(world: World) -> None:
    for path, html in _pages(world, world.cast.alice, HOSTILE).items():
        page = Page(html)
        for tag, attribute in sorted(page.made_of):
            assert tag not in FORBIDDEN, (path, tag)
            assert tag.isascii(), (path, tag)
            assert "xsscanary" not in tag + attribute, (path, tag, attribute)
            assert not attribute.startswith("on"), (path, tag, attribute)
            assert attribute not in {"style", "srcdoc", "http-equiv"}, (path, tag, attribute)
            assert "<" not in tag + attribute, (path, tag, attribute)
            assert '"' not in attribute, (path, tag, attribute)
        for address in page.addresses:
            is_bookmarklet = path == "/posts/new" and address.startswith("javascript:")
            is_ours = address.startswith(("/", "#", "?")) and not address.startswith(("//", "/\\"))
            assert is_ours or is_bookmarklet or address.startswith(("https://", "http://")), (path, address[:80])
        assert page.html.count("<script") == len([a for a in page.addresses if a.endswith(".js")]), path


def test_the_policy_lets_no_script_run_but_our_own_files() -> None:
    policy = dict(part.strip().split(" ", 1) for part in SECURITY_HEADERS["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == policy["form-action"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in str(policy)


class TestInABrowser:
    """The pages that hold the most, before a real parser."""

    pytestmark = in_a_browser

    def test_no_script_runs(self, site: Site, context: "BrowserContext") -> None:
        with site.sessions.begin() as session:
            leads = fill(session, session.merge(site.cast.alice), HOSTILE, now=site.now)
        page = context.new_page()
        dialogs: list[str] = []
        asked: list[str] = []
        page.on("dialog", lambda dialog: dialogs.append(dialog.message))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(site.login_link(site.cast.alice))
        paths = ["/queue", "/campaigns", "/people", "/me", "/notices", "/audit", "/snippets", "/replies", "/board"]
        for path in (*paths, *(f"/leads/{lead}" for lead in leads[:12])):
            page.goto(site.url + path)
            assert page.evaluate("window.xsscanary") is None, path
            assert page.locator("xsscanary, [xsscanary], [onmouseover], [onfocus], [onerror]").count() == 0, path
        assert dialogs == []
        assert {url for url in asked if not url.startswith(site.url)} == set()
