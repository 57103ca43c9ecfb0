"""The charts of `/insights` in a real browser, under our Content-Security-Policy."""

from typing import TYPE_CHECKING

from tests.api.browsing import Site, complaints_of, in_a_browser

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

pytestmark = in_a_browser


def test_charts_are_drawn_from_the_tables_and_fit_a_phone_and_paper(site: Site, context: "BrowserContext") -> None:
    page = context.new_page()
    complaints = complaints_of(page)
    page.goto(site.login_link(site.cast.mara))
    page.set_viewport_size({"width": 390, "height": 900})
    page.goto(f"{site.url}/insights")
    charts, canvases = page.locator(".chart"), page.locator(".chart canvas")
    assert canvases.count() == charts.count() >= 3
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.emulate_media(media="print")
    page.wait_for_timeout(100)
    assert canvases.count() == charts.count()
    assert page.locator("#weeks-table tbody tr").count() == 9
    assert complaints == []
