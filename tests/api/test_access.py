"""Who may do what: every route of the application, cell by cell, held to the table of `docs/access.md`."""

import re
from pathlib import Path

import pytest
from httpx2 import Response

from api.access import MAY, SCOPES, Action, scope_of
from overheard.users import accounts
from overheard.vocabulary import Role, Scope
from tests.api.conftest import Browser, World
from tests.api.routes import PUBLIC, Route, routes_of

PAGE = Path(__file__).parents[2] / "docs" / "access.md"
ROLES = (Role.ADMIN, Role.MARKETER, Role.SDR, Role.ML_ENGINEER)
USERS = {Role.ADMIN: "alice", Role.MARKETER: "mara", Role.SDR: "sam", Role.ML_ENGINEER: "eli"}

# Streams go on without end: whoever may read them is not sent there by these tests.
STREAMS = {"/events", "/v1/events"}


@pytest.fixture
def database_url(sqlite_template: Path, tmp_path: Path) -> str:
    """Who may do what is no matter of the database, and these are some thousand requests."""
    path = tmp_path / "overheard.db"
    path.write_bytes(sqlite_template.read_bytes())
    return f"sqlite:///{path}"


def _lines() -> list[str]:
    """The table, as the code has it."""
    return [
        f"| `{action.value}` | "
        + " | ".join("yes" if role in MAY[action] else "no" for role in ROLES)
        + f" | {scope_of(action).value} |"
        for action in Action
    ]


def test_the_page_on_access_says_what_the_table_says() -> None:
    written = re.findall(r"^\| `\w+` \|.*$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert written == _lines(), "Decide who may, and let the table of docs/access.md be:\n\n" + "\n".join(_lines())


def test_every_action_has_a_line_in_the_table_and_one_scope() -> None:
    assert set(MAY) == set(Action), "Give each Action of api/access.py its roles in MAY."
    scoped = [action for actions in SCOPES.values() for action in actions]
    assert len(scoped) == len(set(scoped)), "An Action stands in two scopes of api/access.py."


def test_every_route_asks_for_one_action_or_is_public(world: World) -> None:
    wrong = [
        f"{route.method} {route.path} asks for {', '.join(route.actions) or 'no Action'}"
        for route in routes_of(world.app)
        if len(set(route.actions)) != (0 if route.is_public else 1)
    ]
    assert wrong == [], (
        "Each route takes its user by `on_page(Action.…)` or `by_token(Action.…)`; what strangers may do stands in "
        "PUBLIC of tests/api/routes.py."
    )
    assert {(route.method, route.path) for route in routes_of(world.app)} >= PUBLIC


def test_every_action_is_asked_for_somewhere(world: World) -> None:
    asked = {action for route in routes_of(world.app) for action in route.actions}
    assert sorted(set(Action) - asked) == []


def test_a_stranger_is_turned_away_on_every_route(world: World) -> None:
    stranger = world.stranger()
    for route in _closed(world):
        response = stranger.request(route.method, route.filled())
        if route.is_api:
            assert (response.status_code, response.json()["error"]) == (401, "NotLoggedIn"), route
            assert response.headers["www-authenticate"] == "Bearer"
        else:
            assert response.status_code == 303, route
            assert response.headers["location"].startswith("/login"), route


@pytest.mark.parametrize("role", ROLES)
def test_each_role_is_refused_on_exactly_the_routes_that_the_table_refuses(world: World, role: Role) -> None:
    user = getattr(world.cast, USERS[role])
    browser, program = world.browser(user), world.program(user)
    for route in _closed(world):
        may = role in MAY[route.actions[0]]
        if may and route.path in STREAMS:
            continue
        answer = program.request(route.method, route.filled()) if route.is_api else _on_page(browser, route)
        assert _is_forbidden(answer, "role") is not may, (route, answer.status_code, answer.text[:200])


@pytest.mark.parametrize("scope", list(Scope))
def test_a_token_opens_only_what_its_scope_holds(world: World, scope: Scope) -> None:
    with world.sessions.begin() as session:
        secret = accounts.make_token(session, world.cast.alice, name="t", now=world.now, scopes=[scope])
    program = world.stranger()
    program.headers["Authorization"] = f"Bearer {secret.token}"
    for route in _closed(world):
        if not route.is_api:
            continue
        holds = scope_of(route.actions[0]) is scope
        if Role.ADMIN not in MAY[route.actions[0]] or (holds and route.path in STREAMS):
            continue
        answer = program.request(route.method, route.filled())
        assert _is_forbidden(answer, "scopes") is not holds, (route, answer.status_code, answer.text[:200])


def _closed(world: World) -> list[Route]:
    return [route for route in routes_of(world.app) if not route.is_public]


def _on_page(browser: Browser, route: Route) -> Response:
    return browser.submit(route.filled()) if route.has_form else browser.request(route.method, route.filled())


def _is_forbidden(response: Response, by: str) -> bool:
    if response.status_code == 403:
        assert {"role": "does not allow this", "scopes": "do not hold"}[by] in response.text
    return response.status_code == 403


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
    forms = [route for route in routes_of(world.app) if route.has_form]
    assert len(forms) > 10
    for route in forms:
        path = route.filled()
        for data in ({}, {"csrf": ""}, {"csrf": "0" * 64}, {"csrf": "\u2603"}):
            assert browser.post(path, data=data).status_code == 403, path
        assert browser.post(path, json={"csrf": "x"}).status_code == 403, path
        browser_of_sam_sends_hers = other.submit(path).request.content
        stolen = browser.post(
            path,
            content=browser_of_sam_sends_hers,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        assert stolen.status_code == 403, path
