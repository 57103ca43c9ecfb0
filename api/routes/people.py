"""The people who work here: for admins."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from api.access import Action
from api.deps import Db, Id, Now, ReadDb, StateDep, Text, on_page
from api.errors import status_of
from api.pages import Flash, done, page
from overheard.errors import InvalidInput, OverheardError
from overheard.models import User
from overheard.notifications import mail
from overheard.settings import Settings
from overheard.users import invitations, people
from overheard.vocabulary import Role

log = logging.getLogger(__name__)

router = APIRouter(prefix="/people")

_HERE = "/people"


@dataclass(frozen=True, slots=True)
class Link:
    """An address by which somebody comes in, shown once."""

    user: User
    address: str
    lasts: str
    mailed: bool | None = None
    """None: nobody tried."""


@router.get("")
def all_people(request: Request, viewer: Annotated[User, on_page(Action.READ_PEOPLE)], db: ReadDb) -> Response:
    """Everybody, with role, state and when they were last here."""
    return _page(request, viewer, db)


@router.post("")
def invite(
    *,
    request: Request,
    viewer: Annotated[User, on_page(Action.CHANGE_PEOPLE)],
    state: StateDep,
    db: Db,
    now: Now,
    email: Annotated[Text, Form()] = "",
    name: Annotated[Text, Form()] = "",
    role: Annotated[Role, Form()] = Role.SDR,
) -> Response:
    """Invite somebody. The link is shown on the page that answers, and nowhere else again."""
    try:
        with db.begin_nested():
            user, secret = invitations.invite(db, email=email, name=name, role=role, actor=viewer, now=now)
    except InvalidInput as error:
        return _page(request, viewer, db, refused=error, typed={"email": email, "name": name, "role": role})
    address = f"{state.settings.address}/welcome/{secret.token}"
    text = invitations.text_of(user, address, invited_by=viewer.name)
    mailed = _mail(state.settings, to=user.email, subject="You are invited to Overheard", text=text)
    return _page(request, viewer, db, link=Link(user, address, "a week", mailed))


@router.post("/{user_id}/role")
def change_role(
    *,
    request: Request,
    user_id: Id,
    viewer: Annotated[User, on_page(Action.CHANGE_PEOPLE)],
    db: Db,
    now: Now,
    role: Annotated[Role, Form()],
) -> Response:
    """Let somebody do other things."""
    user = people.change_role(db, user_id, role, actor=viewer, now=now)
    return done(request, _HERE, Flash(f"{user.name} is {user.role.value.replace('_', ' ')} now."))


@router.post("/{user_id}/disable")
def disable(
    request: Request, user_id: Id, viewer: Annotated[User, on_page(Action.CHANGE_PEOPLE)], db: Db, now: Now
) -> Response:
    """Let somebody in no more."""
    user = people.disable(db, user_id, actor=viewer, now=now)
    return done(request, _HERE, Flash(f"{user.name} is disabled. Their logins and tokens have ended."))


@router.post("/{user_id}/enable")
def enable(
    request: Request, user_id: Id, viewer: Annotated[User, on_page(Action.CHANGE_PEOPLE)], db: Db, now: Now
) -> Response:
    """Let somebody in again."""
    user = people.enable(db, user_id, actor=viewer, now=now)
    return done(request, _HERE, Flash(f"{user.name} may come in again. Their tokens stay revoked."))


@router.post("/{user_id}/login-link")
def login_link(
    *,
    request: Request,
    user_id: Id,
    viewer: Annotated[User, on_page(Action.CHANGE_PEOPLE)],
    state: StateDep,
    db: Db,
    now: Now,
) -> Response:
    """A link that logs somebody in once; who has no password yet chooses one by it."""
    user, secret = people.new_login_link(db, user_id, actor=viewer, now=now)
    way = "login" if user.password_hash else "welcome"
    address = f"{state.settings.address}/{way}/{secret.token}"
    return _page(request, viewer, db, link=Link(user, address, "an hour"))


def _page(
    request: Request,
    viewer: User,
    db: Session,
    *,
    link: Link | None = None,
    refused: InvalidInput | None = None,
    typed: Mapping[str, object] | None = None,
) -> Response:
    db.flush()
    return page(
        request,
        "people.html",
        viewer=viewer,
        status=status_of(refused) if refused else HTTPStatus.OK,
        people=people.everybody(db),
        link=link,
        refused=refused,
        typed=typed or {},
    )


def _mail(settings: Settings, *, to: str, subject: str, text: str) -> bool | None:
    """Whether it was mailed; None where no mail goes out from here. The link is on the page in any case."""
    if not mail.can_send(settings):
        return None
    try:
        mail.send(settings, to=to, subject=subject, text=text)
    except OverheardError:
        log.warning("An invitation could not be mailed.", extra={"action": "mail_failed"})
        return False
    return True
