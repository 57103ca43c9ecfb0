"""Connecting one's own accounts: state, PKCE, secrets that are sealed, and nobody who finishes what another began."""

import base64
import hashlib
import html
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import sqlalchemy as sa
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from pydantic import HttpUrl, SecretStr
from sqlalchemy.engine import Engine

from api.app import create_app
from overheard.db import make_sessions
from overheard.models import ConnectedAccount
from overheard.replying import connected_accounts
from overheard.settings import AccountSettings, RedditSettings, ServiceSettings, Settings, SlackSettings
from overheard.vocabulary import Platform
from tests.api.conftest import Browser, World
from tests.factories import make_cast
from tests.fakeworld.model import Wire
from tests.fakeworld.model import World as FakeWorld
from tests.fakeworld.server import serve


@dataclass
class Provider:
    """All platforms' doors in one: a code is good once, for the client, address and verifier that it was made for."""

    challenges: dict[str, str] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    is_refusing: bool = False

    async def token(self, request: web.Request) -> web.Response:
        form = await request.post()
        code = str(form["code"])
        challenge = self.challenges.get(code)
        proof = hashlib.sha256(str(form.get("code_verifier", "")).encode()).digest()
        is_proven = not challenge or base64.urlsafe_b64encode(proof).rstrip(b"=").decode() == challenge
        if self.is_refusing or code in self.used or not code.startswith("good") or not is_proven:
            return web.json_response({"error": "invalid_grant"}, status=400)
        self.used.add(code)
        return web.json_response({
            "ok": True, "access_token": "secret-token", "refresh_token": "secret-refresh",
            "authed_user": {"id": "U0SAM", "access_token": "secret-token"}, "team": {"id": "T1"},
        })  # fmt: skip


def _answers(**told: Any) -> Any:  # noqa: ANN401
    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.json_response(told)

    return answer


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def doors(provider: Provider) -> Iterator[str]:
    async def session(request: web.Request) -> web.Response:
        told = await request.json()
        if told["password"] != "app-pass":
            return web.json_response({"error": "AuthenticationRequired"}, status=401)
        return web.json_response({"did": "did:plc:sam", "handle": "sam.bsky.test", "accessJwt": "x"})

    async def current(request: web.Request) -> web.Response:
        user = {"id": 7, "username": "sam"} if request.headers.get("User-Api-Key") == "user-key" else None
        return web.json_response({"current_user": user})

    routes = [
        web.post("/api/oauth.v2.access", provider.token),
        web.post("/api/auth.test", _answers(ok=True, url="https://bakery.slack.com/", user="sam")),
        web.post("/api/v1/access_token", provider.token),
        web.get("/api/v1/me", _answers(name="sam_sells")),
        web.post("/access_token", provider.token),
        web.get("/user", _answers(login="sam", id=7)),
        web.post("/api/v1/apps", _answers(client_id="app", client_secret="app-secret")),
        web.post("/oauth/token", provider.token),
        web.get("/api/v1/accounts/verify_credentials", _answers(id="1", acct="sam")),
        web.get("/api/v2/instance", _answers(domain="town.test")),
        web.post("/xrpc/com.atproto.server.createSession", session),
        web.get("/session/current.json", current),
    ]
    with serve(FakeWorld(), [Wire(Platform.OTHER, lambda _: routes)]) as base_url:
        yield f"{base_url}/other"


@pytest.fixture
def desk(engine: Engine, doors: str, tmp_path: Path, now: datetime) -> World:
    url, secret = HttpUrl(doors), SecretStr("app-secret")
    settings = Settings(
        home=tmp_path,
        slack=SlackSettings(base_url=HttpUrl(f"{doors}/api/")),
        reddit=RedditSettings(base_url=url, oauth_url=url),
        services=ServiceSettings(github_url=url),
        accounts=AccountSettings(
            slack_client_id="app", slack_client_secret=secret, reddit_client_id="app", reddit_client_secret=secret,
            github_client_id="app", github_client_secret=secret, github_oauth_url=url,
        ),
    )  # fmt: skip
    sessions = make_sessions(engine)
    with sessions.begin() as session:
        cast = make_cast(session, now=now)
    app = create_app(settings, engine=engine, clock=lambda: now, web=lambda: httpx.Client(timeout=5))
    return World(app, sessions, cast, now)


def _begin(browser: Browser, provider: Provider, platform: str, doors: str) -> dict[str, str]:
    """Up to the platform's question; what it was asked with."""
    if platform == "mastodon":
        page = browser.submit("/accounts/mastodon", instance=doors).text
        address = page.split('class="button primary" href="')[1].split('"')[0].replace("&amp;", "&")
    else:
        address = browser.get(f"/accounts/connect/{platform}").headers["location"]
    asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    provider.challenges[f"good-{platform}"] = asked.get("code_challenge", "")
    return asked


NAMES = {"slack": "sam at bakery", "reddit": "u/sam_sells", "github": "sam", "mastodon": "@sam@town.test"}
MES = {"slack": "U0SAM", "reddit": "sam_sells", "github": "7", "mastodon": "sam@town.test"}


@pytest.mark.parametrize("platform", NAMES)
def test_an_account_is_connected_when_its_owner_says_yes(
    desk: World, provider: Provider, doors: str, platform: str
) -> None:
    browser = desk.browser(desk.cast.sam)
    asked = _begin(browser, provider, platform, doors)
    assert ("code_challenge" in asked) is (platform in {"github", "mastodon"})

    response = browser.get("/accounts/back", params={"code": f"good-{platform}", "state": asked["state"]})

    assert (response.status_code, response.headers["location"]) == (303, "/accounts")
    assert NAMES[platform] in browser.get("/accounts").text
    with desk.rows() as session:
        account = session.scalars(sa.select(ConnectedAccount)).one()
        assert b"secret" not in account.sealed
        settings = desk.app.state.overheard.settings
        assert connected_accounts.unseal(settings, account)["me"] == MES[platform]
        assert account.user_id == desk.cast.sam.id


def test_nobody_finishes_what_another_one_began(desk: World, provider: Provider, doors: str) -> None:
    sam, sue = desk.browser(desk.cast.sam), desk.browser(desk.cast.sue)
    asked = _begin(sam, provider, "reddit", doors)
    params = {"code": "good-reddit", "state": asked["state"]}

    assert sue.get("/accounts/back", params=params).status_code == 422
    sue.cookies.set("overheard_connecting", sam.cookies["overheard_connecting"])
    assert sue.get("/accounts/back", params=params).status_code == 422
    assert sam.get("/accounts/back", params={**params, "state": "another"}).status_code == 422
    with desk.rows() as session:
        assert session.scalars(sa.select(ConnectedAccount)).all() == []


def test_a_no_at_the_platform_keeps_nothing_and_says_so(desk: World, provider: Provider, doors: str) -> None:
    browser = desk.browser(desk.cast.sam)
    asked = _begin(browser, provider, "slack", doors)
    response = browser.get("/accounts/back", params={"error": "access_denied", "state": asked["state"]})
    assert response.status_code == 422
    assert "Nothing was kept" in response.text
    provider.is_refusing = True
    refused = browser.get("/accounts/back", params={"code": "good-slack", "state": asked["state"]})
    assert (refused.status_code, "invalid_grant" in refused.text) == (422, True)


def test_bluesky_and_discourse_are_tried_before_they_are_kept(desk: World, doors: str) -> None:
    browser = desk.browser(desk.cast.sam)
    wrong = browser.submit("/accounts/bluesky", handle="sam.bsky.test", app_password="guess", server=doors)
    assert wrong.status_code == 422
    assert browser.submit("/accounts/discourse", forum=doors, key="guess").status_code == 422

    browser.submit("/accounts/bluesky", handle="@sam.bsky.test", app_password="app-pass", server=doors)
    browser.submit("/accounts/discourse", forum=doors, key="user-key")

    page = browser.get("/accounts").text
    assert "@sam.bsky.test" in page
    assert "sam at 127.0.0.1" in page


def test_a_forum_hands_its_key_out_for_the_browser_alone_that_asked(desk: World, doors: str) -> None:
    browser, other = desk.browser(desk.cast.sam), desk.browser(desk.cast.sue)
    page = html.unescape(browser.submit("/accounts/discourse/ask", forum=doors).text)
    address = page.split('class="button primary" href="')[1].split('"')[0]
    assert address.startswith(f"{doors}/user-api-key/new?")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert (asked["application_name"], asked["scopes"]) == ("Overheard", "read,write")

    def shown(**told: object) -> str:
        key = serialization.load_pem_public_key(asked["public_key"].encode())
        assert isinstance(key, rsa.RSAPublicKey)
        return base64.encodebytes(key.encrypt(json.dumps(told).encode(), padding.PKCS1v15())).decode()

    good = shown(key="user-key", nonce=asked["nonce"], push=False, api=4)
    for wrong in ("guess", good[:-9], shown(key="user-key", nonce="of another day"), shown(nonce=asked["nonce"])):
        refused = browser.submit("/accounts/discourse/finish", payload=wrong)
        assert (refused.status_code, "Nothing was kept" in refused.text) == (422, True)
    other.submit("/accounts/discourse/ask", forum=doors)
    assert other.submit("/accounts/discourse/finish", payload=good).status_code == 422
    assert browser.submit("/accounts/discourse/finish", payload=good).status_code == 303
    assert "sam at 127.0.0.1" in browser.get("/accounts").text


def test_a_paused_account_shows_why_and_goes_on_at_its_owners_word_alone(desk: World, doors: str) -> None:
    browser, other = desk.browser(desk.cast.sam), desk.browser(desk.cast.sue)
    browser.submit("/accounts/bluesky", handle="sam.bsky.test", app_password="app-pass", server=doors)
    with desk.sessions.begin() as session:
        account_id = session.scalars(sa.select(ConnectedAccount.id)).one()
        connected_accounts.pause(session, account_id, because="Reddit asks <b>to wait</b>.", now=desk.now)

    page = browser.get("/accounts").text
    assert "Reddit asks &lt;b&gt;to wait&lt;/b&gt;." in page
    for act in ("resume", "disconnect"):
        assert other.submit(f"/accounts/{account_id}/{act}").status_code == 404
    browser.submit(f"/accounts/{account_id}/resume")
    with desk.rows() as session:
        assert session.get_one(ConnectedAccount, account_id).paused_at is None
    browser.submit(f"/accounts/{account_id}/disconnect")
    with desk.rows() as session:
        assert session.get(ConnectedAccount, account_id) is None
