"""Erasing somebody in a real browser, by keyboard and without a script."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from overheard.models import Post
from overheard.privacy import receipts
from tests.api.browsing import Site, complaints_of, fits_every_width, found_by_axe, in_a_browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = in_a_browser


def _tab_to(page: "Page", selector: str) -> None:
    """Press Tab until it has the focus."""
    for _ in range(100):
        page.keyboard.press("Tab")
        if page.evaluate("([wanted]) => document.activeElement.matches(wanted)", [selector]):
            return
    pytest.fail(f"Tab never comes to {selector}")


@pytest.mark.parametrize(("scheme", "script"), [("light", True), ("dark", False)])
def test_a_person_is_erased_by_keyboard_from_their_lead_to_the_receipt(
    site: Site, browser: "Browser", tmp_path: Path, scheme: str, script: bool
) -> None:
    context = browser.new_context(
        viewport={"width": 1440, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
        java_script_enabled=script,
    )
    context.set_default_timeout(20_000)
    page = context.new_page()
    complaints = complaints_of(page)
    lead = site.lead("First bakery")
    page.goto(site.login_link(site.cast.alice))
    page.goto(f"{site.url}/leads/{lead.id}")
    _tab_to(page, f'a[href="/privacy?lead={lead.id}"]')
    page.keyboard.press("Enter")
    page.wait_for_url("**/privacy?lead=*")
    assert page.input_value("#text") == "baker0"
    fits_every_width(page, tmp_path / "privacy", full_page=True)
    _tab_to(page, "#text")
    page.keyboard.press("Enter")
    page.wait_for_url("**/privacy/look")
    assert "Erase 1 post" in page.inner_text("main")
    fits_every_width(page, tmp_path / "look", full_page=True)
    _tab_to(page, "#reason")
    page.keyboard.type("Letter of 3 May")
    _tab_to(page, '[name="seen"]')
    page.keyboard.press("Space")
    _tab_to(page, "#erase-form button")
    page.keyboard.press("Enter")
    page.wait_for_url("**/privacy/receipts/*")
    assert "Letter of 3 May" in page.inner_text("main")
    fits_every_width(page, tmp_path / "receipt", full_page=True)
    with site.sessions() as session:
        assert "baker0" not in session.scalars(sa.select(Post.author)).all()
        [receipt] = receipts.page(session)
    page.goto(f"{site.url}/privacy")
    assert receipt.receipt in page.inner_text("main")
    fits_every_width(page, tmp_path / "privacy-after", full_page=True)
    assert complaints == []
    context.close()


def test_axe_finds_nothing_on_what_is_held_and_on_a_receipt(site: Site, browser: "Browser") -> None:
    context = browser.new_context(viewport={"width": 390, "height": 900}, color_scheme="dark", bypass_csp=True)
    context.set_default_timeout(20_000)
    page = context.new_page()
    page.goto(site.login_link(site.cast.alice))
    page.goto(f"{site.url}/privacy?lead=1")
    page.click("main form[action='/privacy/look'] button")
    page.wait_for_url("**/privacy/look")
    assert found_by_axe(page) == []
    page.check('[name="seen"]')
    page.click("#erase-form button")
    page.wait_for_url("**/privacy/receipts/*")
    assert found_by_axe(page) == []
    context.close()
