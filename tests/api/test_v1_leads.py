"""The lead desk for programs."""

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from overheard.vocabulary import Platform
from tests.api.conftest import World
from tests.factories import new_post


@pytest.fixture
def lead(world: World) -> int:
    return world.lead()


@pytest.fixture
def sam(world: World) -> TestClient:
    return world.program(world.cast.sam)


def test_a_lead_goes_all_the_way_and_a_second_reply_moves_nothing(lead: int, sam: TestClient) -> None:
    assert sam.post(f"/v1/leads/{lead}/promote").json()["stage"] == "sales_qualified"
    assert sam.post(f"/v1/leads/{lead}/push_back", json={"note": "Too early."}).json()["stage"] == "marketing_qualified"
    sam.post(f"/v1/leads/{lead}/promote")
    for _ in range(2):
        assert sam.post(f"/v1/leads/{lead}/record_reply").json()["stage"] == "replied"
    assert sam.post(f"/v1/leads/{lead}/win").json()["error"] == "WrongStage"
    assert sam.post(f"/v1/leads/{lead}/make_prospect").json()["stage"] == "prospect"
    assert sam.post(f"/v1/leads/{lead}/lose", json={"note": " "}).json()["error"] == "InvalidInput"
    assert sam.post(f"/v1/leads/{lead}/win").json()["event"]["action"] == "win"


def test_what_is_written_down_can_be_read(world: World, lead: int, sam: TestClient) -> None:
    on = str(world.now.date() + timedelta(days=3))
    assert sam.post(f"/v1/leads/{lead}/notes", json={"note": "Met at the fair."}).status_code == 201
    sam.post(f"/v1/leads/{lead}/tags", json={"tag": "Trade Fair"})
    sam.put(f"/v1/leads/{lead}/follow_up", json={"on": on})
    sam.put(f"/v1/leads/{lead}/decision_maker", json={"who": "Rosa"})
    sam.post(f"/v1/leads/{lead}/assign", json={"assignee_id": world.cast.sue.id})
    desk = sam.get(f"/v1/leads/{lead}/desk").json()
    assert (desk["tags"], desk["follow_up_on"], desk["decision_maker"]) == (["trade fair"], on, "Rosa")
    assert desk["assignee"] == {"id": world.cast.sue.id, "name": "Sue"}
    moments = sam.get(f"/v1/leads/{lead}/history").json()["moments"]
    assert [moment["kind"] for moment in moments] == [
        "post", "qualify", "note", "tag", "follow_up", "note", "assign"
    ]  # fmt: skip
    assert moments[2] | {"at": None} == {
        "at": None, "kind": "note", "lead_id": lead, "by": "Sam", "from_stage": None,
        "to_stage": "marketing_qualified", "text": "Met at the fair.",
    }  # fmt: skip
    assert sam.post(f"/v1/leads/{lead}/tags/remove", json={"tag": "trade fair"}).json()["tags"] == []


def test_questions_are_answered_and_give_the_fit_on_desk_and_board(world: World, lead: int, sam: TestClient) -> None:
    mara = world.program(world.cast.mara)
    campaign = sam.get(f"/v1/leads/{lead}").json()["campaign_id"]
    asked = mara.post(f"/v1/campaigns/{campaign}/questions", json={"topic": "need", "question": "Do they?"})
    assert asked.status_code == 201
    question = asked.json()["id"]
    desk = sam.put(f"/v1/leads/{lead}/answers/{question}", json={"answer": "They do.", "fits": True}).json()
    fit = {"fitting": 1, "known": 1, "open": 0, "share": 1.0, "sentence": "fits 1 of 1 known, 0 open"}
    assert (desk["fit"], desk["questions"][0]["answer"]) == (fit, "They do.")
    column = sam.get("/v1/board").json()["columns"][0]
    assert (column["stage"], column["total"], column["cards"][0]["fit"]) == ("marketing_qualified", 1, fit)
    assert column["ways"] == {"sales_qualified": "promote", "disqualified": "disqualify"}
    assert sam.get("/v1/board?mine=true").json()["columns"][0]["total"] == 0
    heavy = {"topic": "budget", "question": "Can they pay?", "weight": 3}
    heavier = mara.post(f"/v1/campaigns/{campaign}/questions", json=heavy).json()
    assert heavier["weight"] == 3
    desk = sam.put(f"/v1/leads/{lead}/answers/{heavier['id']}", json={"answer": "No.", "fits": False}).json()
    assert desk["fit"]["share"] == 0.25
    assert mara.patch(f"/v1/questions/{question}", json={"weight": 3}).json()["weight"] == 3
    assert sam.get(f"/v1/leads/{lead}/desk").json()["fit"]["share"] == 0.5
    first = sam.get(f"/v1/campaigns/{campaign}/questions", params={"limit": 1}).json()
    assert [(one["question"], one["weight"]) for one in first["items"]] == [("Do they?", 3)]
    rest = sam.get(f"/v1/campaigns/{campaign}/questions", params={"after": first["next"]}).json()
    assert ([one["id"] for one in rest["items"]], rest["next"]) == ([heavier["id"]], None)
    for wrong in (0, 6, 2.5, "2"):
        assert mara.patch(f"/v1/questions/{question}", json={"weight": wrong}).status_code == 422
    assert sam.patch(f"/v1/questions/{question}", json={"weight": 2}).status_code == 403
    assert [
        mara.patch("/v1/questions/99", json={"weight": 2}).status_code,
        sam.get("/v1/campaigns/99/questions").status_code,
    ] == [404, 404]
    assert mara.post(f"/v1/questions/{heavier['id']}/retire").status_code == 200
    assert mara.post(f"/v1/questions/{question}/retire").json()["retired_at"] is not None
    assert sam.get(f"/v1/leads/{lead}/desk").json()["fit"] is None


def test_contacts_are_kept_checked_and_forgotten(lead: int, sam: TestClient) -> None:
    refused = sam.post(f"/v1/leads/{lead}/contacts", json={"kind": "phone", "value": "030 901820"})
    assert (refused.status_code, refused.json()["error"]) == (422, "InvalidInput")
    kept = sam.post(f"/v1/leads/{lead}/contacts", json={"kind": "site", "value": "example.com"}).json()
    assert (kept["value"], kept["is_reachable"]) == ("https://example.com", None)
    checked = sam.post(f"/v1/leads/{lead}/contacts/{kept['id']}/check").json()
    assert checked["checked_at"] is not None
    assert sam.post(f"/v1/leads/{lead}/contacts/{kept['id']}/remove").json()["contacts"] == []


def test_two_leads_of_one_person_become_one_and_part_again(world: World, sam: TestClient) -> None:
    here = world.lead(post=new_post(author="rosa"))
    there = world.lead(post=new_post(author="rosa", platform=Platform.SLACK, community="crafts", title="CRM anyone?"))
    alike = sam.get(f"/v1/leads/{here}/desk").json()["alike"]
    assert [(one["id"], one["because"]) for one in alike] == [(there, "the same name on Slack")]
    desk = sam.post(f"/v1/leads/{here}/merge", json={"lead_id": there}).json()
    assert [one["id"] for one in desk["took_over"]] == [there]
    assert sam.get(f"/v1/leads/{there}/desk").json()["merged_into"] == here
    assert len(sam.get(f"/v1/leads/{here}").json()["posts"]) == 2
    assert sam.post(f"/v1/leads/{there}/unmerge").json()["merged_into"] is None
    assert sam.post(f"/v1/leads/{there}/unmerge").status_code == 409


def test_a_lead_that_is_not_there_has_no_desk(sam: TestClient) -> None:
    for path in ("/v1/leads/4711/desk", "/v1/leads/4711/history"):
        assert sam.get(path).json()["error"] == "NotFound"
