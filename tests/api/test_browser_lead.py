"""The lead's page and the board in a real browser: by the mouse, by the keyboard, at two widths."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from overheard.leads import claims, contacts, funnel, lead_notes, qualification
from overheard.vocabulary import ContactKind, Platform, Stage, Topic
from tests.api.browsing import Site, complaints_of, fits_every_width, in_a_browser, until
from tests.factories import make_lead, new_post

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = in_a_browser

FIRST = "First bakery"
LONG = "Looking for a way to keep track of every offer that we ever sent to anybody. " * 3


def _card(page: "Page", lead: int) -> str:
    """In which column a card hangs."""
    return str(page.locator(f"#card-{lead}").evaluate("card => card.closest('.column').dataset.stage"))


def _column(stage: Stage) -> str:
    return f'.column[data-stage="{stage.value}"]'


def test_a_card_is_dragged_to_the_next_stage_and_taken_back(site: Site, context: "BrowserContext") -> None:
    page = context.new_page()
    complaints = complaints_of(page)
    page.goto(site.login_link(site.cast.sam))
    page.goto(f"{site.url}/board")
    lead = site.lead(FIRST).id
    page.evaluate("window.sameDocument = true")
    page.drag_and_drop(f"#card-{lead} .board-need", _column(Stage.SALES_QUALIFIED))
    page.get_by_text("Promoted u/baker0.").wait_for()
    assert (_card(page, lead), site.lead(FIRST).stage) == ("sales_qualified", Stage.SALES_QUALIFIED)
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("Taken back").wait_for()
    assert (_card(page, lead), site.lead(FIRST).stage) == ("marketing_qualified", Stage.MARKETING_QUALIFIED)
    assert page.evaluate("window.sameDocument")  # all of it in place
    assert complaints == []


def test_a_stage_that_is_not_open_takes_no_card_and_says_which_are(site: Site, context: "BrowserContext") -> None:
    page = context.new_page()
    page.goto(site.login_link(site.cast.sam))
    page.goto(f"{site.url}/board")
    lead = site.lead(FIRST).id
    page.drag_and_drop(f"#card-{lead} .board-need", _column(Stage.PROSPECT))
    page.get_by_text("cannot become prospect. From there it can go to: sales-qualified, disqualified.").wait_for()
    assert site.lead(FIRST).stage is Stage.MARKETING_QUALIFIED


def test_a_move_that_needs_a_reason_asks_for_it_on_the_card(site: Site, context: "BrowserContext") -> None:
    page = context.new_page()
    page.goto(site.login_link(site.cast.sam))
    lead = site.lead(FIRST).id
    with site.sessions.begin() as session:
        funnel.promote(session, lead, actor=site.cast.sam, now=site.now)
    page.goto(f"{site.url}/board")
    page.drag_and_drop(f"#card-{lead} .board-need", _column(Stage.LOST))
    page.get_by_label("Why did they not buy?").wait_for()
    assert site.lead(FIRST).stage is Stage.SALES_QUALIFIED
    page.keyboard.type("They stayed with paper.")
    page.locator(f"#card-{lead}").get_by_role("button", name="Lost", exact=True).click()
    page.get_by_text("u/baker0 is lost.").wait_for()
    assert _card(page, lead) == "lost"


def test_a_card_goes_all_the_way_by_the_arrow_keys(site: Site, context: "BrowserContext") -> None:
    page = context.new_page()
    complaints = complaints_of(page)
    page.goto(site.login_link(site.cast.sam))
    page.goto(f"{site.url}/board")
    lead = site.lead("Second bakery").id
    page.locator(f"#card-{site.lead(FIRST).id}").focus()
    page.keyboard.press("ArrowDown")
    for told in ("Promoted u/baker1.", "u/baker1 has been replied to.", "u/baker1 is a prospect.", "u/baker1 is won."):
        page.keyboard.press("ArrowRight")
        page.get_by_text(told).wait_for()
        page.wait_for_function(f"document.activeElement?.id === 'card-{lead}'")
    assert site.lead("Second bakery").stage is Stage.WON
    page.keyboard.press("ArrowRight")
    page.get_by_text("No stage further on is open to this lead.").wait_for()
    page.locator(f"#card-{site.lead(FIRST).id}").focus()
    page.keyboard.press("ArrowRight")
    page.get_by_text("Promoted u/baker0.").wait_for()
    page.wait_for_function(f"document.activeElement?.id === 'card-{site.lead(FIRST).id}'")
    page.keyboard.press("ArrowLeft")
    page.keyboard.type("Too early.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_text("Handed u/baker0 back to marketing.").wait_for()
    page.keyboard.press("u")
    page.get_by_text("Taken back").wait_for()
    assert site.lead(FIRST).stage is Stage.SALES_QUALIFIED
    assert complaints == []


def test_whoever_was_slower_is_told_and_the_card_stays(site: Site, context: "BrowserContext") -> None:
    page = context.new_page()
    page.goto(site.login_link(site.cast.sam))
    page.goto(f"{site.url}/board")
    lead = site.lead(FIRST).id
    with site.sessions.begin() as session:
        claims.release(session, [lead], site.cast.sam)  # the queue, where a login begins, claims what it shows
        funnel.promote(session, lead, actor=site.cast.sue, now=site.now)
    page.locator(f"#card-{lead}").focus()
    page.keyboard.press("ArrowRight")
    page.get_by_text("Sue promoted it").wait_for()
    page.wait_for_function("!document.querySelector('.moving')")
    assert _card(page, lead) == "marketing_qualified"


@pytest.mark.parametrize("width", [1440, 390])
def test_a_lead_is_written_about_in_place(site: Site, browser: "Browser", width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900})
    context.set_default_timeout(30_000)
    page = context.new_page()
    complaints = complaints_of(page)
    lead = _known(site)
    page.goto(site.login_link(site.cast.sam))
    page.goto(f"{site.url}/leads/{lead}")
    page.evaluate("window.sameDocument = true")
    page.get_by_label("New note").fill("Met at the fair.")
    page.get_by_role("button", name="Add note").click()
    page.get_by_text("Noted.").wait_for()
    page.get_by_label("Who decides").fill("half typed")
    page.get_by_label("Follow up on").fill(str(site.now.date() + timedelta(days=2)))
    page.get_by_text(f"Follow-up on {site.now.date() + timedelta(days=2)}.").wait_for()
    assert page.get_by_label("Who decides").input_value() == "half typed"
    page.get_by_label("Assigned to").select_option(label="Sue")
    page.get_by_text("Assigned to Sue.").wait_for()
    page.get_by_label("New tag").fill("fair")
    page.keyboard.press("Enter")
    page.get_by_text("Tagged: fair.").wait_for()
    question = page.locator(".questions li", has_text="Can they pay")
    question.get_by_placeholder("What is known").fill("They named 80 a month.")
    question.get_by_label("Does it fit?").select_option(label="fits")
    question.get_by_role("button", name="Keep").click()
    page.get_by_text("fits 1 of 2 known, 1 open").first.wait_for()
    page.get_by_label("Contact", exact=True).fill("rosa@")
    page.locator(".contacts").get_by_role("button", name="Add").click()
    page.get_by_text("This is no e-mail address and was not kept").wait_for()
    assert page.get_by_label("Contact", exact=True).input_value() == "rosa@"
    assert page.evaluate("window.sameDocument")
    assert [complaint for complaint in complaints if "422" not in complaint] == []
    context.close()


def test_the_desk_fits_every_width(site: Site, context: "BrowserContext", tmp_path: Path) -> None:
    page = context.new_page()
    complaints = complaints_of(page)
    lead = _known(site)
    page.goto(site.login_link(site.cast.alice))
    for name, path in (("board", "/board"), ("desk", f"/leads/{lead}"), ("asks", "/campaigns/1"), ("due", "/queue")):
        page.goto(site.url + path)
        fits_every_width(page, tmp_path / name, full_page=True)
    page.goto(f"{site.url}/board")
    page.locator(f"#card-{lead} .ways > summary").click()
    page.locator(f"#card-{lead} summary", has_text="Lost").click()
    fits_every_width(page, tmp_path / "board-move", full_page=True)
    assert complaints == []


def _known(site: Site) -> int:
    """A lead of which much is known, and a few others at all stages."""
    sam, now = site.cast.sam, site.now
    lead, second, third = (site.lead(title) for title in (FIRST, "Second bakery", "Third bakery"))
    with site.sessions.begin() as session:
        asked = {Topic.NEED: "Do they lose track of offers?", Topic.BUDGET: "Can they pay 50 a month?"}
        asked |= {Topic.AUTHORITY: "Does the writer decide?"}
        rows = [
            qualification.add_question(session, lead.campaign_id, topic=topic, question=text)
            for topic, text in asked.items()
        ]
        early = now - timedelta(days=3)
        funnel.promote(session, lead.id, actor=sam, now=early)
        qualification.answer(
            session, lead.id, rows[0].id, text="They use three sheets.", fits=False, actor=sam, now=now
        )
        lead_notes.add_note(session, lead.id, "Their baker knows our founder.", actor=site.cast.mara, now=now)
        lead_notes.add_tag(session, lead.id, "trade fair", actor=sam, now=now)
        lead_notes.set_follow_up(session, lead.id, now.date(), actor=sam, now=now)
        contacts.add_contact(session, lead.id, kind=ContactKind.PHONE, value="+49 30 901820", actor=sam, now=site.now)
        contacts.add_contact(
            session, lead.id, kind=ContactKind.SITE, value="bakery.example.com", actor=sam, now=site.now
        )
        twin = new_post(author="baker0", platform=Platform.SLACK, community="crafts", title=LONG)
        make_lead(session, now=now, post=twin)
        for other, steps in ((second, 2), (third, 3)):
            for step in (funnel.promote, funnel.record_reply, funnel.make_prospect)[:steps]:
                step(session, other.id, actor=sam, now=now)
    return lead.id


def test_a_lead_is_kept_from_others_while_somebody_has_it_open(site: Site, context: "BrowserContext") -> None:
    page = context.new_page()
    complaints = complaints_of(page)
    lead = site.lead(FIRST).id

    def held() -> list[str]:
        with site.sessions() as session:
            return [holder.name for holder in claims.holders(session, [lead], site.now).values()]

    page.goto(site.login_link(site.cast.sam))
    page.evaluate("claiming")  # is answered: else that could be when the page is left
    assert held() == ["Sam"]
    page.goto(f"{site.url}/campaigns")
    until(page, lambda: not held())  # nor does the queue hold it once it was left; the browser says so in its own time
    with page.expect_response("**/queue/claims"):
        page.goto(f"{site.url}/leads/{lead}")
    assert held() == ["Sam"]
    page.goto(f"{site.url}/campaigns")
    until(page, lambda: not held())
    with site.sessions.begin() as session:
        claims.claim(session, lead, site.cast.sue, site.now)
    page.goto(f"{site.url}/leads/{lead}")
    page.get_by_text("Sue is looking at this lead.").wait_for()
    assert complaints == []
