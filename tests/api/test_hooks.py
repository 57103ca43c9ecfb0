"""Events that are posted to us: signed, on disk before the answer, and nothing else."""

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy.engine import Engine

from api.app import create_app
from api.middleware import MAX_BODY
from cli.context import Context
from cli.hooks import platform_hooks
from overheard.db import Sessions
from overheard.listening import credentials
from overheard.listening.hooks import HookAnswer
from overheard.models import Delivery
from overheard.settings import Settings
from overheard.vocabulary import Platform
from tests.factories import watch_source

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
EVENT = {"type": "message", "channel": "C1", "user": "U1", "text": "Which oven?", "ts": "1795000000.000100"}
NONE: Mapping[str, str] = {}
CALLBACK = {"type": "event_callback", "team_id": "T1", "event_id": "Ev1", "event": EVENT}


class Slack:
    """Posts events, as Slack does."""

    def __init__(self, client: TestClient, sessions: Sessions) -> None:
        self.client = client
        self.sessions = sessions

    def post(self, payload: object = CALLBACK, headers: Mapping[str, str] = NONE) -> Response:
        return self.send(json.dumps(payload).encode(), headers=headers)

    def send(
        self, body: bytes, *, at: datetime | None = None, secret: str = SECRET, headers: Mapping[str, str] = NONE
    ) -> Response:
        stamp = str(int((at or datetime.now(UTC)).timestamp()))
        digest = hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
        signed = {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}"}
        sent = {name.encode(): value.encode("latin-1") for name, value in {**signed, **headers}.items()}
        return self.client.post("/hooks/slack", content=body, headers=sent)

    def kept(self) -> list[str]:
        with self.sessions() as session:
            return list(session.scalars(sa.select(Delivery.delivery_id)))


@pytest.fixture
def slack(sessions: Sessions, database_url: str, tmp_path: Path) -> Iterator[Slack]:
    settings = Settings(home=tmp_path / "home", database_url=database_url, _env_file=None)  # type: ignore[call-arg, arg-type] # pydantic-settings' own switch
    now = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
    with sessions.begin() as session:
        for name, secret in (("no events", ""), ("bakery", SECRET)):
            account = credentials.save(
                session, settings, mode="slack", name=name, secrets={"signing_secret": secret}, now=now
            )
        watch_source(
            session, now=now, mode="slack", platform=Platform.SLACK, community="bakery/#ovens", address="C1",
            credential_id=account,
        )  # fmt: skip
    context = Context(settings)
    app = create_app(settings, engine=context.engine, platform_hooks=platform_hooks(context))
    yield Slack(TestClient(app, raise_server_exceptions=False), sessions)
    context.engine.dispose()


def test_an_event_is_on_disk_when_it_is_answered(slack: Slack) -> None:
    assert slack.post().status_code == 200
    assert slack.kept() == ["T1:Ev1"]
    with slack.sessions() as session:
        assert session.scalars(sa.select(Delivery.raw)).one() == json.dumps(CALLBACK).encode()


def test_a_retry_is_taken_like_any_other_delivery_and_kept_once(slack: Slack) -> None:
    retry = {"X-Slack-Retry-Num": "3", "X-Slack-Retry-Reason": "http_timeout"}
    for _ in range(2):
        assert slack.post(headers=retry).status_code == 200
    assert slack.kept() == ["T1:Ev1"]


def test_the_challenge_is_given_back(slack: Slack) -> None:
    answer = slack.post({"type": "url_verification", "challenge": "3eZbrw1a"})
    assert (answer.status_code, answer.text) == (200, "3eZbrw1a")
    assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Slack-Signature": ""},
        {"X-Slack-Signature": "v0=" + "0" * 64},
        {"X-Slack-Signature": "v0=\xff"},
        {"X-Slack-Request-Timestamp": ""},
        {"X-Slack-Request-Timestamp": "abc"},
        {"X-Slack-Request-Timestamp": "-1"},
        {"X-Slack-Request-Timestamp": "\xb2"},
        {"X-Slack-Request-Timestamp": "9" * 5000},
    ],
)
def test_what_is_not_signed_is_refused(slack: Slack, headers: dict[str, str]) -> None:
    assert slack.post(headers=headers).status_code == 401
    assert slack.kept() == []


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_signature_holds_for_five_minutes(slack: Slack, minutes: int) -> None:
    at = datetime.now(UTC) + timedelta(minutes=minutes)
    assert slack.send(json.dumps(CALLBACK).encode(), at=at).status_code == 401


@pytest.mark.parametrize("secret", ["another", ""])
def test_another_secret_and_none_at_all_sign_nothing(slack: Slack, secret: str) -> None:
    assert slack.send(json.dumps(CALLBACK).encode(), secret=secret).status_code == 401


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b"null", b"{", b"[" * 100_000])
def test_a_signed_body_that_is_no_object_is_refused(slack: Slack, body: bytes) -> None:
    assert slack.send(body).status_code == 400


@pytest.mark.parametrize(
    "payload",
    [
        {**CALLBACK, "event": {**EVENT, "channel": "C9"}},
        {**CALLBACK, "event": {**EVENT, "channel": 7}},
        {**CALLBACK, "event": {"type": "reaction_added"}},
        {**CALLBACK, "event": None},
        {**CALLBACK, "event_id": None},
        {"type": "app_rate_limited", "team_id": "T1"},
        {},
    ],
)
def test_what_nobody_watches_is_answered_and_not_kept(slack: Slack, payload: dict[str, object]) -> None:
    assert slack.post(payload).status_code == 200
    assert slack.kept() == []


def test_a_body_that_is_too_long_is_refused_before_it_is_read(slack: Slack) -> None:
    assert slack.send(b" " * (MAX_BODY + 1)).status_code == 413


def test_an_event_that_cannot_be_kept_is_not_answered_with_success(slack: Slack) -> None:
    with slack.sessions.begin() as session:
        session.execute(sa.text("DROP TABLE deliveries"))
    assert slack.post().status_code == 500


def test_a_hook_that_is_not_there_is_not_found(slack: Slack) -> None:
    assert slack.client.post("/hooks/nowhere").json()["error"] == "NotFound"
    assert slack.client.get("/hooks/slack").status_code == 405


def test_a_hook_gets_the_headers_in_lower_case_and_the_body_as_it_came(settings: Settings, engine: Engine) -> None:
    seen: list[object] = []

    def hook(headers: Mapping[str, str], body: bytes) -> HookAnswer:
        seen.extend([headers, body])
        return HookAnswer(202, b"{}", "application/json")

    app = create_app(settings, engine=engine, platform_hooks={"any": hook})
    with TestClient(app) as client:
        answer = client.post("/hooks/any", content=b"\x00\xff", headers={"X-Some": "thing"})
    assert (answer.status_code, answer.headers["content-type"]) == (202, "application/json")
    assert seen[1] == b"\x00\xff"
    assert isinstance(seen[0], dict)
    assert seen[0]["x-some"] == "thing"
