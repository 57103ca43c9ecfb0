"""A deleted post takes with it what was not sent; what stands out there stays, without their words."""

from datetime import datetime

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.errors import ReplyRefused
from overheard.leads.qualify import qualify
from overheard.listening import erasure
from overheard.models import Answer, Lead, Reply
from overheard.replying import replies
from overheard.vocabulary import Platform, ReplyState
from tests.factories import Cast, new_post, predict, store
from tests.overheard.reply_rows import ANSWER, approved_to_send, drafted, sent

GONE = {(Platform.REDDIT, "t3_ask1"): "deleted"}


def answered(session: Session, reply: Reply, now: datetime) -> None:
    session.add(
        Answer(
            reply_id=reply.id,
            platform=Platform.REDDIT,
            external_id="t1_answer",
            author="baker1",
            is_recipient=True,
            text="Thanks, a sheet it is.",
            permalink="https://www.reddit.com/r/bakers/comments/ask1/_/answer/",
            collected_at=now,
        )
    )
    session.flush()


def test_drafts_and_what_waits_to_be_sent_go_with_their_post(session: Session, cast: Cast, now: datetime) -> None:
    drafted(session, cast.sam, now=now, text="You said: Looking for a simple CRM.")
    approved_to_send(session, cast.sam, now=now, number=2)
    dropped = drafted(session, cast.sam, now=now, number=3)
    replies.discard(session, dropped.id, actor=cast.sam, now=now)
    erasure.erase(session, {(Platform.REDDIT, f"t3_ask{number}"): "deleted" for number in (1, 2, 3)}, now=now)
    assert session.scalars(sa.select(Reply)).all() == []


def test_drafts_to_other_posts_stay(session: Session, cast: Cast, now: datetime) -> None:
    drafted(session, cast.sam, now=now)
    other = drafted(session, cast.sam, now=now, number=2)
    erasure.erase(session, GONE, now=now)
    assert session.scalars(sa.select(Reply.id)).all() == [other.id]


def test_what_was_sent_stays_without_anything_of_theirs(session: Session, cast: Cast, now: datetime) -> None:
    reply = sent(session, cast.sam, now=now, text=f"> Looking for a simple CRM.\n{ANSWER}")
    answered(session, reply, now)
    session.execute(
        sa.update(Reply).values(permalink="https://www.reddit.com/r/bakers/comments/ask1/which_crm/reply1/")
    )
    erasure.erase(session, GONE, now=now)
    session.expire_all()
    left = session.get_one(Reply, reply.id)
    assert (left.state, left.text, left.recipient) == (ReplyState.SENT, ANSWER, None)
    assert (left.post_id, left.lead_id) == (None, None)
    assert left.permalink == "https://www.reddit.com/r/bakers/comments/ask1/_/reply1/"
    answer = session.scalars(sa.select(Answer)).one()
    assert (answer.text, answer.author, answer.permalink) == ("", None, None)


def test_as_long_as_the_lead_stands_so_does_what_they_answered(session: Session, cast: Cast, now: datetime) -> None:
    reply = sent(session, cast.sam, now=now)
    answered(session, reply, now)
    lead = session.get_one(Lead, reply.lead_id)
    (post,) = store(session, new_post(author="baker1", external_id="t3_more"), now=now)
    predict(session, post, now=now)
    qualify(session, model_version="tiny-1", threshold=0.5, now=now)
    erasure.erase(session, GONE, now=now)
    session.expire_all()
    left = session.get_one(Reply, reply.id)
    assert (left.lead_id, left.recipient, left.post_id) == (lead.id, "baker1", None)
    assert session.scalars(sa.select(Answer.text)).one() == "Thanks, a sheet it is."


def test_who_was_written_to_is_not_written_to_again_after_an_erasure(
    session: Session, cast: Cast, now: datetime
) -> None:
    sent(session, cast.sam, now=now)
    erasure.erase(session, GONE, now=now)
    with pytest.raises(ReplyRefused) as refused:
        drafted(session, cast.sam, now=now, number=4, author="baker1")
    assert [refusal.guardrail for refusal in refused.value.refusals] == ["contact_once"]
