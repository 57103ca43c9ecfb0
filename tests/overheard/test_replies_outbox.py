"""The worker's side: one attempt for each reply, whatever happens, and a look afterwards."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.db import Sessions
from overheard.errors import NotFound, WrongStage
from overheard.models import ConnectedAccount, Lead, Post, Reply
from overheard.replying import connected_accounts, outbox, replies, reply_checks, reply_stops
from overheard.replying.conversations import TargetState, Thread
from overheard.replying.outbox import Failed, Sent, Unclear
from overheard.vocabulary import ReplyState, SendingWay, Stage
from tests.factories import Cast, make_cast
from tests.overheard.reply_rows import approved_to_send, connected, drafted, guard, sent

LEASE = timedelta(minutes=5)


def take(session: Session, now: datetime) -> Reply | None:
    return outbox.take_next(session, guard=guard(), now=now, lease=LEASE)


def test_an_approved_reply_is_taken_once_sent_and_the_lead_replied(session: Session, cast: Cast, now: datetime) -> None:
    reply = approved_to_send(session, cast.sam, now=now)
    taken = take(session, now)
    assert taken is not None
    assert (taken.id, taken.state, taken.way, taken.sending_until) == (
        reply.id, ReplyState.SENDING, SendingWay.DIRECT, now + LEASE,
    )  # fmt: skip
    assert take(session, now) is None
    outbox.settle(session, reply.id, Sent("t1_ours", "https://www.reddit.com/x"), now=now)
    done = replies.get(session, reply.id)
    assert (done.state, done.remote_id, done.sent_at) == (ReplyState.SENT, "t1_ours", now)
    session.expire_all()
    assert session.get_one(Lead, reply.lead_id).stage is Stage.REPLIED


def test_drafts_and_what_is_posted_by_hand_are_never_taken(session: Session, cast: Cast, now: datetime) -> None:
    drafted(session, cast.sam, now=now)
    by_hand = drafted(session, cast.sue, now=now, number=2)
    replies.approve(session, by_hand.id, actor=cast.sue, guard=guard(near_copy=0), now=now)
    assert take(session, now) is None


def test_of_two_workers_one_gets_the_reply(sessions: Sessions, now: datetime) -> None:
    with sessions.begin() as session:
        cast = make_cast(session, now=now)
        approved_to_send(session, cast.sam, now=now)

    def work(_: int) -> int | None:
        with sessions.begin() as session:
            taken = take(session, now)
            return taken.id if taken else None

    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(work, range(4)))
    assert len([one for one in taken if one is not None]) == 1


def test_an_account_sends_one_at_a_time_and_a_paused_one_nothing(session: Session, cast: Cast, now: datetime) -> None:
    account = connected(session, cast.sam, now=now)
    first = approved_to_send(session, cast.sam, now=now, account=account)
    approved_to_send(session, cast.sam, now=now, account=account, number=2)
    others = approved_to_send(session, cast.sue, now=now, number=3)
    assert (one := take(session, now)) is not None
    assert one.id == first.id
    assert (two := take(session, now)) is not None
    assert two.id == others.id
    assert take(session, now) is None
    outbox.settle(session, first.id, Failed("They said no."), now=now)
    session.execute(sa.update(ConnectedAccount).values(paused_at=now, paused_because="429"))
    assert take(session, now) is None


def test_what_somebody_approved_who_was_disabled_since_is_not_sent(session: Session, cast: Cast, now: datetime) -> None:
    reply = approved_to_send(session, cast.sam, now=now)
    cast.sam.disabled_at = now
    session.flush()
    assert take(session, now) is None
    cast.sam.disabled_at = None
    session.flush()
    assert (one := take(session, now)) is not None
    assert one.id == reply.id


def test_a_stop_holds_back_what_is_approved(session: Session, cast: Cast, now: datetime) -> None:
    reply = approved_to_send(session, cast.sam, now=now)
    reply_stops.stop(session, because="We look into something.", actor=None, now=now)
    assert take(session, now) is None
    assert replies.get(session, reply.id).state is ReplyState.APPROVED
    reply_stops.lift(session, now=now)
    assert outbox.take_next(session, guard=guard(stopped=True), now=now, lease=LEASE) is None
    assert take(session, now) is not None


def test_what_is_too_soon_waits_and_what_never_may_go_fails(session: Session, cast: Cast, now: datetime) -> None:
    sent(session, cast.sam, now=now, number=9, community="r/other")
    reply = approved_to_send(session, cast.sam, now=now)
    assert take(session, now) is None
    assert replies.get(session, reply.id).state is ReplyState.APPROVED
    session.execute(sa.update(Post).where(Post.id == reply.post_id).values(text_hash="other words"))
    session.expire_all()
    assert take(session, now + timedelta(minutes=5)) is None
    failed = replies.get(session, reply.id)
    assert (failed.state, "edited after" in (failed.error or "")) == (ReplyState.FAILED, True)


def test_words_that_nobody_approved_are_not_sent(session: Session, cast: Cast, now: datetime) -> None:
    reply = approved_to_send(session, cast.sam, now=now)
    session.execute(sa.update(Reply).where(Reply.id == reply.id).values(text="Buy now!"))
    assert take(session, now) is None
    assert "not the one that was approved" in (replies.get(session, reply.id).error or "")


def test_a_worker_that_died_leaves_an_ambiguous_reply_that_is_not_sent_again(
    session: Session, cast: Cast, now: datetime
) -> None:
    reply = approved_to_send(session, cast.sam, now=now)
    take(session, now)
    assert take(session, now + LEASE) is None
    assert replies.get(session, reply.id).state is ReplyState.AMBIGUOUS
    assert take(session, now + timedelta(days=1)) is None
    outbox.reconcile(session, reply.id, Sent("t1_found"), now=now)
    assert replies.get(session, reply.id).remote_id == "t1_found"


def test_what_a_slow_worker_knows_counts_after_its_lease(session: Session, cast: Cast, now: datetime) -> None:
    reply = approved_to_send(session, cast.sam, now=now)
    take(session, now)
    outbox.expire_leases(session, now=now + LEASE)
    outbox.settle(session, reply.id, Unclear("The line was cut."), now=now)
    outbox.settle(session, reply.id, Sent("t1_late"), now=now)
    assert replies.get(session, reply.id).state is ReplyState.SENT
    with pytest.raises(WrongStage, match="it is sent"):
        outbox.settle(session, reply.id, Failed("no"), now=now)
    with pytest.raises(WrongStage):
        outbox.reconcile(session, reply.id, None, now=now)


def test_what_is_unclear_is_read_back_by_the_machine_or_by_hand(session: Session, cast: Cast, now: datetime) -> None:
    for number, address, state in ((1, None, ReplyState.FAILED), (2, "ask2/_/abc/", ReplyState.SENT)):
        reply = approved_to_send(
            session, cast.sam if number == 1 else cast.sue, now=now, number=number, posted_at=now - timedelta(hours=1)
        )
        take(session, now)
        outbox.settle(session, reply.id, Unclear("503 after the request."), now=now)
        permalink = address and f"https://www.reddit.com/r/bakers/comments/{address}"
        author = reply.author
        settled = replies.reconcile_by_hand(session, reply.id, permalink=permalink, actor=author, now=now)
        assert settled.state is state


@pytest.mark.parametrize(
    ("thread", "goes"),
    [
        (Thread(posts=[]), True),
        (Thread(posts=[], target_state=TargetState.DELETED), False),
        (Thread(posts=[], is_locked=True), False),
        (Thread(posts=[], target_state=TargetState.EDITED), False),
        (Thread(posts=[], answered_by_us=True), False),
    ],
)
def test_the_thread_is_looked_at_once_more_before_sending(
    session: Session, cast: Cast, now: datetime, thread: Thread, *, goes: bool
) -> None:
    reply = approved_to_send(session, cast.sam, now=now)
    take(session, now)
    assert (outbox.recheck(session, reply.id, thread, guard=guard(), now=now) is None) is goes


def test_a_reply_that_is_not_there_is_told(session: Session, now: datetime) -> None:
    with pytest.raises(NotFound, match="no reply 7"):
        outbox.settle(session, 7, Sent("x"), now=now)


# --- looking again -------------------------------------------------------------------------------------------------


def test_a_reply_that_was_taken_away_pauses_its_account(session: Session, cast: Cast, now: datetime) -> None:
    reply = approved_to_send(session, cast.sam, now=now)
    take(session, now)
    outbox.settle(session, reply.id, Sent("t1_ours"), now=now)
    reply_checks.record_look(session, reply.id, is_there=False, now=now + timedelta(minutes=10))
    session.expire_all()
    account = session.scalars(sa.select(ConnectedAccount)).one()
    assert "does not stand there" in (account.paused_because or "")
    assert session.get_one(Reply, reply.id).removed_at == now + timedelta(minutes=10)


def test_two_replies_in_a_row_that_are_voted_down_pause_their_account_until_its_owner_lets_it_go_on(
    session: Session, cast: Cast, now: datetime
) -> None:
    account = connected(session, cast.sam, now=now)
    made = [sent(session, cast.sam, now=now + timedelta(hours=number), number=number) for number in range(1, 5)]
    for reply in made:
        reply.account_id = account.id

    def paused_by(reply: Reply, score: int) -> str | None:
        reply_checks.record_look(session, reply.id, is_there=True, score=score, now=now)
        session.expire_all()
        return session.scalars(sa.select(ConnectedAccount)).one().paused_because

    first, second, third, fourth = made
    assert [paused_by(first, -1), paused_by(second, 1), paused_by(third, -2)] == [None, None, None]
    assert "voted below zero" in (paused_by(fourth, -1) or "")
    connected_accounts.resume(session, account.id, cast.sam)
    assert paused_by(fourth, -3) is None  # that has been looked into
