"""What `/v1` takes and gives about replies."""

from datetime import datetime

from pydantic import BaseModel, Field

from api.bodies import Body
from api.deps import MAX_ID, Text
from overheard.errors import Refusal
from overheard.models import Reply, Snippet
from overheard.replying.replies import MAX_TEXT
from overheard.vocabulary import AnswerKind, Platform, ReplyState, SendingWay


class NewReply(Body):
    """What to begin a draft with."""

    answer_id: int | None = Field(None, ge=1, le=MAX_ID, description="The answer of theirs to write under.")
    text: Text | None = Field(None, max_length=MAX_TEXT, description="Default: the line that says who writes.")


class ReplyText(Body):
    """A draft's words."""

    text: Text = Field(max_length=MAX_TEXT)


class Approval(Body):
    """How an approved reply goes out."""

    account_id: int | None = Field(
        None, ge=1, le=MAX_ID, description="The connected account that sends it; null: its writer posts it there."
    )
    overrides: list[str] = Field([], max_length=20, description="Guardrails that the writer sets aside.")


class Address(Body):
    """Where a reply stands."""

    permalink: Text = Field(max_length=2_000)


class Found(Body):
    """What somebody saw who looked for an unclear reply."""

    permalink: Text | None = Field(None, max_length=2_000, description="Where it stands; null: it is not there.")


class Confirmation(Body):
    """What an answer means."""

    kind: AnswerKind


class NewSnippet(Body):
    """A piece of text, with placeholders in braces."""

    name: Text = Field(min_length=1, max_length=80)
    text: Text = Field(min_length=1, max_length=4_000)
    objection: Text | None = Field(None, max_length=80, description="What people say to which it is an answer.")
    is_shared: bool = Field(False, description="For everybody; an admin's to write.")


class NewStop(Body):
    """Why all replies are stopped."""

    because: Text = Field(min_length=1, max_length=500)


class Unwanted(Body):
    """Somebody who does not want to hear from us."""

    platform: Platform
    handle: Text = Field(min_length=1, max_length=200)
    reason: Text = Field("They asked for it.", max_length=200)


class RefusalBody(BaseModel):
    """What one guardrail has against a reply."""

    guardrail: str
    why: str
    remedy: str = Field(description="What would make it pass.")
    may_override: bool
    is_warning: bool = Field(description="It is said and stops nothing.")
    not_before: datetime | None = Field(description="From when on it passes by itself.")


class CheckBody(BaseModel):
    """What all guardrails have against a reply: nothing, where the list is empty."""

    refusals: list[RefusalBody]


class ReplyBody(BaseModel):
    """A reply."""

    id: int
    lead_id: int | None
    post_id: int | None
    platform: Platform
    community: str
    author_id: int
    state: ReplyState
    way: SendingWay
    text: str
    created_at: datetime
    approved_at: datetime | None
    sent_at: datetime | None
    permalink: str | None
    error: str | None
    removed_at: datetime | None


class SnippetBody(BaseModel):
    """A snippet."""

    id: int
    name: str
    text: str
    objection: str | None
    is_shared: bool


class StopBody(BaseModel):
    """A stop that holds."""

    id: int
    because: str
    at: datetime


class UnwantedBody(BaseModel):
    """An entry of the do-not-contact list: it names nobody."""

    hash: str
    reason: str
    at: datetime


class TotalsBody(BaseModel):
    """How replying goes."""

    days: int
    sent: int
    answered: int
    positive: int
    removed: int
    reply_rate: float | None
    positive_rate: float | None
    minutes_to_reply: float | None = Field(description="From a post to the first reply, the median.")


def reply_body(reply: Reply) -> ReplyBody:
    """A reply as it is given."""
    return ReplyBody(**{name: getattr(reply, name) for name in ReplyBody.model_fields})


def refusal_body(refusal: Refusal) -> RefusalBody:
    """A refusal as it is given."""
    return RefusalBody(**{name: getattr(refusal, name) for name in RefusalBody.model_fields})


def snippet_body(snippet: Snippet) -> SnippetBody:
    """A snippet as it is given."""
    return SnippetBody(
        id=snippet.id,
        name=snippet.name,
        text=snippet.text,
        objection=snippet.objection,
        is_shared=snippet.user_id is None,
    )
