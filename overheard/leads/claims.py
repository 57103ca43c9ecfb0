"""Who works on a lead: claimed while somebody looks at it, assigned for good, snoozed until later.

A claim ends by itself. Claiming is one `UPDATE` that asks whether the lead is free, so of two people who claim at once
one gets it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.days import local, told
from overheard.db import rows
from overheard.errors import InvalidInput, WrongStage
from overheard.leads.leads import lead_by_id
from overheard.models import Lead, LeadEvent, User
from overheard.vocabulary import LeadAction, Role, Stage

LASTS = timedelta(minutes=5)
"""How long a claim lasts that is not renewed, where no setting says otherwise."""
MAX_CLAIMS = 100
MAX_SNOOZE = timedelta(days=366)

MAY_WORK = (User.role.in_((Role.SDR, Role.ADMIN)), User.disabled_at.is_(None))
"""The condition that a lead can be assigned to somebody."""

_CLOSED = frozenset({Stage.DISQUALIFIED, Stage.WON, Stage.LOST})


class Claimed(WrongStage):
    """Somebody else looks at this lead just now."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who looks at a lead, and until when it is theirs."""

    user_id: int
    name: str
    until: datetime


def free_for(actor_id: int | None, now: datetime) -> sa.ColumnElement[bool]:
    """The condition that nobody but the actor holds a lead. For nobody (None): that nobody at all holds it."""
    free = sa.or_(Lead.claimed_until.is_(None), Lead.claimed_until <= now)
    return free if actor_id is None else sa.or_(free, Lead.claimed_by_id == actor_id)


_ENDS = (
    sa.select(sa.func.min(column).label("at")).where(column > sa.bindparam("at", type_=Lead.claimed_until.type))
    for column in (Lead.claimed_until, Lead.snoozed_until)
)
_NEXT_END = sa.select(sa.func.min(sa.union_all(*_ENDS).subquery().c.at))


def next_end(session: Session, now: datetime) -> datetime | None:
    """When the next claim ends, or the next snooze, though nobody does anything."""
    found: datetime | None = rows(session, _NEXT_END, {"at": now})[0][0]
    return found


def claim(session: Session, lead_id: int, actor: User, now: datetime, *, lasts: timedelta = LASTS) -> datetime:
    """Make a lead the actor's for a while, or for longer if it is theirs already; until when. `Claimed` says whose."""
    if not claim_many(session, [lead_id], actor, now, lasts=lasts):
        refuse_if_held(session, lead_by_id(session, lead_id), actor, now)
    return now + lasts


def claim_many(
    session: Session,
    lead_ids: Iterable[int],
    actor: User,
    now: datetime,
    *,
    lasts: timedelta = LASTS,
    stage: Stage | None = None,
) -> list[int]:
    """Claim those that are free; which the actor holds now. `stage`: only those that wait there, awake.

    Whoever looks at a page that was made a while ago would else claim what was decided since.
    """
    wanted = sorted(set(lead_ids))
    if len(wanted) > MAX_CLAIMS:
        raise InvalidInput(f"Claim at most {MAX_CLAIMS} leads at once, not {len(wanted)}.")
    free = [Lead.id.in_(wanted), free_for(actor.id, now)]
    if stage is not None:
        awake = sa.or_(Lead.snoozed_until.is_(None), Lead.snoozed_until <= now)
        free += [Lead.stage == stage, awake, Lead.merged_into_id.is_(None)]
    # In the order of their ids: two people who claim the same ones would else wait for each other.
    session.execute(sa.select(Lead.id).where(*free).order_by(Lead.id).with_for_update())
    claimed = session.scalars(
        sa.update(Lead)
        .where(*free)
        .values(claimed_by_id=actor.id, claimed_until=now + lasts)
        .execution_options(synchronize_session=False)
        .returning(Lead.id)
    )
    return sorted(claimed)


def release(session: Session, lead_ids: Iterable[int], actor: User) -> None:
    """Give back what the actor holds of these."""
    held = sa.update(Lead).where(Lead.id.in_(list(lead_ids)), Lead.claimed_by_id == actor.id)
    released = held.values(claimed_by_id=None, claimed_until=None)
    session.execute(released.execution_options(synchronize_session=False))


def holders(session: Session, lead_ids: Iterable[int], now: datetime, *, but: User | None = None) -> dict[int, Holder]:
    """Who looks at these leads, by lead; `but` leaves one person out."""
    statement = (
        sa.select(Lead.id, User.id, User.name, Lead.claimed_until)
        .join(User, User.id == Lead.claimed_by_id)
        .where(Lead.id.in_(list(lead_ids)), Lead.claimed_until > now)
    )
    if but is not None:
        statement = statement.where(User.id != but.id)
    return {
        lead_id: Holder(user_id, name, until)
        for lead_id, user_id, name, until in session.execute(statement)
        if until is not None
    }


def refuse_if_held(session: Session, lead: Lead, actor: User, now: datetime) -> None:
    """`Claimed`, with who and until when, if somebody else looks at the lead."""
    holder = holders(session, [lead.id], now, but=actor).get(lead.id)
    if holder is not None:
        raise Claimed(
            f"{holder.name} is looking at lead {lead.id} until {local(holder.until):%H:%M %Z}. "
            "Take another one, or wait until then."
        )


def snooze(session: Session, lead_id: int, actor: User, until: datetime | None, now: datetime) -> LeadEvent:
    """Take a lead out of the queue until then; without a time it comes back at once."""
    lead = lead_by_id(session, lead_id)
    refuse_if_held(session, lead, actor, now)
    if until is not None:
        if not now < until <= now + MAX_SNOOZE:
            raise InvalidInput(f"A lead is snoozed until a time within the next {MAX_SNOOZE.days} days.")
        if lead.stage in _CLOSED:
            raise WrongStage(f"Lead {lead_id} cannot be snoozed: it is {lead.stage.display}.")
    _set(session, lead, snoozed_until=until, claimed_by_id=None, claimed_until=None)
    note = f"until {told(until)}" if until else "back in the queue"
    return _event(session, lead, LeadAction.SNOOZE, note, actor=actor, now=now)


def assign(session: Session, lead_id: int, actor: User, assignee_id: int | None, now: datetime) -> LeadEvent:
    """Make it somebody's lead, or nobody's."""
    lead = lead_by_id(session, lead_id)
    refuse_if_held(session, lead, actor, now)
    assignee = None if assignee_id is None else session.get(User, assignee_id)
    if assignee_id is not None and (assignee is None or not _may_work(assignee)):
        raise InvalidInput("A lead is assigned to somebody who works with leads: an SDR or an admin.")
    _set(session, lead, assignee_id=assignee_id)
    note = f"to {assignee.name}" if assignee else "to nobody"
    return _event(session, lead, LeadAction.ASSIGN, note, actor=actor, now=now)


def assignable(session: Session) -> Sequence[User]:
    """To whom a lead can be assigned, by name."""
    return session.scalars(sa.select(User).where(*MAY_WORK).order_by(User.name, User.id)).all()


def _may_work(user: User) -> bool:
    return user.disabled_at is None and user.role in (Role.SDR, Role.ADMIN)


def _set(session: Session, lead: Lead, **values: datetime | int | None) -> None:
    statement = sa.update(Lead).where(Lead.id == lead.id).values(**values)
    session.execute(statement.execution_options(synchronize_session=False))
    session.refresh(lead)


def _event(session: Session, lead: Lead, action: LeadAction, note: str, *, actor: User, now: datetime) -> LeadEvent:
    event = LeadEvent(lead_id=lead.id, action=action, to_stage=lead.stage, actor_id=actor.id, at=now, note=note)
    session.add(event)
    session.flush()
    return event
