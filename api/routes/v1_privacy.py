"""The API for programs, of requests of people who are stored here: what is held of them, erasing, receipts."""

from typing import Annotated, Any

from fastapi import BackgroundTasks, Query

from api.access import Action
from api.deps import Db, ReadDb, StateDep, Text, by_token
from api.errors import TooLarge
from api.openapi import problems
from api.paging import Page, PageParams, page_from
from api.privacy_bodies import ErasureBody, PersonBody, PreviewBody, ReceiptBody, SubjectBody
from api.routes.privacy import erase_here, held_of
from api.routing import ApiRouter
from overheard.errors import InvalidInput, NotFound
from overheard.models import User
from overheard.privacy import erasing, reach, receipts, subjects

router = ApiRouter(tags=["privacy"])

Keeper = Annotated[User, by_token(Action.READ_PRIVACY)]
Eraser = Annotated[User, by_token(Action.ERASE)]


@router.get("/erasures", operation_id="readErasures", summary="Receipts", responses=problems(InvalidInput))
def read_erasures(_user: Keeper, db: ReadDb, params: Annotated[PageParams, Query()]) -> Page[ReceiptBody]:
    """Of what was erased on request, the newest first."""
    place = params.place(int)
    before = None if place is None else int(place[0])
    found = receipts.page(db, before=before, limit=params.limit + 1)
    return page_from(found, params, ReceiptBody.of, key=lambda one: [one.id])


@router.get("/erasures/{receipt}", operation_id="readErasure", summary="One receipt", responses=problems(NotFound))
def read_erasure(_user: Keeper, receipt: Text, db: ReadDb) -> ReceiptBody:
    """How far it is, where it is under way."""
    return ReceiptBody.of(receipts.get(db, receipt))


@router.post(
    "/erasures/preview",
    operation_id="previewErasure",
    summary="What would be erased",
    responses=problems(InvalidInput, NotFound, TooLarge),
)
def preview_erasure(_user: Eraser, db: ReadDb, body: SubjectBody) -> PreviewBody:
    """Counted by table. Posted, as no address may say a name; nothing is changed."""
    subject = body.subject(db)
    return PreviewBody(
        kind=subject.kind,
        platform=subject.platform,
        counts=erasing.preview(db, subject),
        learned=reach.learned_from(db, subject.posts),
        elsewhere=reach.named_elsewhere(db, subject),
    )


@router.post(
    "/erasures",
    status_code=201,
    operation_id="erase",
    summary="Erase an author, a post or a source",
    responses=problems(InvalidInput, NotFound, TooLarge),
)
def erase(user: Eraser, state: StateDep, db: Db, after: BackgroundTasks, body: ErasureBody) -> ReceiptBody:
    """With all that was derived. What is large goes on after the answer: read the receipt until `finished_at`."""
    subject = body.subject(db)
    return ReceiptBody.of(erase_here(db, state, after, subject, reason=body.reason, for_good=body.for_good, actor=user))


@router.post(
    "/person",
    operation_id="exportPerson",
    summary="All that is held of an author",
    responses=problems(InvalidInput, TooLarge),
)
def export_person(
    user: Annotated[User, by_token(Action.EXPORT_PERSON)], state: StateDep, db: Db, body: PersonBody
) -> dict[str, Any]:
    """For them to read, with where it comes from. The audit log tells of it, without the name."""
    held, _ = held_of(db, state, subjects.author(db, body.author), actor=user)
    return held
