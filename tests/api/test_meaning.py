"""What the pages and `/v1` say of meaning: why a post came in, what was decided on similar ones, and the switch."""

import re
from datetime import datetime

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.leads import funnel
from overheard.leads.qualify import qualify
from overheard.marketing import campaigns
from overheard.marketing.relevance import DEFAULT_THRESHOLD
from overheard.models import Campaign, Lead, Post
from overheard.vocabulary import DisqualifyReason
from tests.api.conftest import World
from tests.factories import MODEL, make_campaign, make_lead, measure, new_post, place, predict, store

SENTENCE = "Receipts pile up."
BODY = f"Hello! {SENTENCE} Who can help?"
SPAN: list[str | int] = ["body", 7, 7 + len(SENTENCE)]


def lead_by_meaning(session: Session, now: datetime, *, body: str = BODY, query: str = "plumber") -> Lead:
    """A lead whose post no query met, unless the query is one that does."""
    campaign = make_campaign(session, now=now, queries={"q": query})
    post = store(session, new_post(body=body, author="rita"), now=now)[0]
    predict(session, post, now=now)
    measure(session, post, campaign, 0.624, now=now, sentence=SPAN)
    qualify(session, model_version=MODEL, threshold=0.5, now=now)
    return session.scalars(sa.select(Lead)).one()


def why(page: str) -> str:
    """The line that says why, without its marks."""
    found = re.search(r'<p class="why">(.*?)</p>', page, re.DOTALL)
    assert found
    return " ".join(re.sub(r"<q>|</q>", '"', re.sub(r"</?(?!q)\w[^>]*>", " ", found[1]).replace("<q>", '"')).split())


def test_a_post_that_no_query_met_says_which_sentence_is_close_to_the_offer(world: World) -> None:
    with world.sessions.begin() as session:
        lead = lead_by_meaning(session, world.now).id
    sam = world.browser(world.cast.sam)
    for path in ("/queue", f"/leads/{lead}"):
        assert why(sam.get(path).text).startswith(f'by meaning 62 %: "{SENTENCE}"')


def test_a_post_that_a_query_met_too_says_both(world: World) -> None:
    with world.sessions.begin() as session:
        lead_by_meaning(session, world.now, query="receipts")
    line = why(world.browser(world.cast.sam).get("/queue").text)
    assert re.match(r'q met "Receipts" by meaning 62 %: "Receipts pile up\."', line)


@pytest.mark.parametrize("evil", ["<script>alert(1)</script>", "{{ 7 * 7 }}", "\u202eevil", "x" * 5_000])
def test_a_hostile_sentence_is_shown_short_and_does_nothing(world: World, evil: str) -> None:
    with world.sessions.begin() as session:
        lead = lead_by_meaning(session, world.now, body=BODY)
        session.execute(sa.update(Post).values(body=evil))
        campaign = session.scalars(sa.select(Campaign)).one()
        measured = session.get_one(Post, lead.top_post_id)
        session.execute(sa.text("DELETE FROM relevances"))
        measure(session, measured, campaign, 0.624, now=world.now, sentence=["body", 0, len(evil)])
    page = world.browser(world.cast.sam).get("/queue")
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert len(why(page.text)) < 260


def test_the_lead_page_shows_what_was_decided_on_similar_posts(world: World) -> None:
    with world.sessions.begin() as session:
        lead = make_lead(session, now=world.now)
        for angle, title in ((0.9, "A till for a stall?"), (0.8, "")):
            post = new_post(title=title, body="Two of us sell bread.", author=f"a{angle}")
            other = make_lead(session, now=world.now, post=post)
            place(session, session.get_one(Post, other.top_post_id), angle, (1 - angle**2) ** 0.5)
            if title:
                funnel.promote(session, other.id, actor=world.cast.sam, now=world.now)
            else:
                reason = DisqualifyReason.NOT_OUR_ICP
                funnel.disqualify(session, other.id, reason=reason, actor=world.cast.sam, now=world.now)
        place(session, session.get_one(Post, lead.top_post_id), 1, 0)
    page = " ".join(world.browser(world.cast.eli).get(f"/leads/{lead.id}").text.split())
    assert (
        'dir="auto">A till for a stall?</a></p> <p class="soft"><span class="decision decision-good">promoted' in page
    )
    assert 'dir="auto">Two of us sell bread.</a>' in page
    assert "disqualified: not our ICP</span>" in page
    assert "90 % alike" in page
    body = world.program(world.cast.eli).get(f"/v1/leads/{lead.id}").json()
    assert [
        (one["decision"], one["reason"], one["is_lead"], round(one["similarity"], 2)) for one in body["similar"]
    ] == [
        ("promote", None, True, 0.9),
        ("disqualify", "not_our_icp", True, 0.8),
    ]
    assert body["similar"][0]["title"] == "A till for a stall?"


def test_a_lead_without_similar_posts_has_no_such_panel(world: World) -> None:
    lead = world.lead()
    assert "similar posts" not in world.browser(world.cast.sam).get(f"/leads/{lead}").text


def test_a_program_reads_how_close_a_post_is_and_by_which_sentence(world: World) -> None:
    with world.sessions.begin() as session:
        lead_by_meaning(session, world.now)
        make_lead(session, now=world.now, campaign=make_campaign(session, now=world.now, name="Barley"))
    items = world.program(world.cast.sam).get("/v1/queue").json()["items"]
    close = next(item["post"] for item in items if item["campaign"] == "Rye CRM")
    assert close["relevance"] == pytest.approx(0.624)
    assert close["body"][close["closest"]["start"] : close["closest"]["end"]] == SENTENCE
    unknown = next(item["post"] for item in items if item["campaign"] == "Barley" and item["post"]["id"] != close["id"])
    assert (unknown["relevance"], unknown["closest"]) == (None, None)


def test_a_marketer_switches_meaning_on_and_off_in_percent(world: World) -> None:
    with world.sessions.begin() as session:
        make_campaign(session, now=world.now)
    mara = world.browser(world.cast.mara)
    for percent, stored in (("62.5", 0.625), ("", None), ("100", 1)):
        assert mara.submit("/campaigns/1/meaning", percent=percent).status_code == 303
        with world.rows() as session:
            assert session.get_one(Campaign, 1).meaning_threshold == stored
    for percent in ("nan", "inf", "0", "-1", "101", "x", "1e999"):
        assert mara.submit("/campaigns/1/meaning", percent=percent).status_code == 422
    assert mara.submit("/campaigns/99/meaning", percent="50").status_code == 404
    for user in (world.cast.sam, world.cast.eli):
        assert world.browser(user).submit("/campaigns/1/meaning", percent="50").status_code == 403


def test_the_campaigns_page_says_what_meaning_brings_or_would_bring(world: World) -> None:
    with world.sessions.begin() as session:
        lead_by_meaning(session, world.now)
    mara = world.browser(world.cast.mara)
    assert "come in though no query met them: 1 stored post." in mara.get("/campaigns/1").text
    mara.submit("/campaigns/1/meaning", percent="90")
    assert "come in though no query met them: 0 stored posts." in mara.get("/campaigns/1").text
    mara.submit("/campaigns/1/meaning", percent="")
    assert "would too: 1 stored post from 30 % on." in mara.get("/campaigns/1").text
    page = world.browser(world.cast.sam).get("/campaigns/1").text
    assert "By meaning</span> off" in page
    assert 'action="/campaigns/1/meaning"' not in page


def test_a_program_sets_one_threshold_without_touching_the_other(world: World) -> None:
    with world.sessions.begin() as session:
        lead_by_meaning(session, world.now)
    mara = world.program(world.cast.mara)
    body = mara.patch("/v1/campaigns/1", json={"meaning_threshold": 0.7}).json()
    assert (body["threshold"], body["meaning_threshold"], body["by_meaning"]) == (0.5, 0.7, 0)
    assert mara.patch("/v1/campaigns/1", json={"threshold": 0.4}).json()["meaning_threshold"] == 0.7
    body = mara.patch("/v1/campaigns/1", json={"meaning_threshold": None}).json()
    assert (body["threshold"], body["meaning_threshold"], body["by_meaning"]) == (0.4, None, 1)
    for wrong in ({"meaning_threshold": 0}, {"meaning_threshold": 1.1}, {}, {"meaning": 0.5}):
        assert mara.patch("/v1/campaigns/1", json=wrong).status_code == 422
    assert world.program(world.cast.sam).patch("/v1/campaigns/1", json={"meaning_threshold": 0.7}).status_code == 403


def test_a_new_campaign_uses_meaning_unless_it_is_told_not_to(world: World) -> None:
    mara = world.program(world.cast.mara)
    new = {"name": "Rye", "offer": "A small CRM.", "queries": [{"name": "asks", "expression": "crm"}]}
    assert mara.post("/v1/campaigns", json=new).json()["meaning_threshold"] == DEFAULT_THRESHOLD
    off = mara.post("/v1/campaigns", json=new | {"name": "Barley", "meaning_threshold": None})
    assert off.json()["meaning_threshold"] is None
    with world.rows() as session:
        assert [view.campaign.name for view in campaigns.views(session)] == ["Barley", "Rye"]
