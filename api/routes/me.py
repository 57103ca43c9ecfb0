"""One's own page: name, password, digests, logins, API tokens."""

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from api.access import Action
from api.deps import Db, Id, Now, ReadDb, StateDep, Text, on_page
from api.errors import status_of
from api.pages import Flash, done, page
from api.security import LOGIN_COOKIE
from api.state import state_of
from overheard.errors import OverheardError
from overheard.models import User
from overheard.notifications import digests, mail
from overheard.notifications.digests import Chosen
from overheard.notifications.outbound_vocabulary import DigestWay
from overheard.users import accounts, own_account, people
from overheard.users.accounts import LoginThrottled
from overheard.users.own_account import WrongPassword
from overheard.vocabulary import DigestRhythm, Scope

router = APIRouter(prefix="/me")

_HERE = "/me"
MAX_DAYS = 3650

Hour = Annotated[int | None, Form(ge=0, le=23)]
Me = Annotated[User, on_page(Action.CHANGE_ME)]


@router.get("")
def my_page(request: Request, viewer: Annotated[User, on_page(Action.READ_ME)], db: ReadDb) -> Response:
    """Everything about oneself."""
    return _page(request, viewer, db)


@router.post("/name")
def rename(request: Request, viewer: Me, db: Db, name: Annotated[Text, Form()] = "") -> Response:
    """Be called something else."""
    user = people.get(db, viewer.id)
    own_account.rename(user, name)
    return done(request, _HERE, Flash(f"You are {user.name} now."))


@router.post("/password")
def change_password(
    *,
    request: Request,
    viewer: Me,
    db: Db,
    now: Now,
    old: Annotated[str, Form()] = "",
    new: Annotated[str, Form()] = "",
    again: Annotated[str, Form()] = "",
) -> Response:
    """A new password; the other logins end. A refusal is a page and no exception: what it counted must be committed."""
    user = people.get(db, viewer.id)
    if new != again:
        return _page(request, viewer, db, refused=NotTheSame(), at="password")
    try:
        own_account.change_password(db, user, old=old, new=new, keep=request.cookies.get(LOGIN_COOKIE), now=now)
    except (WrongPassword, LoginThrottled) as error:
        return _page(request, viewer, db, refused=error, at="password")
    return done(request, _HERE, Flash("Your password is changed. All your other logins have ended."))


class NotTheSame(WrongPassword):
    """The new password was not typed the same twice."""


@router.post("/digest")
def choose_digest(
    *,
    request: Request,
    viewer: Me,
    state: StateDep,
    db: Db,
    now: Now,
    rhythm: Annotated[DigestRhythm, Form()] = DigestRhythm.OFF,
    way: Annotated[DigestWay, Form()] = DigestWay.MAIL,
    hour: Annotated[int, Form(ge=0, le=23)] = 9,
    time_zone: Annotated[Text, Form()] = "",
    quiet_from: Hour = None,
    quiet_until: Hour = None,
    hook: Annotated[Text, Form()] = "",
) -> Response:
    """How one wants to be told of notices besides on the page."""
    wanted = Chosen(rhythm, way, hour, time_zone or state.settings.time_zone, quiet_from, quiet_until, hook or None)
    digests.choose(db, state.settings, people.get(db, viewer.id), wanted, now=now)
    told = "No digest is sent to you." if rhythm is DigestRhythm.OFF else "Your digest is set."
    return done(request, _HERE, Flash(told))


@router.post("/logins/others/end")
def end_others(request: Request, viewer: Me, db: Db, now: Now) -> Response:
    """End all one's logins but this one."""
    count = own_account.end_other_logins(db, viewer, now=now, keep=request.cookies.get(LOGIN_COOKIE))
    return done(request, _HERE, Flash(f"{count} other login{'' if count == 1 else 's'} ended."))


@router.post("/logins/{login_id}/end")
def end_login(request: Request, login_id: Id, viewer: Me, db: Db, now: Now) -> Response:
    """End one of one's logins."""
    own_account.end_login(db, viewer, login_id, now=now)
    return done(request, _HERE, Flash("That login has ended."))


@router.post("/tokens")
def make_token(
    *,
    request: Request,
    viewer: Me,
    db: Db,
    now: Now,
    name: Annotated[Text, Form()] = "",
    scopes: Annotated[list[Scope] | None, Form()] = None,
    days: Annotated[int | None, Form(ge=1, le=MAX_DAYS)] = None,
) -> Response:
    """A new API token, shown on the page that answers and nowhere else again."""
    lifetime = timedelta(days=days) if days else None
    user = people.get(db, viewer.id)
    try:
        secret = accounts.make_token(db, user, name=name, scopes=scopes or (), lifetime=lifetime, now=now)
    except OverheardError as error:
        return _page(request, viewer, db, refused=error, at="tokens")
    return _page(request, viewer, db, secret=secret.token)


@router.post("/tokens/{token_id}/revoke")
def revoke_token(request: Request, token_id: Id, viewer: Me, db: Db, now: Now) -> Response:
    """End one of one's API tokens."""
    token = own_account.revoke_token(db, viewer, token_id, now=now)
    return done(request, _HERE, Flash(f"The token {token.prefix}… opens nothing any more."))


def _page(
    request: Request,
    viewer: User,
    db: Session,
    *,
    refused: OverheardError | None = None,
    at: str = "",
    secret: str | None = None,
) -> Response:
    state = state_of(request)
    now = state.clock()
    db.flush()
    mine = people.get(db, viewer.id)
    digest, has_hook = digests.chosen(db, state.settings, mine)
    here = accounts.find_login(db, request.cookies.get(LOGIN_COOKIE, ""), now=now)
    return page(
        request,
        "me.html",
        viewer=mine,
        status=status_of(refused) if refused else HTTPStatus.OK,
        logins=own_account.logins(db, mine, now=now),
        this_login=here.id if here else None,
        tokens=own_account.tokens(db, mine),
        digest=digest,
        has_hook=has_hook,
        can_mail=mail.can_send(state.settings),
        secret=secret,
        refused=refused,
        refused_at=at,
    )
