"""The queue for programs: claims, snoozing, assignment, saved views, one reason for several leads."""

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated

from fastapi import Query
from pydantic import AwareDatetime, BaseModel, Field
from starlette.responses import Response

from api.access import Action
from api.bodies import Body
from api.deps import MAX_ID, Db, Id, Now, ReadDb, StateDep, Text, by_token
from api.errors import TooLarge
from api.filters import read_params
from api.openapi import problems
from api.paging import Page, PageParams, page_of
from api.routing import ApiRouter
from overheard.desk import bulk, review_queue, views
from overheard.errors import InvalidInput, NotFound, WrongStage
from overheard.leads import claims
from overheard.leads.leads import lead_by_id
from overheard.models import SavedView, User
from overheard.vocabulary import DisqualifyReason

router = ApiRouter()

_LeadId = Annotated[int, Field(ge=1, le=MAX_ID)]
_OF_A_LEAD = problems(NotFound, WrongStage, InvalidInput, TooLarge)


class Snooze(Body):
    """When a lead comes back into the queue."""

    until: AwareDatetime | None = Field(description="A time within the next 366 days; null: at once.")


class Assignment(Body):
    """Whose lead it is to be."""

    assignee_id: _LeadId | None = Field(description="An SDR or an admin; null: nobody's.")


class Group(Body):
    """Several leads, and why they are put out."""

    lead_ids: list[_LeadId] = Field(min_length=1, max_length=bulk.MAX_LEADS)
    reason: DisqualifyReason
    note: Text | None = Field(None, description="Needed with the reason `other`.")


class NewView(Body):
    """Filters to be kept."""

    name: Text = Field(min_length=1, max_length=views.MAX_NAME)
    params: Text = Field("", max_length=2000, description="What stands behind the question mark of `GET /v1/queue`.")
    shared: bool = False


class ViewChange(Body):
    """Who sees a view."""

    shared: bool


class ClaimBody(BaseModel):
    """A claim."""

    lead_id: int
    until: datetime


class DeskBody(BaseModel):
    """Who works on a lead, and when."""

    lead_id: int
    assignee_id: int | None
    snoozed_until: datetime | None


class RefusedBody(BaseModel):
    """A lead that is left as it was."""

    lead_id: int
    why: str


class OutcomeBody(BaseModel):
    """What became of several leads."""

    done: list[int]
    refused: list[RefusedBody]


class ViewBody(BaseModel):
    """A saved view."""

    id: int
    name: str
    params: str
    shared: bool
    owner: str
    mine: bool
    count: int | None = Field(
        description="Leads that it shows, 1001 where there are more than 1,000; null: its filters are of another time."
    )


@router.post(
    "/leads/{lead_id}/claim", operation_id="claim", summary="Claim a lead", tags=["leads"], responses=_OF_A_LEAD
)
def claim(user: Annotated[User, by_token(Action.CLAIM)], state: StateDep, lead_id: Id, db: Db, now: Now) -> ClaimBody:
    """Keep a lead from others for some minutes, or for some more. 409 says who looks at it and until when."""
    lasts = timedelta(minutes=state.settings.claim_minutes)
    return ClaimBody(lead_id=lead_id, until=claims.claim(db, lead_id, user, now, lasts=lasts))


@router.post(
    "/leads/{lead_id}/release",
    status_code=HTTPStatus.NO_CONTENT,
    response_class=Response,
    operation_id="release",
    summary="Give a lead back",
    tags=["leads"],
    responses=problems(NotFound, TooLarge),
)
def release(user: Annotated[User, by_token(Action.CLAIM)], lead_id: Id, db: Db) -> None:
    """End one's own claim before its time. Somebody else's claim stays."""
    claims.release(db, [lead_by_id(db, lead_id).id], user)


@router.post(
    "/leads/{lead_id}/snooze", operation_id="snooze", summary="Snooze a lead", tags=["leads"], responses=_OF_A_LEAD
)
def snooze(user: Annotated[User, by_token(Action.SNOOZE)], lead_id: Id, db: Db, now: Now, body: Snooze) -> DeskBody:
    """Out of the queue until then, or back into it."""
    claims.snooze(db, lead_id, user, body.until, now)
    return _desk_body(db, lead_id)


@router.post(
    "/leads/{lead_id}/assign", operation_id="assign", summary="Assign a lead", tags=["leads"], responses=_OF_A_LEAD
)
def assign(user: Annotated[User, by_token(Action.ASSIGN)], lead_id: Id, db: Db, now: Now, body: Assignment) -> DeskBody:
    """Make it somebody's lead, or nobody's."""
    claims.assign(db, lead_id, user, body.assignee_id, now)
    return _desk_body(db, lead_id)


@router.post(
    "/queue/disqualify",
    operation_id="disqualifySeveral",
    summary="Disqualify several leads",
    tags=["leads"],
    responses=problems(InvalidInput, TooLarge),
)
def disqualify_several(
    user: Annotated[User, by_token(Action.DISQUALIFY)], db: Db, state: StateDep, now: Now, body: Group
) -> OutcomeBody:
    """One reason for several leads; each gets its label and its event. Those that cannot be put out are named."""
    outcome = bulk.disqualify(db, body.lead_ids, reason=body.reason, note=body.note, actor=user, now=now, key=state.key)
    refused = [RefusedBody(lead_id=lead_id, why=why) for lead_id, why in outcome.refused.items()]
    return OutcomeBody(done=outcome.done, refused=refused)


@router.get("/views", operation_id="readViews", summary="Saved views", tags=["views"], responses=problems(InvalidInput))
def read_views(
    user: Annotated[User, by_token(Action.READ_QUEUE)],
    db: ReadDb,
    now: Now,
    params: Annotated[PageParams, Query()],
) -> Page[ViewBody]:
    """One's own views and those that others share, each with how many leads it shows."""

    def body(view: views.View) -> ViewBody:
        kept = read_params(view.saved.params)
        number = None if kept is None else review_queue.count_to_thousand(db, kept.filters(user, now))
        return _view_body(view.saved, user, view.owner, number)

    return page_of(views.visible(db, user), params, body, key=lambda view: (view.saved.name, view.saved.id))


@router.post(
    "/views",
    status_code=HTTPStatus.CREATED,
    operation_id="saveView",
    summary="Save a view",
    tags=["views"],
    responses=problems(InvalidInput, TooLarge),
)
def save_view(user: Annotated[User, by_token(Action.SAVE_VIEW)], db: Db, now: Now, body: NewView) -> ViewBody:
    """Keep filters under a name; a name that is in use already gets these filters."""
    kept = read_params(body.params)
    if kept is None:
        raise InvalidInput("These are no filters of the queue. `GET /v1/queue` names those there are.")
    view = views.save(db, user, name=body.name, params=kept.params, is_shared=body.shared)
    return _view_body(view, user, user.name, review_queue.count_to_thousand(db, kept.filters(user, now)))


@router.patch(
    "/views/{view_id}",
    operation_id="shareView",
    summary="Share a view or not",
    tags=["views"],
    responses=problems(NotFound, InvalidInput, TooLarge),
)
def share_view(
    user: Annotated[User, by_token(Action.SAVE_VIEW)], view_id: Id, db: Db, now: Now, body: ViewChange
) -> ViewBody:
    """Let all see one's own view, or nobody else any more."""
    view = views.share(db, user, view_id, is_shared=body.shared)
    kept = read_params(view.params)
    return _view_body(
        view, user, user.name, None if kept is None else review_queue.count_to_thousand(db, kept.filters(user, now))
    )


@router.delete(
    "/views/{view_id}",
    status_code=HTTPStatus.NO_CONTENT,
    response_class=Response,
    operation_id="deleteView",
    summary="Delete a view",
    tags=["views"],
    responses=problems(NotFound, TooLarge),
)
def delete_view(user: Annotated[User, by_token(Action.SAVE_VIEW)], view_id: Id, db: Db) -> None:
    """Forget one's own view; nothing happens to its leads."""
    views.delete(db, user, view_id)


def _desk_body(db: Db, lead_id: int) -> DeskBody:
    lead = lead_by_id(db, lead_id)
    return DeskBody(lead_id=lead_id, assignee_id=lead.assignee_id, snoozed_until=lead.snoozed_until)


def _view_body(view: SavedView, user: User, owner: str, count: int | None) -> ViewBody:
    mine = view.user_id == user.id
    return ViewBody(
        id=view.id, name=view.name, params=view.params, shared=view.is_shared, owner=owner, mine=mine, count=count
    )
