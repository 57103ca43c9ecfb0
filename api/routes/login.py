"""Logging in, by password or by a one-time link, and out."""

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from api.deps import Db, Now, ReadDb, StateDep, Text, check_form, page_user
from api.errors import status_of
from api.pages import page
from api.security import LOGIN_COOKIE, own_page, set_cookie
from api.state import state_of
from overheard.errors import InvalidInput
from overheard.models import User
from overheard.text import clean
from overheard.users import accounts, invitations
from overheard.users.accounts import LoginRefused, LoginThrottled

router = APIRouter()


@router.get("/")
def home() -> RedirectResponse:
    """The queue is where work begins."""
    return RedirectResponse("/queue", HTTPStatus.SEE_OTHER)


@router.get("/login")
def login_page(request: Request, state: StateDep, now: Now, next: str = "") -> Response:  # noqa: A002 - the address says next
    """The form; who is logged in already goes on."""
    if page_user(request, state, now):
        return RedirectResponse(own_page(next), HTTPStatus.SEE_OTHER)
    return _page(request, next, email="", refused=None)


@router.post("/login", dependencies=[Depends(check_form)])
def log_in(
    *,
    request: Request,
    db: Db,
    now: Now,
    email: Annotated[Text, Form()] = "",
    password: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "",  # noqa: A002 - the form says next
) -> Response:
    """Log in by password. A refusal is a page and not an exception: the failure it counted must be committed."""
    refused: LoginRefused = LoginRefused()
    try:
        client = request.client.host if request.client else None
        user = accounts.check_password(db, email=email, password=password, client=client, now=now)
    except LoginThrottled as error:
        user, refused = None, error
    if user is None:
        return _page(request, next, email=email, refused=refused)
    return start(request, db, user, goes_to=own_page(next), how="by password", now=now)


def _page(request: Request, goes_to: str, *, email: str, refused: LoginRefused | None) -> Response:
    state = state_of(request)
    return page(
        request,
        "login.html",
        status=status_of(refused) if refused else HTTPStatus.OK,
        next=own_page(goes_to),
        email=email,
        refused=str(refused) if refused else None,
        provider=state.settings.oidc.name if state.sign_in else None,
    )


@router.get("/login/{token}")
def login_link_page(request: Request, token: str, db: ReadDb, now: Now) -> Response:
    """The page of a one-time link; looking at it, as mail scanners do, uses nothing up."""
    return page(request, "login_link.html", token=token, who=accounts.link_user(db, token, now=now))


@router.post("/login/{token}", dependencies=[Depends(check_form)])
def log_in_by_link(request: Request, token: str, db: Db, now: Now) -> Response:
    """Log in by a one-time link; a used or old one is refused."""
    user = accounts.use_login_link(db, token, now=now)
    return start(request, db, user, goes_to="/queue", how="by a link", now=now)


@router.get("/welcome/{token}")
def welcome_page(request: Request, token: str, db: ReadDb, now: Now) -> Response:
    """The page of an invitation; looking at it uses nothing up."""
    invited = accounts.link_user(db, token, now=now)
    return page(request, "welcome.html", token=token, invited=invited, name=invited.name, refused=None)


@router.post("/welcome/{token}", dependencies=[Depends(check_form)])
def welcome(
    *,
    request: Request,
    token: str,
    db: Db,
    now: Now,
    name: Annotated[Text, Form()] = "",
    password: Annotated[str, Form()] = "",
) -> Response:
    """Choose a name and a password, and come in."""
    invited = accounts.link_user(db, token, now=now)
    try:
        with db.begin_nested():  # what was refused must not use the link up
            user = invitations.accept(db, token, name=name, password=password, now=now)
    except InvalidInput as error:
        db.refresh(invited)
        status = status_of(error)
        return page(request, "welcome.html", status=status, token=token, invited=invited, name=name, refused=str(error))
    return start(request, db, user, goes_to="/queue", how="by an invitation", now=now)


@router.post("/logout", dependencies=[Depends(check_form)])
def log_out(request: Request, db: Db) -> Response:
    """End this browser's login."""
    token = request.cookies.get(LOGIN_COOKIE)
    if token:
        accounts.end_login(db, token)
    response = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
    response.delete_cookie(LOGIN_COOKIE)
    return response


def start(request: Request, db: Session, user: User, *, goes_to: str, how: str, now: datetime) -> Response:
    """Log a user in in this browser, and send it on."""
    lifetime = timedelta(hours=state_of(request).settings.session_hours)
    agent = request.headers.get("User-Agent")
    secret = accounts.start_login(db, user, lifetime=lifetime, now=now, user_agent=clean(agent or ""), how=how)
    response = RedirectResponse(goes_to, HTTPStatus.SEE_OTHER)
    set_cookie(request, response, LOGIN_COOKIE, secret.token, max_age=int(lifetime.total_seconds()))
    return response
