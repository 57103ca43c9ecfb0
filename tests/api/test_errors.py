"""Errors: one table, two shapes, never a traceback; and an answer that never claims what was not committed."""

import shutil
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from sqlalchemy import event
from sqlalchemy.engine import Engine

from api.app import create_app
from api.errors import STATUS, status_of
from api.middleware import MAX_BODY
from overheard.db import make_engine
from overheard.errors import InvalidQuery, ModelError, OverheardError
from overheard.models import Lead
from overheard.settings import Settings
from overheard.users.accounts import LoginThrottled
from overheard.vocabulary import Stage
from tests.api.conftest import Browser, World


def test_an_error_has_its_own_status_or_that_of_the_nearest_kind_above() -> None:
    assert status_of(InvalidQuery("x", position=0)) == 422
    assert status_of(LoginThrottled) == 429
    assert status_of(ModelError()) == 500
    assert STATUS[OverheardError] == 500


@pytest.fixture
def no_commit(engine: Engine) -> Iterator[None]:
    """A database that fails at the last moment."""

    def fail(_connection: object) -> None:
        raise RuntimeError("the disk is full: secret detail")

    event.listen(engine, "commit", fail)
    yield
    event.remove(engine, "commit", fail)


def test_a_failed_commit_is_answered_with_500_and_not_with_success(
    world: World, engine: Engine, request: pytest.FixtureRequest
) -> None:
    lead = world.lead()
    sam, program = world.browser(world.cast.sam), world.program(world.cast.sam)
    request.getfixturevalue("no_commit")
    shown = sam.submit(f"/leads/{lead}/promote")
    answered = program.post(f"/v1/leads/{lead}/promote")
    assert shown.status_code == answered.status_code == 500
    assert "set-cookie" not in shown.headers  # no flash line that says it was done
    assert answered.headers["content-type"] == "application/problem+json"
    assert answered.json() == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "error": "Unexpected",
        "detail": "Something went wrong on our side. It is in the server's log; try again.",
    }
    for response in (shown, answered):
        assert "secret detail" not in response.text
        assert "Traceback" not in response.text
        assert "default-src 'none'" in response.headers["content-security-policy"]
    with engine.connect() as connection:
        assert connection.scalar(sa.select(Lead.stage)) is Stage.MARKETING_QUALIFIED


def test_a_database_that_is_away_is_told_so_and_may_be_asked_again(settings: Settings) -> None:
    away = make_engine("postgresql://rye:topsecret@127.0.0.1:1/leads")
    browser = Browser(create_app(settings, engine=away))
    for path in ("/queue", "/v1/queue"):
        headers = {"Authorization": "Bearer ovh_x", "Cookie": "overheard_login=x"}
        answered = browser.get(path, headers=headers)
        assert (answered.status_code, answered.headers["retry-after"]) == (503, "2")
        assert "The database does not answer just now." in answered.text
        assert "topsecret" not in answered.text
        assert "default-src 'none'" in answered.headers["content-security-policy"]


def test_a_table_that_is_missing_is_no_database_that_is_away(world: World, engine: Engine) -> None:
    lead, sam = world.lead(), world.browser(world.cast.sam)
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE signals RENAME TO gone"))
    try:
        assert sam.get(f"/leads/{lead}").status_code == 500
    finally:
        with engine.begin() as connection:
            connection.execute(sa.text("ALTER TABLE gone RENAME TO signals"))


def test_what_is_not_there_and_what_does_not_work_there_is_told_in_the_right_shape(world: World) -> None:
    stranger = world.stranger()
    for path, method, status, name in (
        ("/v1/nothing", "GET", 404, "NotFound"),
        ("/v1", "GET", 404, "NotFound"),
        ("/v1/queue", "DELETE", 405, "WrongMethod"),
        ("/v1/me", "PROPFIND", 405, "WrongMethod"),
    ):
        response = stranger.request(method, path)
        assert (response.status_code, response.json()["error"]) == (status, name)
    for path, method, status in (("/nothing", "GET", 404), ("/queue", "PUT", 405), ("/leads/1/promote", "GET", 405)):
        response = stranger.request(method, path)
        assert response.status_code == status
        assert response.headers["content-type"] == "text/html; charset=utf-8"
        assert 'id="problem"' in response.text
    assert stranger.put("/queue").headers["allow"] == "GET"


def test_a_body_of_more_than_a_mebibyte_is_refused(world: World) -> None:
    lead = world.lead()
    sam, program = world.browser(world.cast.sam), world.program(world.cast.sam)
    shown = sam.submit(f"/leads/{lead}/disqualify", reason="other", note="x" * MAX_BODY)
    assert shown.status_code == 413
    assert "at most 1 MiB" in shown.text
    answered = program.post(f"/v1/leads/{lead}/disqualify", content=b"{" + b" " * MAX_BODY)
    assert (answered.status_code, answered.json()["error"]) == (413, "TooLarge")
    in_pieces = program.post(f"/v1/leads/{lead}/promote", content=(b" " * 65536 for _ in range(20)))
    assert in_pieces.status_code == 413
    almost = sam.submit(f"/leads/{lead}/disqualify", reason="other", note="x" * (MAX_BODY - 500))
    assert almost.status_code == 422


def test_a_body_that_cannot_be_read_is_a_clear_error(world: World) -> None:
    lead = world.lead()
    program, alice = world.program(world.cast.sam), world.browser(world.cast.alice)
    path = f"/v1/leads/{lead}/disqualify"
    for body in (
        b"",
        b"{",
        b"[]",
        b'"x"',
        b"null",
        b"\xff\xfe",
        b'{"reason": "\\ud800"}',
        b'{"reason": "stale", "x": 1}',
    ):
        response = program.post(path, content=body, headers={"Content-Type": "application/json"})
        assert (response.status_code, response.json()["error"]) == (422, "InvalidInput"), body
    deep = program.post(path, content=b"[" * 100_000, headers={"Content-Type": "application/json"})
    assert deep.status_code == 422
    broken = alice.post(
        "/campaigns", content=b"--x\r\nbroken", headers={"Content-Type": "multipart/form-data; boundary=x"}
    )
    assert broken.status_code in (403, 422)


def test_a_lone_surrogate_is_replaced_before_it_reaches_the_database(world: World) -> None:
    lead = world.lead()
    program = world.program(world.cast.sam)
    body = b'{"reason": "other", "note": "a\\ud800b\\u0000"}'
    response = program.post(f"/v1/leads/{lead}/disqualify", content=body, headers={"Content-Type": "application/json"})
    assert response.json()["event"]["note"].isprintable()
    assert program.get(f"/v1/leads/{lead}").json()["timeline"][-1]["note"] == response.json()["event"]["note"]


def test_every_answer_carries_the_protecting_headers(world: World) -> None:
    sam = world.browser(world.cast.sam)
    for path in ("/queue", "/nothing", "/v1/me", "/login", "/queue?score=x"):
        headers = sam.get(path).headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        policy = headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy


def test_no_page_needs_what_the_policy_forbids(world: World) -> None:
    lead = world.lead()
    alice = world.browser(world.cast.alice)
    for path in ("/queue", f"/leads/{lead}", "/campaigns", "/nothing"):
        page = alice.get(path).text
        for forbidden in (" style=", "<style", " onclick=", "javascript:", 'src="http', "//cdn"):
            assert forbidden not in page, path


def test_static_files_are_kept_for_ever_under_an_address_of_their_content(world: World) -> None:
    stranger = world.stranger()
    address = world.app.state.overheard.assets.url("app.css")
    response = stranger.get(address)
    assert response.headers["content-type"] == "text/css; charset=utf-8"
    assert "immutable" in response.headers["cache-control"]
    for wrong in ("/static/000000000000/app.css", address.replace("app.css", "..%2fapp.py"), "/static/x"):
        assert stranger.get(wrong).status_code == 404


def test_health_tells_whether_the_database_can_be_reached(world: World, settings: Settings) -> None:
    assert world.stranger().get("/healthz").json() == {"database": "reachable"}
    broken = make_engine("sqlite:////nowhere/at/all.db")
    assert Browser(create_app(settings, engine=broken)).get("/healthz").status_code == 503


def test_an_application_without_an_engine_makes_and_disposes_its_own(settings: Settings) -> None:
    app: FastAPI = create_app(settings)
    with Browser(app) as browser:
        assert browser.get("/healthz").status_code == 200


def test_readiness_says_what_is_wrong_and_nothing_secret(world: World, settings: Settings) -> None:
    fine = {"database": "ok", "migrations": "ok", "home": "ok", "disk": "ok"}
    stranger = world.stranger()
    assert (stranger.get("/readyz").status_code, stranger.get("/readyz").json()) == (200, fine)

    with world.at_revision("from_tomorrow"):  # another process has begun to work with the next version
        assert stranger.get("/readyz").json() == fine
    with world.at_revision("0001"):
        response = stranger.get("/readyz")
    assert response.status_code == 503
    assert response.json() == fine | {"migrations": "behind this version: see docs/upgrading.md"}

    broken = make_engine("postgresql://rye:topsecret@127.0.0.1:1/leads")
    response = Browser(create_app(settings, engine=broken)).get("/readyz")
    assert response.status_code == 503
    assert response.json() == fine | {"database": "unreachable", "migrations": "unknown"}


def test_a_home_folder_that_is_gone_is_not_ready(world: World, settings: Settings) -> None:
    shutil.rmtree(settings.home)
    response = world.stranger().get("/readyz")
    assert response.status_code == 503
    assert response.json()["home"] == "cannot be written: No such file or directory"
