"""Writes of `/v1`: done once under one key, refused when they are not JSON, and not over what somebody else changed."""

import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa
from fastapi.routing import APIRoute, iter_route_contexts
from fastapi.testclient import TestClient
from sqlalchemy.engine import Engine

from api.deps import get_db
from api.routing import WRITES, ApiRoute
from api.state import State
from overheard.models import Campaign, LeadEvent, StoredAnswer
from tests.api.conftest import World
from tests.factories import make_campaign

ASKS_THE_NETWORK = {"/v1/leads/{lead_id}/contacts/{contact_id}/check"}
"""Has no one transaction, so that none is open meanwhile. Doing it twice changes nothing."""
ONLY_READS = {
    "/v1/queries/check",
    "/v1/erasures/preview",
    "/v1/campaigns/propose",
    "/v1/campaigns/{campaign_id}/backtest",
}
"""Posted because what is asked is long. Nothing is written."""
KEY = {"Idempotency-Key": "6f1c9d1e-7c55-4d0c-9f5f-6a4f7f1f9c11"}
RYE = {"name": "Rye CRM", "offer": "A small CRM.", "queries": [{"name": "asks", "expression": "crm"}]}


def _count(world: World, table: type[Campaign | LeadEvent | StoredAnswer]) -> int:
    with world.rows() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(table)) or 0


# --- idempotency keys ----------------------------------------------------------------------------------------------


def test_every_write_of_v1_is_done_in_one_transaction_that_knows_keys_and_begins_when_the_caller_is_known(
    world: World,
) -> None:
    writes = 0
    for context in iter_route_contexts(world.app.routes):
        if not (context.path or "").startswith("/v1/") or not context.methods:
            continue
        route = context.original_route
        if isinstance(route, APIRoute):
            assert isinstance(route, ApiRoute), f"{context.path}: its router is no ApiRouter"
        if WRITES & context.methods and context.path not in ASKS_THE_NETWORK | ONLY_READS:
            assert isinstance(route, APIRoute)
            asked = [dependency.call for dependency in route.dependant.dependencies]
            names = [getattr(call, "__name__", "") for call in asked]
            assert get_db in asked, f"{context.path}: a write takes the session Db"
            assert "user_by_token" in names[: asked.index(get_db)], f"{context.path}: the user stands before Db"
            writes += 1
    assert writes >= 11


def test_a_write_that_is_sent_again_under_its_key_is_answered_and_not_done_again(world: World) -> None:
    mara = world.program(world.cast.mara)
    first = mara.post("/v1/campaigns", json=RYE, headers=KEY)
    again = mara.post("/v1/campaigns", json=RYE, headers=KEY)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["content-type"] == first.headers["content-type"] == "application/json"
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert _count(world, Campaign) == 1
    assert mara.post("/v1/campaigns", json=RYE).status_code == 422  # without the key it is a second campaign


def test_a_decision_under_a_key_is_one_step_of_the_lead_however_often_it_is_sent(world: World) -> None:
    lead = world.lead()
    sam = world.program(world.cast.sam)
    answers = [sam.post(f"/v1/leads/{lead}/promote", headers=KEY) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert _count(world, LeadEvent) == 2  # qualified, promoted


def test_a_key_belongs_to_one_request_and_to_one_token(world: World) -> None:
    lead, other = world.lead(), world.lead()
    sam, sue = world.program(world.cast.sam), world.program(world.cast.sue)
    assert sam.post(f"/v1/leads/{lead}/promote", headers=KEY).status_code == 200
    for path, body in ((f"/v1/leads/{other}/promote", None), (f"/v1/leads/{lead}/promote", {"position": 2})):
        refused = sam.post(path, json=body, headers=KEY)
        assert (refused.status_code, refused.json()["error"]) == (422, "KeyReused")
    assert sue.post(f"/v1/leads/{other}/promote", headers=KEY).status_code == 200


def test_who_may_not_do_it_any_more_is_not_given_the_stored_answer(world: World) -> None:
    lead = world.lead()
    sam = world.program(world.cast.sam)
    assert sam.post(f"/v1/leads/{lead}/promote", headers=KEY).status_code == 200
    with world.sessions.begin() as session:
        session.execute(sa.text("UPDATE users SET role = 'marketer' WHERE name = 'Sam'"))
    assert sam.post(f"/v1/leads/{lead}/promote", headers=KEY).status_code == 403


def test_what_was_refused_did_nothing_and_its_key_may_be_used_again(world: World) -> None:
    lead = world.lead()
    sam, sue = world.program(world.cast.sam), world.program(world.cast.sue)
    sue.post(f"/v1/leads/{lead}/promote")
    assert sam.post(f"/v1/leads/{lead}/promote", headers=KEY).status_code == 409
    assert _count(world, StoredAnswer) == 0
    sue.post(f"/v1/leads/{lead}/undo")
    assert sam.post(f"/v1/leads/{lead}/promote", headers=KEY).status_code == 200


def test_an_answer_is_kept_for_a_day(world: World) -> None:
    sam = world.program(world.cast.sam)
    first, second = world.lead(), world.lead()
    sam.post(f"/v1/leads/{first}/promote", headers=KEY)
    world.passes(timedelta(hours=23))
    assert sam.post(f"/v1/leads/{first}/promote", headers=KEY).status_code == 200
    world.passes(timedelta(hours=2))
    assert sam.post(f"/v1/leads/{second}/promote", headers=KEY).status_code == 200  # the key is free for another one
    assert _count(world, StoredAnswer) == 1


def test_work_and_answer_are_committed_together_or_not_at_all(world: World, engine: Engine) -> None:
    lead = world.lead()
    sam = world.program(world.cast.sam)

    def fail(_connection: object) -> None:
        raise RuntimeError("the power is gone")

    sa.event.listen(engine, "commit", fail)
    assert sam.post(f"/v1/leads/{lead}/promote", headers=KEY).status_code == 500
    sa.event.remove(engine, "commit", fail)
    assert (_count(world, StoredAnswer), _count(world, LeadEvent)) == (0, 1)
    assert sam.post(f"/v1/leads/{lead}/promote", headers=KEY).status_code == 200
    assert (_count(world, StoredAnswer), _count(world, LeadEvent)) == (1, 2)


def test_while_the_first_is_running_the_second_is_told_so(world: World) -> None:
    lead = world.lead()
    state: State = world.app.state.overheard
    sam = world.program(world.cast.sam)
    inside, go_on = threading.Event(), threading.Event()
    answers: list[int] = []

    def hold(*_arguments: object) -> None:
        inside.set()
        assert go_on.wait(20)

    sa.event.listen(LeadEvent, "before_insert", hold)
    first = threading.Thread(
        target=lambda: answers.append(sam.post(f"/v1/leads/{lead}/promote", headers=KEY).status_code)
    )
    first.start()
    try:
        assert inside.wait(20)
        second = TestClient(world.app, headers=dict(sam.headers)).post(f"/v1/leads/{lead}/promote", headers=KEY)
    finally:
        go_on.set()
        first.join()
        sa.event.remove(LeadEvent, "before_insert", hold)
    assert (second.status_code, second.json()["error"]) == (409, "StillRunning")
    assert answers == [200]
    assert state.running == set()
    assert sam.post(f"/v1/leads/{lead}/promote", headers=KEY).headers["idempotency-replayed"] == "true"


def test_of_two_server_processes_one_does_it_and_the_other_says_that_it_runs_or_what_came_of_it(
    world: World, engine: Engine
) -> None:
    """Two processes share nothing but the database; here they are two requests of which neither knows the other.

    On SQLite the second waits, as only one writes at a time.
    """
    lead = world.lead()
    sam = world.program(world.cast.sam)
    state: State = world.app.state.overheard
    inside, go_on = threading.Event(), threading.Event()
    answers: list[tuple[int, str | None]] = []

    def promote() -> None:
        program = TestClient(world.app, headers=dict(sam.headers))
        answer = program.post(f"/v1/leads/{lead}/promote", headers=KEY)
        answers.append((answer.status_code, answer.headers.get("idempotency-replayed")))

    class Forgetful(set[str]):
        def __contains__(self, _key: object) -> bool:
            return False

    def hold(*_arguments: object) -> None:
        inside.set()
        assert go_on.wait(20)

    object.__setattr__(state, "running", Forgetful())
    sa.event.listen(LeadEvent, "before_insert", hold)
    first, second = threading.Thread(target=promote), threading.Thread(target=promote)
    first.start()
    assert inside.wait(20)
    second.start()
    waits = engine.dialect.name == "sqlite"
    if not waits:
        second.join()
    go_on.set()
    first.join()
    second.join()
    sa.event.remove(LeadEvent, "before_insert", hold)
    expected = [(200, "true"), (200, None)] if waits else [(200, None), (409, None)]
    assert sorted(answers, key=str) == sorted(expected, key=str)
    assert _count(world, LeadEvent) == 2


def test_the_database_alone_does_not_tell_what_was_answered(world: World) -> None:
    mara = world.program(world.cast.mara)
    mara.post("/v1/campaigns", json=RYE, headers=KEY)
    with world.rows() as session:
        kept = session.scalars(sa.select(StoredAnswer)).one()
    told = f"{kept.key_hash} {kept.request_hash}".encode() + (kept.sealed or b"")
    for secret in (b"Rye", b"CRM", KEY["Idempotency-Key"].encode(), mara.headers["Authorization"].encode()):
        assert secret not in told


@pytest.mark.parametrize("key", ["", "x" * 256, "schl\u00fcssel"])
def test_a_key_that_is_none_is_refused(world: World, key: str) -> None:
    lead = world.lead()
    headers = {"Idempotency-Key": key.encode()}
    refused = world.program(world.cast.sam).post(f"/v1/leads/{lead}/promote", headers=headers)  # type: ignore[arg-type]
    assert (refused.status_code, refused.json()["error"]) == (422, "InvalidInput")


# --- bodies --------------------------------------------------------------------------------------------------------


def test_a_body_that_is_not_json_is_refused(world: World) -> None:
    mara = world.program(world.cast.mara)
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", None):
        refused = mara.post("/v1/campaigns", content=b"{}", headers={"Content-Type": kind} if kind else {})
        assert (refused.status_code, refused.json()["error"]) == (415, "WrongMediaType"), kind
    for kind in ("application/json; charset=utf-8", "application/merge-patch+json"):
        assert mara.post("/v1/campaigns", content=b"{}", headers={"Content-Type": kind}).status_code == 422


# --- If-Match ------------------------------------------------------------------------------------------------------


def test_a_campaign_that_somebody_changed_meanwhile_is_not_overwritten(world: World) -> None:
    with world.sessions.begin() as session:
        campaign = make_campaign(session, now=world.now).id
    mara, alice = world.program(world.cast.mara), world.program(world.cast.alice)
    address = f"/v1/campaigns/{campaign}"
    read = mara.get(address).headers["etag"]
    assert alice.patch(address, json={"threshold": 0.7}, headers={"If-Match": read}).status_code == 200
    late = mara.patch(address, json={"threshold": 0.2}, headers={"If-Match": read})
    assert (late.status_code, late.json()["error"]) == (412, "ChangedMeanwhile")
    assert late.headers["content-type"] == "application/problem+json"
    now = mara.get(address)
    assert now.json()["threshold"] == 0.7
    assert mara.patch(address, json={"threshold": 0.2}, headers={"If-Match": now.headers["etag"]}).status_code == 200
    assert mara.patch(address, json={"threshold": 0.3}, headers={"If-Match": "*"}).status_code == 200
    assert mara.patch(address, json={"threshold": 0.4}).status_code == 200
    weak = mara.patch(address, json={"threshold": 0.3}, headers={"If-Match": f"W/{mara.get(address).headers['etag']}"})
    assert (weak.status_code, "weak ETag" in weak.json()["detail"]) == (412, True)
    assert mara.patch("/v1/campaigns/99", json={"threshold": 0.4}, headers={"If-Match": "*"}).status_code == 404
