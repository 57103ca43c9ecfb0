"""People, oneself, notices and the audit log in a real browser."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from overheard.notifications import notices
from overheard.users import accounts
from overheard.vocabulary import NoticeKind
from tests.api.browsing import Site, fits_every_width, in_a_browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = in_a_browser

PAGES = ("people", "me", "notices", "audit")


def _watched(page: "Page") -> list[str]:
    """What the console complains of: our own policy broken, a script that fails."""
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return complaints


def _hints_about_passwords(page: "Page") -> list[str]:
    """What the browser misses on forms with passwords, for those who have them filled in."""
    hints: list[str] = []
    page.on("console", lambda said: hints.append(f"{page.url}: {said.text}") if "[DOM]" in said.text else None)
    return hints


def test_an_invitation_from_the_form_to_the_first_page(
    site: Site, context: "BrowserContext", browser: "Browser"
) -> None:
    page = context.new_page()
    complaints = _watched(page)
    page.goto(site.login_link(site.cast.alice))
    page.get_by_role("link", name="People").click()
    page.get_by_label("Name", exact=True).fill("Nia Okafor")
    page.get_by_label("E-mail").fill("nia@example.org")
    page.get_by_label("Role", exact=True).select_option("marketer")
    page.get_by_role("button", name="Invite").click()
    address = page.get_by_label("The link").input_value()
    assert address.startswith("http://127.0.0.1:8000/welcome/")
    theirs = browser.new_context()
    other = theirs.new_page()
    hints = _hints_about_passwords(other)
    other.goto(site.url + address.removeprefix("http://127.0.0.1:8000"))
    other.get_by_label(re.compile("A password")).fill("a long enough password")
    other.get_by_role("button", name="Come in").click()
    other.wait_for_url(f"{site.url}/queue")
    other.goto(f"{site.url}/me")
    for field in ("Old password", "New password", "The same again"):  # a hint comes by the time they are filled in
        other.get_by_label(field).fill("a long enough password")
    other.get_by_role("button", name="Change the password").click()
    other.locator("#flash").get_by_text("password").wait_for()
    assert hints == []
    theirs.close()
    page.goto(f"{site.url}/people")
    nia = page.locator(".person", has_text="Nia Okafor")
    assert "active" in nia.inner_text()
    nia.get_by_label("Role of Nia Okafor").select_option("sdr")  # sent at once
    page.get_by_text("Nia Okafor is sdr now.").wait_for()
    nia.get_by_role("button", name="Disable").click()
    page.get_by_text("Nia Okafor is disabled.").wait_for()
    page.get_by_role("link", name="Audit log").click()
    assert page.locator(".audit li").first.inner_text().startswith("User disabled")
    assert complaints == []


def test_the_bell_leads_to_the_lead_and_a_token_is_copied_once(site: Site, context: "BrowserContext") -> None:
    lead = site.lead("First bakery").id
    with site.sessions.begin() as session:
        text = f"Lead {lead} is yours now."
        notices.notify(session, site.cast.sam.id, NoticeKind.ASSIGNED, text, f"/leads/{lead}", site.now)
    page = context.new_page()
    complaints = _watched(page)
    page.goto(site.login_link(site.cast.sam))
    page.get_by_role("link", name="Notices").click()
    page.get_by_role("button", name="Open").click()
    page.wait_for_url(f"{site.url}/leads/{lead}")
    assert page.locator(".bell-count").count() == 0
    page.get_by_title(site.cast.sam.email).click()
    page.get_by_label("Name", exact=True).last.fill("CRM")
    page.get_by_role("button", name="Make a token").click()
    assert page.get_by_label("The token").input_value().startswith("ovh_")
    page.goto(f"{site.url}/me")
    assert page.get_by_label("The token").count() == 0
    page.get_by_role("button", name="Revoke").click()
    page.get_by_text("opens nothing any more").wait_for()
    assert complaints == []


def test_every_page_fits_every_width(site: Site, context: "BrowserContext", tmp_path: Path) -> None:
    with site.sessions.begin() as session:
        for number in range(4):
            text = f"Lead {number} answered your reply."
            kind = list(NoticeKind)[number % len(NoticeKind)]
            notices.notify(session, site.cast.alice.id, kind, text, f"/leads/{number}", site.now)
        accounts.make_token(session, site.cast.alice, name="The nightly export to the CRM", now=site.now)
    page = context.new_page()
    complaints = _watched(page)
    page.goto(site.login_link(site.cast.alice))
    for name in PAGES:
        page.goto(f"{site.url}/{name}")
        fits_every_width(page, tmp_path / name, full_page=True)
    assert complaints == []
