"""The API for programs, of blind samples and what they tell."""

from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field

from api.access import Action
from api.bodies import Body
from api.deps import MAX_ID, Db, Id, Now, ReadDb, StateDep, by_token
from api.errors import TooLarge
from api.openapi import problems
from api.paging import Page, PageParams, page_from
from api.routing import ApiRouter
from overheard.errors import InvalidInput, NotFound, WrongStage
from overheard.labelling import samples
from overheard.labelling.samples import BlindCard
from overheard.marketing import campaigns
from overheard.measuring import recall
from overheard.measuring.intervals import Estimate
from overheard.models import User
from overheard.vocabulary import Platform, SampleAnswer, Stratum

router = ApiRouter()


class SampleParams(PageParams):
    """Which samples, and where in their list."""

    campaign: int | None = Field(None, ge=1, le=MAX_ID, description="Only those of this campaign.")


class Said(Body):
    """A person's word about a post."""

    answer: SampleAnswer


class BlindBody(BaseModel):
    """A post that was drawn by chance from what its campaign does not show. Why it is not shown is not told."""

    id: int
    campaign_id: int
    campaign: str
    platform: Platform
    community: str
    author: str | None
    title: str
    body: str
    permalink: str | None
    posted_at: datetime | None


class AnsweredBody(BaseModel):
    """A sample that has its answer."""

    id: int
    answer: SampleAnswer
    answered_at: datetime


class EstimateBody(BaseModel):
    """An estimated number, with its 90 % interval."""

    value: float
    low: float
    high: float


class StratumBody(BaseModel):
    """What posts that stand alike add to what is missed."""

    stratum: Stratum
    posts: int
    answered: int
    leads: int = Field(description="Of the answered.")
    missed: EstimateBody


class RecallBody(BaseModel):
    """How many of its leads a campaign finds, from the samples of the last 30 days."""

    recall: EstimateBody | None = Field(description="Null: too few answers to tell.")
    answers_lacking: int
    decisions_lacking: int
    days: int
    shown: int
    decided: int = Field(description="So many decided leads tell what was found.")
    is_by_chance: bool = Field(
        description="Whether these leads were drawn by chance. Else they are all that were decided, of which the best "
        "come first, so that what was found, and recall, are overestimated."
    )
    found: EstimateBody
    missed: EstimateBody
    strata: list[StratumBody]
    not_judged: int = Field(description="Posts in languages that the model cannot read; they are left out.")


@router.get(
    "/samples",
    operation_id="readSamples",
    summary="Blind samples that wait",
    tags=["samples"],
    responses=problems(InvalidInput),
)
def read_samples(
    _user: Annotated[User, by_token(Action.READ_QUEUE)], db: ReadDb, now: Now, params: Annotated[SampleParams, Query()]
) -> Page[BlindBody]:
    """Posts that wait for a word on whether they would be leads, in the order in which the queue asks."""
    place = params.place(int)
    after = int(place[0]) if place else 0
    cards = samples.open_cards(db, now, campaign_id=params.campaign, after=after, limit=params.limit + 1)
    return page_from(cards, params, _blind_body, key=lambda card: [card.sample_id])


@router.post(
    "/samples/{sample_id}/answer",
    operation_id="answerSample",
    summary="Answer a blind sample",
    tags=["samples"],
    responses=problems(NotFound, WrongStage, InvalidInput, TooLarge),
)
def answer_sample(
    *,
    user: Annotated[User, by_token(Action.ANSWER_SAMPLE)],
    state: StateDep,
    sample_id: Id,
    db: Db,
    now: Now,
    body: Said,
) -> AnsweredBody:
    """Say once whether this would be a lead for the campaign. `lead` makes it one."""
    samples.answer(db, sample_id, body.answer, actor=user, now=now, key=state.key)
    return AnsweredBody(id=sample_id, answer=body.answer, answered_at=now)


@router.get(
    "/campaigns/{campaign_id}/recall",
    operation_id="readRecall",
    summary="What a campaign misses",
    tags=["samples"],
    responses=problems(NotFound),
)
def read_recall(
    _user: Annotated[User, by_token(Action.READ_CAMPAIGNS)], campaign_id: Id, db: ReadDb, now: Now
) -> RecallBody:
    """The estimated share of its leads that a campaign finds, and what each kind of post that is not shown adds."""
    found = recall.estimate(db, campaigns.get(db, campaign_id), now)
    return RecallBody(
        recall=estimate_body(found.recall) if found.can_tell else None,
        answers_lacking=found.answers_lacking,
        decisions_lacking=found.decisions_lacking,
        days=found.days,
        shown=found.shown,
        decided=found.decided,
        is_by_chance=found.is_by_chance,
        found=estimate_body(found.found),
        missed=estimate_body(found.missed),
        strata=[
            StratumBody(
                stratum=one.stratum,
                posts=one.posts,
                answered=one.answered,
                leads=one.leads,
                missed=estimate_body(one.missed),
            )
            for one in found.strata
        ],
        not_judged=found.not_judged,
    )


def _blind_body(card: BlindCard) -> BlindBody:
    post = card.post
    return BlindBody(
        id=card.sample_id,
        campaign_id=card.campaign_id,
        campaign=card.campaign_name,
        platform=post.platform,
        community=card.community,
        author=post.author_name or post.author,
        title=post.title,
        body=post.body,
        permalink=post.permalink,
        posted_at=post.posted_at,
    )


def estimate_body(estimate: Estimate) -> EstimateBody:
    return EstimateBody(value=estimate.value, low=estimate.low, high=estimate.high)
