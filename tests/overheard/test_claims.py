from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.db import Sessions
from overheard.errors import InvalidInput, NotFound, WrongStage
from overheard.leads import claims, funnel
from overheard.leads.claims import Claimed
from overheard.models import Lead, LeadEvent
from overheard.vocabulary import DisqualifyReason, LeadAction, Stage
from tests.factories import Cast, make_cast, make_lead

SOON = timedelta(minutes=4)
LATE = timedelta(minutes=5)


def test_a_claimed_lead_is_refused_to_others_with_who_and_until_when(
    session: Session, cast: Cast, now: datetime
) -> None:
    lead = make_lead(session, now=now)
    assert claims.claim(session, lead.id, cast.sam, now) == now + claims.LASTS
    for act in _acts(session, lead, cast, now + SOON):
        with pytest.raises(Claimed, match=r"Sam is looking at lead \d+ until 09:35 UTC"):
            act()
    assert session.get_one(Lead, lead.id, populate_existing=True).stage is Stage.MARKETING_QUALIFIED


def _acts(session: Session, lead: Lead, cast: Cast, now: datetime) -> list[Callable[[], object]]:
    sue = cast.sue
    return [
        lambda: claims.claim(session, lead.id, sue, now),
        lambda: claims.snooze(session, lead.id, sue, now + timedelta(days=1), now),
        lambda: claims.assign(session, lead.id, sue, sue.id, now),
        lambda: funnel.promote(session, lead.id, actor=sue, now=now),
        lambda: funnel.disqualify(session, lead.id, reason=DisqualifyReason.STALE, actor=sue, now=now),
    ]


def test_a_claim_that_ran_out_or_was_given_back_holds_nobody_off(session: Session, cast: Cast, now: datetime) -> None:
    one, other = make_lead(session, now=now).id, make_lead(session, now=now).id
    assert claims.claim_many(session, [one, other], cast.sam, now) == [one, other]
    claims.release(session, [other], cast.sue)  # not hers to give back
    assert set(claims.holders(session, [one, other], now)) == {one, other}
    claims.release(session, [other], cast.sam)
    assert claims.claim_many(session, [one, other], cast.sue, now) == [other]
    assert claims.claim_many(session, [one, other], cast.sue, now + LATE) == [one, other]
    funnel.promote(session, one, actor=cast.sue, now=now + LATE)


def test_a_claim_is_renewed_while_it_is_used(session: Session, cast: Cast, now: datetime) -> None:
    lead = make_lead(session, now=now).id
    claims.claim(session, lead, cast.sam, now)
    claims.claim(session, lead, cast.sam, now + SOON)
    assert claims.holders(session, [lead], now + LATE)[lead].name == "Sam"
    assert claims.holders(session, [lead], now + LATE, but=cast.sam) == {}


def test_of_two_who_claim_the_same_leads_at_once_each_lead_goes_to_one(sessions: Sessions, now: datetime) -> None:
    with sessions.begin() as session:
        cast = make_cast(session, now=now)
        leads = [make_lead(session, now=now).id for _ in range(8)]
    together = Barrier(2)

    def claim(who: str) -> list[int]:
        together.wait()
        mine: list[int] = []
        for lead in leads if who == "sam" else reversed(leads):
            with sessions.begin() as session:
                mine += claims.claim_many(session, [lead], getattr(cast, who), now)
        return mine

    with ThreadPoolExecutor(2) as pool:
        sams, sues = pool.map(claim, ("sam", "sue"))
    assert sorted(sams + sues) == leads


def test_of_two_who_claim_many_at_once_none_waits_for_ever_and_each_lead_goes_to_one(
    sessions: Sessions, now: datetime
) -> None:
    with sessions.begin() as session:
        cast = make_cast(session, now=now)
        leads = [make_lead(session, now=now).id for _ in range(6)]
    together = Barrier(2)

    def claim(who: str) -> list[int]:
        together.wait()
        with sessions.begin() as session:
            wanted = leads if who == "sam" else leads[::-1]
            return claims.claim_many(session, wanted, getattr(cast, who), now)

    with ThreadPoolExecutor(2) as pool:
        sams, sues = pool.map(claim, ("sam", "sue"))
    assert sorted(sams + sues) == leads


def test_whoever_clears_the_queue_claims_only_what_still_waits_in_it(
    session: Session, cast: Cast, now: datetime
) -> None:
    waiting, decided, snoozed, merged = (make_lead(session, now=now) for _ in range(4))
    funnel.promote(session, decided.id, actor=cast.sue, now=now)
    claims.snooze(session, snoozed.id, cast.sue, now + timedelta(days=1), now)
    merged.merged_into_id = waiting.id
    session.flush()
    leads = [lead.id for lead in (waiting, decided, snoozed, merged)]
    assert claims.claim_many(session, leads, cast.sam, now, stage=Stage.MARKETING_QUALIFIED) == [waiting.id]
    assert claims.claim_many(session, leads, cast.sam, now) == leads


def test_a_decision_ends_the_claim(session: Session, cast: Cast, now: datetime) -> None:
    lead = make_lead(session, now=now).id
    claims.claim(session, lead, cast.sam, now)
    funnel.promote(session, lead, actor=cast.sam, now=now)
    assert claims.holders(session, [lead], now) == {}
    funnel.disqualify(session, lead, reason=DisqualifyReason.STALE, actor=cast.sue, now=now)


def test_snoozing_ends_the_claim_and_is_written_down(session: Session, cast: Cast, now: datetime) -> None:
    lead = make_lead(session, now=now)
    claims.claim(session, lead.id, cast.sam, now)
    until = now + timedelta(days=1)
    event = claims.snooze(session, lead.id, cast.sam, until, now)
    assert (event.action, event.to_stage, event.note) == (LeadAction.SNOOZE, lead.stage, "until 2026-11-21 09:30 UTC")
    assert (lead.snoozed_until, lead.claimed_by_id) == (until, None)
    claims.snooze(session, lead.id, cast.sam, None, now)
    assert lead.snoozed_until is None


@pytest.mark.parametrize("days", [0, -1, 400])
def test_a_lead_is_snoozed_until_some_time_ahead_within_a_year(
    session: Session, cast: Cast, now: datetime, days: int
) -> None:
    lead = make_lead(session, now=now).id
    with pytest.raises(InvalidInput, match="within the next 366 days"):
        claims.snooze(session, lead, cast.sam, now + timedelta(days=days), now)


def test_what_is_closed_cannot_be_snoozed(session: Session, cast: Cast, now: datetime) -> None:
    lead = make_lead(session, now=now).id
    funnel.disqualify(session, lead, reason=DisqualifyReason.STALE, actor=cast.sam, now=now)
    with pytest.raises(WrongStage, match="it is disqualified"):
        claims.snooze(session, lead, cast.sam, now + timedelta(days=1), now)


def test_assigning_is_written_down_and_goes_to_those_who_work_with_leads(
    session: Session, cast: Cast, now: datetime
) -> None:
    lead = make_lead(session, now=now)
    claims.assign(session, lead.id, cast.sam, cast.sue.id, now)
    assert lead.assignee_id == cast.sue.id
    claims.assign(session, lead.id, cast.sam, None, now)
    assert lead.assignee_id is None
    cast.alice.disabled_at = now
    session.flush()
    for nobody in (cast.mara.id, cast.eli.id, cast.alice.id, 999):
        with pytest.raises(InvalidInput, match="somebody who works with leads"):
            claims.assign(session, lead.id, cast.sam, nobody, now)
    assert [user.name for user in claims.assignable(session)] == ["Sam", "Sue"]
    notes = session.scalars(sa.select(LeadEvent.note).where(LeadEvent.action == LeadAction.ASSIGN))
    assert list(notes) == ["to Sue", "to nobody"]


def test_undo_passes_over_words_that_moved_nothing(session: Session, cast: Cast, now: datetime) -> None:
    lead = make_lead(session, now=now)
    funnel.promote(session, lead.id, actor=cast.sam, now=now)
    claims.assign(session, lead.id, cast.sue, cast.sue.id, now)
    funnel.undo(session, lead.id, actor=cast.sam, now=now)
    assert lead.stage is Stage.MARKETING_QUALIFIED


def test_a_lead_that_is_not_there_is_said_so(session: Session, cast: Cast, now: datetime) -> None:
    with pytest.raises(NotFound, match="no lead 77"):
        claims.claim(session, 77, cast.sam, now)
    with pytest.raises(InvalidInput, match="at most 100"):
        claims.claim_many(session, range(1, 102), cast.sam, now)
