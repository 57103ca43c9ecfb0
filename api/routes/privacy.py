"""Requests of people who are stored here, for admins: what is held of somebody, erasing, receipts, do-not-contact."""

import json
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Depends, File, Form, Query, Request, UploadFile
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session
from starlette.responses import Response

from api.access import Action
from api.deps import MAX_ID, Db, Now, ReadDb, StateDep, Text, on_page
from api.errors import status_of
from api.pages import Flash, done, page
from api.spreadsheets import SheetFormat, table_response
from api.state import State
from overheard.errors import InvalidInput, NotFound, OverheardError
from overheard.home import secret_key
from overheard.leads import do_not_contact, funnel
from overheard.models import Erasure, Source, User
from overheard.operations import backup_list
from overheard.privacy import erasing, ledger, person, reach, receipts, subjects
from overheard.privacy.subjects import Subject
from overheard.privacy.vocabulary import SubjectKind
from overheard.users import audit, people
from overheard.vocabulary import AuditAction, Platform

router = APIRouter(prefix="/privacy")

HERE = "/privacy"
_SHOWN = 50
_BAD_SHOWN = 5
_UNKNOWN = "post "  # how a lead is called whose author nobody knows: by its post

Keeper = Annotated[User, on_page(Action.READ_PRIVACY)]
Eraser = Annotated[User, on_page(Action.ERASE)]


class Asked(BaseModel):
    """Whom or what a request is about, as a form says it."""

    kind: SubjectKind = SubjectKind.AUTHOR
    platform: Platform = Platform.REDDIT
    text: Text = ""

    def subject(self, db: Session) -> Subject:
        """What stands for it; `InvalidInput` and `NotFound` say what is wrong."""
        text = self.text.strip()
        if not text:
            raise InvalidInput("Say who or what it is about: a name, a post's address, a community.")
        if self.kind is SubjectKind.SOURCE:
            return subjects.source(db, text)
        if self.kind is SubjectKind.AUTHOR:
            return subjects.author(db, f"{self.platform}:{text}")
        is_whole = text.isdecimal() or text.startswith(("https://", "http://"))
        return subjects.post(db, text if is_whole else f"{self.platform}:{text}")


def read_asked(
    kind: Annotated[SubjectKind, Form()] = SubjectKind.AUTHOR,
    platform: Annotated[Platform, Form()] = Platform.REDDIT,
    text: Annotated[Text, Form(max_length=2000)] = "",
) -> Asked:
    """From the fields of a form."""
    return Asked(kind=kind, platform=platform, text=text)


AskedForm = Annotated[Asked, Depends(read_asked)]


class PrivacyParams(BaseModel):
    """From where one comes, and the place in the list of receipts."""

    model_config = ConfigDict(extra="forbid")

    lead: int | None = Field(None, ge=1, le=MAX_ID)
    source: int | None = Field(None, ge=1, le=MAX_ID)
    before: int | None = Field(None, ge=1, le=MAX_ID)


@router.get("")
def show_privacy(request: Request, viewer: Keeper, db: ReadDb, params: Annotated[PrivacyParams, Query()]) -> Response:
    """Where a request begins, and the receipts of those before it."""
    return _page(request, viewer, db, _come_from(db, params), before=params.before)


def _page(
    request: Request,
    viewer: User,
    db: Session,
    asked: Asked,
    *,
    before: int | None = None,
    refused: OverheardError | None = None,
) -> Response:
    found = receipts.page(db, before=before, limit=_SHOWN + 1)
    return page(
        request,
        "privacy.html",
        viewer=viewer,
        status=status_of(refused) if refused else HTTPStatus.OK,
        refused=refused,
        asked=asked,
        receipts=found[:_SHOWN],
        older=found[_SHOWN - 1].id if len(found) > _SHOWN else None,
        before=before,
        names=_names(db),
        unwanted=do_not_contact.count(db),
    )


def _come_from(db: Session, params: PrivacyParams) -> Asked:
    if params.lead is not None:
        lead = funnel.get(db, params.lead)
        is_known = not lead.author.startswith(_UNKNOWN)
        kind = SubjectKind.AUTHOR if is_known else SubjectKind.POST
        return Asked(kind=kind, platform=lead.platform, text=lead.author.removeprefix(_UNKNOWN))
    if params.source is not None and (source := db.get(Source, params.source)) is not None:
        return Asked(kind=SubjectKind.SOURCE, platform=source.platform, text=str(source.id))
    return Asked()


def _names(db: Session) -> dict[int | None, str]:
    return {None: "command line"} | {user.id: user.name for user in people.everybody(db)}


@router.post("/look")
def look(*, request: Request, viewer: Eraser, db: ReadDb, asked: AskedForm) -> Response:
    """What is held, and what would go: counted, before anything is done. Sent, as no address may say a name."""
    try:
        subject = asked.subject(db)
    except (InvalidInput, NotFound) as error:
        return _page(request, viewer, db, asked, refused=error)
    standing = backup_list.standing(db)
    return page(
        request,
        "privacy_subject.html",
        viewer=viewer,
        asked=asked,
        subject=subject,
        counts=erasing.preview(db, subject),
        learned=reach.learned_from(db, subject.posts),
        elsewhere=reach.named_elsewhere(db, subject),
        backups=len(standing),
        backups_until=backup_list.last_end(standing),
    )


@router.post("/erase")
def erase(
    *,
    request: Request,
    viewer: Eraser,
    state: StateDep,
    db: Db,
    after: BackgroundTasks,
    asked: AskedForm,
    reason: Annotated[Text, Form()] = "",
    for_good: Annotated[bool, Form()] = False,
    seen: Annotated[bool, Form()] = False,
) -> Response:
    """Erase it, once somebody has said that they have seen what goes."""
    if not seen:
        raise InvalidInput("Nothing was erased: tick that you have seen what goes.")
    subject = asked.subject(db)
    erasure = erase_here(db, state, after, subject, reason=reason, for_good=for_good, actor=viewer)
    return done(request, f"{HERE}/receipts/{erasure.receipt}", Flash(f"The receipt is {erasure.receipt}."))


def erase_here(
    db: Session,
    state: State,
    after: BackgroundTasks,
    subject: Subject,
    *,
    reason: str,
    for_good: bool,
    actor: User,
) -> Erasure:
    """Begin in this transaction, which is all of it for most; what is left follows when the answer is out."""
    if for_good and subject.kind is not SubjectKind.AUTHOR:
        raise InvalidInput("For good is for authors. A post stays away anyway, and a source is read no more.")
    secret = secret_key(state.settings)
    erasure = erasing.erase_subject(
        db, subject, secret=secret, reason=reason, actor=actor, for_good=for_good, now=state.clock()
    )
    ledger.keep(db, state.settings)  # before the commit: a restore must never know less than was asked for
    after.add_task(erasing.go_on, state.sessions, state.settings, clock=state.clock)
    return erasure


@router.get("/receipts/{number}")
def show_receipt(request: Request, number: Text, viewer: Keeper, db: ReadDb) -> Response:
    """One receipt."""
    return page(request, "privacy_receipt.html", viewer=viewer, one=receipts.get(db, number), names=_names(db))


@router.get("/receipts/{number}/file")
def download_receipt(number: Text, _viewer: Keeper, db: ReadDb) -> Response:
    """The receipt as JSON, for one's own files."""
    one = receipts.get(db, number)
    return _file(f"{one.receipt}.json", json.dumps(receipts.as_json(one), indent=2), "application/json")


@router.post("/person")
def export_person(
    *,
    viewer: Annotated[User, on_page(Action.EXPORT_PERSON)],
    state: StateDep,
    db: Db,
    asked: AskedForm,
    as_text: Annotated[bool, Form()] = False,
) -> Response:
    """All that is held of an author, for them: as JSON, or as text that one can read."""
    held, number = held_of(db, state, asked.subject(db), actor=viewer)
    if as_text:
        return _file(f"person-{number}.txt", "\n".join(person.readable(held)), "text/plain")
    return _file(f"person-{number}.json", json.dumps(held, indent=2, ensure_ascii=False), "application/json")


def held_of(db: Session, state: State, subject: Subject, *, actor: User) -> tuple[dict[str, object], str]:
    """All that is held of an author, and what stands for their name; the audit log tells of it."""
    if subject.kind is not SubjectKind.AUTHOR:
        raise InvalidInput("What is held is told of authors.")
    secret = secret_key(state.settings)
    number = subject.hashed(secret)[:8]
    held = person.held(db, subject, secret=secret, now=state.clock())
    audit.record(db, actor, AuditAction.EXPORTED, f"everything of one person ({number})", now=state.clock())
    return held, number


@router.get("/do-not-contact")
def export_unwanted(viewer: Keeper, state: StateDep, db: Db, now: Now) -> Response:
    """The list as CSV: hashes only, of use with the same secret key."""
    rows = [list(row) for row in do_not_contact.export_rows(db, state.key)]
    audit.record(db, viewer, AuditAction.EXPORTED, "do not contact", f"{len(rows)} hashes", now=now)
    return table_response(SheetFormat.CSV, f"do-not-contact-{now:%Y-%m-%d}", do_not_contact.COLUMNS, iter(rows))


@router.post("/do-not-contact")
def import_unwanted(
    *,
    request: Request,
    viewer: Annotated[User, on_page(Action.IMPORT_UNWANTED)],
    state: StateDep,
    db: Db,
    now: Now,
    file: Annotated[UploadFile | None, File()] = None,
) -> Response:
    """Take in a list: a CSV file of hashes, or of platforms and handles."""
    try:
        text = file.file.read().decode("utf-8-sig") if file is not None else ""
    except UnicodeDecodeError as error:
        raise InvalidInput("The file cannot be read: it has to be a CSV file in UTF-8.") from error
    came = do_not_contact.import_rows(db, state.key, text.splitlines(), actor=viewer, now=now)
    said = f"Written down: {came.added:,}. Known before: {came.known:,}. Not taken: {len(came.bad):,}."
    return done(
        request, HERE, Flash(" ".join([said, *came.bad[:_BAD_SHOWN]]), is_bad=bool(came.bad) and not came.added)
    )


def _file(name: str, text: str, media_type: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(text + "\n", media_type=media_type, headers=headers)
