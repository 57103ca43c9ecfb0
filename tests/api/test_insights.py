"""The page of insights, its files and `/v1/insights`, over real rows."""

import csv
from datetime import timedelta
from io import StringIO

from overheard.leads import funnel
from overheard.vocabulary import DisqualifyReason
from tests.api.conftest import World
from tests.factories import make_campaign, make_lead, new_post


def _fill(world: World) -> int:
    with world.sessions.begin() as session:
        campaign = make_campaign(session, now=world.now, name="=Rye", queries={"asks": "crm", "shops": '"our shop"'})
        for number in range(12):
            body = f"We need a simple CRM for our shop, cheaper than HubSpot. Number {number}"
            said = {"need": ["body", 8, 20], "signals": [["competitor", "body", 48, 55]]}
            at = world.now - timedelta(days=7 * (2 - number // 4))
            post = new_post(title="", body=body, author=f"shop{number}", community=f"r/shops{number % 2}")
            lead = make_lead(session, now=at, campaign=campaign, post=post, explanation=said)
            if number < 6:
                funnel.promote(session, lead.id, actor=world.cast.sam, now=world.now)
        return campaign.id


def test_the_page_answers_its_questions_and_each_table_leaves_as_a_file(world: World) -> None:
    campaign = _fill(world)
    browser = world.browser(world.cast.mara)
    html = browser.get(f"/insights?campaign={campaign}&community=r/shops0").text
    assert "3 of 3 were promoted, 44 to 100 %" in html
    assert "HubSpot is named most: by 6 of 6, 61 to 100 % of the leads that name a product." in html
    assert "Most leads need: crm." in html
    assert f"/insights/queries.csv?campaign={campaign}&amp;community=r%2Fshops0" in html

    answer = browser.get("/insights/campaigns.csv")
    assert answer.headers["content-disposition"].startswith('attachment; filename="campaigns-2026-')
    (line,) = csv.DictReader(StringIO(answer.text))
    assert (line["Campaign"], line["Leads"], line["Waiting"]) == ("'=Rye", "12", "6")  # no formula
    assert (line["Promoted of decided"], line["Promoted of decided of"]) == ("6", "6")
    weeks = list(csv.DictReader(StringIO(browser.get("/insights/weeks.csv").text)))
    assert [week["Leads"] for week in weeks if week["Leads"] != "0"] == ["4", "4", "4"]
    assert browser.get("/insights/nothing.csv").status_code == 404
    assert browser.get("/insights?from=2026-11-20&to=2026-11-01").status_code == 422
    assert "Nobody has decided" in browser.get("/insights?platform=slack&from=2026-11-01&to=2026-11-02").text


def test_the_campaign_page_says_what_each_word_brings_and_proposes_others_for_the_editor(world: World) -> None:
    campaign = _fill(world)
    with world.sessions.begin() as session:
        for number in range(20):
            body = f"Webinar about a crm, {number}"
            lead = make_lead(session, now=world.now, post=new_post(title="", body=body, author=body))
            reason = DisqualifyReason.NOT_A_BUYER
            funnel.disqualify(session, lead.id, reason=reason, actor=world.cast.sam, now=world.now)
    html = world.browser(world.cast.mara).get(f"/campaigns/{campaign}").text
    assert "of those that somebody decided on, 6 of 26 were promoted, 11 to 42 %" in html
    link = f"/campaigns/{campaign}?query=asks&amp;exclude=webinar"
    assert link in html
    assert "-webinar" in world.browser(world.cast.mara).get(link.replace("&amp;", "&")).text
    assert link not in world.browser(world.cast.sam).get(f"/campaigns/{campaign}").text  # who may not save a query


def test_programs_read_the_funnel_the_yields_and_the_proposals(world: World) -> None:
    campaign = _fill(world)
    program = world.program(world.cast.sam)
    for by, names in {
        "campaign": ["=Rye"],
        "platform": ["Reddit"],
        "community": ["r/shops0 (Reddit)", "r/shops1 (Reddit)"],
        "query": ["asks", "shops"],
    }.items():
        found = program.get("/v1/insights/funnel", params={"by": by}).json()
        assert [line["name"] for line in found["lines"]] == names
        assert (found["whole"]["leads"], found["whole"]["promoted"], found["whole"]["matches"]) == (12, 6, 12)
    weeks = program.get("/v1/insights/funnel", params={"by": "week", "from": "2026-11-02"}).json()
    assert [week["leads"] for week in weeks["lines"]] == [4, 4, 4]

    yields = program.get(f"/v1/insights/yields/{campaign}").json()
    asks = yields["queries"][0]
    assert (asks["name"], asks["matches"], asks["alone"], yields["shared"]) == ("asks", 12, 0, 12)
    assert asks["promoted_of_decided"]["part"] == 6
    assert [(term["name"], term["matches"], term["noise"]) for term in asks["terms"]] == [("crm", 12, False)]
    proposals = program.get(f"/v1/insights/proposals/{campaign}").json()
    assert (proposals["promoted"], proposals["negative"], proposals["positive"]) == (6, [], [])
    assert program.get("/v1/insights/yields/77").status_code == 404
