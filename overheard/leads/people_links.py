"""One person, one card: two leads of a campaign that are one person become one, and can be parted again.

The posts go to the lead that stays, and so does what the other's author says next. Everything else stays where it was
written; the lead that stays shows it all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.errors import InvalidInput, WrongStage
from overheard.leads.funnel import add_word, get
from overheard.leads.qualify import refresh, signals_by
from overheard.models import Contact, Lead, LeadEvent, Post, Signal, User
from overheard.vocabulary import LeadAction, Stage

_MAX_PROPOSALS = 5
_SHORTEST_HANDLE = 3  # two letters are many people's
# How far somebody has come. A lead that is out holds nobody back: either of the two may stay.
_PROGRESS = {
    Stage.DISQUALIFIED: 0,
    Stage.MARKETING_QUALIFIED: 0,
    Stage.SALES_QUALIFIED: 1,
    Stage.REPLIED: 2,
    Stage.PROSPECT: 3,
    Stage.LOST: 4,
    Stage.WON: 5,
}


@dataclass(frozen=True, slots=True)
class Likeness:
    """Another lead that may be the same person, and why."""

    lead: Lead
    top: Post | None
    because: str


def merge(session: Session, lead_id: int, into_id: int, *, actor: User, now: datetime) -> LeadEvent:
    """Let one lead take over another one of the same person. The one that has come further stays."""
    if lead_id == into_id:
        raise InvalidInput("A lead cannot be merged into itself.")
    # Two who merge at once, each into the other's, would make a circle: the second waits, and is refused.
    session.execute(sa.select(Lead.id).where(Lead.id.in_([lead_id, into_id])).order_by(Lead.id).with_for_update())
    lead, into = get(session, lead_id), get(session, into_id)
    if lead.campaign_id != into.campaign_id:
        raise InvalidInput("These leads are of two campaigns: one person may buy in both.")
    if _PROGRESS[lead.stage] > _PROGRESS[into.stage]:
        raise WrongStage(
            f"Lead {lead_id} is {lead.stage.display} and has come further than lead {into_id}: "
            f"merge lead {into_id} into it."
        )
    _move_signals(session, Signal.lead_id == lead_id, into_id)
    taken_over = sa.update(Lead).where(sa.or_(Lead.id == lead_id, Lead.merged_into_id == lead_id))
    taken_over = taken_over.values(merged_into_id=into_id, claimed_by_id=None, claimed_until=None)
    session.execute(taken_over.execution_options(synchronize_session=False))
    refresh(session, [into_id])
    _read_again(session, lead, into)
    add_word(session, lead, LeadAction.MERGE, actor=actor, now=now, note=f"Merged into lead {into_id}.")
    note = f"Took over lead {lead_id}."  # not whose it was: this event stays when they are erased
    return add_word(session, into, LeadAction.MERGE, actor=actor, now=now, note=note)


def unmerge(session: Session, lead_id: int, *, actor: User, now: datetime) -> LeadEvent:
    """Part a lead again from the one that has taken it over: its author's posts come back to it."""
    lead = session.get(Lead, lead_id, populate_existing=True)
    into_id = lead.merged_into_id if lead else None
    if lead is None or into_id is None:
        raise WrongStage(f"Lead {lead_id} stands for itself: it was not merged, or somebody has parted it already.")
    into = get(session, into_id)
    _move_signals(session, Signal.id.in_(signals_by(session, into_id, lead)), lead_id)
    lead.merged_into_id = None
    session.flush()
    refresh(session, [lead_id, into_id])
    _read_again(session, lead)
    if session.scalar(sa.select(Lead.id).where(Lead.id == into_id)) is not None:
        add_word(session, into, LeadAction.MERGE, actor=actor, now=now, note=f"Parted from lead {lead_id}.")
    return add_word(session, lead, LeadAction.MERGE, actor=actor, now=now, note=f"Parted from lead {into_id}.")


def part_all(session: Session, lead: Lead) -> None:
    """Let every lead that this one has taken over stand for itself again, as this one is to go."""
    for other in taken_over(session, lead.id):
        _move_signals(session, Signal.id.in_(signals_by(session, lead.id, other)), other.id)
        session.execute(sa.update(Lead).where(Lead.id == other.id).values(merged_into_id=None))
        refresh(session, [other.id])


def taken_over(session: Session, lead_id: int) -> Sequence[Lead]:
    """The leads that this one has taken over."""
    return session.scalars(sa.select(Lead).where(Lead.merged_into_id == lead_id).order_by(Lead.id)).all()


def likenesses(session: Session, lead: Lead) -> list[Likeness]:
    """Leads of the campaign that may be the same person: the same handle elsewhere, the same e-mail or site."""
    found = {
        other.id: (other, because) for other, because in (*_same_contact(session, lead), *_same_handle(session, lead))
    }
    found.pop(lead.id, None)
    kept = list(found.values())[:_MAX_PROPOSALS]
    posts = {
        post.id: post
        for post in session.scalars(
            sa.select(Post).where(Post.id.in_([other.top_post_id for other, _ in kept if other.top_post_id]))
        )
    }
    return [Likeness(other, posts.get(other.top_post_id or 0), because) for other, because in kept]


def _same_handle(session: Session, lead: Lead) -> list[tuple[Lead, str]]:
    names = {lead.author}
    if top := session.get(Post, lead.top_post_id) if lead.top_post_id else None:
        names |= {top.author_name or lead.author}
    handles = {form for name in names for form in _forms(name)}
    statement = _of_campaign(lead).where(Lead.platform != lead.platform)
    by_key = statement.where(Lead.author.in_(handles))
    by_name = statement.join(Post, Post.id == Lead.top_post_id).where(Post.author_name.in_(handles))
    return [
        (other, f"the same name on {other.platform.display}")
        for found in (by_key, by_name)
        for other in session.scalars(found.limit(_MAX_PROPOSALS))
    ]


def _forms(name: str) -> set[str]:
    """How a handle may be written elsewhere: without `u/` and `@`, without the server behind it."""
    bare = name.strip().removeprefix("u/").lstrip("@")
    local = bare.partition("@")[0].removesuffix(".bsky.social")
    return {form for form in (bare, bare.lower(), local, local.lower()) if len(form) >= _SHORTEST_HANDLE}


def _same_contact(session: Session, lead: Lead) -> list[tuple[Lead, str]]:
    mine = sa.select(Contact.kind, Contact.value).where(Contact.lead_id == lead.id).subquery()
    statement = (
        sa.select(Lead, Contact.kind)
        .join(Contact, Contact.lead_id == Lead.id)
        .join(mine, (mine.c.kind == Contact.kind) & (mine.c.value == Contact.value))
        .where(Lead.campaign_id == lead.campaign_id, Lead.id != lead.id, Lead.merged_into_id.is_(None))
    )
    rows = session.execute(statement.order_by(Lead.id).limit(_MAX_PROPOSALS))
    return [(other, f"the same {kind.display}") for other, kind in rows]


def _of_campaign(lead: Lead) -> sa.Select[Lead]:
    others = sa.select(Lead).where(Lead.campaign_id == lead.campaign_id, Lead.merged_into_id.is_(None))
    return others.order_by(Lead.id)


def _move_signals(session: Session, these: sa.ColumnElement[bool], lead_id: int) -> None:
    moved = sa.update(Signal).where(these).values(lead_id=lead_id)
    session.execute(moved.execution_options(synchronize_session=False))
    session.expire_all()


def _read_again(session: Session, *leads: Lead) -> None:
    for lead in leads:
        session.refresh(lead)
