"""A marketer at a query, by keyboard, in a real browser."""

from typing import TYPE_CHECKING

from overheard.models import Query
from tests.api.browsing import Site, complaints_of, in_a_browser

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

pytestmark = in_a_browser


def test_a_marketer_edits_tests_saves_and_takes_back_a_query_by_keyboard(site: Site, context: "BrowserContext") -> None:
    page = context.new_page()
    complaints = complaints_of(page)
    page.goto(site.login_link(site.cast.mara))
    page.goto(f"{site.url}/campaigns/1?query=asks#editor")
    editor = page.get_by_label("What to look for").and_(page.locator(".cm-content"))
    page.get_by_text("It finds the same posts.").wait_for()
    editor.focus()
    page.keyboard.press("Control+End")
    page.keyboard.type(' "second bakery')  # the closing mark is typed by the editor
    page.get_by_label("Lost").get_by_text("First bakery").wait_for()
    assert page.get_by_label("All of these").input_value() == "crm, second bakery"
    page.keyboard.type('" near/5')
    page.locator("#said .wrong").wait_for()
    for _ in " near/5":
        page.keyboard.press("Backspace")
    page.keyboard.press("Control+Enter")
    page.get_by_text("Query asks is in force as version 2.").wait_for()
    page.goto(f"{site.url}/campaigns/1?query=asks")
    page.get_by_text("Versions (2)").click()
    page.get_by_role("button", name="Go back to it").click()
    page.get_by_text("in force as version 3").wait_for()
    with site.sessions() as session:
        assert session.query(Query).where(Query.retired_at.is_(None)).one().expression == "crm"
    assert complaints == []
