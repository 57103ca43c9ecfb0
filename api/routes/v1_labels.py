"""The API for programs, of labels."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

import sqlalchemy as sa
from fastapi import Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from api.access import Action
from api.deps import Db, Now, ReadDb, StateDep, by_token
from api.openapi import problems
from api.paging import Page, PageParams, page_from
from api.routing import ApiRouter
from api.state import State
from overheard.errors import InvalidInput
from overheard.labelling import agreement as measured
from overheard.labelling.agreement import Agreement
from overheard.labelling.exchange import labelled_posts
from overheard.labelling.formats import LabelFormat, encode
from overheard.models import IntentLabel, User
from overheard.users import audit
from overheard.vocabulary import AuditAction, Intent

router = ApiRouter()


class LabelBody(BaseModel):
    """What a person said about a post, by the guideline."""

    id: int
    post_id: int
    intent: Intent
    is_lead: bool
    is_unsure: bool
    annotator_id: int | None
    origin: str | None = Field(description="Who said it at another tool, where it was imported.")
    at: datetime
    text_hash: str
    shown_because: str
    is_final: bool = Field(description="It settles what others disagreed on.")
    withdrawn_at: datetime | None


class AgreementBody(BaseModel):
    """How far people agree who did not know of each other's labels. Null: cannot be told."""

    annotators: list[str]
    posts: int
    on_intent: float | None
    on_lead: float | None


class AgreementsBody(BaseModel):
    """All of them by Krippendorff's alpha, two by two by Cohen's kappa."""

    alpha: AgreementBody
    kappa: list[AgreementBody]


@router.get(
    "/labels",
    operation_id="readLabels",
    summary="Labels by the guideline",
    tags=["labels"],
    responses=problems(InvalidInput),
)
def read_labels(
    _user: Annotated[User, by_token(Action.READ_LABELS)], db: ReadDb, params: Annotated[PageParams, Query()]
) -> Page[LabelBody]:
    """Every label, also those that were withdrawn, oldest first. Decisions of the queue stand with their leads."""
    place = params.place(int)
    statement = sa.select(IntentLabel).where(IntentLabel.id > (int(place[0]) if place else 0))
    labels = db.scalars(statement.order_by(IntentLabel.id).limit(params.limit + 1)).all()
    return page_from(labels, params, _label_body, key=lambda label: [label.id])


@router.get(
    "/labels/export",
    operation_id="exportLabels",
    summary="All labels with their posts",
    tags=["labels"],
    response_class=StreamingResponse,
    responses={200: {"content": {"application/x-ndjson": {"schema": {"type": "string"}}}}, **problems(InvalidInput)},
)
def export_labels(
    *,
    user: Annotated[User, by_token(Action.EXPORT_LABELS)],
    state: StateDep,
    db: Db,
    now: Now,
    format: LabelFormat = LabelFormat.JSONL,  # noqa: A002 - what people would write in the address
) -> StreamingResponse:
    """What people said about posts that may be learned from, with the texts, for a labelling tool or a notebook."""
    audit.record(db, user, AuditAction.EXPORTED, "labels", format.value, now=now)
    return StreamingResponse(_pieces(state, format), media_type="application/x-ndjson")


def _pieces(state: State, form: LabelFormat) -> Iterator[str]:
    with state.reading() as session:  # it is read while it is sent, when the request's own session is closed
        yield from encode(labelled_posts(session), form)


@router.get(
    "/labels/agreement",
    operation_id="readAgreement",
    summary="How far people agree",
    tags=["labels"],
    responses=problems(),
)
def read_agreement(_user: Annotated[User, by_token(Action.READ_LABELS)], db: ReadDb) -> AgreementsBody:
    """From posts that several people labelled blind."""
    told = measured.agreement(db)
    names = sorted({name for pair in told.pairs for name in pair})
    return AgreementsBody(
        alpha=_agreement_body(names, told.together),
        kappa=[_agreement_body(list(pair), of_two) for pair, of_two in told.pairs.items()],
    )


def _agreement_body(names: list[str], told: Agreement) -> AgreementBody:
    return AgreementBody(annotators=names, posts=told.posts, on_intent=told.on_intent, on_lead=told.on_lead)


def _label_body(label: IntentLabel) -> LabelBody:
    return LabelBody(
        id=label.id,
        post_id=label.post_id,
        intent=label.intent,
        is_lead=label.intent.is_lead,
        is_unsure=label.is_unsure,
        annotator_id=label.actor_id,
        origin=label.origin,
        at=label.at,
        text_hash=label.text_hash,
        shown_because=label.shown_because,
        is_final=label.is_final,
        withdrawn_at=label.withdrawn_at,
    )
