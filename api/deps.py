"""What a route asks for: a session, the time, who is asking and whether they may, and checked values."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Path, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import AfterValidator
from sqlalchemy.orm import Session

from api.access import Action, may
from api.errors import BadForm, Forbidden, NotLoggedIn
from api.idempotency import attempt_of
from api.security import LOGIN_COOKIE, is_own_form
from api.state import State, state_of
from overheard import accounts
from overheard.models import User
from overheard.text import clean

# The largest id that the tables' integer columns hold; PostgreSQL refuses to even compare with a larger one.
MAX_ID = 2**31 - 1
Id = Annotated[int, Path(ge=1, le=MAX_ID)]

Text = Annotated[str, AfterValidator(clean)]
"""Text that can be stored: no NUL, no lone surrogates."""


def get_state(request: Request) -> State:
    """The application's state."""
    return state_of(request)


StateDep = Annotated[State, Depends(get_state)]


def get_now(state: StateDep) -> datetime:
    """The time of this request."""
    return state.clock()


Now = Annotated[datetime, Depends(get_now)]


def get_db(request: Request, state: StateDep, now: Now) -> Iterator[Session]:
    """The one transaction of a request that may write: committed when the route returns, rolled back when it raises."""
    with state.sessions.begin() as session:
        if attempt := attempt_of(request):
            attempt.take(session, now=now)
        yield session


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
        return _allowed(user, action)

    return Depends(user_on_page)


def page_user(request: Request, state: State, now: datetime) -> User | None:
    """Who is logged in by this browser."""
    login = request.cookies.get(LOGIN_COOKIE)
    if not login:
        return None
    with state.reading() as session:  # of its own, so that no request holds two connections at once
        return accounts.logged_in(session, login, now=now)


bearer = HTTPBearer(auto_error=False, scheme_name="ApiToken", description="An API token: `overheard token`.")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]


def by_token(action: Action | None = None) -> Any:  # noqa: ANN401 - what Depends returns
    """The user whose API token was sent and who may do this."""

    def user_by_token(state: StateDep, now: Now, credentials: Credentials) -> User:
        if credentials is None:
            raise NotLoggedIn
        with state.reading() as session:
            user = accounts.token_user(session, credentials.credentials, now=now)
        if user is None:
            raise NotLoggedIn("This API token is unknown, revoked or expired.")
        return user if action is None else _allowed(user, action)

    return Depends(user_by_token)


def _allowed(user: User, action: Action) -> User:
    if not may(user, action):
        role, what = user.role.value.replace("_", " "), action.value.replace("_", " ")
        raise Forbidden(f"The role {role} does not allow this: {what}. Ask an admin.")
    return user
