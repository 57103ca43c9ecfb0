import threading
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from overheard.db import Sessions
from overheard.errors import InvalidInput, NotFound, WrongStage
from overheard.labelling.labels import Seen, standing
from overheard.leads import funnel
from overheard.models import Label, LeadEvent, User
from overheard.vocabulary import DisqualifyReason, LeadAction, Stage
from tests.factories import MODEL, Cast, make_cast, make_lead

LATER = timedelta(minutes=5)


def test_promoting_moves_the_lead_and_says_that_the_post_is_a_lead(session: Session, cast: Cast, now: datetime) -> None:
    lead = make_lead(session, now=now, score=0.83)
    event = funnel.promote(session, lead.id, actor=cast.sam, now=now + LATER, seen=Seen(position=3))
    assert (lead.stage, lead.stage_changed_at) == (Stage.SALES_QUALIFIED, now + LATER)
    assert (event.from_stage, event.to_stage, event.actor_id) == (
        Stage.MARKETING_QUALIFIED,
        Stage.SALES_QUALIFIED,
        cast.sam.id,
    )
    label = session.scalars(sa.select(Label)).one()
    assert (label.is_lead, label.score, label.model_version, label.position) == (True, 0.83, MODEL, 3)
    assert (label.post_id, label.actor_id, label.shown_because) == (lead.top_post_id, cast.sam.id, "top")


@pytest.mark.parametrize("reason", DisqualifyReason)
def test_only_not_a_buyer_and_no_need_are_negative_labels(
    session: Session, cast: Cast, now: datetime, reason: DisqualifyReason
) -> None:
    lead = make_lead(session, now=now)
    funnel.disqualify(session, lead.id, reason=reason, note="see thread", actor=cast.sam, now=now)
    expected = {DisqualifyReason.NOT_A_BUYER: False, DisqualifyReason.NO_NEED: False, DisqualifyReason.OTHER: None}
    label = session.scalars(sa.select(Label)).one()
    assert (label.is_lead, label.reason) == (expected.get(reason, True), reason)


def test_other_needs_a_note(session: Session, cast: Cast, now: datetime) -> None:
    lead = make_lead(session, now=now)
    for note in (None, "", "   "):
        with pytest.raises(InvalidInput, match="needs a note"):
            funnel.disqualify(session, lead.id, reason=DisqualifyReason.OTHER, note=note, actor=cast.sam, now=now)
    assert lead.stage is Stage.MARKETING_QUALIFIED


def test_a_note_has_a_bounded_length(session: Session, cast: Cast, now: datetime) -> None:
    lead = make_lead(session, now=now)
    with pytest.raises(InvalidInput, match="at most 2000 characters"):
        funnel.disqualify(session, lead.id, reason=DisqualifyReason.STALE, note="x" * 2001, actor=cast.sam, now=now)


def test_a_step_from_the_wrong_stage_says_who_was_there_before(session: Session, cast: Cast, now: datetime) -> None:
    lead = make_lead(session, now=now)
    funnel.promote(session, lead.id, actor=cast.sue, now=now)
    with pytest.raises(WrongStage, match="cannot be promoted now: Sue promoted it on 2026-11-20 at 09:30 UTC"):
        funnel.promote(session, lead.id, actor=cast.sam, now=now)


def test_reopening_withdraws_what_was_said(session: Session, cast: Cast, now: datetime) -> None:
    lead = make_lead(session, now=now)
    funnel.disqualify(session, lead.id, reason=DisqualifyReason.NO_NEED, actor=cast.sam, now=now)
    funnel.reopen(session, lead.id, actor=cast.sue, now=now)
    assert lead.stage is Stage.MARKETING_QUALIFIED
    assert standing(session) == []


def test_a_lead_that_does_not_exist_is_said_so(session: Session, cast: Cast, now: datetime) -> None:
    with pytest.raises(NotFound, match="no lead 4711"):
        funnel.promote(session, 4711, actor=cast.sam, now=now)


# --- undo --------------------------------------------------------------------------------------------------------


def test_undo_takes_decisions_back_step_by_step(session: Session, cast: Cast, now: datetime) -> None:
    lead = make_lead(session, now=now)
    funnel.promote(session, lead.id, actor=cast.sam, now=now)
    funnel.disqualify(session, lead.id, reason=DisqualifyReason.STALE, actor=cast.sam, now=now)
    assert funnel.undo(session, lead.id, actor=cast.sam, now=now).to_stage is Stage.SALES_QUALIFIED
    assert [label.is_lead for label in standing(session)] == [True]
    funnel.undo(session, lead.id, actor=cast.sam, now=now)
    assert lead.stage is Stage.MARKETING_QUALIFIED
    assert standing(session) == []
    with pytest.raises(WrongStage, match="no decision that could be taken back"):
        funnel.undo(session, lead.id, actor=cast.sam, now=now)


def test_taking_a_reopening_back_lets_the_label_stand_again(session: Session, cast: Cast, now: datetime) -> None:
    lead = make_lead(session, now=now)
    funnel.disqualify(session, lead.id, reason=DisqualifyReason.NO_NEED, actor=cast.sam, now=now)
    funnel.reopen(session, lead.id, actor=cast.sam, now=now)
    funnel.undo(session, lead.id, actor=cast.sam, now=now)
    assert lead.stage is Stage.DISQUALIFIED
    assert [label.is_lead for label in standing(session)] == [False]


def test_nobody_takes_back_what_somebody_else_decided(session: Session, cast: Cast, now: datetime) -> None:
    lead = make_lead(session, now=now)
    funnel.promote(session, lead.id, actor=cast.sue, now=now)
    with pytest.raises(WrongStage, match="not yours: Sue promoted it"):
        funnel.undo(session, lead.id, actor=cast.sam, now=now)


def test_history_cannot_be_rewritten(session: Session, now: datetime) -> None:
    make_lead(session, now=now)
    with pytest.raises(DBAPIError, match="lead_events is append-only"):
        session.execute(sa.update(LeadEvent).values(note="it was never so"))


# --- two at once -------------------------------------------------------------------------------------------------


def test_of_two_people_who_promote_at_once_one_wins_and_the_other_is_told_who(
    sessions: Sessions, now: datetime
) -> None:
    with sessions.begin() as session:
        cast = make_cast(session, now=now)
        lead_ids = [make_lead(session, now=now).id for _ in range(10)]
    outcomes: list[str] = []

    def promote_all(actor: User, barrier: threading.Barrier) -> None:
        for lead_id in lead_ids:
            barrier.wait(timeout=20)
            try:
                with sessions.begin() as session:
                    funnel.promote(session, lead_id, actor=actor, now=now)
                outcomes.append("won")
            except WrongStage as error:
                outcomes.append(str(error))

    barrier = threading.Barrier(2)
    threads = [threading.Thread(target=promote_all, args=(actor, barrier)) for actor in (cast.sam, cast.sue)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert outcomes.count("won") == len(lead_ids)
    told = [outcome for outcome in outcomes if outcome != "won"]
    assert len(told) == len(lead_ids)
    assert all("Sam promoted it" in outcome or "Sue promoted it" in outcome for outcome in told)
    with sessions() as session:
        promotions = sa.select(sa.func.count()).where(LeadEvent.action == LeadAction.PROMOTE)
        assert session.scalar(promotions) == len(lead_ids)
        assert session.scalar(sa.select(sa.func.count()).select_from(Label)) == len(lead_ids)
