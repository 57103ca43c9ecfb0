"""What a campaign is not shown: blind samples in the queue, posts that its budget held back, and its limits."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from api.access import Action
from api.deps import Db, Id, Now, ReadDb, StateDep, on_page
from api.pages import Flash, done, page
from overheard.labelling import samples, slots
from overheard.leads import qualify
from overheard.marketing import budget, campaigns
from overheard.models import User
from overheard.vocabulary import SampleAnswer

router = APIRouter()

Percent = Annotated[float, Form(ge=0, le=100, allow_inf_nan=False)]

_AT_ONCE = 100
"""So many held-back posts are let in by one click: more than a day's work would only be another flood."""

_SAID = {
    SampleAnswer.LEAD: "Thank you. What you called a lead is one now.",
    SampleAnswer.NO: "Thank you. That helps to tell what is missed.",
    SampleAnswer.CANNOT_TELL: "Thank you. It is left out of the estimate.",
}


@router.post("/samples/{sample_id}/answer")
def answer(
    *,
    request: Request,
    sample_id: Id,
    viewer: Annotated[User, on_page(Action.ANSWER_SAMPLE)],
    state: StateDep,
    db: Db,
    now: Now,
    said: Annotated[SampleAnswer, Form()],
    back: Annotated[str, Form()] = "",
) -> Response:
    """A person's word about a post that they were shown blind."""
    samples.answer(db, sample_id, said, actor=viewer, now=now, key=state.key)
    return done(request, back or "/queue", Flash(_SAID[said]))


@router.get("/campaigns/{campaign_id}/held")
def held_back(
    request: Request, campaign_id: Id, viewer: Annotated[User, on_page(Action.READ_CAMPAIGNS)], db: ReadDb, now: Now
) -> Response:
    """What the campaign's budget held back, day by day, with the best-scored of each."""
    campaign = campaigns.get(db, campaign_id)
    days = budget.held_back(db, campaign_id, now)
    best = {one.day: budget.best_held(db, campaign_id, one.day) for one in days}
    return page(request, "held.html", viewer=viewer, campaign=campaign, days=days, best=best, at_once=_AT_ONCE)


@router.post("/campaigns/{campaign_id}/held/release")
def release(
    *,
    request: Request,
    campaign_id: Id,
    viewer: Annotated[User, on_page(Action.RELEASE_POSTS)],
    state: StateDep,
    db: Db,
    now: Now,
    day: Annotated[date, Form()],
) -> Response:
    """Let in what was held back on a day, the best-scored first."""
    campaigns.get(db, campaign_id)
    posts = qualify.release(db, campaign_id, day=day, at_most=_AT_ONCE, actor=viewer, now=now, key=state.key)
    told = "1 post is" if posts == 1 else f"{posts} posts are"
    return done(request, f"/campaigns/{campaign_id}/held", Flash(f"{told} in the queue now."))


@router.post("/campaigns/{campaign_id}/limits")
def set_limits(
    *,
    request: Request,
    campaign_id: Id,
    _viewer: Annotated[User, on_page(Action.SET_THRESHOLD)],
    db: Db,
    daily_budget: Annotated[int | None, Form()] = None,
    hot_percent: Annotated[float | None, Form(ge=0, le=100, allow_inf_nan=False)] = None,
    samples_a_day: Annotated[int, Form()] = 0,
) -> Response:
    """How much may come in a day, from which score on a lead is hot, and how much is shown blind."""
    campaigns.set_hot_floor(db, campaign_id, None if hot_percent is None else hot_percent / 100)
    campaigns.set_samples_a_day(db, campaign_id, samples_a_day)
    campaign = campaigns.set_daily_budget(db, campaign_id, daily_budget)
    return done(request, f"/campaigns/{campaign_id}#threshold", Flash(f"The limits of {campaign.name} are set."))


@router.post("/campaigns/{campaign_id}/slots")
def set_slots(
    *,
    request: Request,
    campaign_id: Id,
    _viewer: Annotated[User, on_page(Action.SET_SLOTS)],
    db: Db,
    random_percent: Percent,
    uncertain_percent: Percent,
) -> Response:
    """How many leads are put first in their day by chance."""
    shares = {"random": random_percent / 100, "uncertain": uncertain_percent / 100}
    campaign = slots.set_shares(db, campaign_id, **shares)
    said = f"The leads of {campaign.name} that come in from now on are drawn so."
    return done(request, f"/campaigns/{campaign_id}#slots", Flash(said))
