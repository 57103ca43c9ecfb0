"""How replying goes, told from rows that are written here by hand, figure by figure."""

from datetime import datetime, timedelta
from itertools import count

import pytest
from sqlalchemy.orm import Session

from overheard.measuring.reply_totals import ReplyTotals, minutes_to_first_reply, reply_totals
from overheard.models import Answer, Lead, Post, Reply, User
from overheard.vocabulary import AnswerKind, Platform, ReplyState, SendingWay
from tests.factories import Cast, make_lead, new_post

_numbers = count(1)


def _asked(session: Session, at: datetime, *, now: datetime, posted: bool = True) -> Lead:
    """Somebody who asked at that time; where the platform did not say when, it was collected then."""
    said = new_post(author=f"baker{next(_numbers)}", posted_at=at if posted else None)
    lead = make_lead(session, now=now, post=said)
    session.get_one(Post, lead.top_post_id).collected_at = now if posted else at
    return lead


def _replied(
    session: Session,
    lead: Lead,
    author: User,
    at: datetime | None,
    *,
    state: ReplyState = ReplyState.SENT,
    to: str = "",
) -> Reply:
    """A reply, to the lead's post or to what stands below it."""
    post, number = session.get_one(Post, lead.top_post_id), next(_numbers)
    row = Reply(
        lead_id=lead.id,
        post_id=post.id,
        platform=Platform.REDDIT,
        community="r/bakers",
        target=to or post.external_id,
        recipient=lead.author,
        recipient_hash=f"hash {number}",
        author_id=author.id,
        state=state,
        way=SendingWay.ASSISTED,
        text="A shared sheet does it.",
        sketch=b"",
        key=f"key {number}",
        created_at=post.collected_at,
        changed_at=post.collected_at,
        sent_at=at,
    )
    session.add(row)
    session.flush()
    return row


def _answered(session: Session, reply: Reply, *, by_them: bool = True, meant: AnswerKind | None = None) -> None:
    session.add(
        Answer(
            reply_id=reply.id,
            platform=Platform.REDDIT,
            external_id=f"t1_{next(_numbers)}",
            is_recipient=by_them,
            text="Thanks!",
            collected_at=reply.sent_at or reply.created_at,
            proposed=AnswerKind.POSITIVE,  # the machine's word counts for nothing
            confirmed=meant,
        )
    )
    session.flush()


def test_rates_count_replies_that_went_out_and_people_who_answered(session: Session, cast: Cast, now: datetime) -> None:
    day = timedelta(days=1)
    leads = [_asked(session, now - 3 * day, now=now) for _ in range(7)]
    twice, well, bystander, silent, removed, former, draft = leads
    for number in range(2):
        _answered(session, reply := _replied(session, twice, cast.sam, now - day, to="" if number else "t1_below"))
    _answered(session, reply)  # a second answer to the same reply
    _answered(session, _replied(session, well, cast.sam, now - day), meant=AnswerKind.POSITIVE)
    _answered(session, _replied(session, bystander, cast.sue, now - day), by_them=False)
    _replied(session, silent, cast.sue, now - day)
    _replied(session, removed, cast.sue, now - day).removed_at = now
    _answered(session, _replied(session, former, cast.sam, now - 31 * day), meant=AnswerKind.POSITIVE)
    _replied(session, draft, cast.sam, None, state=ReplyState.DRAFT)
    session.flush()
    told = reply_totals(session, now=now)
    assert (told.sent, told.answered, told.positive, told.removed) == (6, 3, 1, 1)
    assert [told.reply_rate, told.positive_rate] == pytest.approx([3 / 6, 1 / 6])
    hers = reply_totals(session, now=now, user_id=cast.sue.id)
    assert (hers.sent, hers.answered, hers.positive, hers.reply_rate) == (3, 0, 0, 0.0)
    longer = reply_totals(session, now=now, days=32)
    assert (longer.sent, longer.answered, longer.positive) == (7, 4, 2)


def test_time_to_first_reply_is_the_median_over_leads_from_what_they_asked(
    session: Session, cast: Cast, now: datetime
) -> None:
    def after(minutes: float, lead: Lead, asked_at: datetime, to: str = "") -> None:
        _replied(session, lead, cast.sam, asked_at + timedelta(minutes=minutes), to=to)

    at = now - timedelta(days=2)
    slow, quick, unsaid, ahead, below = (_asked(session, at, now=now, posted=number != 2) for number in range(5))
    after(600, slow, at)
    after(5, quick, at)
    after(90, unsaid, at)  # counted from when it was collected
    after(-3, ahead, at)  # a clock that goes wrong
    after(1, below, at, to="t1_below")  # an answer to a comment is no first reply to what was asked
    assert reply_totals(session, now=now).minutes_to_reply == pytest.approx((5 + 90) / 2)
    assert [minutes_to_first_reply(session, lead.id) for lead in (slow, quick, unsaid, ahead, below)] == [
        pytest.approx(600),
        pytest.approx(5),
        pytest.approx(90),
        0.0,
        None,
    ]


def test_of_a_lead_the_first_reply_counts_and_without_any_nothing_is_told(
    session: Session, cast: Cast, now: datetime
) -> None:
    assert reply_totals(session, now=now) == ReplyTotals(30, 0, 0, 0, 0, None)
    assert reply_totals(session, now=now).reply_rate is None
    lead = _asked(session, now - timedelta(hours=5), now=now)
    _replied(session, lead, cast.sam, now - timedelta(hours=4)).state = ReplyState.FAILED
    session.flush()
    assert minutes_to_first_reply(session, lead.id) is None
    _replied(session, lead, cast.sue, now - timedelta(hours=3))
    assert minutes_to_first_reply(session, lead.id) == pytest.approx(120)
