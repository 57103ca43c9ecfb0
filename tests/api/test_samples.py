"""Blind samples in the queue and under /v1, what a campaign misses, its threshold and its budget, on pages."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from overheard.labelling import samples
from overheard.leads.funnel import promote
from overheard.leads.qualify import qualify
from overheard.marketing import budget
from overheard.models import Campaign, HeldPost, Lead, Notice, Sample
from overheard.vocabulary import SampleAnswer
from tests.api.conftest import World
from tests.factories import MODEL, make_campaign, new_post, predict, store

EVIL = "<script>alert(1)</script>"


@pytest.fixture
def drawn(world: World) -> World:
    """A campaign with a day that is over: posts shown, near the threshold, and met by no query."""
    yesterday = world.now - timedelta(days=1)
    with world.sessions.begin() as session:
        make_campaign(session, now=yesterday, name=f"Rye {EVIL}", queries={"crm": "crm"})
        for number in range(24):
            word, score = ("crm", 0.9) if number < 12 else ("crm", 0.4) if number < 18 else ("oven", 0.8)
            post = new_post(title=f"{word} {EVIL}", body=f"{EVIL} " * 9, author=f"writer {number}")
            predict(session, store(session, post, now=yesterday)[0], now=yesterday, score=score)
        qualify(session, model_version=MODEL, threshold=0.5, now=yesterday)
        samples.draw(session, world.now, model_version=MODEL, threshold=0.5)
    return world


def test_a_sample_is_shown_blind_and_answered_from_the_queue(drawn: World) -> None:
    sam = drawn.browser(drawn.cast.sam)
    page = sam.get("/queue").text
    card = page[page.index('<section class="sample') : page.index("</section>", page.index('<section class="sample'))]
    assert "Would this be a lead for" in card
    assert not [word for word in ("%", "score", "near", "<mark", "<script>") if word in card]
    for _ in range(5):
        with drawn.rows() as session:
            sample = samples.open_cards(session, drawn.now)[0].sample_id
        assert f"/samples/{sample}/answer" in sam.get("/queue").text
        assert sam.submit(f"/samples/{sample}/answer", said="lead", back="/queue").headers["location"] == "/queue"
    assert "What you called a lead is one now." in sam.get("/queue").text
    assert "Blind sample" not in sam.get("/queue").text
    assert sam.submit(f"/samples/{sample}/answer", said="no").status_code == 409
    assert sam.submit(f"/samples/{sample}/answer", said="perhaps").status_code == 422
    assert "Blind sample" not in drawn.browser(drawn.cast.mara).get("/queue").text
    with drawn.rows() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Lead)) == 17
        by_score = sa.select(sa.func.min(Lead.id)).group_by(Lead.score).order_by(Lead.score)
        near, unmatched, shown = session.scalars(by_score).all()
    assert sam.get("/queue").text.count(origin := "somebody said that it is a lead") == 5
    assert [origin in sam.get(f"/leads/{lead}").text for lead in (near, unmatched, shown)] == [True, True, False]
    assert "no query in force" not in sam.get(f"/leads/{unmatched}").text
    program = drawn.program(drawn.cast.sam)
    told = [program.get(f"/v1/leads/{lead}").json()["posts"][0]["from_sample"] for lead in (near, shown)]
    assert told == [True, False]

    page = drawn.browser(drawn.cast.mara).get("/campaigns/1").text
    assert "At least 15 more blind samples must be answered" in page
    assert "A threshold of 40 % would have shown it." in page
    assert "A query with one of its words would have caught it." in page
    assert "<script>alert" not in page


def test_programs_answer_samples_and_read_what_is_missed(drawn: World) -> None:
    program = drawn.program(drawn.cast.sam)
    first = program.get("/v1/samples", params={"limit": 3, "campaign": 1}).json()
    assert len(first["items"]) == 3
    assert "score" not in first["items"][0]
    rest = program.get("/v1/samples", params={"after": first["next"]}).json()
    assert (len(rest["items"]), rest["next"]) == (2, None)
    for item in first["items"] + rest["items"]:
        said = program.post(f"/v1/samples/{item['id']}/answer", json={"answer": "no"})
        assert (said.status_code, said.json()["answer"]) == (200, SampleAnswer.NO)
    assert program.post(f"/v1/samples/{item['id']}/answer", json={"answer": "no"}).status_code == 409
    recall = program.get("/v1/campaigns/1/recall").json()
    assert (recall["recall"], recall["answers_lacking"], recall["shown"]) == (None, 15, 12)
    assert {one["stratum"]: one["posts"] for one in recall["strata"]} == {"near": 6, "unmatched_strong": 6}
    with drawn.rows() as session:
        assert session.scalar(sa.select(sa.func.count()).where(Sample.answer.is_(None))) == 0


def test_a_threshold_is_a_choice_between_sentences_and_limits_are_set_beside_it(drawn: World) -> None:
    mara = drawn.browser(drawn.cast.mara)
    page = mara.get("/campaigns/1").text
    assert "12 a day, 11 of them good" in page
    assert "18 a day, 13 of them good" in page
    assert 'name="percent" value="40"' in page
    limits = {"daily_budget": "30", "hot_percent": "85", "samples_a_day": "8"}
    assert mara.submit("/campaigns/1/limits", **limits).headers["location"] == "/campaigns/1#threshold"
    with drawn.rows() as session:
        campaign = session.get_one(Campaign, 1)
        assert (campaign.daily_budget, campaign.hot_floor, campaign.samples_a_day) == (30, 0.85, 8)
    for wrong in ({"daily_budget": "0"}, {"hot_percent": "101"}, {"samples_a_day": "3"}):
        assert mara.submit("/campaigns/1/limits", **limits | wrong).status_code == 422
    mara.submit("/campaigns/1/limits", daily_budget="", hot_percent="", samples_a_day="0")
    page = mara.get("/campaigns/1").text
    assert "Blind samples are switched off" in page


def test_what_was_held_back_is_named_shown_and_let_in_by_one_click(world: World) -> None:
    with world.sessions.begin() as session:
        make_campaign(session, now=world.now, queries={"invoice": "crm"}).daily_budget = 2
        for number in range(7):
            row = store(session, new_post(title=f"crm {EVIL}", author=f"writer {number}"), now=world.now)[0]
            predict(session, row, now=world.now, score=0.6)
        qualify(session, model_version=MODEL, threshold=0.5, now=world.now)
    mara = world.browser(world.cast.mara)
    page = mara.get("/campaigns/1").text
    assert "5 posts of query &#39;invoice&#39;</b> were held back today" in page
    page = mara.get("/campaigns/1/held").text
    assert "Let all 5 in" in page
    assert "<script>alert" not in page
    released = mara.submit("/campaigns/1/held/release", day=world.now.date().isoformat())
    assert released.headers["location"] == "/campaigns/1/held"
    page = mara.get("/campaigns/1/held").text
    assert "5 posts are in the queue now." in page
    assert "Nothing is held back" in page
    with world.rows() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Lead)) == 7
        assert set(session.scalars(sa.select(HeldPost.released_by_id))) == {world.cast.mara.id}
        budget.tell(session, world.now + timedelta(days=1))
        assert session.scalars(sa.select(Notice)).all() == []  # they were let in: there is nothing to tell


def test_the_campaigns_page_says_what_its_recall_rests_on(world: World) -> None:
    yesterday = world.now - timedelta(days=1)
    with world.sessions.begin() as session:
        campaign = make_campaign(session, now=yesterday, queries={"crm": "crm"})
        campaign.random_share, campaign.samples_a_day = 0.5, 20
        for number in range(80):
            post = new_post(title="crm", author=f"writer {number}", posted_at=yesterday)
            predict(session, store(session, post, now=yesterday)[0], now=yesterday, score=0.4 + 0.4 * (number < 60))
        qualify(session, model_version=MODEL, threshold=0.5, now=yesterday)
        samples.draw(session, world.now, model_version=MODEL, threshold=0.5)
        for card in samples.open_cards(session, world.now, limit=20):
            said = SampleAnswer.NO if card.sample_id % 3 else SampleAnswer.LEAD
            samples.answer(session, card.sample_id, said, actor=world.cast.sam, now=world.now, key="key")
        leads = session.scalars(sa.select(Lead).where(Lead.score > 0.5).order_by(Lead.id)).all()
    eli, mara = world.browser(world.cast.eli), world.browser(world.cast.mara)
    program = world.program(world.cast.eli)

    def decide(leads: list[Lead]) -> None:
        with world.sessions.begin() as session:
            for lead in leads:
                promote(session, lead.id, actor=world.cast.sam, now=world.now)

    decide([lead for lead in leads if lead.shown_because == "top"][:12])
    assert "told from all 12 decisions. The best leads are decided first" in eli.get("/campaigns/1").text
    told = program.get("/v1/campaigns/1/recall").json()
    assert (told["decided"], told["is_by_chance"], told["recall"] is not None) == (12, False, True)
    assert program.get("/v1/campaigns/1/quality").json()["recall"] is None

    drawn = [lead for lead in leads if lead.shown_because == "random"]
    decide(drawn)
    page = eli.get("/campaigns/1").text
    assert f"told from {len(drawn)} leads that were drawn by chance" in page
    assert "/labels/measures#campaign-1" in page
    assert f"told from {len(drawn)} leads" in mara.get("/campaigns/1").text
    told = program.get("/v1/campaigns/1/recall").json()
    assert (told["decided"], told["is_by_chance"]) == (len(drawn), True)
    assert program.get("/v1/campaigns/1/quality").json()["recall"] == told["recall"]
