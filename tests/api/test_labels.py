"""The label editor, what is measured about labels, and labels under /v1."""

import json
from typing import Any

import pytest
import sqlalchemy as sa

from overheard.labelling.slots import set_shares
from overheard.leads import funnel
from overheard.models import IntentLabel, Lead, Post
from tests.api.conftest import World
from tests.factories import make_campaign, make_lead, new_post, store

EVIL = "<script>alert(1)</script>"


@pytest.fixture
def posts(world: World) -> World:
    with world.sessions.begin() as session:
        texts = [new_post(title=f"Which CRM? {EVIL}", body=f"{EVIL} number {at}", author=EVIL) for at in range(3)]
        store(session, *texts, now=world.now)
    return world


def test_posts_are_labelled_by_forms_seconded_blind_and_settled(posts: World) -> None:
    sam, eli = posts.browser(posts.cast.sam), posts.browser(posts.cast.eli)
    page = sam.get("/labels").text
    assert page.count('name="intent"') == 9
    assert "count yours" not in page
    assert "Does the writer have a need of their own" in page, "the guideline stands beside it"
    assert "<script>alert" not in page
    post = page[page.index('data-post="') + 11 :].split('"')[0]
    said = sam.submit(f"/labels/posts/{post}", intent="pain", queue="random", unsure="true")
    assert said.headers["location"] == f"/labels?queue=random&last={post}"
    assert "Labelled pain, unsure." in sam.get(said.headers["location"]).text
    page = eli.get("/labels?queue=second").text
    assert f'data-post="{post}"' in page
    assert "<b>pain</b>" not in page
    eli.submit(f"/labels/posts/{post}", intent="advice", queue="second")
    page = eli.get("/labels?queue=disagreement").text
    assert "<b>pain</b>, unsure" in page
    assert "Your word settles it." in page
    measures = eli.get("/labels/measures").text
    assert "1 posts were labelled by several people" in measures
    assert "advice and pain: 1" in measures
    eli.submit(f"/labels/posts/{post}", intent="pain", queue="disagreement")
    assert "Nobody disagrees." in eli.get("/labels?queue=disagreement").text
    eli.submit(f"/labels/posts/{post}/withdraw", queue="disagreement")
    assert "taken back" in eli.get("/labels").text
    assert sam.submit(f"/labels/posts/{post}", intent="perhaps", queue="random").status_code == 422
    assert sam.submit("/labels/posts/4711", intent="pain", queue="random").status_code == 404
    assert "No label is in doubt" in eli.get("/labels?queue=doubt").text
    assert posts.browser(posts.cast.mara).get("/labels").status_code == 403


def test_programs_read_labels_and_how_far_people_agree(posts: World) -> None:
    sam = posts.browser(posts.cast.sam)
    for post in (1, 2, 3):
        sam.submit(f"/labels/posts/{post}", intent="pain", queue="random")
    program = posts.program(posts.cast.eli)
    first = program.get("/v1/labels", params={"limit": 2}).json()
    rest = program.get("/v1/labels", params={"after": first["next"]}).json()
    assert [one["post_id"] for one in first["items"] + rest["items"]] == [1, 2, 3]
    assert (rest["items"][0]["intent"], rest["items"][0]["annotator_id"]) == ("pain", posts.cast.sam.id)
    assert program.get("/v1/labels/agreement").json()["alpha"]["posts"] == 0
    lines = program.get("/v1/labels/export").text.splitlines()
    assert [json.loads(line)["labels"][0]["annotator"] for line in lines] == ["sam@example.org"] * 3
    assert len(program.get("/v1/labels/export?format=label-studio").json()) == 3
    assert posts.program(posts.cast.sam).get("/v1/labels/export").status_code == 403
    eli = posts.browser(posts.cast.eli)
    for post, intent in ((1, "pain"), (2, "advice")):
        eli.submit(f"/labels/posts/{post}", intent=intent, queue="second")
    [told] = program.get("/v1/labels/agreement").json()["kappa"]
    assert (told["annotators"], told["posts"], told["on_intent"]) == (["Eli", "Sam"], 2, 0)
    assert told["on_intent_interval"]["low"] <= 0 <= told["on_intent_interval"]["high"]


def test_programs_bring_labels_and_are_told_what_became_of_each(posts: World) -> None:
    with posts.rows() as session:
        there = session.scalars(sa.select(Post.external_id).order_by(Post.id)).all()
    about: dict[str, Any] = {"platform": "reddit", "intent": "pain"}
    labels: list[dict[str, Any]] = [
        about | {"external_id": there[0], "is_unsure": True},
        about | {"external_id": there[0], "annotator": "ann@else.example", "at": "2026-11-01T10:00:00Z"},
        about | {"external_id": there[1], "text_hash": "of another text"},
        about | {"external_id": "t3_never_seen"},
    ]
    eli = posts.program(posts.cast.eli)
    told = eli.post("/v1/labels", json={"labels": labels}, headers={"Idempotency-Key": "one"})
    assert [one["outcome"] for one in told.json()] == ["new", "new", "of_another_text", "of_no_post"]
    again = eli.post("/v1/labels", json={"labels": labels}, headers={"Idempotency-Key": "one"})
    assert (again.json(), again.headers["Idempotency-Replayed"]) == (told.json(), "true")
    assert eli.post("/v1/labels", json={"labels": labels[:2]}).json() == [{"outcome": "known"}] * 2
    with posts.rows() as session:
        said = session.scalars(sa.select(IntentLabel).order_by(IntentLabel.id)).all()
    assert [(one.actor_id, one.origin, one.is_unsure) for one in said] == [
        (posts.cast.eli.id, None, True),
        (None, "ann@else.example", False),
    ]
    wrong = eli.post("/v1/labels", json={"labels": [labels[0], labels[1] | {"intent": "perhaps"}]})
    assert (wrong.status_code, "labels.1.intent" in wrong.text) == (422, True), wrong.text
    late = eli.post("/v1/labels", json={"labels": [labels[0] | {"at": "2036-01-01T00:00:00Z"}]})
    assert (late.status_code, "from the future" in late.text) == (422, True)
    assert posts.program(posts.cast.sam).post("/v1/labels", json={"labels": labels}).status_code == 403


def test_how_many_leads_are_drawn_is_set_where_one_reads_what_it_costs_and_buys(world: World) -> None:
    world.lead()
    eli, program = world.browser(world.cast.eli), world.program(world.cast.mara)
    assert "It is off. With 5 % of all leads" in eli.get("/campaigns/1").text
    home = eli.submit("/campaigns/1/slots", random_percent="50", uncertain_percent="20").headers["location"]
    assert home == "/campaigns/1#slots"
    page = eli.get("/campaigns/1").text
    assert "With 50 % of all leads, and up to 20 % of the unsure ones, about <b>" in page
    told = program.get("/v1/campaigns/1/slots").json()
    assert (told["random"], told["uncertain"], told["leads_a_day"]) == (0.5, 0.2, pytest.approx(1 / 30))
    propensity = 0.5 + 0.5 * 0.2 * 4 * 0.9 * 0.1
    assert told["drawn_a_day"] == pytest.approx(propensity / 30)
    assert told["margin"] == pytest.approx(1.644854 * 0.5 / propensity**0.5)
    assert program.put("/v1/campaigns/1/slots", json={"random": 0, "uncertain": 0}).json()["margin"] is None
    assert program.put("/v1/campaigns/1/slots", json={"random": 0.6, "uncertain": 0}).status_code == 422
    assert eli.submit("/campaigns/1/slots", random_percent="51", uncertain_percent="0").status_code == 422
    assert world.program(world.cast.sam).put("/v1/campaigns/1/slots", json={}).status_code == 403


def test_what_the_queue_holds_is_told_from_what_was_drawn(world: World) -> None:
    with world.sessions.begin() as session:
        campaign = make_campaign(session, now=world.now, name=f"Rye {EVIL}")
        set_shares(session, campaign.id, random=0.5, uncertain=0.5)
        for number in range(50):
            make_lead(session, now=world.now, campaign=campaign, post=new_post(author=f"baker {number}"), score=0.6)
        drawn = session.scalars(sa.select(Lead).where(Lead.rank == 1)).all()
        for lead in drawn:
            funnel.promote(session, lead.id, actor=world.cast.sam, now=world.now)
    told = world.program(world.cast.eli).get("/v1/campaigns/1/quality").json()
    assert (told["held"], told["decided"], told["precision"]["value"], told["recall"]) == (50, len(drawn), 1, None)
    assert [one["low"] for one in told["calibration"]] == [0.6]
    page = world.browser(world.cast.eli).get("/labels/measures").text
    assert f"{len(drawn)} of them were drawn by chance" in page
    assert "100 % <small>" in page
    assert "blind samples do not tell yet" in page
    assert "<script>alert" not in page
    with world.rows() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(IntentLabel)) == 0
