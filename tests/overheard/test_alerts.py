"""Alert rules and webhooks: what is told of leads, to whom, when, and that it arrives or is seen not to."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import standardwebhooks
from sqlalchemy.orm import Session

from cli.deliver import make_read_filters
from overheard.db import Sessions
from overheard.desk import views
from overheard.errors import CollectorError, InvalidInput, NotFound, WrongStage
from overheard.leads import funnel
from overheard.listening import erasure
from overheard.marketing import campaigns
from overheard.models import AlertRule, Lead, LeadNews, Notice, OutboundDelivery, Post, Source, Webhook
from overheard.notifications import alerts, deliveries, webhooks
from overheard.notifications.deliveries import Answer, deliver_due
from overheard.notifications.outbound_content import Outbound
from overheard.notifications.outbound_vocabulary import AlertWay, OutboundEvent, OutboundState
from overheard.settings import Settings
from overheard.vocabulary import DigestRhythm, DisqualifyReason
from tests.factories import Cast, make_campaign, make_cast, make_lead, new_post

OPEN = {"permission": "None.", "recheck": "all", "can_reply": "assisted"}
"""Terms that let texts leave."""


@dataclass
class Desk:
    """People, a receiver, and a clock that goes on when it is told to."""

    sessions: Sessions
    settings: Settings
    cast: Cast
    now: datetime
    sent: list[Outbound] = field(default_factory=list)
    answers: list[Answer | CollectorError] = field(default_factory=list)
    """What the receiver says next; then that it is well."""

    def send(self, outbound: Outbound) -> Answer:
        self.sent.append(outbound)
        answer = self.answers.pop(0) if self.answers else Answer(200, "thank you")
        if isinstance(answer, CollectorError):
            raise answer
        return answer

    def deliver(self, after: timedelta = timedelta(minutes=3)) -> list[Outbound]:
        """What goes out when some time has passed."""
        self.now += after
        self.sent.clear()
        deliver_due(self.sessions, self.settings, self.send, make_read_filters(), clock=lambda: self.now)
        return list(self.sent)

    def do(self, act: Callable[[Session], Any]) -> Any:  # noqa: ANN401 - whatever the act gives
        with self.sessions.begin() as session:
            return act(session)

    def webhook(self, **wanted: Any) -> tuple[int, str]:  # noqa: ANN401 - what the functions take
        def make(session: Session) -> tuple[int, str]:
            told = webhooks.Wanted(**{"name": "CRM", "address": "https://crm.example/in"} | wanted)
            made, secret = webhooks.make(session, self.settings, told, actor=self.cast.mara, now=self.now)
            return made.id, secret

        found: tuple[int, str] = self.do(make)
        return found

    def rule(self, **wanted: Any) -> int:  # noqa: ANN401 - what the functions take
        told = alerts.Wanted(**{"name": "Hot ones"} | wanted)
        found: int = self.do(lambda s: alerts.make(s, self.settings, self.cast.sam, told, now=self.now).id)
        return found

    def lead(self, **wanted: Any) -> int:  # noqa: ANN401 - what the functions take
        self.now += timedelta(seconds=1)
        found: int = self.do(lambda s: make_lead(s, now=self.now, **wanted).id)
        return found

    def open_terms(self) -> None:
        self.do(lambda s: s.execute(sa.update(Source).values(terms=OPEN)))


@pytest.fixture
def desk(sessions: Sessions, now: datetime, tmp_path: Path) -> Desk:
    settings = Settings.model_validate(
        {"home": tmp_path, "mail": {"host": "127.0.0.1"}, "public_url": "https://o.example"}
    )
    with sessions.begin() as session:
        cast = make_cast(session, now=now)
        make_campaign(session, now=now)
    return Desk(sessions, settings, cast, now)


def _told(outbound: Outbound) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(outbound.text)
    return told


# --- webhooks ------------------------------------------------------------------------------------------------------


def test_each_step_of_a_lead_is_told_once_and_signed(desk: Desk) -> None:
    before = desk.lead()
    _, secret = desk.webhook()
    lead = desk.lead(explanation={"need": ["body", 21, 45], "signals": []})
    desk.do(lambda s: funnel.promote(s, lead, actor=desk.cast.sam, now=desk.now))
    desk.do(lambda s: funnel.undo(s, lead, actor=desk.cast.sam, now=desk.now))
    desk.do(lambda s: funnel.disqualify(s, before, reason=DisqualifyReason.NO_NEED, actor=desk.cast.sam, now=desk.now))
    sent = desk.deliver()
    told = [(_told(one)["type"], _told(one)["data"]["lead_id"]) for one in sent]
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
    data = _told(sent[1])["data"]
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
        held = [{"author", "title", "text"} <= _told(one)["data"].keys() for one in desk.deliver()]
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
    assert (_told(gone)["type"], _told(gone)["data"]["lead_id"]) == ("lead.erased", lead)
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


def test_a_receiver_that_fails_for_days_is_paused_and_its_maker_is_told(desk: Desk) -> None:
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


# --- alert rules ---------------------------------------------------------------------------------------------------


def test_a_rule_tells_of_each_new_lead_once_the_strongest_first(desk: Desk) -> None:
    desk.lead()
    desk.rule(min_score=0.6)
    weak, strong = desk.lead(score=0.7), desk.lead(score=0.95)
    desk.lead(score=0.55)
    [sent] = desk.deliver()
    assert (sent.way, sent.to, sent.subject) == (AlertWay.MAIL, "sam@example.org", "Overheard: 2 new leads, Hot ones")
    assert sent.text.index(f"/leads/{strong}\n") < sent.text.index(f"/leads/{weak}\n")
    assert "The queue: https://o.example/queue\n" in sent.text
    assert "bakery" not in sent.text
    third = desk.lead(score=0.9)
    assert desk.deliver(timedelta(minutes=1)) == []  # it told a moment ago
    assert f"/leads/{third}\n" in desk.deliver()[0].text
    assert desk.deliver() == []


def test_a_rule_of_hot_leads_follows_the_hot_floor_of_the_campaign(desk: Desk) -> None:
    desk.rule(only_hot=True)
    lead = desk.lead(score=0.95)
    assert desk.deliver() == []  # none is hot
    desk.do(lambda s: campaigns.set_hot_floor(s, 1, 0.9))
    desk.lead(score=0.85)
    [sent] = desk.deliver()
    assert (sent.subject, f"/leads/{lead}\n" in sent.text) == ("Overheard: 1 new lead, Hot ones", True)


def test_a_rule_waits_for_its_hour_and_for_the_end_of_quiet_hours_in_the_teams_time_zone(desk: Desk) -> None:
    desk.settings = desk.settings.model_copy(update={"time_zone": "Asia/Tokyo"})  # where it is 18:30
    desk.rule(name="Daily", rhythm=DigestRhythm.DAILY, hour=20)
    desk.rule(name="Quiet", quiet_from=18, quiet_until=21)
    desk.lead()
    assert desk.deliver(timedelta(hours=1, minutes=20)) == []
    assert [one.subject[-5:] for one in desk.deliver(timedelta(minutes=20))] == ["Daily"]
    desk.lead()
    assert [one.subject for one in desk.deliver(timedelta(hours=1))] == ["Overheard: 2 new leads, Quiet"]
    assert [one.subject for one in desk.deliver(timedelta(hours=23))] == ["Overheard: 1 new lead, Daily"]


def test_a_rule_of_a_view_goes_to_slack_where_a_strangers_words_call_nobody(desk: Desk) -> None:
    desk.do(lambda s: views.save(s, desk.cast.mara, name="Reddit", params="platform=reddit", is_shared=True))
    view_id = desk.do(lambda s: views.visible(s, desk.cast.sam)[0].saved.id)
    desk.rule(view_id=view_id, way=AlertWay.SLACK, hook="https://hooks.example/T1", with_text=True)
    desk.lead(post=new_post(body="<!channel>\n- 0.99 <https://evil.example|our queue> & more"))
    desk.open_terms()
    [sent] = desk.deliver()
    assert (sent.way, sent.to) == (AlertWay.SLACK, "https://hooks.example/T1")
    assert "&lt;!channel&gt; - 0.99 &lt;https://evil.example|our queue&gt; &amp; more" in sent.text
    assert "https://o.example/queue?platform=reddit" in sent.text
    desk.do(lambda s: views.share(s, desk.cast.mara, view_id, is_shared=False))
    desk.lead()
    assert desk.deliver() == []  # it cannot be seen any more


def test_a_rule_tells_a_webhook_and_a_lead_that_is_gone_by_then_is_not_told(desk: Desk) -> None:
    webhook_id, _ = desk.webhook(events=[OutboundEvent.LEAD_WON])
    desk.rule(way=AlertWay.WEBHOOK, webhook_id=webhook_id)
    gone, kept = desk.lead(), desk.lead()
    desk.now += timedelta(minutes=1)
    desk.do(lambda s: alerts.gather(s, desk.settings, desk.now, make_read_filters()))
    desk.do(lambda s: s.execute(sa.delete(Lead).where(Lead.id == gone)))
    [sent] = desk.deliver()
    told = _told(sent)
    assert (told["type"], told["data"]["count"]) == ("alert.leads", 1)
    assert [one["lead_id"] for one in told["data"]["leads"]] == [kept]


def test_a_rule_that_cannot_be_is_refused_and_is_its_makers_alone(desk: Desk) -> None:
    for wanted in (
        {"name": " "},
        {"hour": 24},
        {"quiet_from": 3},
        {"min_score": 2},
        {"min_score": 0.9, "only_hot": True},
        {"way": AlertWay.SLACK},
        {"way": AlertWay.SLACK, "hook": "http://hooks.example"},
        {"way": AlertWay.WEBHOOK},
        {"campaign_id": 1, "view_id": 1},
    ):
        with pytest.raises(InvalidInput):
            desk.rule(**wanted)
    for missing in ({"campaign_id": 99}, {"view_id": 99}):
        with pytest.raises(NotFound):
            desk.rule(**missing)
    desk.settings = desk.settings.model_copy(update={"mail": desk.settings.mail.model_copy(update={"host": None})})
    with pytest.raises(InvalidInput, match="OVERHEARD_MAIL__HOST"):
        desk.rule()
    with desk.sessions() as session:
        assert session.scalars(sa.select(AlertRule)).all() == []
