"""Deciding on several leads at once, and what a day's work adds up to."""

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.desk import bulk
from overheard.desk.tally import Tally, today
from overheard.errors import InvalidInput
from overheard.leads import claims, funnel
from overheard.models import Label, Lead, LeadEvent
from overheard.vocabulary import DisqualifyReason, LeadAction, Stage
from tests.factories import Cast, make_lead


def test_each_of_a_group_gets_its_own_label_and_event_and_one_undo_takes_all_back(
    session: Session, cast: Cast, now: datetime
) -> None:
    leads = [make_lead(session, now=now).id for _ in range(3)]
    outcome = bulk.disqualify(session, leads, reason=DisqualifyReason.NOT_A_BUYER, actor=cast.sam, now=now)
    assert (outcome.done, outcome.refused) == (leads, {})
    labels = session.scalars(sa.select(Label).order_by(Label.lead_id)).all()
    assert [(label.lead_id, label.is_lead, label.shown_because) for label in labels] == [
        (lead, False, "bulk") for lead in leads
    ]
    put_out = sa.select(LeadEvent.lead_id).where(LeadEvent.action == LeadAction.DISQUALIFY)
    assert sorted(session.scalars(put_out)) == leads
    assert bulk.undo(session, leads, actor=cast.sam, now=now).done == leads
    assert set(session.scalars(sa.select(Lead.stage))) == {Stage.MARKETING_QUALIFIED}
    session.expire_all()
    assert all(label.withdrawn_at == now for label in session.scalars(sa.select(Label)))


def test_one_that_cannot_be_put_out_stops_none_of_the_others(session: Session, cast: Cast, now: datetime) -> None:
    free, held, decided = (make_lead(session, now=now).id for _ in range(3))
    claims.claim(session, held, cast.sue, now)
    funnel.disqualify(session, decided, reason=DisqualifyReason.STALE, actor=cast.sue, now=now)
    outcome = bulk.disqualify(
        session, [free, held, decided, 999], reason=DisqualifyReason.STALE, actor=cast.sam, now=now
    )
    assert outcome.done == [free]
    assert "Sue is looking at" in outcome.refused[held]
    assert "Sue disqualified it" in outcome.refused[decided]
    assert "no lead 999" in outcome.refused[999]


def test_a_group_has_a_bounded_size_and_other_needs_a_note(session: Session, cast: Cast, now: datetime) -> None:
    groups: list[list[int]] = [[], list(range(1, 102))]
    for leads in groups:
        with pytest.raises(InvalidInput, match="Name 1 to 100 leads"):
            bulk.disqualify(session, leads, reason=DisqualifyReason.STALE, actor=cast.sam, now=now)
    with pytest.raises(InvalidInput, match="needs a note"):
        bulk.disqualify(session, [1], reason=DisqualifyReason.OTHER, actor=cast.sam, now=now)


def test_the_tally_counts_what_stands_of_today(session: Session, cast: Cast, now: datetime) -> None:
    yesterday = now - timedelta(hours=10)
    one, two, three, four = (make_lead(session, now=yesterday).id for _ in range(4))
    funnel.promote(session, one, actor=cast.sam, now=yesterday)
    funnel.promote(session, two, actor=cast.sam, now=now)
    funnel.disqualify(session, three, reason=DisqualifyReason.STALE, actor=cast.sam, now=now)
    funnel.undo(session, three, actor=cast.sam, now=now)
    funnel.disqualify(session, four, reason=DisqualifyReason.STALE, actor=cast.sue, now=now)
    session.flush()
    told = today(session, cast.sam, now)
    assert (told.mine, told.team) == (Tally(promoted=1), Tally(promoted=1, disqualified=1))
