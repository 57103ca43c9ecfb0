"""What `/v1` takes and gives about people, tokens, logins, notices and the audit log."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from api import people_words
from api.bodies import Body
from api.deps import Text
from overheard.models import ApiToken, AuditEntry, Login, Notice, User
from overheard.notifications.outbound_vocabulary import DigestWay
from overheard.vocabulary import AuditAction, DigestRhythm, NoticeKind, Role, Scope

# --- what is taken -------------------------------------------------------------------------------------------------


class NewUser(Body):
    """Somebody who is invited."""

    email: Text
    name: Text
    role: Role


class UserChange(Body):
    """What can be changed about somebody else. What is not named stays."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    role: Role | None = None
    is_disabled: bool | None = Field(None, description="True ends their logins and API tokens at once.")

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if self.role is None and self.is_disabled is None:
            raise ValueError("Name what to change.")
        return self


class MyName(Body):
    """How one wants to be called."""

    name: Text


class NewPassword(Body):
    """A password, and the one before."""

    old: str = Field("", description="Needed where there is one.")
    new: str


class NewToken(Body):
    """What a token is called, what it may be used for, and for how long."""

    name: Text
    scopes: list[Scope] = Field(min_length=1, description="None that the token which asks does not have itself.")
    days: int | None = Field(None, ge=1, le=3650, description="Null: without end.")


class DigestBody(Body):
    """How one's notices are sent to one."""

    rhythm: DigestRhythm = DigestRhythm.OFF
    way: DigestWay = DigestWay.MAIL
    hour: int = Field(9, ge=0, le=23, description="Local hour of a daily digest.")
    time_zone: Text = Field("", description="One like Europe/Berlin; nothing: the team's.")
    quiet_from: int | None = Field(None, ge=0, le=23, description="Local hours between which nothing is sent.")
    quiet_until: int | None = Field(None, ge=0, le=23)


class NewDigest(DigestBody):
    """The same, with a webhook."""

    hook: Text | None = Field(None, description="Address of an incoming webhook of Slack; null keeps what there is.")


# --- what is given -------------------------------------------------------------------------------------------------


class PersonBody(BaseModel):
    """A user."""

    id: int
    email: str
    name: str
    role: Role
    state: str = Field(description="`invited` (never been here), `active` or `disabled`.")
    last_seen_at: datetime | None

    @classmethod
    def of(cls, user: User) -> Self:
        """From the row."""
        return cls(
            id=user.id,
            email=user.email,
            name=user.name,
            role=user.role,
            state=people_words.state(user),
            last_seen_at=user.last_seen_at,
        )


class InvitationBody(BaseModel):
    """A user, and the address by which they come in. It is given once."""

    user: PersonBody
    address: str


class TokenBody(BaseModel):
    """An API token, without its secret."""

    id: int
    name: str
    prefix: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="To some minutes.")

    @classmethod
    def of(cls, token: ApiToken) -> Self:
        """From the row."""
        return cls(
            id=token.id,
            name=token.name,
            prefix=token.prefix,
            scopes=[Scope(word) for word in token.scopes.split()],
            created_at=token.created_at,
            expires_at=token.expires_at,
            last_used_at=token.last_used_at,
        )


class SecretBody(BaseModel):
    """A new token in clear. It is given once."""

    token: str
    expires_at: datetime | None


class LoginBody(BaseModel):
    """A browser in which one is logged in."""

    id: int
    browser: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, login: Login) -> Self:
        """From the row."""
        return cls(
            id=login.id,
            browser=people_words.browser(login.user_agent),
            created_at=login.created_at,
            last_seen_at=login.last_seen_at or login.created_at,
            expires_at=login.expires_at,
        )


class CountBody(BaseModel):
    """How many."""

    count: int


class NoticeBody(BaseModel):
    """Something that one should know."""

    id: int
    kind: NoticeKind
    text: str
    link: str | None = Field(description="One of our own pages.")
    at: datetime
    read_at: datetime | None

    @classmethod
    def of(cls, notice: Notice) -> Self:
        """From the row."""
        return cls(
            id=notice.id,
            kind=notice.kind,
            text=notice.text,
            link=notice.link,
            at=notice.at,
            read_at=notice.read_at,
        )


class AuditBody(BaseModel):
    """What somebody did."""

    id: int
    at: datetime
    actor: str | None = Field(description="Null: the command line, or somebody who was not logged in.")
    action: AuditAction
    subject: str
    detail: str
    door: str | None = Field(description="`command line` where it was done there.")

    @classmethod
    def of(cls, entry: AuditEntry) -> Self:
        """From the row."""
        return cls(
            id=entry.id,
            at=entry.at,
            actor=entry.actor.email if entry.actor else None,
            action=entry.action,
            subject=entry.subject,
            detail=entry.detail,
            door=entry.door,
        )
