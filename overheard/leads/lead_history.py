"""Everything that happened around a lead, as one list; and what has been waiting too long."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from overheard.days import day_of
from overheard.leads.leads import AnyLead
from overheard.models import Answer, Lead, LeadEvent, Post, Reply, Signal
from overheard.settings import DeskSettings
from overheard.vocabulary import ReplyState, Stage


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of a history: exactly one of the four happened."""

    at: datetime
    event: LeadEvent | None = None
    post: Post | None = None
    reply: Reply | None = None
    answer: Answer | None = None

    @property
    def kind(self) -> str:
        """What sort of thing happened: `post`, `reply`, `answer`, or the event's action."""
        if self.event is not None:
            return self.event.action.value
        return "post" if self.post is not None else "reply" if self.reply is not None else "answer"


def history(session: Session, lead_id: int) -> list[Moment]:
    """Posts, events, notes, replies and answers of a lead and of those it has taken over, oldest first."""
    ids = [lead_id, *session.scalars(sa.select(Lead.id).where(Lead.merged_into_id == lead_id))]
    events = sa.select(LeadEvent).where(LeadEvent.lead_id.in_(ids)).options(joinedload(LeadEvent.actor))
    posts = sa.select(Post).join(Signal, Signal.post_id == Post.id).where(Signal.lead_id.in_(ids))
    replies = sa.select(Reply).where(Reply.lead_id.in_(ids), Reply.state == ReplyState.SENT)
    answers = sa.select(Answer).join(Reply, Reply.id == Answer.reply_id).where(Reply.lead_id.in_(ids))
    moments = [
        *(Moment(post.posted_at or post.collected_at, post=post) for post in session.scalars(posts)),
        *(Moment(event.at, event=event) for event in session.scalars(events.order_by(LeadEvent.id))),
        *(
            Moment(reply.sent_at or reply.changed_at, reply=reply)
            for reply in session.scalars(replies.options(joinedload(Reply.author)))
        ),
        *(Moment(answer.posted_at or answer.collected_at, answer=answer) for answer in session.scalars(answers)),
    ]
    return sorted(moments, key=lambda moment: moment.at)  # stable: of one second, events keep their order


# --- waiting too long ----------------------------------------------------------------------------------------------

_AT_WORK = frozenset({Stage.SALES_QUALIFIED, Stage.REPLIED, Stage.PROSPECT})


def overdue(
    session: Session, leads: Iterable[AnyLead], *, limits: DeskSettings, now: datetime, zone: tzinfo = UTC
) -> dict[int, str]:
    """What has been waiting too long about some leads, in words; leads in good time are left out.

    A lead to which somebody wants to come back later is not idle meanwhile.
    """
    found: dict[int, str] = {}
    at_work = [lead for lead in leads if lead.stage in _AT_WORK]
    last = _last_events(session, [lead.id for lead in at_work])
    for lead in at_work:
        waits = now - lead.stage_changed_at
        rests = now - last.get(lead.id, lead.stage_changed_at)
        if lead.follow_up_on is not None and lead.follow_up_on < day_of(now, zone):
            found[lead.id] = f"follow-up was due on {lead.follow_up_on}"
        elif lead.stage is Stage.SALES_QUALIFIED and _exceeds(waits, timedelta(hours=limits.first_contact_hours)):
            found[lead.id] = f"no first contact for {_span(waits)}"
        elif lead.follow_up_on is None and _exceeds(rests, timedelta(days=limits.idle_days)):
            found[lead.id] = f"nothing happened for {_span(rests)}"
    return found


def _last_events(session: Session, lead_ids: list[int]) -> dict[int, datetime]:
    statement = sa.select(LeadEvent.lead_id, sa.func.max(LeadEvent.at)).where(LeadEvent.lead_id.in_(lead_ids))
    return {lead_id: at for lead_id, at in session.execute(statement.group_by(LeadEvent.lead_id))}  # noqa: C416 - dict() of rows confuses mypy


def _exceeds(waited: timedelta, limit: timedelta) -> bool:
    return bool(limit) and waited > limit


def _span(time: timedelta) -> str:
    hours = int(time.total_seconds() // 3600)
    return f"{hours} hours" if hours < 48 else f"{hours // 24} days"  # noqa: PLR2004 - two days
