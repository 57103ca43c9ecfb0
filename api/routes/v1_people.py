"""The API for programs, of people, tokens, logins, notices and the audit log."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated

from fastapi import Query, Request
from pydantic import Field
from sqlalchemy.orm import Session
from starlette.responses import Response

from api.access import Action
from api.deps import Db, Id, Now, ReadDb, StateDep, TokenScopes, by_token
from api.errors import Forbidden, TooLarge, answer
from api.openapi import problems
from api.paging import Page, PageParams, page_from, page_of
from api.people_bodies import (
    AuditBody,
    CountBody,
    DigestBody,
    InvitationBody,
    LoginBody,
    MyName,
    NewDigest,
    NewPassword,
    NewToken,
    NewUser,
    NoticeBody,
    PersonBody,
    SecretBody,
    TokenBody,
    UserChange,
)
from api.routes.audit import AuditParams
from api.routing import ApiRouter
from api.state import State
from overheard.errors import InvalidInput, NotFound
from overheard.models import User
from overheard.notifications import digests, notices
from overheard.notifications.digests import Chosen
from overheard.users import accounts, audit, invitations, own_account, people
from overheard.users.accounts import LoginThrottled
from overheard.users.audit import Wanted
from overheard.users.own_account import WrongPassword
from overheard.vocabulary import Scope

router = ApiRouter(tags=["people"])

_LAST_DAY = date.max - timedelta(days=1)

Me = Annotated[User, by_token(Action.CHANGE_ME)]
Reader = Annotated[User, by_token(Action.READ_ME)]
Keeper = Annotated[User, by_token(Action.CHANGE_PEOPLE)]

_WRITES = problems(NotFound, InvalidInput, TooLarge)


class AuditPageParams(PageParams, AuditParams):
    """The filter, the place, and how much."""

    since: date | None = Field(None, description="From this day on (UTC).")
    until: date | None = Field(None, description="Up to this day, and with it (UTC).")

    @property
    def wanted(self) -> Wanted:
        """As the log takes it."""
        first = datetime.combine(self.since, time(), UTC) if self.since else None
        end = datetime.combine(min(self.until, _LAST_DAY) + timedelta(days=1), time(), UTC) if self.until else None
        return replace(super().wanted, since=first, until=end)


@router.get("/users", operation_id="readUsers", summary="All users", responses=problems(InvalidInput))
def read_users(
    _user: Annotated[User, by_token(Action.READ_PEOPLE)], db: ReadDb, params: Annotated[PageParams, Query()]
) -> Page[PersonBody]:
    """Users in the order in which they were made."""
    return page_of(people.everybody(db), params, PersonBody.of, key=lambda user: [user.id])


@router.post("/users", status_code=201, operation_id="inviteUser", summary="Invite somebody", responses=_WRITES)
def invite_user(user: Keeper, db: Db, now: Now, state: StateDep, body: NewUser) -> InvitationBody:
    """A user without a password, and the address by which they choose one. It is not mailed."""
    found, secret = invitations.invite(db, email=body.email, name=body.name, role=body.role, actor=user, now=now)
    return InvitationBody(user=PersonBody.of(found), address=f"{state.settings.address}/welcome/{secret.token}")


@router.patch("/users/{user_id}", operation_id="changeUser", summary="Change a user's role or state", responses=_WRITES)
def change_user(user: Keeper, user_id: Id, db: Db, now: Now, body: UserChange) -> PersonBody:
    """The last admin keeps role and state."""
    found = people.get(db, user_id)
    if body.is_disabled is False:
        people.enable(db, user_id, actor=user, now=now)
    if body.role is not None:
        people.change_role(db, user_id, body.role, actor=user, now=now)
    if body.is_disabled is True:
        people.disable(db, user_id, actor=user, now=now)
    return PersonBody.of(found)


@router.post("/users/{user_id}/login-link", operation_id="makeLoginLink", summary="A new login link", responses=_WRITES)
def make_login_link(user: Keeper, user_id: Id, db: Db, now: Now, state: StateDep) -> InvitationBody:
    """An address that logs a user in once, within the hour."""
    found, secret = people.new_login_link(db, user_id, actor=user, now=now)
    way = "login" if found.password_hash else "welcome"
    return InvitationBody(user=PersonBody.of(found), address=f"{state.settings.address}/{way}/{secret.token}")


# --- oneself -------------------------------------------------------------------------------------------------------


@router.patch(
    "/me", operation_id="changeMe", summary="Change one's own name", responses=problems(InvalidInput, TooLarge)
)
def change_me(user: Me, db: Db, body: MyName) -> PersonBody:
    """Be called something else."""
    mine = people.get(db, user.id)
    own_account.rename(mine, body.name)
    return PersonBody.of(mine)


@router.post(
    "/me/password",
    status_code=204,
    operation_id="changePassword",
    summary="Change one's own password",
    responses=problems(InvalidInput, TooLarge, LoginThrottled, WrongPassword),
)
def change_password(request: Request, user: Me, db: Db, now: Now, body: NewPassword) -> Response:
    """All one's logins end; API tokens stay."""
    try:
        own_account.change_password(db, people.get(db, user.id), old=body.old, new=body.new, now=now)
    except (WrongPassword, LoginThrottled) as error:
        return answer(request, error)  # not raised: what was counted must be committed
    return Response(status_code=204)


@router.get("/me/digest", operation_id="readDigest", summary="How one's notices are sent", responses=problems())
def read_digest(user: Reader, db: ReadDb, state: StateDep) -> DigestBody:
    """The webhook is not given out again."""
    return _digest(db, state, user)


@router.patch(
    "/me/digest",
    operation_id="changeDigest",
    summary="Set how one's notices are sent",
    responses=problems(InvalidInput, TooLarge),
)
def change_digest(user: Me, db: Db, now: Now, state: StateDep, body: NewDigest) -> DigestBody:
    """What is not named is as by default, but for the webhook, which stays."""
    mine = people.get(db, user.id)
    time_zone = body.time_zone or state.settings.time_zone
    wanted = Chosen(**body.model_dump() | {"time_zone": time_zone})
    digests.choose(db, state.settings, mine, wanted, now=now)
    return _digest(db, state, mine)


def _digest(db: Session, state: State, user: User) -> DigestBody:
    kept = asdict(digests.chosen(db, state.settings, user)[0])
    del kept["hook"]
    return DigestBody(**kept)


@router.get("/logins", operation_id="readLogins", summary="One's own logins", responses=problems(InvalidInput))
def read_logins(user: Reader, db: ReadDb, now: Now, params: Annotated[PageParams, Query()]) -> Page[LoginBody]:
    """The browsers in which one is logged in, the oldest first."""
    return page_of(own_account.logins(db, user, now=now), params, LoginBody.of, key=lambda login: [login.id])


@router.post("/logins/end", operation_id="endLogins", summary="End all one's logins", responses=problems(TooLarge))
def end_logins(user: Me, db: Db, now: Now) -> CountBody:
    """In every browser."""
    return CountBody(count=own_account.end_other_logins(db, user, now=now))


@router.post("/logins/{login_id}/end", operation_id="endLogin", summary="End one of one's logins", responses=_WRITES)
def end_login(user: Me, login_id: Id, db: Db, now: Now) -> CountBody:
    """In one browser."""
    own_account.end_login(db, user, login_id, now=now)
    return CountBody(count=1)


@router.get("/tokens", operation_id="readTokens", summary="One's own API tokens", responses=problems(InvalidInput))
def read_tokens(user: Reader, db: ReadDb, params: Annotated[PageParams, Query()]) -> Page[TokenBody]:
    """Those that are not revoked, the oldest first."""
    return page_of(own_account.tokens(db, user), params, TokenBody.of, key=lambda token: [token.id])


@router.post("/tokens", status_code=201, operation_id="makeToken", summary="Make an API token", responses=_WRITES)
def make_token(user: Me, scopes: TokenScopes, db: Db, now: Now, body: NewToken) -> SecretBody:
    """It has no scope that the token which asks does not have."""
    _refuse_more_than(scopes, body.scopes)
    lifetime = timedelta(days=body.days) if body.days else None
    mine = people.get(db, user.id)
    secret = accounts.make_token(db, mine, name=body.name, scopes=body.scopes, lifetime=lifetime, now=now)
    return SecretBody(token=secret.token, expires_at=secret.expires_at)


def _refuse_more_than(mine: Sequence[Scope], wanted: Sequence[Scope]) -> None:
    beyond = sorted({scope.value for scope in wanted} - {scope.value for scope in mine})
    if beyond:
        raise Forbidden(f"This token does not have the scope {', '.join(beyond)} itself, so it cannot give it.")


@router.post("/tokens/{token_id}/revoke", operation_id="revokeToken", summary="Revoke a token", responses=_WRITES)
def revoke_token(user: Me, token_id: Id, db: Db, now: Now) -> TokenBody:
    """It opens nothing any more."""
    return TokenBody.of(own_account.revoke_token(db, user, token_id, now=now))


# --- notices and the audit log -------------------------------------------------------------------------------------


@router.get("/notices", operation_id="readNotices", summary="One's own notices", responses=problems(InvalidInput))
def read_notices(user: Reader, db: ReadDb, params: Annotated[PageParams, Query()]) -> Page[NoticeBody]:
    """The newest first."""
    found = notices.page(db, user.id, before=_before(params), limit=params.limit)
    return page_from(found, params, NoticeBody.of, key=lambda notice: [notice.id])


@router.post("/notices/read", operation_id="markNoticesRead", summary="Mark all read", responses=problems(TooLarge))
def mark_notices_read(user: Annotated[User, by_token(Action.MARK_NOTICES)], db: Db, now: Now) -> CountBody:
    """How many were not."""
    return CountBody(count=notices.read(db, user.id, now))


@router.get("/audit", operation_id="readAudit", summary="The audit log", responses=problems(InvalidInput))
def read_audit(
    _user: Annotated[User, by_token(Action.READ_AUDIT)], db: ReadDb, params: Annotated[AuditPageParams, Query()]
) -> Page[AuditBody]:
    """What was done here, the newest first."""
    found = audit.entries(db, params.wanted, before=_before(params), limit=params.limit)
    return page_from(found, params, AuditBody.of, key=lambda entry: [entry.id])


def _before(params: PageParams) -> int | None:
    place = params.place(int)
    return None if place is None else int(place[0])
