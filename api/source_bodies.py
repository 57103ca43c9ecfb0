"""What `/v1` takes and gives about sources and handed-over posts."""

from datetime import datetime

from pydantic import BaseModel, Field

from api import source_words
from api.bodies import Body
from api.deps import Text
from overheard.listening.by_hand import Outcome, Taken
from overheard.listening.source_health import SourceHealth
from overheard.listening.suggestions import Suggestion
from overheard.listening.terms import Recheck, ReplyWay
from overheard.vocabulary import Platform, SourceState

# --- what is taken -------------------------------------------------------------------------------------------------


class HandedPost(Body):
    """What somebody read at an address."""

    url: Text = Field(description="Where it stands; platform and id are read from it.")
    text: Text = Field("", description="What was written; needed where there is no title.")
    title: Text = ""
    author: Text = Field("", description="The writer, as the platform shows them.")
    community: Text = Field("", description="Where it was said, if the address does not tell.")


# --- what is given -------------------------------------------------------------------------------------------------


class LagBody(BaseModel):
    """Seconds from writing to being here."""

    p50: float
    p95: float


class SpentBody(BaseModel):
    """What reading took."""

    requests: int
    cost: float = Field(description="US dollars.")


class GapBody(BaseModel):
    """A range that is known to be missed."""

    first: str
    last: str
    reason: str
    found_at: datetime


class SourceBody(BaseModel):
    """A source and how it is doing."""

    id: int
    platform: Platform
    community: str
    mode: str | None = Field(description="How it is read; null: its posts were imported.")
    state: SourceState | None = Field(description="Null: it is not read live.")
    concern: str = Field(description="What to look at first: `needs_operator`, `failing`, …; `none` if nothing.")
    last_post_at: datetime | None
    lag: LagBody | None = Field(description="Of the newest posts of the last seven days; null: there are none.")
    posts_a_day: float
    today: SpentBody
    month: SpentBody
    budget: dict[str, float] | None = Field(description="What the platform last said: limit, remaining, resets_in.")
    gaps_open: int
    gaps_repaired: int
    newest_gaps: list[GapBody]
    dead_letters: int = Field(description="Items of the last seven days that could not be read.")
    credential: str | None
    credential_state: str
    permission: str
    permitted_by: str | None
    permitted_at: datetime | None
    retention_hours: float | None = Field(description="How long posts that are no leads are kept; null: no limit.")
    recheck: Recheck
    can_reply: ReplyWay
    read_at: datetime | None
    next_run_at: datetime | None
    not_before: datetime | None = Field(description="The platform asked us to wait until then.")
    failures: int = Field(description="Passes in a row that failed.")
    last_error: str | None
    last_error_at: datetime | None


class SuggestionBody(BaseModel):
    """A community worth watching."""

    platform: Platform
    community: str
    posts: int
    authors: int
    examples: list[str] = Field(description="Permalinks of posts that speak of it.")


class TakenBody(BaseModel):
    """What became of a post."""

    outcome: Outcome
    sentence: str
    platform: Platform
    community: str
    permalink: str
    post_id: int | None
    kept_until: datetime | None = Field(description="Null: as long as the operator likes.")


# --- from rows to bodies -------------------------------------------------------------------------------------------


def source_body(health: SourceHealth) -> SourceBody:
    """A source."""
    source = health.source
    return SourceBody(
        id=source.id,
        platform=source.platform,
        community=source.community,
        mode=source.mode,
        state=source.state,
        concern=health.concern.name.lower(),
        last_post_at=health.last_post_at,
        lag=LagBody(p50=health.lag.p50, p95=health.lag.p95) if health.lag else None,
        posts_a_day=health.posts_a_day,
        today=SpentBody(requests=health.today.requests, cost=health.today.cost),
        month=SpentBody(requests=health.month.requests, cost=health.month.cost),
        budget=source.budget,
        gaps_open=health.gaps_open,
        gaps_repaired=health.gaps_repaired,
        newest_gaps=[
            GapBody(first=gap.first, last=gap.last, reason=gap.reason, found_at=gap.found_at)
            for gap in health.newest_gaps
        ],
        dead_letters=health.dead_letters,
        credential=health.credential,
        credential_state=health.credential_state,
        permission=source_words.permission(health),
        permitted_by=source.permitted_by,
        permitted_at=source.permitted_at,
        retention_hours=health.retention.total_seconds() / 3600 if health.retention else None,
        recheck=health.recheck,
        can_reply=health.can_reply,
        read_at=source.read_at,
        next_run_at=source.next_run_at,
        not_before=source.not_before,
        failures=source.failures,
        last_error=source.last_error,
        last_error_at=source.last_error_at,
    )


def suggestion_body(suggestion: Suggestion) -> SuggestionBody:
    """A suggestion."""
    return SuggestionBody(
        platform=suggestion.platform,
        community=suggestion.community,
        posts=suggestion.posts,
        authors=suggestion.authors,
        examples=suggestion.examples,
    )


def taken_body(taken: Taken) -> TakenBody:
    """What became of a post."""
    return TakenBody(
        outcome=taken.outcome,
        sentence=taken.sentence,
        platform=taken.platform,
        community=taken.community,
        permalink=taken.permalink,
        post_id=taken.post_id,
        kept_until=taken.kept_until,
    )
