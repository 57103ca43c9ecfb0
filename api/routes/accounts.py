"""Somebody's own accounts at platforms, by which what they approve is sent."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from api import discourse_key, oauth
from api.access import Action
from api.deps import Db, Id, Now, ReadDb, Text, on_page
from api.oauth import Account, Begun, Web
from api.pages import Flash, done, page
from api.security import binding, set_cookie, sign, unsign
from api.state import State, state_of
from api.words import plain
from overheard.errors import InvalidInput
from overheard.models import User
from overheard.replying import connected_accounts
from overheard.users import audit
from overheard.vocabulary import AuditAction, Platform

router = APIRouter(prefix="/accounts")

_HERE = "/accounts"
_COOKIE = "overheard_connecting"
_MINUTES = 10

Viewer = Annotated[User, on_page(Action.CONNECT_ACCOUNT)]
Typed = Annotated[Text, Form(max_length=500)]


@router.get("")
def own_accounts(request: Request, viewer: Viewer, db: ReadDb) -> Response:
    """What is connected, and what can be."""
    state = state_of(request)
    return page(
        request,
        "accounts.html",
        viewer=viewer,
        accounts=connected_accounts.of_user(db, viewer),
        offered=oauth.offered(state.settings),
        can_connect=state.web is not None,
    )


@router.get("/connect/{platform}")
def connect(request: Request, platform: Platform, _viewer: Viewer) -> Response:
    """On to the platform, where its owner says yes or no."""
    state = state_of(request)
    address, begun = oauth.begin(state.settings, platform, back=_back(state))
    response = RedirectResponse(address, HTTPStatus.SEE_OTHER)
    _keep(request, response, begun)
    return response


@router.post("/mastodon")
def connect_mastodon(request: Request, viewer: Viewer, instance: Typed) -> Response:
    """The same at an instance. A form may not lead elsewhere, so the way on is a link."""
    state = state_of(request)
    address, begun = oauth.begin_mastodon(_web(state), instance, back=_back(state))
    response = page(request, "account_onward.html", viewer=viewer, address=address, place=begun.instance)
    _keep(request, response, begun)
    return response


@router.get("/back")
def back(
    *,
    request: Request,
    viewer: Viewer,
    db: Db,
    now: Now,
    code: Annotated[str, Query(max_length=2000)] = "",
    state: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """The browser comes back from the platform."""
    app = state_of(request)
    begun = _begun(request)
    account = oauth.finish(app.settings, _web(app), begun, code=code, state=state, back=_back(app))
    response = _connected(request, db, viewer, account, now)
    response.delete_cookie(_COOKIE)
    return response


@router.post("/bluesky")
def connect_bluesky(
    *,
    request: Request,
    viewer: Viewer,
    db: Db,
    now: Now,
    handle: Typed,
    app_password: Typed,
    server: Typed = "https://bsky.social",
) -> Response:
    """By an app password."""
    account = oauth.bluesky(_web(state_of(request)), handle, app_password, server)
    return _connected(request, db, viewer, account, now)


@router.post("/discourse")
def connect_discourse(
    *, request: Request, viewer: Viewer, db: Db, now: Now, forum: Typed, key: Typed, username: Typed = ""
) -> Response:
    """By a key of the forum that somebody has already."""
    return _connected(request, db, viewer, oauth.discourse(_web(state_of(request)), forum, username, key), now)


@router.post("/discourse/ask")
def ask_discourse(request: Request, viewer: Viewer, forum: Typed) -> Response:
    """By a key that the forum makes when its user says yes."""
    address, begun = discourse_key.begin(forum)
    response = page(request, "account_discourse.html", viewer=viewer, address=address, place=begun.instance)
    _keep(request, response, begun)
    return response


@router.post("/discourse/finish")
def finish_discourse(
    request: Request, viewer: Viewer, db: Db, now: Now, payload: Annotated[Text, Form(max_length=4000)]
) -> Response:
    """With what the forum showed them."""
    account = discourse_key.finish(_web(state_of(request)), _begun(request), payload)
    response = _connected(request, db, viewer, account, now)
    response.delete_cookie(_COOKIE)
    return response


@router.post("/{account_id}/resume")
def resume(request: Request, account_id: Id, viewer: Viewer, db: Db, now: Now) -> Response:
    """Let a paused account go on."""
    connected_accounts.resume(db, account_id, viewer)
    audit.record(db, viewer, AuditAction.ACCOUNT_RESUMED, f"connected account {account_id}", now=now)
    return done(request, _HERE, Flash("The account goes on. What was approved and waits is sent."))


@router.post("/{account_id}/disconnect")
def disconnect(request: Request, account_id: Id, viewer: Viewer, db: Db, now: Now) -> Response:
    """Forget it."""
    connected_accounts.disconnect(db, account_id, viewer)
    audit.record(db, viewer, AuditAction.ACCOUNT_REMOVED, f"connected account {account_id}", now=now)
    return done(request, _HERE, Flash("The account is disconnected, and what opened it is deleted here."))


def _connected(request: Request, db: Session, viewer: User, account: Account, now: Now) -> Response:
    connected_accounts.connect(
        db, state_of(request).settings, viewer, platform=account.platform, name=account.name, secrets=account.secrets,
        address=account.address, now=now,
    )  # fmt: skip
    return done(request, _HERE, Flash(f"{plain(account.name)} is connected."))


def _web(state: State) -> Web:
    if state.web is None:
        raise InvalidInput("This server asks no other: accounts are connected where `overheard serve` runs.")
    return state.web


def _back(state: State) -> str:
    return f"{state.settings.address}/accounts/back"


def _keep(request: Request, response: Response, begun: Begun) -> None:
    signed = sign(state_of(request).key, f"connecting:{binding(request)}", begun.packed())
    set_cookie(request, response, _COOKIE, signed, max_age=60 * _MINUTES)


def _begun(request: Request) -> Begun:
    signed = request.cookies.get(_COOKIE, "")
    text = unsign(state_of(request).key, f"connecting:{binding(request)}", signed)
    if text is None:
        raise InvalidInput("This did not begin in this browser, or too long ago. Connect the account again.")
    return Begun.unpacked(text)
