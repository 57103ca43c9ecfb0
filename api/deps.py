"""What a route asks for: a session, the time, who is asking and whether they may, and checked values."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Depends, Path, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import AfterValidator
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from api.access import AUDITED, Action, may, scope_of
from api.errors import BadForm, Forbidden, NotLoggedIn
from api.idempotency import attempt_of
from api.security import LOGIN_COOKIE, is_own_form
from api.state import State, state_of
from overheard.db import Sessions
from overheard.models import User
from overheard.notifications import notices
from overheard.text import clean
from overheard.users import accounts, audit
from overheard.vocabulary import Scope

# The largest id that the tables' integer columns hold; PostgreSQL refuses to even compare with a larger one.
MAX_ID = 2**31 - 1
Id = Annotated[int, Path(ge=1, le=MAX_ID)]

Text = Annotated[str, AfterValidator(clean)]
"""Text that can be stored: no NUL, no lone surrogates."""


async def get_state(request: Request) -> State:
    """The application's state."""
    return state_of(request)


StateDep = Annotated[State, Depends(get_state)]


async def get_now(state: StateDep) -> datetime:
    """The time of this request."""
    return state.clock()


Now = Annotated[datetime, Depends(get_now)]


def get_db(request: Request, state: StateDep, now: Now) -> Iterator[Session]:
    """The one transaction of a request that may write: committed when the route returns, rolled back when it raises."""
    with state.sessions.begin() as session:
        if attempt := attempt_of(request):
            attempt.take(session, now=now)
        yield session
        _write_down(request, session, now)


def before_asking(request: Request, state: StateDep, now: Now) -> None:
    """What asks the outside world asks for this first: a request that was answered under its key is answered again
    here, and nobody is asked twice. Key and transaction are taken when the answer is there (`Db`, behind it), so that
    no lock is held while others are slow.
    """
    if attempt := attempt_of(request):
        with state.reading() as session:
            attempt.look(session, now=now)


BeforeAsking = Annotated[None, Depends(before_asking)]


def _write_down(request: Request, session: Session, now: datetime) -> None:
    """Into the audit log, what it tells of; a page that shows a refusal has done nothing (`api.pages.page`)."""
    deed: tuple[User, Action] | None = getattr(request.state, "deed", None)
    if deed is not None and deed[1] in AUDITED and request.method not in ("GET", "HEAD"):
        audit.record(session, deed[0], AUDITED[deed[1]], request.url.path, now=now)


def get_read_db(state: StateDep) -> Iterator[Session]:
    """A session for a request that only reads."""
    with state.reading() as session:
        yield session


# scope="function": with FastAPI's default the commit comes after the answer, and a failed one is answered with 200.
Db = Annotated[Session, Depends(get_db, scope="function")]
ReadDb = Annotated[Session, Depends(get_read_db, scope="function")]


# --- who is asking -------------------------------------------------------------------------------------------------


async def sent_form_token(request: Request) -> str | None:
    """The token of a form that was sent; None where nothing was sent."""
    if request.method in ("GET", "HEAD"):
        return None
    token = (await request.form()).get("csrf")
    return token if isinstance(token, str) else ""


def check_form(request: Request, token: Annotated[str | None, Depends(sent_form_token)]) -> None:
    """`BadForm` when a form that was sent is not one of ours."""
    if token is not None and not is_own_form(request, token):
        raise BadForm


def on_page(action: Action) -> Any:  # noqa: ANN401 - what Depends returns
    """The user who is logged in by this browser and may do this; what they sent is a form of ours."""

    def user_on_page(
        request: Request, state: StateDep, now: Now, token: Annotated[str | None, Depends(sent_form_token)]
    ) -> User:
        user = page_user(request, state, now)
        if user is None:
            raise NotLoggedIn
        check_form(request, token)
        request.state.deed = (user, action)
        return _allowed(user, action)

    user_on_page.action = action  # type: ignore[attr-defined] # by which the access test finds what a route allows
    return Depends(user_on_page)


def page_user(request: Request, state: State, now: datetime) -> User | None:
    """Who is logged in by this browser."""
    secret = request.cookies.get(LOGIN_COOKIE)
    if not secret:
        return None
    idle = timedelta(hours=state.settings.idle_hours) or None
    request.state.kept = kept = state.kept.now(now)
    login, unread = kept.get(secret, (None, 0)) if request.method == "GET" else (None, 0)  # who writes is read anew
    if login is None or not accounts.is_open(login, now=now, idle=idle):
        with state.reading() as session:  # of its own, so that no request holds two connections at once
            login = accounts.find_login(session, secret, now=now, idle=idle)
            if login is None:
                return None
            unread = notices.unread(session, login.user_id)
        kept[secret] = login, unread
    request.state.unread = unread  # for the bell
    if accounts.is_stale(login.last_seen_at or login.created_at, now):
        with suppress(OperationalError), state.sessions.begin() as session:  # a full disk keeps nobody from reading
            accounts.touch_login(session, login, now=now)
    return login.user


bearer = HTTPBearer(auto_error=False, scheme_name="ApiToken", description="An API token: `overheard token`.")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]


def by_token(action: Action) -> Any:  # noqa: ANN401 - what Depends returns
    """The user whose API token was sent and who may do this, if the token is meant for it."""

    def user_by_token(request: Request, state: StateDep, now: Now, credentials: Credentials) -> User:
        if credentials is None:
            raise NotLoggedIn
        user, request.state.scopes = token_user(state.reading, state.sessions, credentials.credentials, action, now=now)
        request.state.deed = (user, action)
        return user

    user_by_token.action = action  # type: ignore[attr-defined] # by which the access test finds what a route allows
    return Depends(user_by_token)


def token_user(
    reading: Sessions, writing: Sessions, secret: str, action: Action, *, now: datetime
) -> tuple[User, tuple[Scope, ...]]:
    """Whose API token this is, and its scopes, if both allow the action; whatever the door it is shown at."""
    with reading() as session:
        token = accounts.find_token(session, secret, now=now)
    if token is None:
        raise NotLoggedIn("This API token is unknown, revoked or expired.")
    if accounts.is_stale(token.last_used_at, now):
        with suppress(OperationalError), writing.begin() as session:  # as above
            accounts.touch_token(session, token, now=now)
    user, scopes = _allowed(token.user, action), tuple(Scope(word) for word in token.scopes.split())
    if scope_of(action) not in scopes:
        raise OutsideScope(action, token.scopes)
    return user, scopes


class OutsideScope(Forbidden):
    """This API token is not meant for this."""

    def __init__(self, action: Action, scopes: str) -> None:
        what = action.value.replace("_", " ")
        super().__init__(
            f"This token's scopes ({scopes}) do not hold {scope_of(action).value}, which this needs: {what}. "
            "Make a token with that scope."
        )


def token_scopes(request: Request) -> Sequence[Scope]:
    """The scopes of the token that asks, on a route with `by_token`."""
    scopes: Sequence[Scope] = request.state.scopes
    return scopes


TokenScopes = Annotated[Sequence[Scope], Depends(token_scopes)]
"""Ask for it behind the user: what is asked for is found out in that order."""


def _allowed(user: User, action: Action) -> User:
    if not may(user, action):
        role, what = user.role.value.replace("_", " "), action.value.replace("_", " ")
        raise Forbidden(f"The role {role} does not allow this: {what}. Ask an admin.")
    return user
