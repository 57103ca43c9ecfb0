"""The API for programs, of leads that are drawn by chance, and what is estimated from them."""

from typing import Annotated

from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from api.access import Action
from api.bodies import Body
from api.deps import Db, Id, Now, ReadDb, by_token
from api.errors import TooLarge
from api.openapi import problems
from api.routes.v1_samples import EstimateBody, estimate_body
from api.routing import ApiRouter
from overheard.errors import InvalidInput, NotFound
from overheard.labelling import slots
from overheard.labelling.estimates import quality
from overheard.labelling.slots import MAX_SHARE
from overheard.marketing import campaigns
from overheard.models import Campaign, User

router = ApiRouter(tags=["labels"])

_RANDOM = "How likely any lead that comes in is put first in its day by chance."
_UNCERTAIN = "The same for a lead whose score is 0.5; the surer the score, the less."


class Shares(Body):
    """How many leads are drawn. Both 0: none."""

    random: float = Field(strict=True, ge=0, le=MAX_SHARE, description=_RANDOM)
    uncertain: float = Field(strict=True, ge=0, le=MAX_SHARE, description=_UNCERTAIN)


class SlotsBody(BaseModel):
    """How many leads are drawn, and what that costs and buys, told from the leads of the last 30 days."""

    random: float = Field(description=_RANDOM)
    uncertain: float = Field(description=_UNCERTAIN)
    leads_a_day: float
    drawn_a_day: float
    margin: float | None = Field(
        description="To so much up or down the share of good leads is known after 30 such days. Null: cannot be told."
    )


class AtThresholdBody(BaseModel):
    """What the queue would hold if it began at a score."""

    threshold: float
    precision: EstimateBody
    kept: EstimateBody = Field(description="The share of the good leads that it would still hold.")


class BinBody(BaseModel):
    """Leads of about one score: what the model says, and what people say."""

    low: float
    high: float
    decided: int
    mean_score: float
    share: EstimateBody


class QualityBody(BaseModel):
    """What the queue held in the last 30 days by what people said of leads that were drawn, with 90 % intervals."""

    held: int = Field(description="Leads that came in while some were drawn.")
    drawn: int
    decided: int = Field(description="Of those that were drawn. Below 20 nothing is estimated.")
    precision: EstimateBody | None
    share_of_all_decisions: float | None = Field(
        description="To compare with: people look at the top, so it is biased."
    )
    recall: EstimateBody | None = Field(
        description="Of all that are out there; the same as `recall` tells. Null as long as blind samples do not tell."
    )
    thresholds: list[AtThresholdBody]
    calibration: list[BinBody]
    calibration_error: float | None


@router.get(
    "/campaigns/{campaign_id}/slots",
    operation_id="readSlots",
    summary="How many leads are drawn by chance",
    responses=problems(NotFound),
)
def read_slots(
    _user: Annotated[User, by_token(Action.READ_CAMPAIGNS)], campaign_id: Id, db: ReadDb, now: Now
) -> SlotsBody:
    """With what it costs a day, and how sure it makes the estimates."""
    return _slots(db, campaigns.get(db, campaign_id), now)


@router.put(
    "/campaigns/{campaign_id}/slots",
    operation_id="setSlots",
    summary="Draw leads by chance",
    responses=problems(NotFound, InvalidInput, TooLarge),
)
def set_slots(
    _user: Annotated[User, by_token(Action.SET_SLOTS)], campaign_id: Id, db: Db, now: Now, body: Shares
) -> SlotsBody:
    """It holds for leads that come in from now on."""
    campaign = slots.set_shares(db, campaign_id, random=body.random, uncertain=body.uncertain)
    return _slots(db, campaign, now)


@router.get(
    "/campaigns/{campaign_id}/quality",
    operation_id="readQuality",
    summary="What the queue holds",
    responses=problems(NotFound),
)
def read_quality(
    _user: Annotated[User, by_token(Action.READ_LABELS)], campaign_id: Id, db: ReadDb, now: Now
) -> QualityBody:
    """Precision, recall and calibration, without the bias of what is looked at first."""
    told = quality(db, campaigns.get(db, campaign_id), now)
    return QualityBody(
        held=told.held,
        drawn=told.drawn,
        decided=told.decided,
        precision=estimate_body(told.precision) if told.can_tell else None,
        share_of_all_decisions=told.naive,
        recall=estimate_body(told.recall) if told.recall else None,
        thresholds=[
            AtThresholdBody(
                threshold=one.threshold, precision=estimate_body(one.precision), kept=estimate_body(one.kept)
            )
            for one in told.thresholds
            if told.can_tell
        ],
        calibration=[
            BinBody(
                low=one.low,
                high=one.high,
                decided=one.decided,
                mean_score=one.mean_score,
                share=estimate_body(one.share),
            )
            for one in told.bins
            if told.can_tell
        ],
        calibration_error=told.calibration_error if told.can_tell else None,
    )


def _slots(db: Session, campaign: Campaign, now: Now) -> SlotsBody:
    random, uncertain = campaign.random_share, campaign.uncertain_share
    price = slots.price(db, campaign, now, random=random, uncertain=uncertain)
    return SlotsBody(
        random=random,
        uncertain=uncertain,
        leads_a_day=price.leads_a_day,
        drawn_a_day=price.drawn_a_day,
        margin=price.margin,
    )
