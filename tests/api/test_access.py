"""Who may do what, cell by cell, and a stranger on every route."""

import re

import pytest
from fastapi.routing import iter_route_contexts
from httpx2 import Response

from api.access import MAY, Action
from overheard.vocabulary import Role
from tests.api.conftest import World

# One column for each role, in the order admin, marketer, sdr, ml_engineer.
TABLE = {
    Action.READ_QUEUE: "yes yes yes yes",
    Action.READ_LEAD: "yes yes yes yes",
    Action.PROMOTE: "yes no yes no",
    Action.DISQUALIFY: "yes no yes no",
    Action.REOPEN: "yes no yes no",
    Action.UNDO: "yes no yes no",
    Action.READ_CAMPAIGNS: "yes yes yes yes",
    Action.CREATE_CAMPAIGN: "yes yes no no",
    Action.SAVE_QUERY: "yes yes no no",
    Action.RETIRE_QUERY: "yes yes no no",
    Action.SET_THRESHOLD: "yes yes no no",
    Action.READ_SOURCES: "yes yes yes yes",
    Action.PAUSE_SOURCE: "yes yes no no",
    Action.ENABLE_SOURCE: "yes yes no no",
    Action.REMOVE_SOURCE: "yes yes no no",
    Action.READ_SUGGESTIONS: "yes yes yes yes",
    Action.ADD_POST: "yes yes yes no",
}
CELLS = [
    (action, role, word == "yes")
    for action, row in TABLE.items()
    for role, word in zip((Role.ADMIN, Role.MARKETER, Role.SDR, Role.ML_ENGINEER), row.split(), strict=True)
]

# How each action is asked for. A lead or campaign that is not there is enough: 403 comes before 404.
ON_PAGES = {
    Action.READ_QUEUE: ("GET", "/queue"),
    Action.READ_LEAD: ("GET", "/leads/1"),
    Action.PROMOTE: ("POST", "/leads/1/promote"),
    Action.DISQUALIFY: ("POST", "/leads/1/disqualify"),
    Action.REOPEN: ("POST", "/leads/1/reopen"),
    Action.UNDO: ("POST", "/leads/1/undo"),
    Action.READ_CAMPAIGNS: ("GET", "/campaigns"),
    Action.CREATE_CAMPAIGN: ("POST", "/campaigns"),
    Action.SAVE_QUERY: ("POST", "/campaigns/1/queries"),
    Action.RETIRE_QUERY: ("POST", "/campaigns/queries/1/retire"),
    Action.SET_THRESHOLD: ("POST", "/campaigns/1/threshold"),
    Action.READ_SOURCES: ("GET", "/sources"),
    Action.PAUSE_SOURCE: ("POST", "/sources/1/pause"),
    Action.ENABLE_SOURCE: ("POST", "/sources/1/enable"),
    Action.REMOVE_SOURCE: ("POST", "/sources/1/remove"),
    Action.READ_SUGGESTIONS: ("GET", "/campaigns/1/suggestions"),
    Action.ADD_POST: ("POST", "/posts/new"),
}
BY_TOKEN = {
    Action.READ_QUEUE: ("GET", "/v1/queue"),
    Action.READ_LEAD: ("GET", "/v1/leads/1"),
    Action.PROMOTE: ("POST", "/v1/leads/1/promote"),
    Action.DISQUALIFY: ("POST", "/v1/leads/1/disqualify"),
    Action.REOPEN: ("POST", "/v1/leads/1/reopen"),
    Action.UNDO: ("POST", "/v1/leads/1/undo"),
    Action.READ_CAMPAIGNS: ("GET", "/v1/campaigns"),
    Action.CREATE_CAMPAIGN: ("POST", "/v1/campaigns"),
    Action.SAVE_QUERY: ("POST", "/v1/campaigns/1/queries"),
    Action.RETIRE_QUERY: ("POST", "/v1/queries/1/retire"),
    Action.SET_THRESHOLD: ("PATCH", "/v1/campaigns/1"),
    Action.READ_SOURCES: ("GET", "/v1/sources"),
    Action.PAUSE_SOURCE: ("POST", "/v1/sources/1/pause"),
    Action.ENABLE_SOURCE: ("POST", "/v1/sources/1/enable"),
    Action.REMOVE_SOURCE: ("POST", "/v1/sources/1/remove"),
    Action.READ_SUGGESTIONS: ("GET", "/v1/campaigns/1/suggestions"),
    Action.ADD_POST: ("POST", "/v1/posts"),
}

# What is answered without a login; everything else is not.
PUBLIC = {
    ("GET", "/"),
    ("GET", "/healthz"),
    ("POST", "/hooks/{name}"),  # who posts is told by a signature
    ("GET", "/manifest.webmanifest"),
    ("GET", "/static/{digest}/{name}"),
    ("GET", "/login"),
    ("POST", "/login"),
    ("GET", "/login/{token}"),
    ("POST", "/logout"),
    ("GET", "/v1/openapi.json"),
}


_ID = re.compile(r"\{\w+_id\}")


@pytest.mark.parametrize(("action", "role", "expected"), CELLS)
def test_the_access_table_says_what_was_decided(action: Action, role: Role, *, expected: bool) -> None:
    assert (role in MAY[action]) is expected


def test_every_action_has_a_row_here_and_in_the_table() -> None:
    assert set(TABLE) == set(MAY) == set(Action) == set(ON_PAGES) == set(BY_TOKEN)


@pytest.mark.parametrize("name", ["alice", "mara", "sam", "eli"])
def test_each_role_is_refused_exactly_what_the_table_refuses(world: World, name: str) -> None:
    user = getattr(world.cast, name)
    browser, program = world.browser(user), world.program(user)
    for action in Action:
        method, path = ON_PAGES[action]
        shown = browser.get(path) if method == "GET" else browser.submit(path)
        assert _is_forbidden(shown) is (user.role not in MAY[action]), (action, shown.status_code)
        method, path = BY_TOKEN[action]
        answered = program.request(method, path)
        assert _is_forbidden(answered) is (user.role not in MAY[action]), (action, answered.status_code)


def _is_forbidden(response: Response) -> bool:
    if response.status_code == 403:
        assert "does not allow this" in response.text
    return response.status_code == 403


def test_a_stranger_is_turned_away_on_every_route(world: World) -> None:
    stranger = world.stranger()
    for method, path in _routes(world) - PUBLIC:
        filled = _ID.sub("1", path)
        response = stranger.request(method, filled)
        if path.startswith("/v1"):
            assert (response.status_code, response.json()["error"]) == (401, "NotLoggedIn"), path
            assert response.headers["www-authenticate"] == "Bearer"
        else:
            assert response.status_code == 303, path
            assert response.headers["location"].startswith("/login"), path


def test_a_login_cookie_is_no_token_and_a_token_no_login(world: World) -> None:
    assert world.browser(world.cast.sam).get("/v1/me").status_code == 401
    program = world.program(world.cast.sam)
    assert program.get("/queue", follow_redirects=False).status_code == 303


@pytest.mark.parametrize("header", ["Bearer nonsense", "Bearer ", "Basic c2FtOnNhbQ==", "ovh_", "Bearer \xff"])
def test_a_token_that_is_none_is_refused(world: World, header: str) -> None:
    response = world.stranger().get("/v1/me", headers={b"Authorization": header.encode("latin-1")})
    assert response.status_code == 401
    assert response.json()["error"] == "NotLoggedIn"


def test_every_form_without_its_token_is_refused(world: World) -> None:
    browser, other = world.browser(world.cast.alice), world.browser(world.cast.sam)
    for method, path in _routes(world):
        if method == "GET" or path.startswith(("/v1", "/hooks")):
            continue
        filled = _ID.sub("1", path)
        for data in ({}, {"csrf": ""}, {"csrf": "0" * 64}, {"csrf": "\u2603"}):
            assert browser.post(filled, data=data).status_code == 403, path
        assert browser.post(filled, json={"csrf": "x"}).status_code == 403, path
        browser_of_sam_sends_hers = other.submit(filled).request.content
        stolen = browser.post(
            filled,
            content=browser_of_sam_sends_hers,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        assert stolen.status_code == 403, path


def _routes(world: World) -> set[tuple[str, str]]:
    return {
        (method, route.path)
        for route in iter_route_contexts(world.app.routes)
        if route.path
        for method in route.methods or ()
        if method != "HEAD"
    }
