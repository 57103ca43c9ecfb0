"""What people do with leads, from stage to stage. The only writer of `Lead.stage`.

    (post) ─qualify─▶ marketing_qualified ─promote─▶ sales_qualified ─record_reply─▶ replied ─make_prospect─▶ prospect
                         │  ▲                           │                            │
                         └──┼──── disqualify(reason) ◀──┴────────────────────────────┘
                    disqualified ─reopen─▶ marketing_qualified

    sales_qualified ─push_back(note)─▶ marketing_qualified
    prospect ─win─▶ won
    sales_qualified, replied, prospect ─lose(note)─▶ lost

Each move is one `UPDATE … WHERE id = :id AND stage = :from`: of two people who act at once, one wins and the other
is told who was faster. Each move is an event, and what a person decides about a post is a label. Words about a lead
that move nothing (a note, a tag) are events too; no step counts them.
"""

from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from overheard.days import local
from overheard.errors import InvalidInput, WrongStage
from overheard.labelling import labels
from overheard.labelling.labels import Seen
from overheard.leads import claims, do_not_contact
from overheard.leads.leads import lead_by_id
from overheard.models import Lead, LeadEvent, User
from overheard.vocabulary import DisqualifyReason, LeadAction, Stage

MAX_NOTE = 2_000

# From which stages a person may take each step.
OPEN_FROM = {
    LeadAction.PROMOTE: frozenset({Stage.MARKETING_QUALIFIED}),
    LeadAction.PUSH_BACK: frozenset({Stage.SALES_QUALIFIED}),
    LeadAction.RECORD_REPLY: frozenset({Stage.SALES_QUALIFIED}),
    LeadAction.MAKE_PROSPECT: frozenset({Stage.REPLIED}),
    LeadAction.WIN: frozenset({Stage.PROSPECT}),
    LeadAction.LOSE: frozenset({Stage.SALES_QUALIFIED, Stage.REPLIED, Stage.PROSPECT}),
    LeadAction.DISQUALIFY: frozenset({Stage.MARKETING_QUALIFIED, Stage.SALES_QUALIFIED, Stage.REPLIED}),
    LeadAction.REOPEN: frozenset({Stage.DISQUALIFIED}),
}

# What happened out there is written down, whoever looks at the lead.
_FACTS = frozenset({LeadAction.RECORD_REPLY, LeadAction.MAKE_PROSPECT})

# And to which it leads.
LEADS_TO = {
    LeadAction.PROMOTE: Stage.SALES_QUALIFIED,
    LeadAction.PUSH_BACK: Stage.MARKETING_QUALIFIED,
    LeadAction.RECORD_REPLY: Stage.REPLIED,
    LeadAction.MAKE_PROSPECT: Stage.PROSPECT,
    LeadAction.WIN: Stage.WON,
    LeadAction.LOSE: Stage.LOST,
    LeadAction.DISQUALIFY: Stage.DISQUALIFIED,
    LeadAction.REOPEN: Stage.MARKETING_QUALIFIED,
}

_ANSWERED = frozenset({Stage.REPLIED, Stage.PROSPECT, Stage.WON, Stage.LOST})

# The way from what a person qualified to what was bought.
_ONWARDS = (Stage.SALES_QUALIFIED, Stage.REPLIED, Stage.PROSPECT, Stage.WON)

# What somebody did to a lead, and what it cannot be any more.
_DONE = {
    LeadAction.QUALIFY: ("qualified", "qualified"),
    LeadAction.PROMOTE: ("promoted", "promoted"),
    LeadAction.PUSH_BACK: ("pushed back", "pushed back"),
    LeadAction.RECORD_REPLY: ("replied to", "marked as replied"),
    LeadAction.MAKE_PROSPECT: ("made a prospect of", "made a prospect"),
    LeadAction.WIN: ("won", "won"),
    LeadAction.LOSE: ("lost", "given up as lost"),
    LeadAction.DISQUALIFY: ("disqualified", "disqualified"),
    LeadAction.REOPEN: ("reopened", "reopened"),
    LeadAction.UNDO: ("took back a step of", "changed"),
}


def promote(session: Session, lead_id: int, *, actor: User, now: datetime, seen: Seen | None = None) -> LeadEvent:
    """MQL → SQL: a person says that this is worth an answer. `WrongStage` tells who was faster."""
    lead = get(session, lead_id)
    event = _move(session, lead, LeadAction.PROMOTE, actor=actor, now=now)
    labels.record(session, lead, event, seen=seen)
    return event


def push_back(session: Session, lead_id: int, *, note: str, actor: User, now: datetime) -> LeadEvent:
    """SQL → MQL: sales hands a lead back to marketing and says why.

    What the promotion said about the post stands: only `not_a_buyer` and `no_need` say that there was no intent, and
    whoever means that disqualifies. Handing back says that it is too early or not sales' turn.
    """
    note = _needed(note, "Handing a lead back needs a note: say what marketing should know.")
    lead = get(session, lead_id)
    return _move(session, lead, LeadAction.PUSH_BACK, actor=actor, now=now, note=note)


def record_reply(session: Session, lead_id: int, *, actor: User, now: datetime) -> LeadEvent | None:
    """SQL → replied: somebody has written to them. A second reply moves nothing, and the answer is None."""
    lead = get(session, staying(session, lead_id))
    if lead.stage in _ANSWERED:
        return None
    return _move(session, lead, LeadAction.RECORD_REPLY, actor=actor, now=now)


def make_prospect(session: Session, lead_id: int, *, actor: User, now: datetime) -> LeadEvent:
    """Replied → prospect: they answered positively."""
    lead = get(session, staying(session, lead_id))
    return _move(session, lead, LeadAction.MAKE_PROSPECT, actor=actor, now=now)


def win(session: Session, lead_id: int, *, actor: User, now: datetime) -> LeadEvent:
    """Prospect → won: they bought."""
    lead = get(session, lead_id)
    return _move(session, lead, LeadAction.WIN, actor=actor, now=now)


def lose(session: Session, lead_id: int, *, note: str, actor: User, now: datetime) -> LeadEvent:
    """They did not buy, and why. Their post did show a need, so this is no word about its intent."""
    note = _needed(note, "A lost lead needs a reason: say why they did not buy.")
    lead = get(session, lead_id)
    return _move(session, lead, LeadAction.LOSE, actor=actor, now=now, note=note)


def follow(session: Session, lead_id: int, to: Stage, *, because: str, now: datetime) -> None:
    """Bring a lead onwards to where sales' own system has it, step by step. No person did it, so no claim is in the
    way, and no label is made of it. `WrongStage` when there is no way onwards, and nothing has moved.
    """
    lead = get(session, lead_id)
    if to is Stage.LOST and lead.stage in OPEN_FROM[LeadAction.LOSE]:
        steps = [LeadAction.LOSE]
    elif lead.stage in _ONWARDS and to in _ONWARDS[_ONWARDS.index(lead.stage) + 1 :]:
        steps = [
            ways_from(at)[onto] for at, onto in pairwise(_ONWARDS[_ONWARDS.index(lead.stage) : _ONWARDS.index(to) + 1])
        ]
    else:
        raise WrongStage(f"There is no way onwards from {lead.stage.display} to {to.display}.")
    for step in steps:
        _move(session, lead, step, actor=None, now=now, note=because)


def disqualify(
    session: Session,
    lead_id: int,
    *,
    reason: DisqualifyReason,
    actor: User,
    now: datetime,
    note: str | None = None,
    seen: Seen | None = None,
    key: str | None = None,
) -> LeadEvent:
    """Put a lead out, with a reason; `other` needs a note. `do_not_contact` writes its author down on the
    list of that name, if its `key` is given.
    """
    note = checked_note(note)
    if reason is DisqualifyReason.OTHER and not note:
        raise InvalidInput("The reason 'other' needs a note: say what it was.")
    lead = get(session, lead_id)
    event = _move(
        session,
        lead,
        LeadAction.DISQUALIFY,
        actor=actor,
        now=now,
        reason=reason,
        note=note,
    )
    labels.record(session, lead, event, seen=seen)
    if reason is DisqualifyReason.DO_NOT_CONTACT and key is not None:
        said = "Disqualified as do not contact."
        do_not_contact.add(session, key, lead.platform, lead.author, reason=said, actor=actor, now=now)
    return event


def reopen(session: Session, lead_id: int, *, actor: User, now: datetime) -> LeadEvent:
    """Bring a disqualified lead back into the queue. What was said about its post is withdrawn."""
    lead = get(session, lead_id)
    event = _move(session, lead, LeadAction.REOPEN, actor=actor, now=now)
    _settle_labels(session, lead_id, now=now)
    return event


def undo(session: Session, lead_id: int, *, actor: User, now: datetime) -> LeadEvent:
    """Take back the last decision about a lead that has not been taken back yet; again goes a step further back.

    A person takes back what they did themselves: `WrongStage` names who decided last otherwise.
    """
    lead = get(session, lead_id)
    last = last_decision(timeline(session, lead_id))
    if last is None or last.from_stage is None:
        raise WrongStage(f"Lead {lead_id} has no decision that could be taken back.")
    if last.actor_id != actor.id:
        raise WrongStage(f"The last step was not yours: {_told(last)} Reopen or disqualify the lead instead.")
    event = _move(session, lead, LeadAction.UNDO, actor=actor, now=now, back=(last.to_stage, last.from_stage))
    _settle_labels(session, lead_id, now=now)
    if last.reason is DisqualifyReason.DO_NOT_CONTACT:
        do_not_contact.take_off(session, actor=actor, at=last.at, now=now)
    return event


def set_aside(session: Session, lead_ids: Iterable[int], *, because: str, actor: User, now: datetime) -> list[int]:
    """Take leads out of the queue by a rule, not by a look at each: no label is made of it. What somebody looks at just
    now stays theirs; those that left.
    """
    left = []
    for lead_id in lead_ids:
        try:
            lead = get(session, lead_id)
            if lead.stage is not Stage.MARKETING_QUALIFIED:
                continue
            _move(
                session,
                lead,
                LeadAction.DISQUALIFY,
                actor=actor,
                now=now,
                reason=DisqualifyReason.OTHER,
                note=because,
            )
        except WrongStage:
            continue
        left.append(lead_id)
    return left


def bring_back(
    session: Session, campaign_id: int, *, because: str, at: datetime, actor: User, now: datetime
) -> list[int]:
    """Undo what a rule did at that time, where that was the last step; those that wait again."""
    statement = (
        sa.select(LeadEvent)
        .join(Lead, Lead.id == LeadEvent.lead_id)
        .where(
            Lead.campaign_id == campaign_id,
            Lead.stage == Stage.DISQUALIFIED,
            LeadEvent.action == LeadAction.DISQUALIFY,
            LeadEvent.note == because,
            LeadEvent.at == at,
        )
    )
    back = []
    for event in session.scalars(statement.order_by(LeadEvent.id)).all():
        last = last_decision(timeline(session, event.lead_id))
        if last is None or last.id != event.id:
            continue
        try:
            steps = (Stage.DISQUALIFIED, Stage.MARKETING_QUALIFIED)
            _move(session, get(session, event.lead_id), LeadAction.UNDO, actor=actor, now=now, back=steps, note=None)
        except WrongStage:
            continue
        back.append(event.lead_id)
    return back


def ways_from(stage: Stage) -> dict[Stage, LeadAction]:
    """Where a lead of this stage can go next, and by which step."""
    return {LEADS_TO[action]: action for action, stages in OPEN_FROM.items() if stage in stages}


def timeline(session: Session, lead_id: int) -> list[LeadEvent]:
    """All events of a lead, oldest first, with their actors."""
    statement = (
        sa.select(LeadEvent)
        .where(LeadEvent.lead_id == lead_id)
        .order_by(LeadEvent.id)
        .options(joinedload(LeadEvent.actor))
    )
    return list(session.scalars(statement))


def add_word(
    session: Session, lead: Lead, action: LeadAction, *, actor: User | None, now: datetime, note: str | None = None
) -> LeadEvent:
    """Put a word that moves nothing on the timeline: a note, an assignment, a tag. Actor None: the system itself."""
    event = LeadEvent(
        lead_id=lead.id,
        action=action,
        to_stage=lead.stage,
        actor_id=actor.id if actor else None,
        at=now,
        note=note,
    )
    session.add(event)
    session.flush()
    return event


def staying(session: Session, lead_id: int) -> int:
    """The lead that has taken this one over, or itself."""
    return session.scalar(sa.select(Lead.merged_into_id).where(Lead.id == lead_id)) or lead_id


def last_decision(events: Iterable[LeadEvent]) -> LeadEvent | None:
    """The last step that nobody took back, of a timeline: what undo would take back now."""
    decisions = _standing_decisions(events)
    return decisions[-1] if decisions else None


def _standing_decisions(events: Iterable[LeadEvent]) -> list[LeadEvent]:
    """The decisions that nobody took back, oldest first."""
    standing: list[LeadEvent] = []
    for event in events:
        if event.action is LeadAction.UNDO:
            standing.pop()
        elif event.action.is_move and event.action is not LeadAction.QUALIFY:
            standing.append(event)
    return standing


def _settle_labels(session: Session, lead_id: int, *, now: datetime) -> None:
    """What was said stands as long as the decision does, and until the lead is opened anew."""
    decisions: list[int] = []
    for event in _standing_decisions(timeline(session, lead_id)):
        decisions = [] if event.action is LeadAction.REOPEN else [*decisions, event.id]
    labels.settle(session, lead_id, decisions=decisions, now=now)


def get(session: Session, lead_id: int) -> Lead:
    """The lead; `NotFound` when there is none, `WrongStage` when another has taken it over."""
    lead = lead_by_id(session, lead_id)
    if lead.merged_into_id is not None:
        raise WrongStage(f"Lead {lead_id} was merged into lead {lead.merged_into_id}: go on there.")
    return lead


def _move(
    session: Session,
    lead: Lead,
    action: LeadAction,
    *,
    actor: User | None,
    now: datetime,
    back: tuple[Stage, Stage] | None = None,
    reason: DisqualifyReason | None = None,
    note: str | None = None,
) -> LeadEvent:
    """`back`: from which stage to which, for a step that is taken back and has no line in the tables."""
    from_stage = lead.stage
    open_from, to_stage = ({back[0]}, back[1]) if back else (OPEN_FROM[action], LEADS_TO[action])
    if from_stage not in open_from:
        raise _wrong_stage(session, lead.id, action)
    moved = session.execute(
        sa.update(Lead)
        .where(
            Lead.id == lead.id,
            Lead.stage == from_stage,
            sa.true() if action in _FACTS or actor is None else claims.free_for(actor.id, now),
        )
        .values(stage=to_stage, stage_changed_at=now, claimed_by_id=None, claimed_until=None)
        .execution_options(synchronize_session=False)
        .returning(Lead.id)
    ).one_or_none()
    if moved is None:
        if actor is not None:
            claims.refuse_if_held(session, lead, actor, now)
        raise _wrong_stage(session, lead.id, action)
    session.refresh(lead)
    event = LeadEvent(
        lead_id=lead.id,
        action=action,
        from_stage=from_stage,
        to_stage=to_stage,
        actor_id=actor.id if actor else None,
        at=now,
        reason=reason,
        note=note,
    )
    session.add(event)
    session.flush()  # the label needs its id
    return event


def _wrong_stage(session: Session, lead_id: int, action: LeadAction) -> WrongStage:
    moves = [event for event in timeline(session, lead_id) if event.action.is_move]
    return WrongStage(f"Lead {lead_id} cannot be {_DONE[action][1]} now: {_told(moves[-1])}")


def _told(event: LeadEvent) -> str:
    who = event.actor.name if event.actor else "Overheard"
    at = local(event.at)
    return f"{who} {_DONE[event.action][0]} it on {at:%Y-%m-%d} at {at:%H:%M %Z}."


def checked_note(note: str | None) -> str | None:
    """A note without space around it, None when nothing is left; `InvalidInput` when it is too long."""
    note = (note or "").strip() or None
    if note and len(note) > MAX_NOTE:
        raise InvalidInput(f"A note has at most {MAX_NOTE} characters; this one has {len(note)}.")
    return note


def _needed(note: str, complaint: str) -> str:
    checked = checked_note(note)
    if checked is None:
        raise InvalidInput(complaint)
    return checked
