"""The API for programs, of labels."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

import sqlalchemy as sa
from fastapi import Query
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, BaseModel, Field

from api.access import Action
from api.bodies import Body
from api.deps import Db, Now, ReadDb, StateDep, Text, by_token
from api.errors import TooLarge
from api.openapi import problems
from api.paging import Page, PageParams, page_from
from api.routing import ApiRouter
from api.state import State
from overheard.errors import InvalidInput
from overheard.labelling import agreement as measured
from overheard.labelling.agreement import Agreement
from overheard.labelling.exchange import IMPORTED, Row, RowOutcome, Said, labelled_posts, take_rows
from overheard.labelling.formats import LabelFormat, encode
from overheard.models import IntentLabel, User
from overheard.users import audit
from overheard.vocabulary import AuditAction, Intent, Platform

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


class NewLabel(Body):
    """What somebody said about a post, by the guideline."""

    platform: Platform
    external_id: Text = Field(min_length=1, max_length=500, description="The post, as its platform names it.")
    intent: Intent
    is_unsure: bool = Field(False, strict=True)
    annotator: Text | None = Field(
        None, min_length=1, max_length=200, description="An e-mail address, or a name at another tool; null: yourself."
    )
    at: AwareDatetime | None = Field(None, description="When it was said; null: now. Not in the future.")
    text_hash: Text | None = Field(
        None, min_length=1, max_length=64, description="Of the text that was labelled; null: of the text as it stands."
    )


class NewLabels(Body):
    """Labels to take in."""

    labels: list[NewLabel] = Field(min_length=1, max_length=1000)


class TakenBody(BaseModel):
    """What became of one of them."""

    outcome: RowOutcome


class IntervalBody(BaseModel):
    """95 of 100 such intervals hold the number."""

    low: float
    high: float


class AgreementBody(BaseModel):
    """How far people agree who did not know of each other's labels. Null: cannot be told."""

    annotators: list[str]
    posts: int
    on_intent: float | None
    on_lead: float | None
    on_intent_interval: IntervalBody | None = Field(description="Of a kappa; null for all together.")
    on_lead_interval: IntervalBody | None


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


@router.post(
    "/labels",
    operation_id="takeLabels",
    summary="Take labels in",
    tags=["labels"],
    responses=problems(InvalidInput, TooLarge),
)
def take_labels(
    user: Annotated[User, by_token(Action.IMPORT_LABELS)], db: Db, now: Now, body: NewLabels
) -> list[TakenBody]:
    """Labels of the nine intents for posts that are here, as `overheard labels import` takes them; what became of each,
    in their order. Sent again they change nothing. Where one cannot be read none is taken, and the answer says which.
    """
    told = take_rows(db, (_row(one, user, now) for one in body.labels))
    return [TakenBody(outcome=one) for one in told]


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
    return AgreementBody(
        annotators=names,
        posts=told.posts,
        on_intent=told.on_intent,
        on_lead=told.on_lead,
        on_intent_interval=_interval_body(told.intent_interval),
        on_lead_interval=_interval_body(told.lead_interval),
    )


def _interval_body(interval: tuple[float, float] | None) -> IntervalBody | None:
    return IntervalBody(low=interval[0], high=interval[1]) if interval else None


def _row(label: NewLabel, user: User, now: datetime) -> Row:
    at = label.at or now
    if at > now:
        raise InvalidInput(f"The label of {label.platform} {label.external_id} is from the future: {at}.")
    said = Said(label.annotator or user.email, label.intent.is_lead, label.intent, label.is_unsure, at, IMPORTED)
    return Row(label.platform, label.external_id, said, label.text_hash)


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
