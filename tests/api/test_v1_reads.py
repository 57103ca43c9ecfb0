"""Reads of `/v1`: ETags, pages of every list, and problems in one shape wherever something is wrong."""

import re
from typing import Any

import pytest
from fastapi.routing import iter_route_contexts

from api.errors import PROBLEM_JSON, Problem
from api.middleware import MAX_BODY
from api.paging import PageParams, mark, page_of
from overheard.errors import InvalidInput
from overheard.vocabulary import Platform
from tests.api.conftest import World
from tests.factories import make_campaign, new_post, store

# --- ETags ---------------------------------------------------------------------------------------------------------


def test_what_somebody_has_already_is_not_sent_again(world: World) -> None:
    lead = world.lead()
    sam = world.program(world.cast.sam)
    for address in ("/v1/queue", f"/v1/leads/{lead}", "/v1/me", "/v1/campaigns"):
        tag = sam.get(address).headers["etag"]
        assert re.fullmatch(r'"[0-9a-f]{24}"', tag)
        for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
            same = sam.get(address, headers={"If-None-Match": known})
            assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
        assert sam.get(address, headers={"If-None-Match": '"other"'}).status_code == 200
    tag = sam.get("/v1/queue").headers["etag"]
    sam.post(f"/v1/leads/{lead}/promote")
    changed = sam.get("/v1/queue", headers={"If-None-Match": tag})
    assert (changed.status_code, changed.json()["items"]) == (200, [])


def test_an_error_has_no_etag(world: World) -> None:
    assert "etag" not in world.program(world.cast.sam).get("/v1/leads/99").headers


# --- pages ---------------------------------------------------------------------------------------------------------


def _schema(world: World) -> dict[str, Any]:
    found: dict[str, Any] = world.stranger().get("/v1/openapi.json").json()
    return found


def test_no_route_gives_a_list_that_has_no_pages(world: World) -> None:
    schema = _schema(world)
    for path, operations in schema["paths"].items():
        if "get" not in operations:
            continue
        for kind in operations["get"]["responses"]["200"]["content"].values():
            told = kind.get("schema", {})
            assert told.get("type") != "array", f"{path}: a list of /v1 is a Page"
            body = schema["components"]["schemas"].get(told.get("$ref", "").rpartition("/")[2], {})
            if "items" in body.get("properties", {}):
                names = {parameter["name"] for parameter in operations["get"]["parameters"]}
                assert {"limit", "after"} <= names, path
                assert "next" in body["properties"], path


def test_campaigns_and_sources_are_read_page_by_page(world: World) -> None:
    with world.sessions.begin() as session:
        for name in ("b", "a", "É", "d", "c"):
            make_campaign(session, now=world.now, name=name)
        store(session, *(new_post(community=f"r/place{number}") for number in range(5)), now=world.now)
    mara = world.program(world.cast.mara)
    for path, key in (("/v1/campaigns", "name"), ("/v1/sources", "community")):
        whole = [item[key] for item in mara.get(path).json()["items"]]
        assert len(whole) == len(set(whole)) == 5
        walked, after = [], None
        for _ in range(3):
            page = mara.get(path, params={"limit": 2} | ({"after": after} if after else {})).json()
            walked += [item[key] for item in page["items"]]
            after = page["next"]
        assert (walked, after) == (whole, None)
        damaged = mara.get(path, params={"after": "nonsense"})
        assert (damaged.status_code, damaged.json()["error"]) == (422, "InvalidInput")


def test_a_page_goes_on_behind_a_thing_that_has_gone_meanwhile() -> None:
    rows = [("a", 1), ("b", 2), ("c", 3)]
    first = page_of(rows, PageParams(limit=2, after=None), str, key=lambda row: row)
    assert first.next is not None
    rest = page_of([("a", 1), ("bb", 9), ("c", 3)], PageParams(limit=2, after=first.next), str, key=lambda row: row)
    assert rest.items == ["('bb', 9)", "('c', 3)"]
    assert rest.next is None


@pytest.mark.parametrize("key", [[], [1], ["a"], [True], ["a", 2**31], ["a", None], ["\x00", 1], ["\ud800", 1]])
def test_a_marker_that_we_did_not_make_is_refused(key: list[Any]) -> None:
    try:
        word = mark(key)
    except UnicodeEncodeError:
        word = "IlxVRDgwMCI"
    with pytest.raises(InvalidInput):
        PageParams(limit=2, after=word).place(str, int)


def test_a_marker_holds_what_the_vocabulary_says_as_plain_words() -> None:
    page = page_of([Platform.REDDIT, Platform.SLACK], PageParams(limit=1, after=None), str, key=lambda one: [one])
    rest = page_of([Platform.REDDIT, Platform.SLACK], PageParams(limit=1, after=page.next), str, key=lambda one: [one])
    assert (page.items, rest.items) == (["reddit"], ["slack"])


# --- problems ------------------------------------------------------------------------------------------------------


@pytest.mark.alternate_databases
def test_on_every_route_every_refusal_is_a_problem(world: World) -> None:
    alice, stranger = world.program(world.cast.alice), world.stranger()
    refusals: dict[int, int] = {}
    seen: set[str] = set()
    for context in iter_route_contexts(world.app.routes):
        path = re.sub(r"{\w+}", "99999", context.path or "")
        if not path.startswith("/v1/") or path == "/v1/events":  # which never ends: tests/api/test_events.py has it
            continue
        as_json = {"Content-Type": "application/json"}
        answers = []
        if path not in seen:
            answers += [alice.request(method, path) for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")]
            answers += [alice.get(f"{path}/nothing/here"), alice.get(path, params={"after": "x", "limit": "y"})]
        seen.add(path)
        for method in (context.methods or set()) - {"HEAD"}:
            answers.append(stranger.request(method, path))
            answers.append(alice.request(method, path, content=b"{", headers=as_json))
            answers.append(alice.request(method, path, content=b"x", headers={"Content-Type": "text/plain"}))
            answers.append(alice.request(method, path, content=b" " * (MAX_BODY + 1), headers=as_json))
        for answer in answers:
            if answer.status_code < 400:
                continue
            assert answer.headers["content-type"] == PROBLEM_JSON, (path, answer.text)
            problem = Problem.model_validate(answer.json(), extra="forbid")
            assert problem.status == answer.status_code < 500, (path, answer.text)
            assert problem.detail
            refusals[problem.status] = refusals.get(problem.status, 0) + 1
            assert problem.status != 405 or answer.headers["allow"]
    assert {401, 404, 405, 413, 415, 422} <= refusals.keys()
