"""Signing in by an identity provider: there, and back."""

import hmac
import json
import secrets
from dataclasses import asdict
from http import HTTPStatus

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.deps import Now, StateDep
from api.routes.login import start
from api.security import own_page, set_cookie, sign, unsign
from api.sign_in import Attempt, SignIn
from api.state import State
from overheard.errors import NotFound
from overheard.users.accounts import LoginRefused
from overheard.users.sign_in import user_of

router = APIRouter(prefix="/login/oidc")

_COOKIE = "overheard_oidc"
_SECONDS = 600


@router.get("/start")
def begin(request: Request, state: StateDep, now: Now, next: str = "") -> Response:  # noqa: A002 - the address says next
    """On to the provider."""
    attempt = Attempt(
        state=secrets.token_urlsafe(32),
        nonce=secrets.token_urlsafe(32),
        verifier=secrets.token_urlsafe(48),
        next=own_page(next),
        until=now.timestamp() + _SECONDS,
    )
    response = RedirectResponse(_provider(state).address(attempt, _back(state)), HTTPStatus.SEE_OTHER)
    set_cookie(request, response, _COOKIE, sign(state.key, "oidc", json.dumps(asdict(attempt))), max_age=_SECONDS)
    return response


@router.get("/back")
def come_back(request: Request, state: StateDep, now: Now, code: str = "", error: str = "") -> Response:
    """Back from the provider. It is asked before the transaction begins, so that nobody waits for it."""
    provider, attempt = _provider(state), _attempt(request, state)
    given = request.query_params.get("state", "")
    if (
        attempt is None
        or attempt.until < now.timestamp()
        or not hmac.compare_digest(given.encode(), attempt.state.encode())
    ):
        raise LoginRefused("This sign-in was not begun in this browser, or it took too long. Begin again: /login")
    if error or not code:
        raise LoginRefused("The identity provider did not sign you in. Begin again: /login")
    identity = provider.identity(code, attempt, _back(state), now=now)
    with state.sessions.begin() as session:
        user = user_of(session, identity, state.settings.oidc, now=now)
        response = start(request, session, user, goes_to=own_page(attempt.next), how="by single sign-on", now=now)
    response.delete_cookie(_COOKIE)
    return response


def _provider(state: State) -> SignIn:
    if state.sign_in is None:
        raise NotFound("No identity provider is set up here. Log in with a password: /login")
    return state.sign_in


def _back(state: State) -> str:
    return f"{state.settings.address}/login/oidc/back"


def _attempt(request: Request, state: State) -> Attempt | None:
    kept = unsign(state.key, "oidc", request.cookies.get(_COOKIE, ""))
    return Attempt(**json.loads(kept)) if kept else None
