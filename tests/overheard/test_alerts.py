"""Alert rules and webhooks: what is told of leads, to whom, when, and that it arrives or is seen not to."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
import sqlalchemy as sa
import standardwebhooks
from sqlalchemy.orm import Session

from overheard.errors import CollectorError, InvalidInput, NotFound, WrongStage
from overheard.leads import funnel
from overheard.listening import erasure
from overheard.models import Lead, LeadNews, Notice, OutboundDelivery, Post, Webhook
from overheard.notifications import deliveries, webhooks
from overheard.notifications.deliveries import Answer
from overheard.notifications.outbound_vocabulary import OutboundEvent, OutboundState
from overheard.vocabulary import DisqualifyReason
from tests.factories import make_campaign
from tests.overheard.alert_desk import Desk, desk, told_in

__all__ = ["desk"]  # a fixture of theirs

# --- webhooks ------------------------------------------------------------------------------------------------------


def test_each_step_of_a_lead_is_told_once_and_signed(desk: Desk) -> None:
    before = desk.lead()
    _, secret = desk.webhook()
    lead = desk.lead(explanation={"need": ["body", 21, 45], "signals": []})
    desk.do(lambda s: funnel.promote(s, lead, actor=desk.cast.sam, now=desk.now))
    desk.do(lambda s: funnel.undo(s, lead, actor=desk.cast.sam, now=desk.now))
    desk.do(lambda s: funnel.disqualify(s, before, reason=DisqualifyReason.NO_NEED, actor=desk.cast.sam, now=desk.now))
    sent = desk.deliver()
    told = [(told_in(one)["type"], told_in(one)["data"]["lead_id"]) for one in sent]
    assert told == [
        ("lead.qualified", lead),
        ("lead.promoted", lead),
        ("lead.moved_back", lead),
        ("lead.disqualified", before),
    ]
    assert desk.deliver() == []
    for one in sent:
        hook = standardwebhooks.Webhook(secret)
        stamped = datetime.fromtimestamp(int(one.headers["webhook-timestamp"]), desk.now.tzinfo)
        assert one.headers["webhook-signature"] == hook.sign(one.headers["webhook-id"], stamped, one.text)
    assert len({one.headers["webhook-id"] for one in sent}) == len(sent)
    data = told_in(sent[1])["data"]
    assert (data["previous_stage"], data["stage"]) == ("marketing_qualified", "sales_qualified")
    assert data["need"] == "Looking for a simple CRM"
    assert data["permalink"] == "https://example.org/bakers/1"
    assert data["url"] == f"https://o.example/leads/{lead}"


def test_text_leaves_only_where_somebody_asked_for_it_and_its_terms_allow_it(desk: Desk) -> None:
    desk.webhook(name="Plain")
    desk.webhook(name="Full", with_text=True)
    lead = desk.lead()
    for allowed in (False, True):
        if allowed:
            desk.open_terms()
        with desk.sessions.begin() as session:
            (funnel.undo if allowed else funnel.promote)(session, lead, actor=desk.cast.sam, now=desk.now)
        held = [{"author", "title", "text"} <= told_in(one)["data"].keys() for one in desk.deliver()]
        assert held == ([True, False] if allowed else [False] * 4)


def test_of_an_erased_post_only_is_told_that_its_lead_is_gone(desk: Desk) -> None:
    webhook_id, _ = desk.webhook()
    lead = desk.lead()
    desk.answers = [Answer(500, "flour_power wants a CRM")]
    desk.deliver()

    def erase(session: Session) -> None:
        top = session.get_one(Post, session.get_one(Lead, lead).top_post_id)
        erasure.erase(session, {(top.platform, top.external_id): "deleted"}, now=desk.now)

    desk.do(erase)
    [gone] = desk.deliver(timedelta(hours=1))
    assert (told_in(gone)["type"], told_in(gone)["data"]["lead_id"]) == ("lead.erased", lead)
    with desk.sessions() as session:
        kept = session.scalars(sa.select(OutboundDelivery).order_by(OutboundDelivery.id)).all()
        assert [(one.state, one.answer) for one in kept] == [
            (OutboundState.DROPPED, None),
            (OutboundState.DELIVERED, "thank you"),
        ]
        assert session.get_one(Webhook, webhook_id).failing_since is None


def test_what_is_rolled_back_is_not_told_and_nothing_is_kept_without_a_webhook(desk: Desk) -> None:
    lead = desk.lead()
    with desk.sessions() as session:
        assert session.scalars(sa.select(LeadNews)).all() == []
    desk.webhook()
    with desk.sessions() as session:
        session.begin()
        funnel.promote(session, lead, actor=desk.cast.sam, now=desk.now)
        session.rollback()
    assert desk.deliver() == []


def test_a_webhook_is_told_of_its_events_and_its_campaign_only(desk: Desk) -> None:
    other = desk.do(lambda s: make_campaign(s, now=desk.now, name="Barley", queries={"none": "nothingmeetsthis"}).id)
    desk.webhook(campaign_id=other)
    desk.webhook(events=[OutboundEvent.LEAD_WON])
    desk.lead()
    assert desk.deliver() == []
    with pytest.raises(InvalidInput, match=r"lead\.qualified"):
        desk.webhook(events=[OutboundEvent.WEBHOOK_TEST])
    with pytest.raises(NotFound):
        desk.webhook(campaign_id=99)
    for address in ("http://crm.example/in", "https://", "ftp://x.example", "https://a:b@x.example", "https://[", "x"):
        with pytest.raises(InvalidInput):
            desk.webhook(address=address)


def test_while_a_secret_is_changed_both_sign_and_a_day_later_only_the_new_one(desk: Desk) -> None:
    webhook_id, former = desk.webhook()

    def rotate(session: Session) -> str:
        hook = webhooks.get(session, webhook_id)
        return webhooks.rotate(session, desk.settings, hook, actor=desk.cast.mara, now=desk.now)

    secret = desk.do(rotate)
    for after, valid in ((timedelta(hours=1), [secret, former]), (timedelta(hours=24), [secret])):
        desk.do(lambda s: webhooks.test(s, webhooks.get(s, webhook_id), now=desk.now))
        [sent] = desk.deliver(after)
        signatures = sent.headers["webhook-signature"].split()
        assert signatures == [
            standardwebhooks.Webhook(one).sign(sent.headers["webhook-id"], desk.now, sent.text) for one in valid
        ]


# --- arriving ------------------------------------------------------------------------------------------------------


def test_what_fails_is_tried_again_ever_more_seldom_then_given_up_and_replayed(desk: Desk) -> None:
    webhook_id, _ = desk.webhook()
    desk.lead()
    desk.answers = [CollectorError("nobody there")] * 30
    waits: list[timedelta] = []
    for _ in range(deliveries.MOST_ATTEMPTS):
        desk.deliver(timedelta())
        with desk.sessions() as session:
            kept = session.scalars(sa.select(OutboundDelivery)).one()
            session.execute(sa.update(Webhook).values(paused_at=None, failing_since=None))
            session.commit()
        waits.append(kept.next_at - desk.now)
        desk.now = kept.next_at
    assert waits[0] < timedelta(seconds=40)
    assert all(later > sooner for sooner, later in pairwise(waits[:6]))
    assert max(waits) < timedelta(hours=8)
    assert (kept.state, kept.attempts, kept.error) == (OutboundState.FAILED, 12, "nobody there")
    assert desk.deliver(timedelta(days=1)) == []
    desk.answers = []
    assert desk.do(lambda s: deliveries.replay_failed(s, webhook_id, now=desk.now)) == 1
    with pytest.raises(WrongStage):
        desk.do(lambda s: deliveries.replay(s, kept.id, now=desk.now))
    [sent] = desk.deliver()
    assert sent.headers["webhook-id"] == kept.key
    desk.do(lambda s: deliveries.replay(s, kept.id, now=desk.now))
    assert len(desk.deliver()) == 1
    with pytest.raises(NotFound):
        desk.do(lambda s: deliveries.replay(s, 99, now=desk.now))


def test_a_receiver_that_fails_for_days_is_paused_and_its_maker_istold_in(desk: Desk) -> None:
    webhook_id, _ = desk.webhook()
    desk.lead()
    desk.answers = [Answer(503, "later", retry_after=3600.0), Answer(500), Answer(500)]
    assert len(desk.deliver()) == 1
    desk.lead()
    assert desk.deliver(timedelta(minutes=50)) == []  # it said when to come back, and others wait with it
    assert len(desk.deliver(timedelta(hours=1))) == 1
    assert len(desk.deliver(timedelta(days=3))) == 1
    assert desk.deliver(timedelta(days=1)) == []
    with desk.sessions() as session:
        notice = session.scalars(sa.select(Notice)).one()
        assert (notice.user_id, notice.link) == (desk.cast.mara.id, "/alerts")
    desk.do(lambda s: webhooks.resume(s, webhooks.get(s, webhook_id), actor=desk.cast.mara, now=desk.now))
    assert len(desk.deliver()) == 2
    desk.answers = [Answer(410)]
    desk.do(lambda s: webhooks.test(s, webhooks.get(s, webhook_id), now=desk.now))
    desk.deliver()
    with desk.sessions() as session:
        assert session.get_one(Webhook, webhook_id).paused_at is not None


def test_what_a_dead_worker_took_is_sent_again_under_the_same_id(desk: Desk) -> None:
    desk.webhook()
    desk.lead()
    desk.do(lambda s: webhooks.fan_out(s, now=desk.now))
    taken = desk.do(lambda s: deliveries.take(s, desk.settings, desk.now))
    assert desk.deliver(timedelta(minutes=1)) == []
    [again] = desk.deliver(timedelta(minutes=5))
    assert again.headers["webhook-id"] == taken.headers["webhook-id"]
