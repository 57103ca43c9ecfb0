"""A marketer's desk in a real browser, each way from click to end: alerts, blind samples, CRMs, queries."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from cli.deliver import make_read_filters
from collectors.crm.run import CrmWorker, Door
from overheard.labelling import samples
from overheard.leads import funnel
from overheard.models import Lead, Query, User
from overheard.notifications import webhooks
from overheard.notifications.deliveries import Answer, deliver_due
from overheard.notifications.outbound_content import Outbound
from overheard.settings import Settings
from tests.api.browsing import Site, complaints_of, in_a_browser
from tests.factories import MODEL, make_lead, new_post, predict, store
from tests.fakeworld.crms import TOKEN, CrmWorld, serve_crm
from tests.overheard.query_language.test_tasks import TASKS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = in_a_browser


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    mail = {"host": "127.0.0.1"}
    return Settings.model_validate({"home": tmp_path / "home", "mail": mail, "allow_private_addresses": True})


@pytest.fixture
def rooms(settings: Settings) -> dict[str, Any]:
    return {"crm": Door(settings)}


@pytest.fixture
def crm() -> Iterator[CrmWorld]:
    with serve_crm() as world:
        yield world


def _page_of(browser: "Browser", site: Site, user: User) -> "Page":
    page = browser.new_context().new_page()
    page.set_default_timeout(30_000)
    page.goto(site.login_link(user))
    return page


def test_an_alert_is_set_for_two_sent_stopped_by_one_and_seen_in_the_log(
    site: Site, context: "BrowserContext", browser: "Browser", settings: Settings
) -> None:
    sent: list[Outbound] = []
    now = site.now

    def send(outbound: Outbound) -> Answer:
        sent.append(outbound)
        return Answer()

    def a_lead_comes() -> set[str]:
        nonlocal now
        sent.clear()
        with site.sessions.begin() as session:
            make_lead(session, now=now + timedelta(minutes=1))
        now += timedelta(minutes=5)
        deliver_due(site.sessions, settings, send, make_read_filters(), clock=lambda: now)
        return {one.to for one in sent}

    page = context.new_page()
    complaints = complaints_of(page)
    page.goto(site.login_link(site.cast.sam))
    page.get_by_role("link", name="Alerts").click()
    page.get_by_label("Name").fill("Good ones")
    page.get_by_label("From a score of").select_option("80 %")
    page.get_by_text("Whom it tells by e-mail").click()
    page.get_by_label("Sue").check()
    page.get_by_role("button", name="Add it").click()
    page.get_by_text("Told by Good ones from now on: Sam, Sue.").wait_for()
    assert a_lead_comes() == {"sam@example.org", "sue@example.org"}

    hers = _page_of(browser, site, site.cast.sue)
    hers.goto(f"{site.url}/alerts")
    hers.get_by_role("button", name="Stop telling me").click()
    hers.get_by_text("Good ones tells you no more.").wait_for()
    assert hers.get_by_role("button", name="Tell me again").is_visible()
    hers.context.close()
    assert a_lead_comes() == {"sam@example.org"}

    page.get_by_role("link", name="Deliveries").click()
    told = page.get_by_role("list", name="Deliveries").get_by_role("listitem")
    assert [("(Sam)" in one, "delivered" in one) for one in told.all_inner_texts()].count((True, True)) == 2
    assert complaints == []


def test_blind_samples_are_answered_by_keys_and_what_is_called_a_lead_says_how_it_came(
    site: Site, context: "BrowserContext", browser: "Browser"
) -> None:
    yesterday = site.now - timedelta(days=1)
    with site.sessions.begin() as session:
        session.execute(sa.text("UPDATE campaigns SET created_at = :then"), {"then": yesterday})
        for number in range(6):
            post = new_post(title="Which oven?", body="It burns our rye.", author=f"stoker{number}")
            predict(session, store(session, post, now=yesterday)[0], now=yesterday, score=0.8)
        samples.draw(session, site.now, model_version=MODEL, threshold=0.5)
    page = context.new_page()
    complaints = complaints_of(page)
    page.goto(site.login_link(site.cast.sam))
    sample = page.locator("#sample")
    assert "%" not in sample.inner_text()
    sample.focus()
    for key, count in (("y", 4), ("n", 3), ("c", 2)):
        with page.expect_navigation():
            page.keyboard.press(key)
        with site.sessions() as session:
            assert len(samples.open_cards(session, site.now, limit=9)) == count
    page.get_by_role("button", name="Yes, a lead for us").click()
    cards = page.locator(".card", has_text="Which oven?")
    cards.nth(1).wait_for()
    assert all("somebody said that it is a lead" in one for one in cards.all_inner_texts())
    cards.first.get_by_role("link", name="Which oven?").click()
    page.get_by_text("somebody said that it is a lead").wait_for()
    hers = _page_of(browser, site, site.cast.mara)
    hers.goto(f"{site.url}/campaigns/1")
    hers.get_by_text("more blind samples must be answered").wait_for()
    hers.context.close()
    assert complaints == []


def test_a_crm_is_connected_mapped_pushed_to_and_followed(
    site: Site, context: "BrowserContext", settings: Settings, crm: CrmWorld
) -> None:
    clock = [site.now]
    worker = CrmWorker(site.sessions, settings, lambda: clock[0])
    page = context.new_page()
    complaints = complaints_of(page)
    page.goto(site.login_link(site.cast.alice))
    page.get_by_role("link", name="Alerts").click()
    page.get_by_role("link", name="CRM").click()
    page.get_by_label("CRM", exact=True).select_option("Pipedrive")
    page.get_by_label("Name", exact=True).fill("Ours")
    page.get_by_label("Address (HubSpot needs none)").fill(crm.address)
    page.get_by_label("Token (Salesforce: consumer secret)").fill("mistyped")
    page.get_by_role("button", name="Connect").click()
    page.get_by_text("does not know this token").wait_for()
    assert page.get_by_label("Name", exact=True).input_value() == "Ours"  # what was typed stays, but for the token
    page.get_by_label("Token (Salesforce: consumer secret)").fill(TOKEN)
    page.get_by_role("button", name="Connect").click()
    page.get_by_text("Ours is connected.").wait_for()
    connection = page.locator("#crm-1")
    connection.locator("summary").click()
    connection.get_by_label("sales-qualified").select_option(label="Sales: Talking")
    connection.get_by_role("button", name="Save").click()
    page.get_by_text("Ours is changed.").wait_for()
    connection.locator("summary").click()
    connection.get_by_role("button", name="Push a test").click()
    page.get_by_text("it works").wait_for()
    lead = site.lead("First bakery")
    with site.sessions.begin() as session:
        sam = session.get_one(User, site.cast.sam.id)
        funnel.promote(session, lead.id, actor=sam, now=site.now)
        webhooks.fan_out(session, now=site.now)
    assert worker.run_once().pushed == 1
    [deal] = crm.deals.values()
    assert deal["stage"] == "2"
    deal["stage"], deal["status"] = "2", "won"
    clock[0] += timedelta(minutes=6)
    assert worker.run_once().moved == 1
    page.reload()
    log = page.locator("#log").inner_text()
    assert f"Lead {lead.id}" in log
    connection.locator("summary").click()
    connection.get_by_role("button", name="Pause").click()
    page.get_by_text("Ours is paused.").wait_for()
    with site.sessions() as session:
        assert session.get_one(Lead, lead.id).stage == "won"
    assert [one for one in complaints if "422" not in one] == []  # the refused form is answered so


TYPED = {
    0: "a rival's customers",
    1: "C++ by the hour",
    2: "a complaint",
    3: "our site",
}


def test_tasks_of_marketers_are_typed_into_the_editor_mended_tried_and_saved(
    site: Site, context: "BrowserContext"
) -> None:
    page = context.new_page()
    complaints = complaints_of(page)
    page.goto(site.login_link(site.cast.mara))
    for number, name in TYPED.items():
        task = TASKS[number]
        with site.sessions.begin() as session:
            for text in (*task.finds, *task.leaves):
                said = new_post(title=text.title, body=text.body, author=text.author, posted_at=site.now)
                store(session, said, now=site.now)
        page.goto(f"{site.url}/campaigns/1#editor")
        page.locator("#query").fill(name)
        editor = page.get_by_label("What to look for").and_(page.locator(".cm-content"))
        editor.click()
        if number == 2:
            page.keyboard.type("(invoice* OR invoicing) near/5 ")
            page.locator("#said .wrong").get_by_text("`near/5` needs a word on both sides").wait_for()
            page.keyboard.press("Control+a")
        if number == 0:
            page.keyboard.type("auther:deskly_tim")
            page.locator("#said .wrong").get_by_text("Did you mean author:deskly_tim?").wait_for()
            page.keyboard.press("Control+a")
        page.keyboard.type(task.query)
        assert page.locator("#expression").input_value() == task.query  # what the editor closes is typed over
        page.locator("#said p:not(.wrong)").wait_for()
        gained = page.get_by_label("Gained")
        gained.get_by_text(task.finds[0].title or task.finds[0].body).wait_for()
        assert gained.locator(".count").inner_text() == str(len(task.finds))
        page.keyboard.press("Control+Enter")
        page.get_by_text(f"Query {name} is in force as version 1.").wait_for()
    with site.sessions() as session:
        kept = dict(iter(session.execute(sa.select(Query.name, Query.expression))))
    assert {name: kept[name] for name in TYPED.values()} == {name: TASKS[place].query for place, name in TYPED.items()}
    assert complaints == []
