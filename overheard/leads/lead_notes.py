"""What people write down about a lead: notes, tags, when to come back to it, and who decides there."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.days import day_of
from overheard.db import upsert
from overheard.errors import InvalidInput, WrongStage
from overheard.leads.funnel import add_word, checked_note, get
from overheard.models import Lead, LeadEvent, LeadTag, Post, User
from overheard.vocabulary import CLOSED_STAGES, LeadAction

MAX_TAG = 40
MAX_TAGS = 20
MAX_DECISION_MAKER = 200
MAX_DAYS_AHEAD = 2 * 366
_SHOWN_REMINDERS = 50


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A lead to which somebody wanted to come back by now."""

    lead: Lead
    top: Post | None
    is_overdue: bool
    """The day has passed; else it is today."""


def add_note(session: Session, lead_id: int, text: str, *, actor: User, now: datetime) -> LeadEvent:
    """Write something down on the lead's timeline, where it stays."""
    note = checked_note(text)
    if note is None:
        raise InvalidInput("An empty note says nothing: write something.")
    return add_word(session, get(session, lead_id), LeadAction.NOTE, actor=actor, now=now, note=note)


# --- tags ----------------------------------------------------------------------------------------------------------


def add_tag(session: Session, lead_id: int, tag: str, *, actor: User, now: datetime) -> LeadEvent | None:
    """Hang a word on a lead; None when it hangs there already."""
    tag = checked_tag(tag)
    lead = get(session, lead_id)
    if len(tags_of(session, [lead_id]).get(lead_id, [])) >= MAX_TAGS:
        raise InvalidInput(f"A lead has at most {MAX_TAGS} tags: take one away first.")
    added = session.scalar(
        upsert(session, LeadTag).values(lead_id=lead_id, tag=tag).on_conflict_do_nothing().returning(LeadTag.id)
    )
    return add_word(session, lead, LeadAction.TAG, actor=actor, now=now, note=f"added {tag}") if added else None


def remove_tag(session: Session, lead_id: int, tag: str, *, actor: User, now: datetime) -> LeadEvent | None:
    """Take a word off a lead; None when it does not hang there."""
    tag, lead = checked_tag(tag), get(session, lead_id)
    these = sa.delete(LeadTag).where(LeadTag.lead_id == lead_id, LeadTag.tag == tag)
    if session.scalar(these.returning(LeadTag.id)) is None:
        return None
    return add_word(session, lead, LeadAction.TAG, actor=actor, now=now, note=f"took away {tag}")


def checked_tag(tag: str) -> str:
    """A tag in lower case and without double spaces, so that one word is one tag."""
    tag = " ".join(tag.split()).casefold().lstrip("#")
    if not 1 <= len(tag) <= MAX_TAG:
        raise InvalidInput(f"A tag has 1 to {MAX_TAG} characters; this one has {len(tag)}.")
    return tag


def tags_of(session: Session, lead_ids: Iterable[int]) -> dict[int, list[str]]:
    """The tags of some leads, in the order of the alphabet."""
    statement = sa.select(LeadTag.lead_id, LeadTag.tag).where(LeadTag.lead_id.in_(list(lead_ids)))
    found: dict[int, list[str]] = {}
    for lead_id, tag in session.execute(statement.order_by(LeadTag.tag)):
        found.setdefault(lead_id, []).append(tag)
    return found


def known_tags(session: Session, *, limit: int = 100) -> Sequence[str]:
    """Tags in use, the most used first."""
    statement = sa.select(LeadTag.tag).group_by(LeadTag.tag).order_by(sa.func.count().desc(), LeadTag.tag)
    return session.scalars(statement.limit(limit)).all()


# --- coming back ---------------------------------------------------------------------------------------------------


def set_follow_up(
    session: Session, lead_id: int, on: date | None, *, actor: User, now: datetime, zone: tzinfo = UTC
) -> LeadEvent | None:
    """Come back to a lead on that day, or on none; None when that is so already."""
    lead = get(session, lead_id)
    today = day_of(now, zone)
    if on is not None:
        if not today <= on <= today + timedelta(days=MAX_DAYS_AHEAD):
            raise InvalidInput(f"A follow-up is today or within two years, not on {on}.")
        if lead.stage in CLOSED_STAGES:
            raise WrongStage(f"Lead {lead_id} is {lead.stage.display}: nobody comes back to it. Reopen it first.")
    if lead.follow_up_on == on:
        return None
    lead.follow_up_on = on
    note = f"on {on}" if on else "none any more"
    return add_word(session, lead, LeadAction.FOLLOW_UP, actor=actor, now=now, note=note)


_DUE = (
    sa.select(Lead, Post)
    .outerjoin(Post, Post.id == Lead.top_post_id)
    .where(
        # The few of that day come first: SQLite would look at every lead that is not merged instead.
        Lead.id.in_(sa.select(Lead.id).where(Lead.follow_up_on <= sa.bindparam("today", type_=sa.Date()))),
        Lead.stage.not_in(CLOSED_STAGES),
        Lead.merged_into_id.is_(None),
        sa.or_(Lead.assignee_id == sa.bindparam("user_id", type_=sa.Integer()), Lead.assignee_id.is_(None)),
    )
    .order_by(Lead.follow_up_on, Lead.id)
    .limit(_SHOWN_REMINDERS)
)


def due_follow_ups(session: Session, user: User, today: date) -> list[FollowUp]:
    """Open leads, of this user or of nobody, to which somebody wanted to come back by today; oldest first."""
    return [
        FollowUp(lead, top, is_overdue=lead.follow_up_on is not None and lead.follow_up_on < today)
        for lead, top in session.execute(_DUE, {"today": today, "user_id": user.id})
    ]


def set_decision_maker(session: Session, lead_id: int, who: str, *, actor: User, now: datetime) -> LeadEvent | None:
    """Who decides, where it is not the writer; an empty text: not known. None when that is so already."""
    name = " ".join(who.split()) or None
    if name and len(name) > MAX_DECISION_MAKER:
        raise InvalidInput(f"Say who decides in at most {MAX_DECISION_MAKER} characters.")
    lead = get(session, lead_id)
    if lead.decision_maker == name:
        return None
    lead.decision_maker = name
    note = f"Decides: {name}" if name else "It is not known any more who decides."
    return add_word(session, lead, LeadAction.NOTE, actor=actor, now=now, note=note)
