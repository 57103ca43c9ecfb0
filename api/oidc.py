"""OpenID Connect: the code flow with PKCE, state and nonce. What is signed is checked by Authlib and joserfc."""

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx
from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from api.sign_in import Attempt
from overheard.errors import OverheardError
from overheard.settings import Settings
from overheard.users.accounts import LoginRefused
from overheard.users.sign_in import Identity

_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
"""Those with a public key: by one that we share, whoever knows our secret could sign for anybody."""
_KEPT = 600.0  # seconds for which the provider's description of itself is believed
_LEEWAY = 60  # seconds by which clocks may differ


class ProviderFailed(OverheardError):
    """The identity provider did not answer as it should. Try again, or log in with a password."""


class OpenIdProvider:
    """The provider of the settings."""

    def __init__(self, settings: Settings) -> None:
        if settings.oidc.issuer is None:
            raise OverheardError("OVERHEARD_OIDC__ISSUER is not set.")
        self._settings = settings.oidc
        self._issuer = str(settings.oidc.issuer).rstrip("/")
        self._timeout = settings.http_timeout
        self._description: tuple[float, dict[str, Any]] | None = None

    def address(self, attempt: Attempt, back: str) -> str:
        """Where the browser goes to sign in."""
        asked = [
            ("response_type", "code"),
            ("client_id", self._settings.client_id),
            ("redirect_uri", back),
            ("scope", "openid email profile"),
            ("state", attempt.state),
            ("nonce", attempt.nonce),
            ("code_challenge", create_s256_code_challenge(attempt.verifier)),
            ("code_challenge_method", "S256"),
        ]
        return str(add_params_to_uri(self._described()["authorization_endpoint"], asked))

    def identity(self, code: str, attempt: Attempt, back: str, *, now: datetime) -> Identity:
        """Who signed in, after everything about the signed answer was checked."""
        sent = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back,
            "code_verifier": attempt.verifier,
            "client_id": self._settings.client_id,
        }
        secret = self._settings.client_secret.get_secret_value()
        answer = self._ask(self._described()["token_endpoint"], sent, (self._settings.client_id, secret))
        claims = self._checked(str(answer.get("id_token", "")), attempt.nonce, answer.get("access_token"), now)
        return Identity(
            issuer=self._issuer,
            subject=claims["sub"],
            email=str(claims.get("email", "")),
            is_verified=claims.get("email_verified") is True,
            name=str(claims.get("name", "")),
        )

    def _checked(self, signed: str, nonce: str, access_token: object, now: datetime) -> Mapping[str, Any]:
        keys = self._ask(self._described()["jwks_uri"])
        options = {
            "iss": {"essential": True, "values": [self._issuer, f"{self._issuer}/"]},
            "aud": {"essential": True, "value": self._settings.client_id},
            "exp": {"essential": True},
            "sub": {"essential": True, "allow_blank": False},
        }
        params = {"nonce": nonce, "client_id": self._settings.client_id, "access_token": access_token}
        try:
            token = jwt.decode(signed, KeySet.import_key_set(keys), algorithms=_ALGORITHMS)  # type: ignore[arg-type] # a JSON Web Key Set
            claims = CodeIDToken(token.claims, token.header, options, params)
            claims.validate(now=int(now.timestamp()), leeway=_LEEWAY)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise LoginRefused(f"What the identity provider signed is not for us: {type(error).__name__}.") from error
        if not isinstance(claims["sub"], str) or not claims["sub"]:
            raise LoginRefused("What the identity provider signed names nobody.")
        return dict(claims)

    def _described(self) -> dict[str, Any]:
        kept = self._description
        if kept is None or kept[0] < time.monotonic() - _KEPT:
            told = self._ask(f"{self._issuer}/.well-known/openid-configuration")
            if str(told.get("issuer", "")).rstrip("/") != self._issuer:
                raise ProviderFailed("The identity provider calls itself otherwise than OVERHEARD_OIDC__ISSUER does.")
            self._description = kept = (time.monotonic(), told)
        return kept[1]

    def _ask(
        self, address: str, sent: Mapping[str, str] | None = None, auth: tuple[str, str] | None = None
    ) -> dict[str, Any]:
        try:
            with httpx.Client(timeout=self._timeout, auth=auth) as client:
                answer = client.post(address, data=sent) if sent else client.get(address)
            told = answer.raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            raise ProviderFailed from error
        if not isinstance(told, dict):
            raise ProviderFailed
        return told
