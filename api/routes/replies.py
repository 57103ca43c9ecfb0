"""Replies: writing on a lead's page, what came back, and the page that shows all of them."""

from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Form, Request
from sqlalchemy.orm import Session, joinedload
from starlette.responses import Response

from api.access import Action
from api.conversing import FreshThread, ask, guard_of
from api.deps import Db, Id, Now, ReadDb, StateDep, Text, on_page
from api.pages import Flash, done, page
from api.reply_words import answer_kind
from overheard.errors import NotFound, ReplyRefused
from overheard.leads import do_not_contact
from overheard.measuring.reply_totals import reply_totals
from overheard.models import Lead, Reply, User
from overheard.replying import answers, community_rules, composer, replies, reply_stops
from overheard.replying.conversations import RuleFlag
from overheard.vocabulary import AnswerKind, Platform, ReplyState

router = APIRouter()

Writer = Annotated[User, on_page(Action.WRITE_REPLY)]
Reader = Annotated[User, on_page(Action.READ_REPLIES)]
Stopper = Annotated[User, on_page(Action.STOP_REPLIES)]
Words = Annotated[Text, Form()]

_SHOWN = 100


# --- writing -------------------------------------------------------------------------------------------------------


@router.post("/leads/{lead_id}/replies")
def begin(
    *,
    request: Request,
    lead_id: Id,
    viewer: Writer,
    db: Db,
    state: StateDep,
    now: Now,
    answer_id: Annotated[int | None, Form(ge=1, le=2**31 - 1)] = None,
    again: Annotated[int | None, Form(ge=1, le=2**31 - 1)] = None,
) -> Response:
    """Begin a draft: to the lead's post, to an answer, or once more with the words of one that failed."""
    failed = replies.get(db, again) if again else None
    replies.start_draft(
        db,
        lead_id,
        actor=viewer,
        guard=guard_of(state),
        now=now,
        answer_id=answer_id,
        post_id=failed.post_id if failed else None,
        text=failed.text if failed else None,
    )
    return done(request, _composer(lead_id), Flash("A draft is begun. Write in your own words."))


@router.post("/replies/{reply_id}/save")
def save(*, request: Request, reply_id: Id, viewer: Writer, db: Db, now: Now, text: Words = "") -> Response:
    """Keep a draft; the page it comes back to says what speaks against it."""
    reply = replies.edit_draft(db, reply_id, text=text, actor=viewer, now=now)
    return done(request, _composer(reply.lead_id), Flash("Saved and checked."))


@router.post("/replies/{reply_id}/check")
def check(
    *, request: Request, reply_id: Id, viewer: Writer, db: Db, state: StateDep, now: Now, text: Words = ""
) -> Response:
    """The same while somebody writes: only the list of what speaks against it."""
    reply = replies.edit_draft(db, reply_id, text=text, actor=viewer, now=now)
    refusals = composer.check(db, reply, viewer=viewer, guard=guard_of(state), now=now)
    return page(request, "reply_check.html", viewer=viewer, reply=reply, refusals=refusals)


@router.post("/replies/{reply_id}/approve")
def approve(
    *,
    request: Request,
    reply_id: Id,
    viewer: Writer,
    thread: FreshThread,
    db: Db,
    state: StateDep,
    now: Now,
    text: Words = "",
    override: Annotated[list[str], Form()] = [],  # noqa: B006 - FastAPI copies it
    account_id: Annotated[int | None, Form(ge=1, le=2**31 - 1)] = None,
) -> Response:
    """This goes out as it stands. What a guardrail refuses stays a draft, with the words as they were sent."""
    draft = replies.edit_draft(db, reply_id, text=text, actor=viewer, now=now)
    try:
        replies.approve(
            db,
            reply_id,
            actor=viewer,
            guard=guard_of(state),
            now=now,
            account_id=account_id,
            overrides=override,
            thread=thread,
        )
    except ReplyRefused as refused:
        return done(request, _composer(draft.lead_id), Flash(f"Not approved. {str(refused)[:800]}", is_bad=True))
    said = "Approved. It is sent in a moment." if account_id else "Approved. Copy it and post it under the post."
    return done(request, _composer(draft.lead_id), Flash(said))


@router.post("/replies/{reply_id}/take_back")
def take_back(*, request: Request, reply_id: Id, viewer: Writer, db: Db, now: Now) -> Response:
    """Approved, and a draft again."""
    reply = replies.take_back(db, reply_id, actor=viewer, now=now)
    return done(request, _composer(reply.lead_id), Flash("It is a draft again."))


@router.post("/replies/{reply_id}/discard")
def discard(*, request: Request, reply_id: Id, viewer: Writer, db: Db, now: Now) -> Response:
    """Let it be none."""
    reply = replies.discard(db, reply_id, actor=viewer, now=now)
    return done(request, _composer(reply.lead_id), Flash("The draft is discarded."))


@router.post("/replies/{reply_id}/sent")
def mark_sent(*, request: Request, reply_id: Id, viewer: Writer, db: Db, now: Now, permalink: Words = "") -> Response:
    """The writer posted it there."""
    reply = replies.mark_sent(db, reply_id, permalink=permalink, actor=viewer, now=now)
    return done(request, _composer(reply.lead_id), Flash("Marked sent. Answers are shown here as they come in."))


@router.post("/replies/{reply_id}/reconcile")
def reconcile(*, request: Request, reply_id: Id, viewer: Writer, db: Db, now: Now, permalink: Words = "") -> Response:
    """The writer looked whether an unclear reply stands there."""
    reply = replies.reconcile_by_hand(db, reply_id, permalink=permalink.strip() or None, actor=viewer, now=now)
    said = "Noted: it stands there." if reply.state is ReplyState.SENT else "Noted: it does not stand there."
    return done(request, _composer(reply.lead_id), Flash(said))


@router.post("/replies/line")
def change_line(
    *, request: Request, viewer: Writer, db: Db, line: Words = "", lead_id: Annotated[int, Form(ge=1, le=2**31 - 1)]
) -> Response:
    """The sentence by which the viewer says for whom they work; empty: the one of the settings."""
    replies.change_line(db, viewer.id, line)
    return done(request, _composer(lead_id), Flash("Your line is changed. Put it into the draft."))


# --- around it -----------------------------------------------------------------------------------------------------


@router.get("/leads/{lead_id}/thread")
def thread(
    *, request: Request, lead_id: Id, viewer: Annotated[User, on_page(Action.READ_LEAD)], state: StateDep, now: Now
) -> Response:
    """The thread around a lead's post as it stands at its platform now."""
    with state.reading() as session:
        lead = session.get(Lead, lead_id)
    if lead is None or lead.top_post_id is None:
        raise NotFound(f"There is no lead {lead_id}. Its post may have been deleted at the source.")
    asked = ask(state, lead.top_post_id, with_rules=True)
    with state.reading() as session:
        place = composer.place_of(session, asked.post, now)
    return page(request, "lead_thread.html", viewer=viewer, lead=lead, asked=asked, place=place)


@router.post("/leads/{lead_id}/rules")
def correct_rules(
    *,
    request: Request,
    lead_id: Id,
    _viewer: Writer,
    db: Db,
    now: Now,
    flag: Annotated[list[RuleFlag], Form()] = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """A person has read the community's rules, and says what they forbid."""
    source_id = composer.source_of(db, lead_id)
    community_rules.correct(db, source_id, flag, now=now)
    return done(request, _composer(lead_id), Flash("Noted what the rules forbid."))


@router.post("/answers/{answer_id}/confirm")
def confirm(
    *,
    request: Request,
    answer_id: Id,
    viewer: Annotated[User, on_page(Action.CONFIRM_ANSWER)],
    db: Db,
    state: StateDep,
    now: Now,
    kind: Annotated[AnswerKind, Form()],
) -> Response:
    """A person says what an answer means."""
    answer = answers.confirm(db, answer_id, kind, actor=viewer, key=state.key, now=now)
    lead_id = db.get_one(Reply, answer.reply_id).lead_id
    return done(request, _composer(lead_id), Flash(f"Noted: {answer_kind(kind).lower()}."))


# --- all of them ---------------------------------------------------------------------------------------------------


@router.get("/replies")
def all_replies(request: Request, viewer: Reader, db: ReadDb, now: Now) -> Response:
    """What was written, what waits, what needs somebody; the kill switch, and the do-not-contact list."""
    shown = _newest(db)
    return page(
        request,
        "replies.html",
        viewer=viewer,
        replies=shown,
        stops=reply_stops.standing(db),
        totals=reply_totals(db, now=now),
        mine=reply_totals(db, now=now, user_id=viewer.id),
        unwanted=do_not_contact.count(db),
    )


@router.post("/replies/stop")
def stop(*, request: Request, viewer: Stopper, db: Db, now: Now, because: Words = "") -> Response:
    """Nothing goes out from now on."""
    reply_stops.stop(db, because=because, actor=viewer, now=now)
    return done(request, "/replies", Flash("All replies are stopped."))


@router.post("/replies/go")
def go(*, request: Request, viewer: Stopper, db: Db, now: Now) -> Response:
    """Replies go on."""
    reply_stops.lift(db, actor=viewer, now=now)
    return done(request, "/replies", Flash("Replies go on."))


@router.post("/replies/do-not-contact")
def block(
    *,
    request: Request,
    viewer: Annotated[User, on_page(Action.BLOCK_CONTACT)],
    db: Db,
    state: StateDep,
    now: Now,
    platform: Annotated[Platform, Form()],
    handle: Words = "",
) -> Response:
    """Somebody does not want to hear from us."""
    do_not_contact.add(db, state.key, platform, handle, reason="Written down on the page.", actor=viewer, now=now)
    return done(request, "/replies", Flash("Nobody writes to them any more."))


def _newest(db: Session) -> list[Reply]:
    """Those that need somebody first, then the newest."""
    needs = sa.case((Reply.state.in_([ReplyState.AMBIGUOUS, ReplyState.FAILED]), 0), else_=1)
    statement = sa.select(Reply).where(Reply.state != ReplyState.DISCARDED).options(joinedload(Reply.author))
    return list(db.scalars(statement.order_by(needs, Reply.changed_at.desc()).limit(_SHOWN)))


def _composer(lead_id: int | None) -> str:
    return f"/leads/{lead_id}#reply" if lead_id is not None else "/replies"
