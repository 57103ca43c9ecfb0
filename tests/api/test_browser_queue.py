"""The queue in a real browser: by the keyboard, by the mouse, by two people at once, and without a network."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from overheard.leads import claims, funnel
from overheard.models import Label, Lead, LeadEvent
from overheard.vocabulary import LeadAction, Stage
from tests.api.browsing import TITLES, Site, complaints_of, in_a_browser, titles_on, until
from tests.factories import make_lead, new_post

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Route

pytestmark = in_a_browser

HUGE = "word " * 4000
HOSTILE = "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"


def _press(page: "Page", *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def _current(page: "Page", title: str) -> None:
    """Wait until this lead is the one that is read."""
    page.locator(".card.current", has=page.get_by_role("heading", name=title)).wait_for()


def _decided(site: Site) -> dict[str, Stage]:
    return {title: site.lead(title).stage for title in TITLES}


def test_a_newcomer_logs_in_by_a_link_promotes_by_a_click_and_takes_it_back(
    site: Site, context: "BrowserContext"
) -> None:
    page = context.new_page()
    complaints = complaints_of(page)
    page.goto(site.login_link(site.cast.sam))
    assert page.url == f"{site.url}/queue"
    assert titles_on(page) == TITLES
    page.evaluate("window.sameDocument = true")
    page.get_by_role("button", name="Promote").nth(1).click()
    page.get_by_text("Promoted u/baker1.").wait_for()
    assert titles_on(page) == ["First bakery", "Third bakery", "Fourth bakery"]
    assert page.locator(".count").inner_text() == "3"
    assert site.lead("Second bakery").stage is Stage.SALES_QUALIFIED
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("Taken back").wait_for()
    assert titles_on(page) == TITLES
    assert page.evaluate("window.sameDocument")  # all of it in place
    assert complaints == []


def test_a_queue_is_cleared_from_the_keyboard_and_every_step_is_taken_back(
    site: Site, context: "BrowserContext"
) -> None:
    page = context.new_page()
    complaints = complaints_of(page)
    page.goto(site.login_link(site.cast.sam))
    _press(page, "j", "p", "p")  # the second before the first is answered
    page.get_by_text("Promoted u/baker1.").wait_for()
    _press(page, "d", "7")
    page.get_by_text("Disqualified u/baker2: stale.").wait_for()
    _press(page, "s", "2")
    page.get_by_text("Snoozed until Monday, 23 November.").wait_for()
    page.get_by_role("heading", name="All clear").wait_for()
    assert "Today you promoted 2, disqualified 1" in page.locator(".tally").inner_text()
    assert list(_decided(site).values()) == [
        Stage.SALES_QUALIFIED,
        Stage.SALES_QUALIFIED,
        Stage.DISQUALIFIED,
        Stage.MARKETING_QUALIFIED,
    ]
    for said in ("It is in the queue again.", "Taken back: u/baker2", "Taken back: u/baker1", "Taken back: u/baker0"):
        _press(page, "u")
        page.get_by_text(said).wait_for()
    assert set(_decided(site).values()) == {Stage.MARKETING_QUALIFIED}
    _press(page, "u")
    page.get_by_text("There is nothing to undo.").wait_for()
    until(page, "document.querySelectorAll('.card').length === 4")
    assert complaints == []


def test_steps_can_be_taken_back_after_the_page_was_loaded_anew(site: Site, context: "BrowserContext") -> None:
    page = context.new_page()
    page.goto(site.login_link(site.cast.sam))
    _press(page, "j", "p")
    page.get_by_text("Promoted u/baker0.").wait_for()
    page.goto(f"{site.url}/queue")
    _press(page, "u")
    page.get_by_text("Taken back: u/baker0").wait_for()
    _current(page, "First bakery")
    assert titles_on(page) == TITLES


def test_a_lead_is_assigned_by_keys_and_reasons_that_need_words_ask_for_them(
    site: Site, context: "BrowserContext"
) -> None:
    page = context.new_page()
    page.goto(site.login_link(site.cast.sam))
    _press(page, "j", "a")
    page.get_by_text("It is yours now.").wait_for()
    assert "assigned to Sam" in page.locator(".card.current").inner_text()
    _press(page, "A", "3")
    page.get_by_text("Assigned to Sue.").wait_for()
    assert site.lead("First bakery").assignee_id == site.cast.sue.id
    _press(page, "u")
    page.get_by_text("It is yours now.").wait_for()
    _current(page, "First bakery")
    _press(page, "d", "9")
    page.keyboard.type("A test of ours")  # letters are words here, and no keys
    page.keyboard.press("Control+Enter")
    page.get_by_text("Disqualified u/baker0: other.").wait_for()
    with site.sessions() as session:
        assert session.scalars(sa.select(LeadEvent).order_by(LeadEvent.id.desc())).first().note == "A test of ours"  # type: ignore[union-attr]


def test_moving_shows_what_else_is_known_and_claims_what_is_read(site: Site, context: "BrowserContext") -> None:
    page = context.new_page()
    page.goto(site.login_link(site.cast.sam))
    _press(page, "j", "j", "k")
    _current(page, "First bakery")
    page.get_by_role("heading", name="Decided on similar posts").wait_for()

    def holders(*titles: str) -> set[str]:
        with site.sessions() as session:
            held = claims.holders(session, [site.lead(title).id for title in titles], site.now)
        return {holder.name for holder in held.values()}

    page.evaluate("claiming")  # what was asked for is answered
    assert holders("First bakery") == {"Sam"}
    page.goto(f"{site.url}/campaigns")
    until(page, lambda: not holders(*TITLES))  # the browser says so in its own time


def test_what_a_colleague_looks_at_is_passed_over_with_the_name(site: Site, context: "BrowserContext") -> None:
    page = context.new_page()
    page.goto(site.login_link(site.cast.sam))
    until(page, "held.size > 0")  # else the first claim's answer could come after what follows
    page.evaluate("held.clear()")
    leads = [site.lead(title).id for title in TITLES]
    with site.sessions.begin() as session:
        claims.release(session, leads, site.cast.sam)
        claims.claim(session, leads[0], site.cast.sue, site.now)
    _press(page, "j")
    page.get_by_text("Sue is looking at this one.").wait_for()
    _current(page, "Second bakery")
    page.goto(f"{site.url}/queue")
    assert titles_on(page) == TITLES[1:]
    page.get_by_text("Sue is looking at 1 more").wait_for()


def test_an_act_that_is_refused_is_taken_back_with_the_reason(site: Site, context: "BrowserContext") -> None:
    page = context.new_page()
    page.goto(site.login_link(site.cast.sam))
    _press(page, "j")
    _current(page, "First bakery")
    with site.sessions.begin() as session:
        first = site.lead("First bakery").id
        claims.release(session, [first], site.cast.sam)
        funnel.promote(session, first, actor=site.cast.sue, now=site.now)
    _press(page, "p")
    page.get_by_text("Sue promoted it").wait_for()
    page.get_by_text("“First bakery” is back in the list.").wait_for()
    assert titles_on(page)[0] == "First bakery"


def test_a_network_cut_in_the_middle_of_an_act_loses_nothing(site: Site, context: "BrowserContext") -> None:
    page = context.new_page()
    page.goto(site.login_link(site.cast.sam))
    _press(page, "j")
    _current(page, "First bakery")
    context.set_offline(offline=True)
    _press(page, "p")
    page.get_by_text("The server cannot be reached, so this may not be saved.").wait_for()
    assert titles_on(page) == TITLES
    context.set_offline(offline=False)
    page.locator(".card", has_text="First bakery").locator(".text").click()
    _current(page, "First bakery")
    _press(page, "p")
    page.get_by_text("Promoted u/baker0.").wait_for()
    context.set_offline(offline=True)
    _press(page, "u")
    page.get_by_text("Nothing was taken back: press u again").wait_for()
    context.set_offline(offline=False)
    _press(page, "u")
    page.get_by_text("Taken back: u/baker0").wait_for()
    assert site.lead("First bakery").stage is Stage.MARKETING_QUALIFIED


def test_an_act_whose_answer_is_lost_is_not_done_twice(site: Site, context: "BrowserContext") -> None:
    page = context.new_page()
    page.goto(site.login_link(site.cast.sam))
    _press(page, "j")
    _current(page, "First bakery")

    def cut_the_answer(route: "Route") -> None:
        route.fetch()  # the server does it
        route.abort()

    page.route("**/promote", cut_the_answer, times=1)
    _press(page, "p")
    page.get_by_text("this may not be saved").wait_for()
    page.locator(".card", has_text="First bakery").locator(".text").click()
    page.get_by_text("This one has been decided meanwhile.").wait_for()
    _press(page, "u")
    page.get_by_text("Taken back: u/baker0").wait_for()
    _current(page, "First bakery")
    assert titles_on(page) == TITLES
    with site.sessions() as session:
        assert session.query(LeadEvent).where(LeadEvent.action == LeadAction.PROMOTE).count() == 1


def _is_cleared(site: Site) -> bool:
    with site.sessions() as session:
        waiting = sa.select(sa.func.count()).select_from(Lead).where(Lead.stage == Stage.MARKETING_QUALIFIED)
        return session.scalar(waiting) == 0


def test_two_people_who_clear_one_queue_at_full_speed_never_meet(site: Site, browser: "Browser") -> None:
    with site.sessions.begin() as session:
        for number in range(36):
            make_lead(session, now=site.now, post=new_post(author=f"a{number}", title=f"Ask {number}"), score=0.6)
    pages, refusals, complaints = [], [], []
    for user in (site.cast.sam, site.cast.sue):
        page = browser.new_context().new_page()
        complaints.append(complaints_of(page))
        page.on("response", lambda answer: refusals.append(answer.url) if answer.status == 409 else None)
        page.goto(site.login_link(user))
        pages.append(page)
    for page in pages:
        _press(page, "j")
    end = time.monotonic() + 90
    while not _is_cleared(site):
        assert time.monotonic() < end
        for page in pages:
            _press(page, "p", "d", "7")
    for page in pages:
        until(page, "!document.querySelector('.card:not(.foreign)')")
        assert page.locator(".flash.bad").count() == 0, page.locator(".flash").inner_text()
    assert (refusals, complaints) == ([], [[], []])
    with site.sessions() as session:
        decided = sa.select(LeadEvent.lead_id).where(LeadEvent.actor_id.is_not(None))
        leads = list(session.scalars(decided))
        assert len(leads) == len(set(leads)) == session.query(Lead).count() == 40
        by = {label.actor_id for label in session.scalars(sa.select(Label))}
        assert by == {site.cast.sam.id, site.cast.sue.id}
    for page in pages:
        page.context.close()


def test_the_help_is_a_dialog_that_keeps_the_focus_and_ends_with_escape(site: Site, context: "BrowserContext") -> None:
    page = context.new_page()
    page.goto(site.login_link(site.cast.sam))
    _press(page, "?")
    dialog = page.get_by_role("dialog", name="Keys of the queue")
    dialog.wait_for()
    for _ in range(4):
        _press(page, "Tab")
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('dialog')")
    _press(page, "p")
    assert titles_on(page) == TITLES  # keys rest while it is open
    _press(page, "Escape")
    dialog.wait_for(state="hidden")
    _press(page, "/")
    assert page.evaluate("document.activeElement.name") == "campaign"


def test_new_leads_are_told_of_and_move_nothing_until_they_are_asked_for(site: Site, context: "BrowserContext") -> None:
    page = context.new_page()
    page.goto(site.login_link(site.cast.sam))
    _press(page, "j")
    _current(page, "First bakery")
    until(page, "newest !== null")
    with site.sessions.begin() as session:
        make_lead(session, now=site.now, post=new_post(author="new", title="Fresh bakery"), score=0.97)
    page.get_by_text("1 new: press n to load").wait_for()
    assert titles_on(page) == TITLES
    _press(page, "n")
    page.get_by_role("heading", name="Fresh bakery").wait_for()
    _current(page, "First bakery")


def test_ticked_leads_are_put_out_for_one_reason_and_come_back_in_one_step(
    site: Site, context: "BrowserContext"
) -> None:
    page = context.new_page()
    page.goto(site.login_link(site.cast.sam))
    assert page.locator("#bulk").is_hidden()
    _press(page, "j", "x", "j", "x")
    page.get_by_text("2 leads are ticked.").wait_for()
    _press(page, "d", "1")
    page.get_by_text("Disqualified 2 leads: not a buyer.").wait_for()
    assert titles_on(page) == TITLES[2:]
    _press(page, "u")
    page.get_by_text("Taken back: 2 leads.").wait_for()
    assert titles_on(page) == TITLES


def test_the_filters_are_kept_as_a_view(site: Site, context: "BrowserContext") -> None:
    page = context.new_page()
    page.goto(site.login_link(site.cast.sam))
    page.goto(f"{site.url}/queue?score=0.8")
    _press(page, "v")
    page.get_by_role("link", name="Save these filters").click()
    page.get_by_label("Save the filters you came with as").fill("Strong ones")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Saved as Strong ones.").wait_for()
    page.goto(f"{site.url}/queue")
    _press(page, "v")
    link = page.get_by_role("link", name="Strong ones")
    link.locator(".count", has_text="2").wait_for()
    link.click()
    assert titles_on(page) == TITLES[:2]


def test_everything_works_without_script(site: Site, browser: "Browser") -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site.login_link(site.cast.sam))
    page.get_by_role("button", name="Promote").first.click()
    page.get_by_text("Promoted u/baker0.").first.wait_for()
    page.locator(".card").get_by_role("link", name="Disqualify").first.click()
    page.get_by_role("button", name="Stale").click()
    page.get_by_text("Disqualified u/baker1: stale.").first.wait_for()
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("Taken back").first.wait_for()
    page.locator(".card").get_by_role("link", name="Snooze").first.click()
    page.get_by_role("button", name="Until tomorrow").click()
    page.get_by_text("Snoozed until Saturday, 21 November.").first.wait_for()
    page.get_by_role("button", name="Undo").click()
    page.locator(".card").get_by_role("link", name="Assign").first.click()
    page.get_by_role("button", name="Sue").click()
    page.get_by_text("Assigned to Sue.").first.wait_for()
    page.get_by_role("checkbox").nth(1).check()
    page.locator("summary", has_text="Disqualify the ticked").click()
    page.locator("#bulk").get_by_role("button", name="Stale").click()
    page.get_by_text("Disqualified 1 lead: stale.").first.wait_for()
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("Taken back: 1 lead.").first.wait_for()
    page.get_by_label("Least score").select_option("0.8")
    page.get_by_role("button", name="Filter").last.click()
    assert "score=0.8" in page.url
    assert titles_on(page) == ["Second bakery"]
    page.get_by_role("link", name="Earlier posts and similar decisions").click()
    page.get_by_text("What else we know").first.wait_for()
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url(f"{site.url}/login")
    with site.sessions() as session:
        assert [label.position for label in session.scalars(sa.select(Label).order_by(Label.id))] == [1, 1, None]
    context.close()


def test_hostile_posts_harm_no_width(site: Site, context: "BrowserContext", tmp_path: Path) -> None:
    hostile = {
        "script": HOSTILE + " crm",
        "huge": HUGE + "x" * 3000 + " crm",
        "rtl": "\u202eمن يعرف نظام CRM جيد؟ " * 12,
    }
    with site.sessions.begin() as session:
        for name, text in hostile.items():
            post = new_post(title=text[:300], body=f"{text} crm", author=text[:80], community=f"r/{text[:90]}")
            make_lead(session, now=site.now, post=post, score=0.95)
            assert name
    page = context.new_page()
    complaints = complaints_of(page)
    page.goto(site.login_link(site.cast.sam))
    for width, scheme in ((1440, "light"), (1024, "dark"), (390, "light")):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(f"{site.url}/queue")
        page.locator(".tick").first.click()
        _press(page, "j")
        page.locator(".card.current").wait_for()
        page.locator(".card.current .background a[href$='/background']").wait_for(state="detached")  # what is behind it
        page.screenshot(path=tmp_path / f"queue-hostile-{width}-{scheme}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for opens in "dsA":
            page.locator(f'.card.current [data-opens="{opens}"] summary').click()
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (opens, width)
            page.screenshot(path=tmp_path / f"queue-{opens}-{width}-{scheme}.png")
            _press(page, "Escape")
        assert page.title() == "Queue · Overheard"
    assert complaints == []
