"""What people write down about a lead: notes, tags, dates, answers, contacts, and that two leads are one person."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from api.access import Action
from api.deps import MAX_ID, Db, Id, Now, StateDep, Text, on_page
from api.pages import Flash, done
from overheard.errors import InvalidInput
from overheard.leads import contacts, lead_notes, people_links, qualification
from overheard.models import User
from overheard.vocabulary import ContactKind

router = APIRouter(prefix="/leads/{lead_id}")

Back = Annotated[str, Form()]
Words = Annotated[Text, Form()]
Change = Annotated[int, Query(ge=1, le=MAX_ID)]
Noter = Annotated[User, on_page(Action.ADD_NOTE)]
Editor = Annotated[User, on_page(Action.EDIT_LEAD)]
Merger = Annotated[User, on_page(Action.MERGE_LEADS)]

FITS = {"yes": True, "no": False, "": None}


@router.post("/notes")
def add_note(
    *, request: Request, lead_id: Id, viewer: Noter, db: Db, now: Now, note: Words = "", back: Back = ""
) -> Response:
    """Write something down."""
    lead_notes.add_note(db, lead_id, note, actor=viewer, now=now)
    return done(request, back, Flash("Noted."))


@router.post("/tags")
def add_tag(
    *, request: Request, lead_id: Id, viewer: Editor, db: Db, now: Now, tag: Words = "", back: Back = ""
) -> Response:
    """Hang a word on it."""
    lead_notes.add_tag(db, lead_id, tag, actor=viewer, now=now)
    return done(request, back, Flash(f"Tagged: {lead_notes.checked_tag(tag)}."))


@router.post("/tags/remove")
def remove_tag(
    *, request: Request, lead_id: Id, viewer: Editor, db: Db, now: Now, tag: Words = "", back: Back = ""
) -> Response:
    """Take a word off it."""
    lead_notes.remove_tag(db, lead_id, tag, actor=viewer, now=now)
    return done(request, back, Flash(f"Tag taken away: {lead_notes.checked_tag(tag)}."))


@router.post("/follow_up")
def set_follow_up(
    *,
    request: Request,
    lead_id: Id,
    viewer: Editor,
    db: Db,
    state: StateDep,
    now: Now,
    on: Annotated[str, Form()] = "",
    back: Back = "",
) -> Response:
    """Come back to it on a day; an empty day: on none."""
    day = _day(on)
    lead_notes.set_follow_up(db, lead_id, day, actor=viewer, now=now, zone=state.settings.zone)
    return done(request, back, Flash(f"Follow-up on {day}." if day else "No follow-up any more."))


@router.post("/decision_maker")
def set_decision_maker(
    *, request: Request, lead_id: Id, viewer: Editor, db: Db, now: Now, who: Words = "", back: Back = ""
) -> Response:
    """Who decides there."""
    lead_notes.set_decision_maker(db, lead_id, who, actor=viewer, now=now)
    return done(request, back, Flash("Kept who decides." if who.strip() else "It is open who decides."))


# --- qualifying questions ------------------------------------------------------------------------------------------


@router.post("/answers/{question_id}")
def answer(
    *,
    request: Request,
    lead_id: Id,
    question_id: Id,
    viewer: Editor,
    db: Db,
    now: Now,
    answer: Words = "",
    fits: Annotated[str, Form(pattern="^(yes|no|)$")] = "",
    back: Back = "",
) -> Response:
    """What is known, and whether it fits; an empty answer takes it back."""
    qualification.answer(db, lead_id, question_id, text=answer, fits=FITS[fits], actor=viewer, now=now)
    return done(
        request,
        back,
        _answered(db, lead_id, question_id, viewer, "Answer kept." if answer.strip() else "Answer taken back."),
    )


@router.post("/answers/{question_id}/undo")
def undo_answer(
    *, request: Request, lead_id: Id, question_id: Id, viewer: Editor, db: Db, now: Now, change: Change, back: Back = ""
) -> Response:
    """What stood there before; again, what stood before that."""
    qualification.undo_answer(db, lead_id, question_id, change, actor=viewer, now=now)
    return done(request, back, _answered(db, lead_id, question_id, viewer, "Taken back: it is as it was before."))


def _answered(db: Session, lead_id: int, question_id: int, viewer: User, told: str) -> Flash:
    change = qualification.last_change(db, lead_id, question_id)
    is_own = change is not None and change.changed_by_id == viewer.id
    undo = f"/leads/{lead_id}/answers/{question_id}/undo?change={change.id}" if change and is_own else None
    return Flash(told, undo=undo)


# --- contacts ------------------------------------------------------------------------------------------------------


@router.post("/contacts")
def add_contact(
    *,
    request: Request,
    lead_id: Id,
    viewer: Editor,
    db: Db,
    now: Now,
    kind: Annotated[ContactKind, Form()],
    value: Words = "",
    back: Back = "",
) -> Response:
    """A way to reach them."""
    contact = contacts.add_contact(db, lead_id, kind=kind, value=value, actor=viewer, now=now)
    return done(request, back, Flash(f"Kept: {contact.value}.", undo=f"/leads/{lead_id}/contacts/{contact.id}/remove"))


@router.post("/contacts/{contact_id}/check")
def check_contact(
    *, request: Request, lead_id: Id, contact_id: Id, _viewer: Editor, state: StateDep, now: Now, back: Back = ""
) -> Response:
    """Ask the network about it. No transaction is open meanwhile: it may take a while."""
    with state.reading() as session:
        contact = contacts.contact_to_check(session, lead_id, contact_id)
    finding = state.reach(contact.kind, contact.value)
    with state.sessions.begin() as session:
        contacts.record_finding(session, lead_id, contact_id, finding, now=now)
    return done(request, back, Flash(f"{contact.value}: {finding.sentence}"))


@router.post("/contacts/{contact_id}/remove")
def remove_contact(
    *, request: Request, lead_id: Id, contact_id: Id, viewer: Editor, db: Db, now: Now, back: Back = ""
) -> Response:
    """Forget it."""
    contacts.remove_contact(db, lead_id, contact_id, actor=viewer, now=now)
    return done(request, back, Flash("Contact removed."))


# --- one person, one card ------------------------------------------------------------------------------------------


@router.post("/merge")
def merge(
    *,
    request: Request,
    lead_id: Id,
    viewer: Merger,
    db: Db,
    now: Now,
    other: Annotated[int, Form(ge=1, le=MAX_ID)],
) -> Response:
    """Let this lead take over another one of the same person."""
    people_links.merge(db, other, lead_id, actor=viewer, now=now)
    return done(request, f"/leads/{lead_id}", Flash(f"Lead {other} is part of this one now."))


@router.post("/unmerge")
def unmerge(*, request: Request, lead_id: Id, viewer: Merger, db: Db, now: Now) -> Response:
    """Part this lead from the one that has taken it over."""
    people_links.unmerge(db, lead_id, actor=viewer, now=now)
    return done(request, f"/leads/{lead_id}", Flash("This lead stands for itself again."))


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise InvalidInput(f"{text[:40]!r} is no day: write it like 2027-01-31.") from error
