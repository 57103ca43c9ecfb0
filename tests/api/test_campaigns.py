"""The campaigns page: tuning, and what is said when something cannot be taken."""

import html
import re

import sqlalchemy as sa

from overheard.models import Campaign, Match, Query
from tests.api.conftest import World
from tests.factories import make_campaign, new_post

NEW = {"name": "Rye CRM", "offer": "A small CRM.", "query": "asks", "expression": "crm -hiring"}


def test_a_marketer_creates_a_campaign_whose_query_meets_stored_posts_at_once(world: World) -> None:
    mara = world.browser(world.cast.mara)
    assert "No campaign yet" in mara.get("/campaigns").text
    world.lead()
    response = mara.submit("/campaigns", **NEW | {"name": "Barley CRM"})
    assert (response.status_code, response.headers["location"]) == (303, "/campaigns/2")
    page = mara.get("/campaigns/2").text
    assert "Campaign Barley CRM is listening from now on." in page
    assert "crm -hiring</code>" in page
    with world.rows() as session:
        query = session.scalars(sa.select(Query).where(Query.name == "asks")).one()
        assert len(session.scalars(sa.select(Match).where(Match.query_id == query.id)).all()) == 1


def test_a_query_that_cannot_be_read_is_shown_again_with_the_place(world: World) -> None:
    mara = world.browser(world.cast.mara)
    response = mara.submit("/campaigns", **NEW | {"expression": 'crm "looking for'})
    assert response.status_code == 422
    assert "A quotation mark is not closed" in response.text
    assert 'crm <mark class="here">&#34;</mark>looking for' in response.text
    assert 'value="Rye CRM"' in response.text  # nothing that was typed is lost
    with world.rows() as session:
        assert session.query(Campaign).count() == 0  # and nothing is half made


def test_a_query_gets_a_new_version_or_says_why_not(world: World) -> None:
    with world.sessions.begin() as session:
        campaign = make_campaign(session, now=world.now).id
    mara = world.browser(world.cast.mara)
    path = f"/campaigns/{campaign}/queries"
    assert mara.submit(path, query="everything", expression='crm "small shop"').status_code == 303
    assert "Query everything is in force as version 2." in mara.get(f"/campaigns/{campaign}").text
    refused = mara.submit(path, query="everything", expression="-hiring")
    assert refused.status_code == 422
    assert "Change <bdi>everything</bdi>" in refused.text
    assert ">-hiring</textarea>" in refused.text
    for fields in ({"query": " ", "expression": "x"}, {"query": "q" * 121, "expression": "x"}, {"query": "q"}):
        assert mara.submit(path, **fields).status_code == 422
    assert mara.submit("/campaigns/99/queries", query="q", expression="x").status_code == 404
    assert mara.submit(path, query="n\x00ul", expression="\x00crm").status_code == 303


def test_a_retired_query_is_out_of_force(world: World) -> None:
    with world.sessions.begin() as session:
        make_campaign(session, now=world.now)
    mara = world.browser(world.cast.mara)
    assert mara.submit("/campaigns/queries/1/retire").status_code == 303
    assert "No query is in force" in mara.get("/campaigns/1").text
    assert mara.submit("/campaigns/queries/99/retire").status_code == 404


def test_a_threshold_is_set_in_percent_and_can_be_left_to_the_model(world: World) -> None:
    with world.sessions.begin() as session:
        make_campaign(session, now=world.now)
    mara = world.browser(world.cast.mara)
    for percent, stored in (("62.5", 0.625), ("", None), ("0", 0), ("100", 1)):
        assert mara.submit("/campaigns/1/threshold", percent=percent).status_code == 303
        with world.rows() as session:
            assert session.get_one(Campaign, 1).threshold == stored
    for percent in ("nan", "inf", "-1", "101", "x", "1e999"):
        assert mara.submit("/campaigns/1/threshold", percent=percent).status_code == 422
    assert mara.submit("/campaigns/99/threshold", percent="50").status_code == 404


def test_a_campaign_is_refused_with_what_was_typed(world: World) -> None:
    alice = world.browser(world.cast.alice)
    for wrong in ({"name": ""}, {"name": "n" * 121}, {"offer": " "}, {"query": ""}, {"expression": "!!!"}):
        assert alice.submit("/campaigns", **NEW | wrong).status_code == 422
    assert alice.submit("/campaigns", **NEW).status_code == 303
    twice = alice.submit("/campaigns", **NEW)
    assert twice.status_code == 422
    assert "There is a campaign named" in twice.text


def test_who_may_not_tune_sees_no_forms(world: World) -> None:
    with world.sessions.begin() as session:
        make_campaign(session, now=world.now)
    page = world.browser(world.cast.sam).get("/campaigns/1").text
    assert page.count("<form") == 1  # logging out
    assert "Shows posts from</span> 50 %" in page


def test_html_in_a_campaign_is_text(world: World) -> None:
    alice = world.browser(world.cast.alice)
    evil = "<script>alert(1)</script>"
    alice.submit("/campaigns", name=evil, offer=evil, query=evil, expression='"<script>alert(1)</script>"')
    page = alice.get("/campaigns").text + alice.get("/campaigns/1").text + alice.get("/queue").text
    assert "<script>alert" not in page


def test_what_is_sold_is_enough_to_begin_with(world: World) -> None:
    world.lead(post=new_post(title="Alternatives to HubSpot?", posted_at=world.now))
    mara = world.browser(world.cast.mara)
    offer = {"name": "Rye", "offer": "Reminders for bakers. An alternative to HubSpot."}
    page = mara.submit("/campaigns/propose", **offer).text
    assert "leaves a competitor" in page
    assert "<b>1 post in 30 days</b>" in page
    assert "<bdi>HubSpot</bdi> <small>1 post in 30 days</small>" in page
    assert '<input type="hidden" name="query" value="names HubSpot">' in page
    assert mara.submit("/campaigns", **offer, query="x", expression="hubspot", use=-1).status_code == 422
    assert mara.submit("/campaigns", **offer, query="x", expression="hubspot", use=0).status_code == 303
    assert "Of the stored posts, 1 lead waits in its queue." in mara.get("/campaigns/2").text


def test_a_competitor_that_is_chosen_is_watched_by_a_query_of_their_own(world: World) -> None:
    world.lead(post=new_post(title="HubSpot or Zoho?", posted_at=world.now))
    mara = world.browser(world.cast.mara)
    offer = {"name": "Rye", "offer": "Reminders for bakers. An alternative to HubSpot and Zoho."}
    page = mara.submit("/campaigns/propose", **offer).text
    form = {
        field: [html.unescape(value) for value in re.findall(rf'type="hidden" name="{field}" value="([^"]*)"', page)]
        for field in ("csrf", "use", "query")
    }
    expressions = re.findall(r'<textarea name="expression"[^>]*>([^<]*)<|name="expression" value="([^"]*)"', page)
    form["expression"] = [html.unescape(typed or kept) for typed, kept in expressions]
    form["use"] += [str(place) for place, name in enumerate(form["query"]) if name in ("asks for it", "names Zoho")]
    assert mara.post("/campaigns", data=offer | form).status_code == 303
    with world.rows() as session:
        in_force = sa.select(Query.name, Query.expression).where(Query.campaign_id == 2).order_by(Query.name)
        names, kept = zip(*session.execute(in_force).all(), strict=True)
    assert names == ("asks for it", "names Zoho")
    assert kept[1].startswith("zoho ")
