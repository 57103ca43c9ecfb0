from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from overheard.errors import InvalidInput, WrongStage
from overheard.leads import claims, funnel, lead_notes
from overheard.vocabulary import DisqualifyReason, LeadAction
from tests.factories import Cast, make_lead

DAY = timedelta(days=1)


def test_a_note_stands_on_the_timeline_with_who_wrote_it(session: Session, cast: Cast, now: datetime) -> None:
    lead = make_lead(session, now=now)
    lead_notes.add_note(session, lead.id, " Knows our founder. ", actor=cast.mara, now=now)
    event = funnel.timeline(session, lead.id)[-1]
    assert (event.action, event.note, event.actor) == (LeadAction.NOTE, "Knows our founder.", cast.mara)
    with pytest.raises(InvalidInput, match="empty note"):
        lead_notes.add_note(session, lead.id, " \n ", actor=cast.mara, now=now)


def test_one_word_is_one_tag_however_it_is_written(session: Session, cast: Cast, now: datetime) -> None:
    lead = make_lead(session, now=now)
    assert lead_notes.add_tag(session, lead.id, " #Trade  Fair", actor=cast.sam, now=now) is not None
    assert lead_notes.add_tag(session, lead.id, "trade fair", actor=cast.sam, now=now) is None
    lead_notes.add_tag(session, lead.id, "Big", actor=cast.sam, now=now)
    assert lead_notes.tags_of(session, [lead.id]) == {lead.id: ["big", "trade fair"]}
    assert lead_notes.remove_tag(session, lead.id, "BIG", actor=cast.sam, now=now) is not None
    assert lead_notes.remove_tag(session, lead.id, "big", actor=cast.sam, now=now) is None
    assert lead_notes.tags_of(session, [lead.id]) == {lead.id: ["trade fair"]}
    assert lead_notes.known_tags(session) == ["trade fair"]


@pytest.mark.parametrize("tag", ["", "  ", "#", "x" * 41])
def test_a_tag_has_a_bounded_length(session: Session, cast: Cast, now: datetime, tag: str) -> None:
    lead = make_lead(session, now=now)
    with pytest.raises(InvalidInput, match="1 to 40 characters"):
        lead_notes.add_tag(session, lead.id, tag, actor=cast.sam, now=now)


def test_a_lead_has_a_bounded_number_of_tags(session: Session, cast: Cast, now: datetime) -> None:
    lead = make_lead(session, now=now)
    for number in range(lead_notes.MAX_TAGS):
        lead_notes.add_tag(session, lead.id, f"tag {number}", actor=cast.sam, now=now)
    with pytest.raises(InvalidInput, match="at most 20 tags"):
        lead_notes.add_tag(session, lead.id, "one more", actor=cast.sam, now=now)


def test_a_follow_up_comes_back_on_its_day_and_is_overdue_after_it(session: Session, cast: Cast, now: datetime) -> None:
    lead, today = make_lead(session, now=now), now.date()
    lead_notes.set_follow_up(session, lead.id, today + DAY, actor=cast.sam, now=now)
    assert lead_notes.due_follow_ups(session, cast.sam, today) == []
    on_the_day, after = (lead_notes.due_follow_ups(session, cast.sam, today + days * DAY) for days in (1, 2))
    assert [(due.lead.id, due.is_overdue) for due in (*on_the_day, *after)] == [(lead.id, False), (lead.id, True)]
    lead_notes.set_follow_up(session, lead.id, None, actor=cast.sam, now=now)
    assert lead_notes.due_follow_ups(session, cast.sam, today + 2 * DAY) == []


def test_nobody_is_reminded_of_a_colleagues_lead_or_of_one_that_is_out(
    session: Session, cast: Cast, now: datetime
) -> None:
    sues, out = make_lead(session, now=now), make_lead(session, now=now)
    for lead in (sues, out):
        lead_notes.set_follow_up(session, lead.id, now.date(), actor=cast.sue, now=now)
    claims.assign(session, sues.id, cast.sue, cast.sue.id, now)
    funnel.disqualify(session, out.id, reason=DisqualifyReason.STALE, actor=cast.sue, now=now)
    assert lead_notes.due_follow_ups(session, cast.sam, now.date()) == []
    assert [due.lead.id for due in lead_notes.due_follow_ups(session, cast.sue, now.date())] == [sues.id]


def test_a_follow_up_lies_ahead_and_on_a_lead_that_is_open(session: Session, cast: Cast, now: datetime) -> None:
    lead = make_lead(session, now=now)
    for day in (now.date() - DAY, now.date() + 733 * DAY):
        with pytest.raises(InvalidInput, match="today or within two years"):
            lead_notes.set_follow_up(session, lead.id, day, actor=cast.sam, now=now)
    funnel.disqualify(session, lead.id, reason=DisqualifyReason.STALE, actor=cast.sam, now=now)
    with pytest.raises(WrongStage, match="is disqualified"):
        lead_notes.set_follow_up(session, lead.id, now.date(), actor=cast.sam, now=now)


def test_who_decides_is_written_down_and_told_on_the_timeline(session: Session, cast: Cast, now: datetime) -> None:
    lead = make_lead(session, now=now)
    lead_notes.set_decision_maker(session, lead.id, " The  owner, Rosa ", actor=cast.sam, now=now)
    assert lead.decision_maker == "The owner, Rosa"
    assert funnel.timeline(session, lead.id)[-1].note == "Decides: The owner, Rosa"
    assert lead_notes.set_decision_maker(session, lead.id, "The owner, Rosa", actor=cast.sam, now=now) is None
    lead_notes.set_decision_maker(session, lead.id, "", actor=cast.sam, now=now)
    assert lead.decision_maker is None
