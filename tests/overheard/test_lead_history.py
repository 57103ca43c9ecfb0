from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from overheard.desk import board
from overheard.leads import funnel, lead_notes, people_links
from overheard.leads.lead_history import history, overdue
from overheard.models import Answer, Reply
from overheard.settings import DeskSettings
from overheard.vocabulary import DisqualifyReason, LeadAction, ReplyState, SendingWay, Stage
from tests.factories import POSTED, Cast, make_campaign, make_lead

LIMITS = DeskSettings()
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def test_everything_that_happened_is_one_list_in_its_order(session: Session, cast: Cast, now: datetime) -> None:
    lead = make_lead(session, now=now)
    funnel.promote(session, lead.id, actor=cast.sam, now=now + HOUR)
    reply = Reply(
        lead_id=lead.id,
        post_id=lead.top_post_id,
        platform=lead.platform,
        community="r/bakers",
        target="t3_1",
        recipient=lead.author,
        recipient_hash="h",
        author_id=cast.sam.id,
        state=ReplyState.SENT,
        way=SendingWay.ASSISTED,
        text="Hello",
        sketch=b"",
        key="k",
        created_at=now,
        changed_at=now,
        sent_at=now + 2 * HOUR,
        overrides=[],
    )
    session.add(reply)
    session.flush()
    heard = {"platform": lead.platform, "external_id": "t1_2", "is_recipient": True, "text": "Tell me more"}
    session.add(Answer(reply_id=reply.id, collected_at=now + 4 * HOUR, posted_at=now + 3 * HOUR, **heard))
    lead_notes.add_note(session, lead.id, "Nice people.", actor=cast.sam, now=now + 4 * HOUR)
    told = [(moment.kind, moment.at) for moment in history(session, lead.id)]
    assert told == [
        ("post", POSTED),
        ("qualify", now),
        ("promote", now + HOUR),
        ("reply", now + 2 * HOUR),
        ("answer", now + 3 * HOUR),
        ("note", now + 4 * HOUR),
    ]


def test_the_history_of_a_lead_that_was_taken_over_is_told_along(session: Session, cast: Cast, now: datetime) -> None:
    lead, other = make_lead(session, now=now), make_lead(session, now=now)
    lead_notes.add_note(session, other.id, "From the fair.", actor=cast.sam, now=now)
    people_links.merge(session, other.id, lead.id, actor=cast.sam, now=now)
    told = history(session, lead.id)
    assert [moment.kind for moment in told].count("post") == 2
    assert "From the fair." in [moment.event.note for moment in told if moment.event]


@pytest.mark.parametrize(("hours", "told"), [(24, None), (25, "no first contact for 25 hours")])
def test_a_promoted_lead_that_nobody_wrote_to_is_marked(
    session: Session, cast: Cast, now: datetime, hours: int, told: str | None
) -> None:
    lead = make_lead(session, now=now)
    funnel.promote(session, lead.id, actor=cast.sam, now=now)
    later = now + hours * HOUR
    assert overdue(session, [lead], limits=LIMITS, now=later).get(lead.id) == told
    off = DeskSettings(first_contact_hours=0, idle_days=0)
    assert overdue(session, [lead], limits=off, now=later) == {}


def test_a_lead_at_work_on_which_nothing_happens_is_marked_until_somebody_does_something(
    session: Session, cast: Cast, now: datetime
) -> None:
    lead = make_lead(session, now=now)
    funnel.promote(session, lead.id, actor=cast.sam, now=now)
    funnel.record_reply(session, lead.id, actor=cast.sam, now=now)
    later = now + 15 * DAY
    assert overdue(session, [lead], limits=LIMITS, now=later) == {lead.id: "nothing happened for 15 days"}
    lead_notes.add_note(session, lead.id, "Called.", actor=cast.sam, now=later - HOUR)
    assert overdue(session, [lead], limits=LIMITS, now=later) == {}


def test_a_lead_with_a_follow_up_ahead_is_not_idle_and_one_behind_is_overdue(
    session: Session, cast: Cast, now: datetime
) -> None:
    lead = make_lead(session, now=now)
    funnel.promote(session, lead.id, actor=cast.sam, now=now)
    funnel.record_reply(session, lead.id, actor=cast.sam, now=now)
    lead_notes.set_follow_up(session, lead.id, now.date() + 30 * DAY, actor=cast.sam, now=now)
    assert overdue(session, [lead], limits=LIMITS, now=now + 20 * DAY) == {}
    assert overdue(session, [lead], limits=LIMITS, now=now + 31 * DAY) == {lead.id: "follow-up was due on 2026-12-20"}


def test_what_waits_for_a_decision_or_is_closed_is_never_overdue(session: Session, cast: Cast, now: datetime) -> None:
    fresh, out = make_lead(session, now=now), make_lead(session, now=now)
    funnel.disqualify(session, out.id, reason=DisqualifyReason.STALE, actor=cast.sam, now=now)
    assert overdue(session, [fresh, out], limits=LIMITS, now=now + 90 * DAY) == {}


# --- the board -----------------------------------------------------------------------------------------------------


def test_the_board_shows_every_stage_with_its_leads_and_where_they_can_go(
    session: Session, cast: Cast, now: datetime
) -> None:
    waiting, promoted = make_lead(session, now=now), make_lead(session, now=now)
    funnel.promote(session, promoted.id, actor=cast.sam, now=now)
    promoted.assignee_id = cast.sue.id
    columns = {one.stage: one for one in board.columns(session, limits=LIMITS, now=now + 2 * DAY)}
    assert list(columns) == list(board.COLUMNS)
    assert [card.lead.id for card in columns[Stage.MARKETING_QUALIFIED].cards] == [waiting.id]
    card = columns[Stage.SALES_QUALIFIED].cards[0]
    assert (card.lead.id, card.item.assignee, card.fit) == (promoted.id, "Sue", None)
    assert card.overdue == "no first contact for 2 days"
    assert columns[Stage.SALES_QUALIFIED].ways == {
        Stage.MARKETING_QUALIFIED: LeadAction.PUSH_BACK,
        Stage.REPLIED: LeadAction.RECORD_REPLY,
        Stage.LOST: LeadAction.LOSE,
        Stage.DISQUALIFIED: LeadAction.DISQUALIFY,
    }


def test_the_board_of_one_campaign_shows_only_its_leads_and_counts_all(session: Session, now: datetime) -> None:
    rye = make_campaign(session, now=now)
    other = make_campaign(session, now=now, name="Barley CRM", queries={"q": "plumber"})
    for _ in range(board.CARDS + 2):
        make_lead(session, now=now, campaign=rye)
    mine = {one.stage: one for one in board.columns(session, campaign_id=other.id, limits=LIMITS, now=now)}
    assert mine[Stage.MARKETING_QUALIFIED].total == 0
    everybodys = {one.stage: one for one in board.columns(session, limits=LIMITS, now=now)}
    column = everybodys[Stage.MARKETING_QUALIFIED]
    assert (column.total, len(column.cards)) == (board.CARDS + 2, board.CARDS)
