"""The label editor in a real browser."""

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from overheard.models import IntentLabel
from overheard.vocabulary import Intent
from tests.api.browsing import Site, complaints_of, fits_every_width, in_a_browser

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

pytestmark = in_a_browser


def test_keys_label_a_post_and_the_pages_fit_every_width(site: Site, context: "BrowserContext", tmp_path: Path) -> None:
    page = context.new_page()
    complaints = complaints_of(page)
    page.goto(site.login_link(site.cast.alice))
    page.goto(f"{site.url}/labels")
    first = page.locator("#post").get_attribute("data-post")
    page.keyboard.press("0")
    page.keyboard.press("5")
    page.wait_for_url("**last=*")
    with site.sessions() as session:
        said = session.scalars(sa.select(IntentLabel)).one()
    assert (str(said.post_id), said.intent, said.is_unsure) == (first, Intent.PAIN, True)
    fits_every_width(page, tmp_path / "labels")
    page.keyboard.press("z")
    page.get_by_text("taken back").wait_for()
    page.goto(f"{site.url}/labels/measures")
    fits_every_width(page, tmp_path / "measures")
    assert complaints == []
