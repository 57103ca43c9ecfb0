"""Replies for programs."""

from datetime import timedelta

import sqlalchemy as sa
from fastapi.testclient import TestClient

from overheard.models import Post
from tests.api.conftest import World
from tests.overheard.reply_rows import ANSWER, LINE, promoted

ADDRESS = "https://www.reddit.com/r/bakers/comments/ask1/_/abc9/"


def write_to(world: World, number: int = 1) -> int:
    with world.sessions.begin() as session:
        return promoted(session, world.cast.sam, now=world.now, number=number).id


def drafted(world: World, program: TestClient, text: str = ANSWER) -> int:
    made = program.post(f"/v1/leads/{write_to(world)}/replies", json={"text": text})
    assert made.status_code == 201
    return int(made.json()["id"])


def test_a_reply_goes_its_whole_way(world: World) -> None:
    sam = world.program(world.cast.sam)
    made = sam.post(f"/v1/leads/{write_to(world)}/replies", json={}).json()
    assert (made["state"], made["text"]) == ("draft", f"\n\n{LINE}")
    reply = f"/v1/replies/{made['id']}"
    assert sam.patch(reply, json={"text": ANSWER}).json()["text"] == ANSWER
    assert [one["guardrail"] for one in sam.get(f"{reply}/check").json()["refusals"] if not one["is_warning"]] == []
    assert sam.post(f"{reply}/approve", json={}).json()["state"] == "approved"
    assert sam.post(f"{reply}/take_back").json()["state"] == "draft"
    assert sam.post(f"{reply}/approve", json={}).json()["way"] == "assisted"
    assert sam.post(f"{reply}/sent", json={"permalink": "https://example.org"}).status_code == 422
    assert sam.post(f"{reply}/sent", json={"permalink": ADDRESS}).json()["state"] == "sent"
    assert sam.get(reply).json()["permalink"] == ADDRESS
    assert [one["id"] for one in sam.get("/v1/replies?state=sent").json()["items"]] == [made["id"]]
    totals = world.program(world.cast.eli).get("/v1/replies/totals?days=7").json()
    assert (totals["sent"], totals["reply_rate"], totals["minutes_to_reply"]) == (1, 0, 60)


def test_a_refusal_says_each_guardrail_and_may_be_set_aside_where_it_allows(world: World) -> None:
    sam = world.program(world.cast.sam)
    reply = f"/v1/replies/{drafted(world, sam)}"
    with world.sessions.begin() as session:
        session.execute(sa.update(Post).values(posted_at=world.now - timedelta(days=9)))
    refused = sam.post(f"{reply}/approve", json={})
    problem = refused.json()
    assert (refused.status_code, problem["error"]) == (422, "ReplyRefused")
    assert [(one["guardrail"], one["may_override"]) for one in problem["refusals"]] == [("freshness", True)]
    assert problem["refusals"][0]["remedy"] in problem["detail"]
    assert sam.post(f"{reply}/approve", json={"overrides": ["freshness"]}).json()["state"] == "approved"


def test_only_the_writer_approves_and_a_discarded_reply_is_none(world: World) -> None:
    reply = f"/v1/replies/{drafted(world, world.program(world.cast.sam))}"
    assert world.program(world.cast.sue).post(f"{reply}/approve", json={}).status_code == 409
    assert world.program(world.cast.sam).post(f"{reply}/discard").json()["state"] == "discarded"
    assert world.program(world.cast.sam).post(f"{reply}/reconcile", json={}).status_code == 409


def test_a_list_of_replies_has_pages(world: World) -> None:
    sam = world.program(world.cast.sam)
    ids = [sam.post(f"/v1/leads/{write_to(world, number)}/replies", json={}).json()["id"] for number in (1, 2, 3)]
    first = sam.get("/v1/replies?limit=2").json()
    second = sam.get(f"/v1/replies?limit=2&after={first['next']}").json()
    assert [one["id"] for one in first["items"] + second["items"]] == ids[::-1]
    assert second["next"] is None


def test_an_admin_stops_replies_and_lets_them_go_on(world: World) -> None:
    alice, sam = world.program(world.cast.alice), world.program(world.cast.sam)
    assert sam.post("/v1/replies/stops", json={"because": "no"}).status_code == 403
    assert alice.post("/v1/replies/stops", json={"because": "A moderator wrote."}).status_code == 201
    assert [one["because"] for one in sam.get("/v1/replies/stops").json()["items"]] == ["A moderator wrote."]
    assert alice.delete("/v1/replies/stops").status_code == 204
    assert sam.get("/v1/replies/stops").json()["items"] == []


def test_snippets_and_do_not_contact(world: World) -> None:
    sam = world.program(world.cast.sam)
    made = sam.post("/v1/snippets", json={"name": "Mine", "text": "Hello {name}"}).json()
    changed = sam.put(f"/v1/snippets/{made['id']}", json={"name": "Mine", "text": "Hi {name}"}).json()
    assert (changed["text"], changed["is_shared"]) == ("Hi {name}", False)
    assert [one["name"] for one in sam.get("/v1/snippets").json()["items"]] == ["Mine"]
    assert sam.delete(f"/v1/snippets/{made['id']}").status_code == 204
    assert sam.post("/v1/do_not_contact", json={"platform": "reddit", "handle": "u/baker"}).status_code == 204
    (entry,) = sam.get("/v1/do_not_contact").json()["items"]
    assert (len(entry["hash"]), "baker" in str(entry)) == (64, False)
