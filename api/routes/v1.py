"""The API for programs: what the pages do, as JSON, with a token in place of a login."""

from typing import Annotated

from fastapi import Query
from pydantic import Field
from sqlalchemy.orm import Session

from api import bodies, etags
from api.access import Action, actions_of
from api.bodies import (
    CampaignBody,
    CampaignChange,
    Decision,
    Disqualification,
    LeadBody,
    NewCampaign,
    NewQuery,
    QueryBody,
    QueueBody,
    StepBody,
    UserBody,
)
from api.deps import Db, Id, Now, ReadDb, StateDep, TokenScopes, by_token
from api.errors import ChangedMeanwhile, TooLarge
from api.etags import IfMatch
from api.filters import QueueParams
from api.openapi import problems
from api.paging import Page, PageParams, page_of
from api.routing import ApiRouter
from overheard.desk import review_queue
from overheard.errors import InvalidInput, InvalidQuery, NotFound, WrongStage
from overheard.keywords import queries
from overheard.labelling.labels import Seen
from overheard.leads import funnel
from overheard.leads.assignment import assign_by_rule
from overheard.marketing import campaigns
from overheard.marketing.campaigns import CampaignView
from overheard.marketing.relevance import count_by_meaning
from overheard.models import User

router = ApiRouter()


class QueuePageParams(QueueParams):
    """The filters, the place, and how much."""

    limit: int = Field(review_queue.PAGE_SIZE, ge=1, le=review_queue.MAX_PAGE_SIZE, description="Leads on a page.")


@router.get("/me", operation_id="me", summary="Whose token this is", tags=["people"], responses=problems())
def me(user: Annotated[User, by_token(Action.READ_ME)], scopes: TokenScopes) -> UserBody:
    """The user for whom this token acts, and what their role and its scopes allow."""
    allowed = [action.value for action in actions_of(user, scopes)]
    return UserBody(id=user.id, email=user.email, name=user.name, role=user.role, may=allowed)


@router.get(
    "/queue", operation_id="readQueue", summary="A page of the queue", tags=["leads"], responses=problems(InvalidInput)
)
def read_queue(
    user: Annotated[User, by_token(Action.READ_QUEUE)],
    db: ReadDb,
    now: Now,
    params: Annotated[QueuePageParams, Query()],
) -> QueueBody:
    """Leads, newest day first and the strongest of a day first."""
    filters = params.filters(user, now)
    page = review_queue.page(db, filters, after=params.place, limit=params.limit)
    return bodies.queue_body(page, review_queue.count_to_thousand(db, filters))


@router.get(
    "/leads/{lead_id}", operation_id="readLead", summary="One lead", tags=["leads"], responses=problems(NotFound)
)
def read_lead(_user: Annotated[User, by_token(Action.READ_LEAD)], lead_id: Id, db: ReadDb) -> LeadBody:
    """A lead with all its posts and its timeline."""
    return bodies.lead_body(review_queue.lead_view(db, lead_id))


@router.post(
    "/leads/{lead_id}/promote",
    operation_id="promote",
    summary="Promote a lead",
    tags=["leads"],
    responses=problems(NotFound, WrongStage, InvalidInput, TooLarge),
)
def promote(
    *,
    user: Annotated[User, by_token(Action.PROMOTE)],
    lead_id: Id,
    db: Db,
    state: StateDep,
    now: Now,
    decision: Decision | None = None,
) -> StepBody:
    """MQL → SQL: it is worth an answer. Of two who promote at once, one gets 409 and is told who was faster."""
    event = funnel.promote(db, lead_id, actor=user, now=now, seen=_seen(decision))
    assign_by_rule(db, lead_id, rule=state.settings.assignment, now=now)
    return bodies.step_body(event, user)


@router.post(
    "/leads/{lead_id}/disqualify",
    operation_id="disqualify",
    summary="Disqualify a lead",
    tags=["leads"],
    responses=problems(NotFound, WrongStage, InvalidInput, TooLarge),
)
def disqualify(
    *,
    user: Annotated[User, by_token(Action.DISQUALIFY)],
    lead_id: Id,
    db: Db,
    state: StateDep,
    now: Now,
    decision: Disqualification,
) -> StepBody:
    """Put a lead out, with a reason."""
    event = funnel.disqualify(
        db,
        lead_id,
        reason=decision.reason,
        note=decision.note,
        actor=user,
        now=now,
        seen=_seen(decision),
        key=state.key,
    )
    return bodies.step_body(event, user)


@router.post(
    "/leads/{lead_id}/reopen",
    operation_id="reopen",
    summary="Reopen a disqualified lead",
    tags=["leads"],
    responses=problems(NotFound, WrongStage, TooLarge),
)
def reopen(user: Annotated[User, by_token(Action.REOPEN)], lead_id: Id, db: Db, now: Now) -> StepBody:
    """Back into the queue."""
    return bodies.step_body(funnel.reopen(db, lead_id, actor=user, now=now), user)


@router.post(
    "/leads/{lead_id}/undo",
    operation_id="undo",
    summary="Take back one's own last decision",
    tags=["leads"],
    responses=problems(NotFound, WrongStage, TooLarge),
)
def undo(user: Annotated[User, by_token(Action.UNDO)], lead_id: Id, db: Db, now: Now) -> StepBody:
    """Take back the last decision about a lead, if it was yours; again goes a step further back."""
    return bodies.step_body(funnel.undo(db, lead_id, actor=user, now=now), user)


@router.get(
    "/campaigns",
    operation_id="readCampaigns",
    summary="All campaigns",
    tags=["campaigns"],
    responses=problems(InvalidInput),
)
def read_campaigns(
    _user: Annotated[User, by_token(Action.READ_CAMPAIGNS)], db: ReadDb, params: Annotated[PageParams, Query()]
) -> Page[CampaignBody]:
    """Campaigns by name, each with the queries in force."""
    return page_of(
        campaigns.views(db), params, lambda view: _campaign_body(db, view), key=lambda view: [view.campaign.name]
    )


@router.get(
    "/campaigns/{campaign_id}",
    operation_id="readCampaign",
    summary="One campaign",
    tags=["campaigns"],
    responses=problems(NotFound),
)
def read_campaign(_user: Annotated[User, by_token(Action.READ_CAMPAIGNS)], campaign_id: Id, db: ReadDb) -> CampaignBody:
    """A campaign with the queries in force. Its ETag is what a change takes as If-Match."""
    return _campaign_body(db, campaigns.view(db, campaign_id))


@router.post(
    "/campaigns",
    status_code=201,
    operation_id="createCampaign",
    summary="Create a campaign",
    tags=["campaigns"],
    responses=problems(InvalidInput, InvalidQuery, TooLarge),
)
def create_campaign(
    _user: Annotated[User, by_token(Action.CREATE_CAMPAIGN)], db: Db, now: Now, body: NewCampaign
) -> CampaignBody:
    """A new campaign; its queries are matched against all stored posts."""
    campaign = campaigns.create(
        db,
        name=body.name,
        offer=body.offer,
        queries={query.name: query.expression for query in body.queries},
        threshold=body.threshold,
        meaning_threshold=body.meaning_threshold,
        now=now,
    )
    return _campaign_body(db, campaigns.view(db, campaign.id))


@router.patch(
    "/campaigns/{campaign_id}",
    operation_id="changeCampaign",
    summary="Set a campaign's thresholds",
    tags=["campaigns"],
    responses=problems(NotFound, ChangedMeanwhile, InvalidInput, TooLarge),
)
def change_campaign(
    _user: Annotated[User, by_token(Action.SET_THRESHOLD)],
    campaign_id: Id,
    db: Db,
    body: CampaignChange,
    if_match: IfMatch = None,
) -> CampaignBody:
    """Takes effect when posts are qualified next; leads that are in the queue stay."""
    etags.check(if_match, lambda: _campaign_body(db, campaigns.view(db, campaign_id)))
    if "threshold" in body.model_fields_set:
        campaigns.set_threshold(db, campaign_id, body.threshold)
    if "meaning_threshold" in body.model_fields_set:
        campaigns.set_meaning_threshold(db, campaign_id, body.meaning_threshold)
    return _campaign_body(db, campaigns.view(db, campaign_id))


@router.post(
    "/campaigns/{campaign_id}/queries",
    status_code=201,
    operation_id="saveQuery",
    summary="Save a query",
    tags=["campaigns"],
    responses=problems(NotFound, InvalidInput, InvalidQuery, TooLarge),
)
def save_query(
    user: Annotated[User, by_token(Action.SAVE_QUERY)], campaign_id: Id, db: Db, now: Now, body: NewQuery
) -> QueryBody:
    """A new query, or a new version of the one of that name. An unchanged expression makes no new version."""
    campaigns.get(db, campaign_id)
    saved = queries.save_query(
        db, campaign_id, name=body.name, expression=body.expression, author=user, note=body.note, now=now
    )
    return bodies.query_body(saved)


@router.post(
    "/queries/{query_id}/retire",
    operation_id="retireQuery",
    summary="Retire a query",
    tags=["campaigns"],
    responses=problems(NotFound, TooLarge),
)
def retire_query(_user: Annotated[User, by_token(Action.RETIRE_QUERY)], query_id: Id, db: Db, now: Now) -> QueryBody:
    """Take a query out of force; the leads it brought stay."""
    return bodies.query_body(queries.retire_query(db, query_id, now=now))


def _campaign_body(db: Session, view: CampaignView) -> CampaignBody:
    return bodies.campaign_body(view, by_meaning=count_by_meaning(db, view.campaign))


def _seen(decision: Decision | None) -> Seen:
    return Seen(position=decision.position if decision else None)
