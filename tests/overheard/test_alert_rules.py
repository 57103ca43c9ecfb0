"""Alert rules: who is told of which new leads, and when."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from cli.deliver import make_read_filters
from overheard.desk import views
from overheard.errors import CollectorError, InvalidInput, NotFound, WrongStage
from overheard.marketing import campaigns
from overheard.models import AlertRecipient, AlertRule, Lead, Notice, OutboundDelivery
from overheard.notifications import alert_recipients, alerts, deliveries
from overheard.notifications.outbound_vocabulary import AlertWay, OutboundEvent
from overheard.users import people
from overheard.vocabulary import DigestRhythm
from tests.factories import make_campaign, new_post
from tests.overheard.alert_desk import Desk, desk, told_in

__all__ = ["desk"]  # a fixture of theirs


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


def test_in_a_campaigns_quiet_hours_none_of_its_leads_is_told_at_once_and_after_them_all_are(desk: Desk) -> None:
    desk.settings = desk.settings.model_copy(update={"time_zone": "Asia/Tokyo"})  # where it is 18:30
    desk.do(lambda s: campaigns.set_quiet_hours(s, 1, 18, 7))
    desk.rule(name="At once")
    desk.rule(name="Hourly", rhythm=DigestRhythm.HOURLY)
    first = desk.lead()
    assert desk.deliver() == []
    assert [one.subject for one in desk.deliver(timedelta(minutes=40))] == ["Overheard: 1 new lead, Hourly"]
    second = desk.lead()
    assert [one.subject[-6:] for one in desk.deliver(timedelta(hours=11))] == ["Hourly"]
    [sent] = desk.deliver(timedelta(hours=1))
    assert sent.subject == "Overheard: 2 new leads, At once"
    assert all(f"/leads/{lead}\n" in sent.text for lead in (first, second))
    for end in (None, 5, 24):
        with pytest.raises(InvalidInput), desk.sessions.begin() as session:
            campaigns.set_quiet_hours(session, 1, 5, end)


def test_a_rule_over_all_campaigns_keeps_the_quiet_hours_of_each_leads_campaign(desk: Desk) -> None:
    barley = desk.do(lambda s: make_campaign(s, now=desk.now, name="Barley", queries={"oven": "oven"}))
    desk.do(lambda s: campaigns.set_quiet_hours(s, 1, 9, 10))
    desk.rule()
    desk.lead(post=new_post(body="Looking for an oven."), campaign=barley)
    [told] = desk.deliver()
    assert ("Barley" in told.text, "Rye CRM" in told.text) == (True, False)
    [later] = desk.deliver(timedelta(hours=1))
    assert ("Barley" in later.text, "Rye CRM" in later.text) == (False, True)


# --- whom a rule tells ---------------------------------------------------------------------------------------------


def _recipient(desk: Desk, name: str) -> AlertRecipient:
    with desk.sessions() as session:
        found = sa.select(AlertRecipient).where(AlertRecipient.user_id == getattr(desk.cast, name).id)
        return session.scalars(found).one()


def test_a_rule_tells_each_of_its_people_at_their_own_address(desk: Desk) -> None:
    desk.rule(people=[desk.cast.sam.id, desk.cast.sue.id, desk.cast.eli.id])
    lead = desk.lead()
    sent = desk.deliver()
    assert [one.to for one in sent] == ["sam@example.org", "sue@example.org", "eli@example.org"]
    assert all(f"/leads/{lead}\n" in one.text for one in sent)
    assert ["chose you" in one.text for one in sent] == [False, True, True]
    assert desk.deliver() == []


def test_one_address_that_fails_keeps_nobody_elses_mail_back_and_its_owner_istold_in(desk: Desk) -> None:
    desk.rule(people=[desk.cast.sam.id, desk.cast.sue.id])
    desk.lead()
    desk.answers = [CollectorError("no such mailbox")]
    assert [one.to for one in desk.deliver()] == ["sam@example.org", "sue@example.org"]
    desk.answers = [CollectorError("no such mailbox")]
    assert [one.to for one in desk.deliver(timedelta(days=4))] == ["sam@example.org"]
    assert _recipient(desk, "sam").paused_at is not None
    with desk.sessions() as session:
        notice = session.scalars(sa.select(Notice)).one()
    assert (notice.user_id, "Mails of the alert Hot ones to you" in notice.text) == (desk.cast.sam.id, True)
    desk.lead()
    assert [one.to for one in desk.deliver()] == ["sue@example.org"]


def test_who_stops_an_alert_for_themselves_is_told_no_more_until_they_want_it_again(desk: Desk) -> None:
    rule = desk.rule(people=[desk.cast.sam.id, desk.cast.sue.id])
    desk.lead()
    desk.now += timedelta(minutes=3)
    desk.do(lambda s: alerts.gather(s, desk.settings, desk.now, make_read_filters()))
    desk.do(lambda s: alert_recipients.stop(s, desk.cast.sue, rule, now=desk.now))
    assert [one.to for one in desk.deliver()] == ["sam@example.org"]  # what was on its way is dropped
    wanted = alerts.Wanted(name="Hot ones", people=[desk.cast.sue.id])
    desk.do(lambda s: alerts.change(s, desk.settings, alerts.get(s, desk.cast.sam, rule), wanted, now=desk.now))
    desk.lead()
    assert desk.deliver() == []  # nobody puts her back but herself, and Sam is not told any more
    desk.do(lambda s: alert_recipients.hear_again(s, desk.cast.sue, rule))
    assert [one.to for one in desk.deliver()] == ["sue@example.org"]  # nobody was told of it meanwhile
    with pytest.raises(NotFound):
        desk.do(lambda s: alert_recipients.stop(s, desk.cast.eli, rule, now=desk.now))


def test_who_is_told_no_more_gets_nothing_that_was_on_its_way_and_nobody_else_gets_it_instead(desk: Desk) -> None:
    rule = desk.rule(people=[desk.cast.sam.id, desk.cast.sue.id])
    desk.lead()
    desk.now += timedelta(minutes=3)
    desk.do(lambda s: alerts.gather(s, desk.settings, desk.now, make_read_filters()))
    for people_now in ([desk.cast.sam.id], [desk.cast.sam.id, desk.cast.eli.id]):
        wanted = alerts.Wanted(name="Hot ones", people=people_now)
        with desk.sessions.begin() as session:
            alerts.change(session, desk.settings, alerts.get(session, desk.cast.sam, rule), wanted, now=desk.now)
    assert [one.to for one in desk.deliver()] == ["sam@example.org"]
    with desk.sessions() as session:
        hers, *_ = session.scalars(sa.select(OutboundDelivery.id).where(OutboundDelivery.state == "dropped"))
    with pytest.raises(WrongStage, match="no more"):
        desk.do(lambda s: deliveries.replay(s, hers, now=desk.now))


def test_who_is_switched_off_gets_no_more_and_the_others_go_on(desk: Desk) -> None:
    rule = desk.rule(people=[desk.cast.sam.id, desk.cast.sue.id])
    desk.lead()
    desk.now += timedelta(minutes=3)
    desk.do(lambda s: alerts.gather(s, desk.settings, desk.now, make_read_filters()))
    desk.do(lambda s: people.disable(s, desk.cast.sam.id, actor=desk.cast.alice, now=desk.now))
    assert [one.to for one in desk.deliver()] == ["sue@example.org"]
    desk.lead()
    assert [one.to for one in desk.deliver()] == ["sue@example.org"]
    for wrong in ({"people": [desk.cast.sam.id]}, {"people": [99]}, {"people": [1], "way": AlertWay.SLACK}):
        with pytest.raises(InvalidInput):
            desk.rule(**{"hook": "https://hooks.example/T1"} | wrong)
    assert desk.do(lambda s: [one.rule_id for one in alert_recipients.from_others(s, desk.cast.sue)]) == [rule]


# --- views and webhooks ---------------------------------------------------------------------------------------------


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


def test_a_rule_tells_a_webhook_and_a_lead_that_is_gone_by_then_is_nottold_in(desk: Desk) -> None:
    webhook_id, _ = desk.webhook(events=[OutboundEvent.LEAD_WON])
    desk.rule(way=AlertWay.WEBHOOK, webhook_id=webhook_id)
    gone, kept = desk.lead(), desk.lead()
    desk.now += timedelta(minutes=1)
    desk.do(lambda s: alerts.gather(s, desk.settings, desk.now, make_read_filters()))
    desk.do(lambda s: s.execute(sa.delete(Lead).where(Lead.id == gone)))
    [sent] = desk.deliver()
    told = told_in(sent)
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
