"""A reply's one way out."""

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.db import Sessions
from overheard.errors import InvalidInput, NotFound, ReplyRefused, WrongStage
from overheard.leads import funnel
from overheard.models import Lead, Reply
from overheard.replying import replies
from overheard.vocabulary import ReplyState, SendingWay, Stage
from tests.factories import Cast, make_cast, make_lead
from tests.overheard.reply_rows import ANSWER, LINE, drafted, guard, promoted, sent


def test_a_reply_is_written_approved_posted_by_hand_and_marked_sent(
    session: Session, cast: Cast, now: datetime
) -> None:
    lead = promoted(session, cast.sam, now=now)
    draft = replies.start_draft(session, lead.id, actor=cast.sam, guard=guard(), now=now)
    assert (draft.state, draft.text) == (ReplyState.DRAFT, f"\n\n{LINE}")
    replies.edit_draft(session, draft.id, text=ANSWER, actor=cast.sam, now=now)
    approved = replies.approve(session, draft.id, actor=cast.sam, guard=guard(), now=now)
    assert (approved.state, approved.way, approved.approved_at) == (ReplyState.APPROVED, SendingWay.ASSISTED, now)
    address = "https://www.reddit.com/r/bakers/comments/ask1/which_crm_for_a_bakery/abc9/?context=3"
    gone = replies.mark_sent(session, draft.id, permalink=address, actor=cast.sam, now=now)
    assert (gone.state, gone.remote_id, gone.sent_at) == (ReplyState.SENT, "t1_abc9", now)
    session.expire_all()
    assert session.get_one(Lead, lead.id).stage is Stage.REPLIED


def test_only_a_promoted_lead_is_written_to(session: Session, cast: Cast, now: datetime) -> None:
    lead = make_lead(session, now=now)
    with pytest.raises(WrongStage, match="promote it first"):
        replies.start_draft(session, lead.id, actor=cast.sam, guard=guard(), now=now)


def test_a_lead_that_is_not_there_and_a_post_of_another_lead_are_told(
    session: Session, cast: Cast, now: datetime
) -> None:
    lead, other = promoted(session, cast.sam, now=now), promoted(session, cast.sam, now=now, number=2)
    with pytest.raises(NotFound, match="no lead 999"):
        replies.start_draft(session, 999, actor=cast.sam, guard=guard(), now=now)
    with pytest.raises(NotFound, match="no such post"):
        replies.start_draft(session, lead.id, actor=cast.sam, guard=guard(), now=now, post_id=other.top_post_id)


def test_beginning_twice_gives_the_same_draft_back(session: Session, cast: Cast, now: datetime) -> None:
    draft = drafted(session, cast.sam, now=now)
    assert draft.lead_id is not None
    again = replies.start_draft(session, draft.lead_id, actor=cast.sam, guard=guard(), now=now)
    assert (again.id, again.text) == (draft.id, ANSWER)


def test_of_two_who_write_to_one_person_the_second_is_told_who_was_first(
    session: Session, cast: Cast, now: datetime
) -> None:
    draft = drafted(session, cast.sam, now=now)
    assert draft.lead_id is not None
    with pytest.raises(ReplyRefused, match="Sam has a reply to this person under way") as refused:
        replies.start_draft(session, draft.lead_id, actor=cast.sue, guard=guard(), now=now)
    assert refused.value.refusals[0].guardrail == "contact_once"
    replies.discard(session, draft.id, actor=cast.sam, now=now)
    assert replies.start_draft(session, draft.lead_id, actor=cast.sue, guard=guard(), now=now).author_id == cast.sue.id


def test_the_database_itself_lets_nobody_write_two_live_replies_to_a_post(sessions: Sessions, now: datetime) -> None:
    with sessions.begin() as session:
        cast = make_cast(session, now=now)
        first = drafted(session, cast.sam, now=now)
        values = {c.name: getattr(first, c.name) for c in Reply.__table__.columns if c.name not in {"id", "key"}}
    with sessions() as session, pytest.raises(sa.exc.IntegrityError):
        session.execute(sa.insert(Reply).values(**values | {"key": "another", "recipient_hash": "somebody else"}))
    with sessions() as session, pytest.raises(sa.exc.IntegrityError):
        session.execute(sa.insert(Reply).values(**values | {"key": "another", "target": "another post"}))
    with sessions.begin() as session:
        session.execute(sa.insert(Reply).values(**values | {"key": "another", "state": ReplyState.DISCARDED}))


def test_a_post_that_was_answered_is_never_answered_again(session: Session, cast: Cast, now: datetime) -> None:
    gone = sent(session, cast.sam, now=now)
    assert gone.lead_id is not None
    later = now + timedelta(days=400)
    with pytest.raises(ReplyRefused, match="answered this post already"):
        replies.start_draft(session, gone.lead_id, actor=cast.sam, guard=guard(), now=later)


def test_only_the_writer_approves_and_an_admin_may_discard(session: Session, cast: Cast, now: datetime) -> None:
    draft = drafted(session, cast.sam, now=now)
    with pytest.raises(WrongStage, match="is Sam's"):
        replies.edit_draft(session, draft.id, text="mine", actor=cast.sue, now=now)
    with pytest.raises(WrongStage, match="only they can approve"):
        replies.approve(session, draft.id, actor=cast.alice, guard=guard(), now=now)
    assert replies.discard(session, draft.id, actor=cast.alice, now=now).state is ReplyState.DISCARDED


def test_what_is_approved_cannot_be_changed_but_taken_back(session: Session, cast: Cast, now: datetime) -> None:
    draft = drafted(session, cast.sam, now=now)
    replies.approve(session, draft.id, actor=cast.sam, guard=guard(), now=now)
    with pytest.raises(WrongStage, match="cannot be changed now: it is approved"):
        replies.edit_draft(session, draft.id, text="other words", actor=cast.sam, now=now)
    with pytest.raises(WrongStage, match="cannot be approved now"):
        replies.approve(session, draft.id, actor=cast.sam, guard=guard(), now=now)
    assert replies.take_back(session, draft.id, actor=cast.sam, now=now).approved_at is None
    replies.edit_draft(session, draft.id, text="other words", actor=cast.sam, now=now)


def test_what_was_not_approved_cannot_be_marked_sent(session: Session, cast: Cast, now: datetime) -> None:
    draft = drafted(session, cast.sam, now=now)
    address = "https://www.reddit.com/r/bakers/comments/ask1/_/abc9/"
    with pytest.raises(WrongStage, match="cannot be marked as sent now: it is draft"):
        replies.mark_sent(session, draft.id, permalink=address, actor=cast.sam, now=now)


@pytest.mark.parametrize(
    ("pasted", "told"),
    [
        ("", "Paste the address"),
        ("my reply", "no web address"),
        ("https://www.reddit.com/r/bakers/comments/ask1/", "the post that you answered"),
        ("https://www.reddit.com/r/bakers/comments/other/_/abc9/", "another thread"),
        ("https://www.reddit.com/r/bakers/", "not the address of a post at Reddit"),
        ("https://news.ycombinator.com/item?id=5", "leads to news.ycombinator.com"),
        ("javascript:alert(1)", "no web address"),
    ],
)
def test_a_pasted_address_that_cannot_be_the_reply_is_told(
    session: Session, cast: Cast, now: datetime, pasted: str, told: str
) -> None:
    draft = drafted(session, cast.sam, now=now)
    replies.approve(session, draft.id, actor=cast.sam, guard=guard(), now=now)
    with pytest.raises(InvalidInput, match=told):
        replies.mark_sent(session, draft.id, permalink=pasted, actor=cast.sam, now=now)


def test_one_address_is_the_proof_of_one_reply(session: Session, cast: Cast, now: datetime) -> None:
    gone = sent(session, cast.sam, now=now)
    assert gone.lead_id is not None
    other = drafted(session, cast.sam, now=now, number=2, permalink="https://www.reddit.com/r/bakers/comments/ask1/")
    loose = guard(near_copy=0, pause_minutes=0)
    replies.approve(session, other.id, actor=cast.sam, guard=loose, now=now)
    with pytest.raises(InvalidInput, match="another reply of ours"):
        replies.mark_sent(session, other.id, permalink=gone.permalink or "", actor=cast.sam, now=now)


def test_a_text_too_long_for_any_platform_is_refused(session: Session, cast: Cast, now: datetime) -> None:
    draft = drafted(session, cast.sam, now=now)
    with pytest.raises(InvalidInput, match="at most 10,000 characters"):
        replies.edit_draft(session, draft.id, text="a" * 10_001, actor=cast.sam, now=now)


def test_a_prospect_is_still_a_person_one_may_answer(session: Session, cast: Cast, now: datetime) -> None:
    gone = sent(session, cast.sam, now=now)
    assert gone.lead_id is not None
    funnel.make_prospect(session, gone.lead_id, actor=cast.sam, now=now)
    with pytest.raises(ReplyRefused, match="answered this post already"):  # and not WrongStage
        replies.start_draft(session, gone.lead_id, actor=cast.sam, guard=guard(contact_days=0), now=now)
