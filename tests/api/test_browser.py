"""The pages in a real browser: with script, without, and how they look at three widths."""

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from overheard.models import Lead, Post
from overheard.vocabulary import Platform
from tests.api.browsing import Site, complaints_of, fits_every_width, in_a_browser
from tests.factories import watch_source

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

pytestmark = in_a_browser


def _pages(lead: int) -> list[tuple[str, str]]:
    return [
        ("queue", "/queue"),
        ("lead", f"/leads/{lead}"),
        ("campaigns", "/campaigns"),
        ("campaign", "/campaigns/1"),
        ("wizard", "/campaigns/new"),
        ("held", "/campaigns/1/held"),
        ("insights", "/insights"),
        ("alerts", "/alerts"),
        ("deliveries", "/alerts/deliveries"),
        ("sources", "/sources"),
        ("new-post", "/posts/new"),
        ("suggestions", "/campaigns/1/suggestions"),
        ("operations", "/admin"),
    ]


def test_every_page_fits_every_width(site: Site, context: "BrowserContext", tmp_path: Path) -> None:
    page = context.new_page()
    complaints = complaints_of(page)
    page.goto(site.login_link(site.cast.alice))
    lead = site.lead("First bakery").id
    for name, path in _pages(lead):
        page.goto(site.url + path)
        if name in ("queue", "lead"):
            page.locator("main :is(summary, a, button):visible", has_text="Disqualify").first.click()
        fits_every_width(page, tmp_path / name)
    assert complaints == []


def test_on_a_telephone_the_menu_opens_without_script(site: Site, browser: "Browser") -> None:
    context = browser.new_context(viewport={"width": 390, "height": 700}, java_script_enabled=False)
    page = context.new_page()
    page.goto(site.login_link(site.cast.alice))
    operations = page.get_by_role("link", name="Operations")
    assert not operations.is_visible()
    page.get_by_role("button", name="Menu").click()
    operations.click()
    page.get_by_role("heading", name="Operations").wait_for()
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
    complaints = complaints_of(page)
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


def test_a_source_is_paused_enabled_and_removed_and_its_posts_stay(site: Site, context: "BrowserContext") -> None:
    with site.sessions.begin() as session:
        watch_source(session, now=site.now, platform=Platform.REDDIT, community="r/bakers")
    page = context.new_page()
    complaints = complaints_of(page)
    page.goto(site.login_link(site.cast.mara))
    page.get_by_role("link", name="Sources").click()
    page.get_by_role("button", name="Pause").click()
    page.get_by_text("r/bakers is paused").wait_for()
    page.get_by_role("button", name="Enable").click()
    page.get_by_text("is read again with the next pass").wait_for()
    page.locator("summary", has_text="Remove").click()
    page.get_by_role("button", name="Remove, keep its posts").click()
    page.get_by_text("r/bakers is no longer read. Its posts stay.").wait_for()
    assert page.locator("summary", has_text="Remove").count() == 0  # to erase it is an admin's: /privacy
    assert complaints == []
    with site.sessions() as session:
        assert session.query(Lead).count() == 4
