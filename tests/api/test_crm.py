"""The page of CRMs and its API, with a door to a CRM that stands on the loopback interface."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import sqlalchemy as sa
from httpx2 import Response
from sqlalchemy.engine import Engine

from api.app import create_app
from api.security import LOGIN_COOKIE, form_token
from collectors.crm.run import CrmWorker, Door
from overheard.leads import funnel
from overheard.models import AuditEntry, CrmConnection, CrmLink, User
from overheard.notifications import webhooks
from overheard.settings import Settings
from overheard.vocabulary import AuditAction
from tests.api.conftest import World
from tests.fakeworld.crms import TOKEN, CrmWorld, serve_crm


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"allow_private_addresses": True, "http_timeout": 5.0})


@pytest.fixture
def crm() -> Iterator[CrmWorld]:
    with serve_crm() as world:
        yield world


@pytest.fixture
def world(world: World, engine: Engine, settings: Settings) -> World:
    app = create_app(settings, engine=engine, clock=lambda: world.clock[0], crm=Door(settings))
    return replace(world, app=app)


def test_a_crm_is_connected_mapped_tried_paused_and_removed_without_script(
    world: World, crm: CrmWorld, settings: Settings
) -> None:
    lead_id = world.lead()
    alice = world.browser(world.cast.alice)
    new = {"platform": "hubspot", "name": "Our <b>HubSpot</b>", "address": crm.address, "client_id": ""}
    refused = alice.submit("/crm", **new, token="wrong")
    assert refused.status_code != 303
    assert "does not know this token" in refused.text
    assert "wrong" not in refused.text.split("does not know this token")[1].split("<select")[0]
    assert alice.submit("/crm", **new, token=TOKEN).headers["location"] == "/crm#crm-1"
    page = alice.get("/crm").text
    assert "Our &lt;b&gt;HubSpot&lt;/b&gt;" in page
    assert '<option value="won default/won" selected>Sales: Won</option>' in page
    assert TOKEN not in page
    wishes = {"name": "HubSpot", "push_from": "sales_qualified", "campaign_id": "", "with_notes": "true"}
    maps = {"maps_out": ["sales_qualified default/2", "won default/won"], "maps_in": ["lost default/lost", ""]}
    own = {"csrf": form_token(alice.key, alice.cookies.get(LOGIN_COOKIE) or "")}
    assert alice.post("/crm/1", data=own | wishes | maps).status_code == 303
    with world.rows() as session:
        kept = session.scalars(sa.select(CrmConnection)).one()
        assert kept.stages_out == {"sales_qualified": "default/2", "won": "default/won"}
        assert kept.stages_in == {"default/lost": "lost"}
        assert (kept.with_notes, kept.with_text) == (True, False)
    assert alice.submit("/crm/1", **wishes, maps_out="won nowhere").status_code == 422
    assert alice.submit("/crm/1/test").status_code == 303
    assert "it works" in alice.get("/crm").text
    assert crm.deals == {}
    with world.sessions.begin() as session:
        sam = session.get_one(User, world.cast.sam.id)
        funnel.promote(session, lead_id, actor=sam, now=world.now)
        webhooks.fan_out(session, now=world.now)
    crm.faults.append(("batch/upsert", 400))
    worker = CrmWorker(world.sessions, settings, lambda: world.now)
    assert worker.run_once().failed == 1
    assert f'action="/crm/1/leads/{lead_id}"' in alice.get("/crm").text
    assert alice.submit(f"/crm/1/leads/{lead_id}").status_code == 303
    assert worker.run_once().pushed == 1
    [deal] = crm.deals.values()
    assert deal["stage"] == "2"
    for deed in ("pause", "resume", "remove"):
        assert alice.submit(f"/crm/1/{deed}").status_code == 303
    with world.rows() as session:
        assert session.scalars(sa.select(CrmLink)).all() == []
        told = sa.select(AuditEntry.detail).where(AuditEntry.action == AuditAction.CRM_CHANGED).order_by(AuditEntry.id)
        assert len(session.scalars(told).all()) == 5  # connected, changed, paused, resumed, removed
    assert world.browser(world.cast.mara).get("/crm").status_code == 403


def test_a_program_connects_a_crm_and_reads_its_log(world: World, crm: CrmWorld) -> None:
    alice = world.program(world.cast.alice)
    access = {"address": crm.address, "token": TOKEN}
    body = {"platform": "pipedrive", "name": "Ours", "access": access, "stages_out": {"won": "won"}}
    made = alice.post("/v1/crm", json=body)
    assert made.status_code == 201, made.text
    assert made.json()["stages"][-1] == {"id": "lost", "name": "Lost", "kind": "lost"}
    assert made.json()["stages_out"] == {"won": "won"}
    assert TOKEN not in made.text
    assert alice.put("/v1/crm/1", json={"name": "Ours", "push_from": "prospect"}).json()["push_from"] == "prospect"
    assert alice.put("/v1/crm/1", json={"name": "Ours", "push_from": "won"}).status_code == 422
    assert alice.put("/v1/crm/1/access", json=access).json()["paused_at"] is None
    assert alice.post("/v1/crm/1/test").status_code == 200
    assert alice.post("/v1/crm/1/leads/1").status_code == 404
    assert alice.post("/v1/crm/1/pause").json()["paused_at"] is not None
    assert alice.post("/v1/crm/1/resume").json()["paused_at"] is None
    assert [one["name"] for one in alice.get("/v1/crm").json()["items"]] == ["Ours"]
    assert alice.get("/v1/crm/1/log").json()["items"] == []
    crm.token = "another"
    assert alice.post("/v1/crm/1/test").status_code >= 400
    assert alice.delete("/v1/crm/1").status_code == 204
    assert world.program(world.cast.mara).get("/v1/crm").status_code == 403


@pytest.mark.parametrize("way", [("POST", "/v1/crm"), ("PUT", "/v1/crm/1/access"), ("POST", "/v1/crm/1/test")])
def test_while_a_crm_is_slow_others_write_and_what_is_sent_again_asks_it_nothing(
    world: World, crm: CrmWorld, engine: Engine, way: tuple[str, str]
) -> None:
    alice, sam = world.program(world.cast.alice), world.program(world.cast.sam)
    access = {"address": crm.address, "token": TOKEN}
    assert alice.post("/v1/crm", json={"platform": "hubspot", "name": "First", "access": access}).status_code == 201
    lead_id, key = world.lead(), {"Idempotency-Key": "asked once"}
    new = {"platform": "hubspot", "name": "Second", "access": access}
    body = {"/v1/crm": new, "/v1/crm/1/access": access}.get(way[1])

    def send() -> Response:
        return alice.request(*way, json=body, headers=key)

    crm.arrived.clear()
    crm.is_awake.clear()
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(send)
        assert crm.arrived.wait(10)
        assert engine.pool.checkedout() == 0  # type: ignore[attr-defined] # both databases have a pool that counts
        assert sam.post(f"/v1/leads/{lead_id}/promote", headers=key).status_code == 200
        assert send().json()["error"] == "StillRunning"
        crm.is_awake.set()
        first = slow.result(30)
    assert first.status_code in (200, 201)
    asked = len(crm.requests)
    again = send()
    assert (again.headers["Idempotency-Replayed"], again.json(), len(crm.requests)) == ("true", first.json(), asked)
    with world.rows() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(CrmConnection)) == (
            2 if way[1] == "/v1/crm" else 1
        )


def test_a_token_that_a_crm_refuses_frees_its_key(world: World, crm: CrmWorld) -> None:
    alice, key = world.program(world.cast.alice), {"Idempotency-Key": "once more"}
    new = {"platform": "hubspot", "name": "Ours", "access": {"address": crm.address, "token": "wrong"}}
    assert alice.post("/v1/crm", json=new, headers=key).status_code == 422
    new["access"] = {"address": crm.address, "token": TOKEN}
    assert alice.post("/v1/crm", json=new, headers=key).status_code == 201
    assert alice.post("/v1/crm", json=new | {"name": "Other"}, headers=key).json()["error"] == "KeyReused"
