"""Where replies stand. The only writer of `Reply.state`.

    draft ─approve─▶ approved ─mark_sent─▶ sent                       assisted: a person posts it there
      │                  │
      │                  └─take_next─▶ sending ─settle─▶ sent | failed | ambiguous ─reconcile─▶ sent | failed
      └─discard─▶ discarded                        direct: one attempt, by the account of the one who approved it

Each step is one `UPDATE … WHERE id = :id AND state = :from`. What people do stands in `replies`, what the
sending worker does in `outbox`.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from overheard.errors import NotFound, WrongStage
from overheard.leads import funnel
from overheard.models import Campaign, Lead, Post, Reply, Source, User
from overheard.replying.conversations import Thread
from overheard.replying.guardrails import Case, Guard, Moment
from overheard.vocabulary import ReplyState

OPEN = frozenset({ReplyState.DRAFT, ReplyState.APPROVED, ReplyState.SENDING, ReplyState.AMBIGUOUS})
LIVE = OPEN | {ReplyState.SENT}


@dataclass(frozen=True, slots=True)
class Sent:
    """It stands there."""

    remote_id: str
    permalink: str | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """It surely does not stand there, and why."""

    because: str


@dataclass(frozen=True, slots=True)
class Unclear:
    """It may stand there or not."""

    because: str


Outcome = Sent | Failed | Unclear


def get(session: Session, reply_id: int) -> Reply:
    """One reply with its writer, as it stands now."""
    statement = sa.select(Reply).where(Reply.id == reply_id).options(joinedload(Reply.author))
    reply = session.scalar(statement.execution_options(populate_existing=True))
    if reply is None:
        raise NotFound(f"There is no reply {reply_id}. A draft goes with the post that it answers.")
    return reply


def case_of(
    session: Session,
    reply: Reply,
    *,
    guard: Guard,
    moment: Moment,
    author: User,
    now: datetime,
    thread: Thread | None = None,
    account_id: int | None = None,
) -> Case:
    """A reply as the guardrails look at it; with the account that is to send it, if any."""
    post = session.get(Post, reply.post_id) if reply.post_id else None
    lead = session.get(Lead, reply.lead_id) if reply.lead_id else None
    return Case(
        session=session,
        guard=guard,
        moment=moment,
        reply=reply,
        account_id=account_id or reply.account_id,
        author=author,
        post=post,
        source=session.get(Source, post.source_id) if post else None,
        campaign=session.get(Campaign, lead.campaign_id) if lead else None,
        thread=thread,
        now=now,
    )


def record_sent(
    session: Session, reply: Reply, from_states: Collection[ReplyState], sent: Sent, *, now: datetime
) -> Reply:
    """It stands there: the lead is one that was replied to."""
    moved = move(
        session,
        reply,
        from_states,
        ReplyState.SENT,
        sent_at=now,
        changed_at=now,
        remote_id=sent.remote_id,
        permalink=sent.permalink,
        error=None,
    )
    if moved.lead_id is not None:
        funnel.record_reply(session, moved.lead_id, actor=moved.author, now=now)
    return moved


def move(
    session: Session, reply: Reply, from_states: Collection[ReplyState], to_state: ReplyState, **values: object
) -> Reply:
    """One step, if the reply still stands where the step begins; `WrongStage` says where it stands."""
    moved = session.execute(
        sa.update(Reply)
        .where(Reply.id == reply.id, Reply.state.in_(from_states))
        .values(state=to_state, **values)
        .returning(Reply.id)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    now_there = get(session, reply.id)
    if moved is None:
        raise WrongStage(f"Reply {reply.id} cannot be {_STEPS[to_state]} now: it is {now_there.state.value}.")
    return now_there


_STEPS = {
    ReplyState.DRAFT: "changed",
    ReplyState.APPROVED: "approved",
    ReplyState.SENDING: "sent",
    ReplyState.SENT: "marked as sent",
    ReplyState.FAILED: "given up",
    ReplyState.AMBIGUOUS: "left open",
    ReplyState.DISCARDED: "discarded",
}
