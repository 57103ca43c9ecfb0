"""The API for programs, of queries: what one means, what it would find, its versions."""

from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field

from api.access import Action
from api.bodies import Body, QueryBody, SpanBody, query_body
from api.deps import Db, Id, Now, ReadDb, Text, by_token
from api.errors import TooLarge
from api.openapi import problems
from api.paging import Page, PageParams, page_of
from api.query_words import backtest_words, looked_at, queue_words
from api.routing import ApiRouter
from overheard.errors import InvalidInput, InvalidQuery, NotFound
from overheard.keywords.backtest import EXAMPLES, Backtest, Example, Side, backtest
from overheard.keywords.queries import MAX_NAME, MAX_NOTE
from overheard.keywords.query_versions import Change, Version, roll_back, versions
from overheard.labelling.judged import Standing
from overheard.models import User
from overheard.query_language import explain, read
from overheard.query_language.variables import saved
from overheard.vocabulary import DisqualifyReason, Platform

router = ApiRouter()


class Asked(Body):
    """An expression that is not saved."""

    expression: Text


class HintBody(BaseModel):
    """Something that can be read, but was perhaps meant otherwise."""

    message: str
    start: int
    end: int
    replacement: str


class CheckBody(BaseModel):
    """Whether an expression can be read, and what it would find."""

    words: str | None = Field(description="What it finds, in plain words; null: it cannot be read.")
    hints: list[HintBody]
    error: str | None
    position: int | None = Field(description="The character, from 0, at which reading it failed.")
    suggestion: str | None = Field(description="What to write instead.")


class Edited(Body):
    """What is tested: an edited expression against the one of that name in force. An unknown name is a new query."""

    name: Text = Field("", max_length=MAX_NAME)
    expression: Text
    days: int | None = Field(30, ge=1, le=3650, description="How far to look back; null: at all posts.")
    examples: int = Field(EXAMPLES, ge=0, le=100, description="Of posts gained and of posts lost.")


class ExampleBody(BaseModel):
    """A post that would be gained or lost, and how it was judged so far."""

    id: int
    platform: Platform
    community: str
    author: str | None
    permalink: str | None
    title: str
    body: str
    posted_at: datetime | None
    spans: list[SpanBody]
    standing: Standing
    reason: DisqualifyReason | None
    score: float | None
    found_otherwise: bool = Field(description="Another query of the campaign finds it too.")


class SideBody(BaseModel):
    """The posts gained, lost or kept."""

    posts: int
    found_otherwise: int
    standings: dict[Standing, int]
    reasons: dict[str, int] = Field(description="Why the disqualified were.")
    posts_a_day: float
    queue_a_day: float = Field(description="Put before a person, of those that no other query finds.")
    examples: list[ExampleBody] = Field(description="The most telling first.")


class BacktestBody(BaseModel):
    """What saving an expression would change."""

    summary: str
    queue: str
    looked_at: str
    gained: SideBody
    lost: SideBody
    kept: SideBody
    days: float
    read: int
    candidates: int = Field(description="If more than were read, the newest were.")
    threshold: float
    minutes_a_decision: float
    decisions_measured: int = Field(description="0: the minutes are assumed.")
    queue_minutes_a_day: float


class RunBody(BaseModel):
    """A piece of an expression, and what became of it since the version before."""

    text: str
    change: Change


class VersionBody(QueryBody):
    """A version of a query: who wrote it, why, and what differs."""

    author: str | None
    note: str | None
    changes: list[RunBody]


class VersionParams(PageParams):
    """Whose versions, and where in their list."""

    query: Text = Field(min_length=1, max_length=MAX_NAME, description="The query's name.")


class RollBack(Body):
    """Why one goes back."""

    note: Text | None = Field(None, max_length=MAX_NOTE)


@router.post(
    "/queries/check",
    operation_id="checkQuery",
    summary="Check a query",
    tags=["campaigns"],
    responses=problems(InvalidInput, TooLarge),
)
def check_query(_user: Annotated[User, by_token(Action.TEST_QUERY)], db: ReadDb, body: Asked) -> CheckBody:
    """Whether it can be read, what it finds in plain words, and where it is wrong. Nothing is saved."""
    try:
        expression = read(body.expression, saved(db))
    except InvalidQuery as error:
        return CheckBody(
            words=None, hints=[], error=error.message, position=error.position, suggestion=error.suggestion
        )
    hints = [HintBody(message=h.message, start=h.start, end=h.end, replacement=h.replacement) for h in expression.hints]
    return CheckBody(words=explain(expression), hints=hints, error=None, position=None, suggestion=None)


@router.post(
    "/campaigns/{campaign_id}/backtest",
    operation_id="testQuery",
    summary="Back-test a query",
    tags=["campaigns"],
    responses=problems(NotFound, InvalidInput, InvalidQuery, TooLarge),
)
def run_backtest(
    _user: Annotated[User, by_token(Action.TEST_QUERY)], campaign_id: Id, db: ReadDb, now: Now, body: Edited
) -> BacktestBody:
    """What it would gain and lose among the stored posts, and how those were judged. Nothing is saved."""
    found = backtest(
        db,
        campaign_id,
        name=body.name,
        expression=body.expression,
        days=body.days,
        examples=body.examples,
        now=now,
    )
    return _backtest_body(found)


@router.get(
    "/campaigns/{campaign_id}/versions",
    operation_id="readVersions",
    summary="The versions of a query",
    tags=["campaigns"],
    responses=problems(NotFound, InvalidInput),
)
def read_versions(
    _user: Annotated[User, by_token(Action.READ_CAMPAIGNS)],
    campaign_id: Id,
    db: ReadDb,
    params: Annotated[VersionParams, Query()],
) -> Page[VersionBody]:
    """Who wrote each of them, when and why, and what differs; the newest first."""
    found = versions(db, campaign_id, params.query)
    return page_of(found, params, _version_body, key=lambda version: [-version.query.version])


@router.post(
    "/queries/{query_id}/rollback",
    operation_id="rollBackQuery",
    summary="Go back to a version",
    tags=["campaigns"],
    responses=problems(NotFound, InvalidInput, InvalidQuery, TooLarge),
)
def go_back(
    user: Annotated[User, by_token(Action.SAVE_QUERY)],
    query_id: Id,
    db: Db,
    now: Now,
    body: RollBack | None = None,
) -> QueryBody:
    """Puts the expression of this version in force, as a new version."""
    return query_body(roll_back(db, query_id, author=user, note=body.note if body else None, now=now))


def _backtest_body(found: Backtest) -> BacktestBody:
    return BacktestBody(
        summary=backtest_words(found),
        queue=queue_words(found),
        looked_at=looked_at(found),
        gained=_side_body(found.gained),
        lost=_side_body(found.lost),
        kept=_side_body(found.kept),
        days=found.days,
        read=found.read,
        candidates=found.candidates,
        threshold=found.threshold,
        minutes_a_decision=found.effort.minutes,
        decisions_measured=found.effort.decisions,
        queue_minutes_a_day=found.queue_minutes_a_day,
    )


def _side_body(side: Side) -> SideBody:
    return SideBody(
        posts=side.posts,
        found_otherwise=side.found_otherwise,
        standings=dict(side.standings),
        reasons=dict(side.reasons),
        posts_a_day=side.posts_a_day,
        queue_a_day=side.queue_a_day,
        examples=[_example_body(example) for example in side.examples],
    )


def _example_body(example: Example) -> ExampleBody:
    post, judgement = example.post, example.judgement
    return ExampleBody(
        id=post.id,
        platform=post.platform,
        community=example.community,
        author=post.author,
        permalink=post.permalink,
        title=post.title,
        body=post.body,
        posted_at=post.posted_at,
        spans=[SpanBody(field=field, start=start, end=end) for field, start, end in example.spans],
        standing=judgement.standing,
        reason=judgement.reason,
        score=judgement.score,
        found_otherwise=example.is_found_otherwise,
    )


def _version_body(version: Version) -> VersionBody:
    return VersionBody(
        **dict(query_body(version.query)),
        author=version.author,
        note=version.query.note,
        changes=[RunBody(text=run.text, change=run.change) for run in version.changes],
    )
