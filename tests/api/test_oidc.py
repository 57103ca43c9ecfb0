"""Signing in by an OpenID provider that signs real tokens, on the loopback interface."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest
from httpx2 import Response
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from api.app import create_app
from api.oidc import OpenIdProvider
from overheard.models import User
from overheard.settings import Settings
from overheard.users import people
from overheard.vocabulary import Role
from tests.api.conftest import Browser, World

pytestmark = pytest.mark.alternate_databases

KEY = RSAKey.generate_key(2048, {"kid": "one"})
OTHER_KEY = RSAKey.generate_key(2048, {"kid": "one"})
CLIENT = {"client_id": "overheard", "client_secret": "a secret of two"}


@dataclass
class Provider:
    """What the provider says of whoever comes, and what it was asked."""

    url: str
    now: int
    claims: dict[str, Any] = field(default_factory=dict)
    key: RSAKey | OctKey = field(default_factory=lambda: KEY)
    algorithm: str = "RS256"
    issuer: str | None = None
    asked: dict[str, str] = field(default_factory=dict)
    challenge: str = ""

    def token(self, nonce: str) -> str:
        """The signed answer, with what this test wants otherwise."""
        claims = {
            "iss": self.url,
            "aud": CLIENT["client_id"],
            "sub": "s-1",
            "iat": self.now,
            "exp": self.now + 300,
            "nonce": nonce,
            "email": "sam@example.org",
            "email_verified": True,
            "name": "Sam",
        } | self.claims
        kept = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode({"alg": self.algorithm, "kid": "one"}, kept, self.key, algorithms=[self.algorithm])


class _Handler(BaseHTTPRequestHandler):
    provider: Provider
    nonce: str

    def do_GET(self) -> None:
        url = self.server_url()
        if self.path.endswith("/openid-configuration"):
            self._answer(
                {
                    "issuer": self.state.issuer or url,
                    "authorization_endpoint": f"{url}/authorize",
                    "token_endpoint": f"{url}/token",
                    "jwks_uri": f"{url}/keys",
                }
            )
        else:
            self._answer({"keys": [KEY.as_dict(private=False)]})

    def do_POST(self) -> None:
        sent = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        given = {name: values[0] for name, values in sent.items()}
        digest = hashlib.sha256(given["code_verifier"].encode()).digest()
        fits = base64.urlsafe_b64encode(digest).decode().rstrip("=") == self.state.challenge
        known = base64.b64encode(b"overheard:a secret of two").decode() in self.headers["Authorization"]
        if not (fits and known and given["code"] == "the-code"):
            self.send_error(400)
            return
        nonce = self.state.asked["nonce"]
        self._answer({"access_token": "x", "token_type": "Bearer", "id_token": self.state.token(nonce)})

    @property
    def state(self) -> Provider:
        return cast("_Server", self.server).provider

    def server_url(self) -> str:
        return self.state.url

    def _answer(self, body: dict[str, Any]) -> None:
        raw = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


class _Server(HTTPServer):
    provider: Provider


@pytest.fixture
def provider(world: World) -> Iterator[Provider]:
    server = _Server(("127.0.0.1", 0), _Handler)
    server.provider = Provider(f"http://127.0.0.1:{server.server_port}", int(world.now.timestamp()))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server.provider
    server.shutdown()
    thread.join()
    server.server_close()


def _browser(world: World, provider: Provider, **wanted: str) -> Browser:
    state = world.app.state.overheard
    settings = Settings.model_validate(
        {**state.settings.model_dump(), "oidc": {"issuer": provider.url, **CLIENT, "name": "Acme", **wanted}}
    )
    sign_in = OpenIdProvider(settings)
    return Browser(create_app(settings, engine=state.engine, clock=state.clock, sign_in=sign_in))


def _go(browser: Browser, provider: Provider, goes_to: str = "") -> str:
    """Begin, as far as the provider's page; the state with which it sends the browser back."""
    response = browser.get("/login/oidc/start", params={"next": goes_to})
    assert response.status_code == 303, response.text
    asked = {name: values[0] for name, values in parse_qs(urlsplit(response.headers["location"]).query).items()}
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert asked["redirect_uri"].endswith("/login/oidc/back")
    provider.asked, provider.challenge = asked, asked["code_challenge"]
    return asked["state"]


def _sign_in(browser: Browser, provider: Provider, goes_to: str = "") -> Response:
    state = _go(browser, provider, goes_to)
    return browser.get("/login/oidc/back", params={"code": "the-code", "state": state})


def _subject(world: World, user: User) -> str | None:
    with world.rows() as session:
        return people.get(session, user.id).oidc_subject


def test_an_invited_user_comes_in_by_a_verified_address_and_is_known_by_subject_from_then_on(
    world: World, provider: Provider
) -> None:
    browser = _browser(world, provider)
    assert "Log in by Acme" in browser.get("/login").text
    response = _sign_in(browser, provider, "/campaigns")
    assert (response.status_code, response.headers["location"]) == (303, "/campaigns")
    assert "Sam" in browser.get("/queue").text
    assert _subject(world, world.cast.sam) == f"{provider.url} s-1"
    provider.claims = {"email": "sam.new@example.org", "email_verified": None}
    assert _sign_in(_browser(world, provider), provider).status_code == 303


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"nonce": "of another attempt"}, "not for us"),
        ({"nonce": None}, "not for us"),
        ({"aud": "another-client"}, "not for us"),
        ({"aud": ["another-client", "overheard"], "azp": "another-client"}, "not for us"),
        ({"iss": "https://evil.example"}, "not for us"),
        ({"exp": 1}, "not for us"),
        ({"exp": None}, "not for us"),
        ({"sub": None}, "not for us"),
        ({"sub": ""}, "not for us"),
        ({"email_verified": False}, "does not say that this e-mail address is yours"),
        ({"email_verified": "true"}, "does not say that this e-mail address is yours"),
        ({"email_verified": None}, "does not say that this e-mail address is yours"),
        ({"email": None}, "does not say that this e-mail address is yours"),
        ({"email": "stranger@example.org"}, "Nobody has invited you"),
    ],
)
def test_an_answer_that_is_wrong_lets_nobody_in(
    world: World, provider: Provider, claims: dict[str, Any], words: str
) -> None:
    provider.claims = claims
    browser = _browser(world, provider)
    response = _sign_in(browser, provider)
    assert response.status_code == 401
    assert words in response.text
    assert browser.get("/queue").status_code == 303
    assert _subject(world, world.cast.sam) is None


def test_a_signature_by_another_key_or_by_our_own_secret_is_none(world: World, provider: Provider) -> None:
    shared = OctKey.import_key(json.dumps(KEY.as_dict(private=False)))
    for key, algorithm in ((OTHER_KEY, "RS256"), (shared, "HS256")):
        provider.key, provider.algorithm = key, algorithm
        assert _sign_in(_browser(world, provider), provider).status_code == 401


def test_only_the_browser_that_began_comes_back(world: World, provider: Provider) -> None:
    browser, thief = _browser(world, provider), _browser(world, provider)
    state = _go(browser, provider)
    for who, params in (
        (thief, {"code": "the-code", "state": state}),
        (browser, {"code": "the-code", "state": "forged"}),
        (browser, {"code": "the-code"}),
        (browser, {"error": "access_denied", "state": state}),
    ):
        assert who.get("/login/oidc/back", params=params).status_code == 401
    world.passes(timedelta(minutes=11))
    assert browser.get("/login/oidc/back", params={"code": "the-code", "state": state}).status_code == 401


def test_a_code_without_its_verifier_is_refused_by_the_provider(world: World, provider: Provider) -> None:
    browser = _browser(world, provider)
    state = _go(browser, provider)
    provider.challenge = "of another verifier"
    response = browser.get("/login/oidc/back", params={"code": "the-code", "state": state})
    assert response.status_code == 500
    assert "did not answer as it should" in response.text


def test_a_domain_needs_no_invitation_where_the_settings_say_so(world: World, provider: Provider) -> None:
    provider.claims = {"email": "Nia@Acme.example", "sub": "s-2", "name": "Nia \u202eB" * 50}
    assert _sign_in(_browser(world, provider, domain="example"), provider).status_code == 401
    provider.claims["name"] = "Nia"
    browser = _browser(world, provider, domain="acme.example", default_role="ml_engineer")
    assert _sign_in(browser, provider).status_code == 303
    with world.rows() as session:
        nia = session.query(User).filter_by(email="nia@acme.example").one()
        assert (nia.name, nia.role) == ("Nia", Role.ML_ENGINEER)


def test_an_address_that_was_given_to_somebody_else_opens_nothing(world: World, provider: Provider) -> None:
    assert _sign_in(_browser(world, provider), provider).status_code == 303
    provider.claims = {"sub": "s-9"}
    response = _sign_in(_browser(world, provider), provider)
    assert response.status_code == 401
    assert "belongs to another account" in response.text


def test_a_disabled_user_stays_out(world: World, provider: Provider) -> None:
    assert _sign_in(_browser(world, provider), provider).status_code == 303
    with world.sessions.begin() as session:
        people.disable(session, world.cast.sam.id, actor=world.cast.alice, now=world.now)
    assert _sign_in(_browser(world, provider), provider).status_code == 401


def test_without_a_provider_there_is_none(world: World, provider: Provider) -> None:
    stranger = world.stranger()
    assert stranger.get("/login/oidc/start").status_code == 404
    assert stranger.get("/login/oidc/back").status_code == 404
    assert "Log in by" not in stranger.get("/login").text
    provider.issuer = "https://another.example"
    assert _browser(world, provider).get("/login/oidc/start").status_code == 500
