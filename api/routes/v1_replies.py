"""Replies for programs: writing, approving, what came back, snippets, stops, do-not-contact, totals.

Nothing here sends: an approved reply is sent by the outbox, once, or posted by its writer.
"""

from typing import Annotated

import sqlalchemy as sa
from fastapi import Query
from pydantic import Field

from api.access import Action
from api.conversing import FreshThread, guard_of
from api.deps import MAX_ID, Db, Id, Now, ReadDb, StateDep, by_token
from api.errors import TooLarge
from api.openapi import problems
from api.paging import Page, PageParams, page_from, page_of
from api.reply_bodies import (
    Address,
    Approval,
    CheckBody,
    Confirmation,
    Found,
    NewReply,
    NewSnippet,
    NewStop,
    ReplyBody,
    ReplyText,
    SnippetBody,
    StopBody,
    TotalsBody,
    Unwanted,
    UnwantedBody,
    refusal_body,
    reply_body,
    snippet_body,
)
from api.routing import ApiRouter
from overheard.errors import InvalidInput, NotFound, ReplyRefused, WrongStage
from overheard.leads import do_not_contact
from overheard.measuring.reply_totals import reply_totals
from overheard.models import Reply, User
from overheard.replying import answers, composer, replies, reply_stops, snippets
from overheard.vocabulary import ReplyState

router = ApiRouter(tags=["replies"])

Reader = Annotated[User, by_token(Action.READ_REPLIES)]
Writer = Annotated[User, by_token(Action.WRITE_REPLY)]
Editor = Annotated[User, by_token(Action.EDIT_SNIPPET)]
Stopper = Annotated[User, by_token(Action.STOP_REPLIES)]
Blocker = Annotated[User, by_token(Action.BLOCK_CONTACT)]

_WRITES = problems(NotFound, WrongStage, ReplyRefused, InvalidInput, TooLarge)
_STEPS = problems(NotFound, WrongStage, TooLarge)
_ADDS = problems(InvalidInput, TooLarge)


class ReplyParams(PageParams):
    """Which replies."""

    state: ReplyState | None = Field(None, description="Only those of this state.")
    lead_id: int | None = Field(None, ge=1, le=MAX_ID, description="Only those to this lead.")


@router.get("/replies", operation_id="readReplies", summary="All replies", responses=problems(InvalidInput))
def read_replies(_user: Reader, db: ReadDb, params: Annotated[ReplyParams, Query()]) -> Page[ReplyBody]:
    """Newest first."""
    statement = sa.select(Reply).order_by(Reply.id.desc()).limit(params.limit + 1)
    if params.state is not None:
        statement = statement.where(Reply.state == params.state)
    if params.lead_id is not None:
        statement = statement.where(Reply.lead_id == params.lead_id)
    if (place := params.place(int)) is not None:
        statement = statement.where(Reply.id < place[0])
    return page_from(db.scalars(statement).all(), params, reply_body, key=lambda reply: [reply.id])


@router.get(
    "/replies/totals", operation_id="readReplyTotals", summary="How replying goes", responses=problems(InvalidInput)
)
def read_totals(_user: Reader, db: ReadDb, now: Now, days: Annotated[int, Query(ge=1, le=365)] = 30) -> TotalsBody:
    """Of everybody: how soon, how often answered, how often well."""
    totals = reply_totals(db, now=now, days=days)
    return TotalsBody(**{name: getattr(totals, name) for name in TotalsBody.model_fields})


@router.get("/replies/stops", operation_id="readStops", summary="What stops replies", responses=problems(InvalidInput))
def read_stops(_user: Reader, db: ReadDb, params: Annotated[PageParams, Query()]) -> Page[StopBody]:
    """The stops that hold now."""
    return page_of(
        reply_stops.standing(db),
        params,
        lambda stop: StopBody(id=stop.id, because=stop.because, at=stop.at),
        key=lambda stop: [stop.id],
    )


@router.post("/replies/stops", status_code=201, operation_id="stopReplies", summary="Stop all replies", responses=_ADDS)
def stop_replies(user: Stopper, db: Db, now: Now, body: NewStop) -> StopBody:
    """Nothing is approved or sent from now on."""
    stop = reply_stops.stop(db, because=body.because, actor=user, now=now)
    return StopBody(id=stop.id, because=stop.because, at=stop.at)


@router.delete(
    "/replies/stops", status_code=204, operation_id="letRepliesGo", summary="Let replies go on", responses=problems()
)
def let_go_on(user: Stopper, db: Db, now: Now) -> None:
    """Lifts all stops."""
    reply_stops.lift(db, actor=user, now=now)


@router.get("/replies/{reply_id}", operation_id="readReply", summary="One reply", responses=problems(NotFound))
def read_reply(_user: Reader, reply_id: Id, db: ReadDb) -> ReplyBody:
    """A reply as it stands."""
    return reply_body(replies.get(db, reply_id))


@router.post(
    "/leads/{lead_id}/replies", status_code=201, operation_id="draftReply", summary="Begin a draft", responses=_WRITES
)
def draft_reply(*, user: Writer, lead_id: Id, db: Db, state: StateDep, now: Now, body: NewReply) -> ReplyBody:
    """To the lead's post, or to an answer. One's own open draft is given back."""
    draft = replies.start_draft(
        db, lead_id, actor=user, guard=guard_of(state), now=now, answer_id=body.answer_id, text=body.text
    )
    return reply_body(draft)


@router.patch("/replies/{reply_id}", operation_id="editReply", summary="Change a draft", responses=_WRITES)
def edit_reply(user: Writer, reply_id: Id, db: Db, now: Now, body: ReplyText) -> ReplyBody:
    """Other words."""
    return reply_body(replies.edit_draft(db, reply_id, text=body.text, actor=user, now=now))


@router.get("/replies/{reply_id}/check", operation_id="checkReply", summary="Check a reply", responses=_STEPS)
def check_reply(user: Writer, reply_id: Id, db: ReadDb, state: StateDep, now: Now) -> CheckBody:
    """What the guardrails have against it as it stands."""
    reply = replies.get(db, reply_id)
    found = composer.check(db, reply, viewer=user, guard=guard_of(state), now=now)
    return CheckBody(refusals=[refusal_body(one) for one in found])


@router.post("/replies/{reply_id}/approve", operation_id="approveReply", summary="Approve a draft", responses=_WRITES)
def approve_reply(
    *, user: Writer, reply_id: Id, thread: FreshThread, db: Db, state: StateDep, now: Now, body: Approval
) -> ReplyBody:
    """It goes out as it stands: by its account, or by its writer's hand."""
    approved = replies.approve(
        db,
        reply_id,
        actor=user,
        guard=guard_of(state),
        now=now,
        account_id=body.account_id,
        overrides=body.overrides,
        thread=thread,
    )
    return reply_body(approved)


@router.post("/replies/{reply_id}/take_back", operation_id="takeBackReply", summary="Unapprove", responses=_STEPS)
def take_back(user: Writer, reply_id: Id, db: Db, now: Now) -> ReplyBody:
    """Approved, and a draft again."""
    return reply_body(replies.take_back(db, reply_id, actor=user, now=now))


@router.post("/replies/{reply_id}/discard", operation_id="discardReply", summary="Discard", responses=_STEPS)
def discard_reply(user: Writer, reply_id: Id, db: Db, now: Now) -> ReplyBody:
    """Let it be none."""
    return reply_body(replies.discard(db, reply_id, actor=user, now=now))


@router.post("/replies/{reply_id}/sent", operation_id="markReplySent", summary="Mark as sent", responses=_WRITES)
def mark_sent(user: Writer, reply_id: Id, db: Db, now: Now, body: Address) -> ReplyBody:
    """Its writer posted it there."""
    return reply_body(replies.mark_sent(db, reply_id, permalink=body.permalink, actor=user, now=now))


@router.post(
    "/replies/{reply_id}/reconcile", operation_id="reconcileReply", summary="Unclear no more", responses=_WRITES
)
def reconcile(user: Writer, reply_id: Id, db: Db, now: Now, body: Found) -> ReplyBody:
    """Somebody looked whether an unclear reply stands there."""
    return reply_body(replies.reconcile_by_hand(db, reply_id, permalink=body.permalink, actor=user, now=now))


@router.post("/answers/{answer_id}/confirm", operation_id="confirmAnswer", summary="What it means", responses=_WRITES)
def confirm_answer(
    *,
    user: Annotated[User, by_token(Action.CONFIRM_ANSWER)],
    answer_id: Id,
    db: Db,
    state: StateDep,
    now: Now,
    body: Confirmation,
) -> ReplyBody:
    """A person says it; gives the reply that was answered. Positive makes a prospect, stop do-not-contact."""
    answer = answers.confirm(db, answer_id, body.kind, actor=user, key=state.key, now=now)
    return reply_body(replies.get(db, answer.reply_id))


# --- snippets, do-not-contact --------------------------------------------------------------------------------------


@router.get("/snippets", operation_id="readSnippets", summary="Snippets", responses=problems(InvalidInput))
def read_snippets(user: Reader, db: ReadDb, params: Annotated[PageParams, Query()]) -> Page[SnippetBody]:
    """One's own and everybody's."""
    return page_of(snippets.of_user(db, user), params, snippet_body, key=lambda snippet: [snippet.id])


@router.post("/snippets", status_code=201, operation_id="addSnippet", summary="Add a snippet", responses=_ADDS)
def add_snippet(user: Editor, db: Db, now: Now, body: NewSnippet) -> SnippetBody:
    """One's own, or as an admin everybody's."""
    return snippet_body(snippets.add(db, **body.model_dump(), actor=user, now=now))


@router.put("/snippets/{snippet_id}", operation_id="changeSnippet", summary="Change a snippet", responses=_WRITES)
def change_snippet(user: Editor, snippet_id: Id, db: Db, now: Now, body: NewSnippet) -> SnippetBody:
    """Whose it is stays."""
    said = body.model_dump(exclude={"is_shared"})
    return snippet_body(snippets.change(db, snippet_id, **said, actor=user, now=now))


@router.delete(
    "/snippets/{snippet_id}",
    status_code=204,
    operation_id="removeSnippet",
    summary="Remove a snippet",
    responses=problems(NotFound, InvalidInput),
)
def remove_snippet(user: Editor, snippet_id: Id, db: Db) -> None:
    """Let it go."""
    snippets.remove(db, snippet_id, actor=user)


@router.get("/do_not_contact", operation_id="readUnwanted", summary="The list", responses=problems(InvalidInput))
def read_unwanted(_user: Blocker, db: ReadDb, params: Annotated[PageParams, Query()]) -> Page[UnwantedBody]:
    """Hashes only: it names nobody."""
    return page_of(
        do_not_contact.entries(db),
        params,
        lambda entry: UnwantedBody(hash=entry.handle_hash, reason=entry.reason, at=entry.at),
        key=lambda entry: [entry.id],
    )


@router.post(
    "/do_not_contact",
    status_code=204,
    operation_id="addUnwanted",
    summary="Never write to somebody",
    responses=_ADDS,
)
def add_unwanted(user: Blocker, db: Db, state: StateDep, now: Now, body: Unwanted) -> None:
    """Once more does nothing."""
    do_not_contact.add(db, state.key, body.platform, body.handle, reason=body.reason, actor=user, now=now)
