"""What a campaign asks of its leads, edited on the campaign's page."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from api.access import Action
from api.deps import Db, Id, Now, Text, on_page
from api.pages import Flash, done
from api.routes.campaign import home
from overheard.leads import qualification
from overheard.leads.qualification import MAX_WEIGHT
from overheard.models import User
from overheard.vocabulary import Topic

router = APIRouter(prefix="/campaigns")

Asker = Annotated[User, on_page(Action.EDIT_QUESTIONS)]


@router.post("/{campaign_id}/questions")
def add_question(
    *,
    request: Request,
    campaign_id: Id,
    _viewer: Asker,
    db: Db,
    topic: Annotated[Topic, Form()],
    question: Annotated[Text, Form()] = "",
) -> Response:
    """Another question."""
    qualification.add_question(db, campaign_id, topic=topic, question=question)
    return done(request, home(campaign_id, "questions"), Flash("Leads are asked this from now on."))


@router.post("/questions/{question_id}/weight")
def weigh_question(
    request: Request, question_id: Id, _viewer: Asker, db: Db, weight: Annotated[int, Form(ge=1, le=MAX_WEIGHT)]
) -> Response:
    """How much its answer counts in the fit of a lead."""
    row = qualification.weigh_question(db, question_id, weight)
    return done(request, home(row.campaign_id, "questions"), Flash(f"The answer counts {weight} times in the fit."))


@router.post("/questions/{question_id}/retire")
def retire_question(request: Request, question_id: Id, _viewer: Asker, db: Db, now: Now) -> Response:
    """Ask it no more."""
    row = qualification.retire_question(db, question_id, now=now)
    return done(
        request,
        home(row.campaign_id, "questions"),
        Flash("Question retired. What was answered is kept, and counts no more."),
    )
