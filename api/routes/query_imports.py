"""A page on which another tool's keyword list becomes queries of a campaign."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, File, Form, Request, UploadFile
from sqlalchemy.orm import Session
from starlette.responses import Response

from api.access import Action
from api.deps import Db, Id, Now, ReadDb, Text, on_page
from api.errors import status_of
from api.pages import Flash, done, page
from api.routes.campaign import home
from overheard.errors import InvalidInput
from overheard.keywords import query_imports
from overheard.keywords.query_imports import Weighed
from overheard.marketing import campaigns
from overheard.models import User
from overheard.query_language.imports import Form as Kind
from overheard.text import clean

router = APIRouter(prefix="/campaigns")

Words = Annotated[Text, Form()]
ListKind = Annotated[Kind, Form(alias="form")]


@router.get("/{campaign_id}/import")
def empty_list(
    request: Request, campaign_id: Id, viewer: Annotated[User, on_page(Action.SAVE_QUERY)], db: ReadDb
) -> Response:
    """Where a list is put in."""
    return _page(request, viewer, db, campaign_id)


@router.post("/{campaign_id}/import")
def weigh(
    *,
    request: Request,
    campaign_id: Id,
    viewer: Annotated[User, on_page(Action.TEST_QUERY)],
    db: ReadDb,
    now: Now,
    kind: ListKind = Kind.CSV,
    text: Words = "",
    file: Annotated[UploadFile | None, File()] = None,
) -> Response:
    """What the list becomes, and what each query would find; nothing is saved. A file goes before what was pasted."""
    try:
        text = _given(file, text)
        lines = query_imports.weigh(db, campaign_id, text, kind, now=now)
    except InvalidInput as error:
        return _page(request, viewer, db, campaign_id, kind=kind, text=text, error=error)
    return _page(request, viewer, db, campaign_id, kind=kind, text=text, lines=lines)


@router.post("/{campaign_id}/import/save")
def take(
    *,
    request: Request,
    campaign_id: Id,
    viewer: Annotated[User, on_page(Action.SAVE_QUERY)],
    db: Db,
    now: Now,
    kind: ListKind = Kind.CSV,
    text: Words = "",
    chosen: Annotated[list[Text], Form()] = [],  # noqa: B006 - the framework copies it
) -> Response:
    """The chosen ones are in force; where one cannot be, none is, and the list is still there."""
    try:
        with db.begin_nested():  # what was refused must leave nothing behind
            saved = query_imports.take(db, campaign_id, text, kind, chosen=chosen, author=viewer, now=now)
    except InvalidInput as error:
        return _page(request, viewer, db, campaign_id, kind=kind, text=text, error=error)
    told = "1 query is" if len(saved) == 1 else f"{len(saved)} queries are"
    return done(request, home(campaign_id, "queries"), Flash(f"{told} in force."))


def _given(file: UploadFile | None, pasted: str) -> str:
    """The text of the chosen file, else what was pasted."""
    try:
        text = clean(file.file.read().decode("utf-8-sig")) if file is not None else ""
    except ValueError as error:
        raise InvalidInput(
            "The file is no text in UTF-8. Save it as CSV in UTF-8 and choose it again, or paste the list."
        ) from error
    if not (text := text or pasted).strip():
        raise InvalidInput("There is no list. Paste one, or choose a file.")
    return text


def _page(
    request: Request,
    viewer: User,
    db: Session,
    campaign_id: int,
    *,
    kind: Kind = Kind.CSV,
    text: str = "",
    lines: list[Weighed] | None = None,
    error: InvalidInput | None = None,
) -> Response:
    return page(
        request,
        "query_import.html",
        viewer=viewer,
        status=status_of(error) if error else HTTPStatus.OK,
        campaign=campaigns.get(db, campaign_id),
        kinds={
            Kind.CSV: "CSV (a column expression or keyword, perhaps name)",
            Kind.F5BOT: "F5Bot",
            Kind.SYFTEN: "Syften",
            Kind.BRAND24: "Brand24",
            Kind.AWARIO: "Awario",
        },
        kind=kind,
        text=text,
        lines=lines,
        error=error,
    )
