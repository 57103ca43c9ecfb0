"""The page of what goes out, its API, exports and feeds."""

import csv
import re
import xml.etree.ElementTree as ET
from io import StringIO
from typing import Any

import pytest
import sqlalchemy as sa

from overheard.desk import views
from overheard.leads import do_not_contact
from overheard.listening import erasure
from overheard.models import AlertRule, AuditEntry, Lead, OutboundDelivery, Post, Source, User, Webhook
from overheard.notifications.outbound_vocabulary import OutboundState
from overheard.settings import Settings
from overheard.vocabulary import AuditAction, Platform
from tests.api.conftest import World
from tests.factories import new_post

ATOM = "{http://www.w3.org/2005/Atom}"
HOOK = {"name": "CRM", "address": "https://crm.example/in/secret", "events": "lead.qualified"}


@pytest.fixture
def settings(tmp_path: Any) -> Settings:  # noqa: ANN401 - a path
    mail = {"host": "127.0.0.1"}
    return Settings.model_validate({"home": tmp_path / "home", "mail": mail, "public_url": "https://o.example"})


# --- the page ------------------------------------------------------------------------------------------------------


def test_a_rule_is_made_changed_and_deleted_without_script(world: World) -> None:
    world.lead()
    sam = world.browser(world.cast.sam)
    page = sam.get("/alerts?campaign=1")
    assert '<option value="campaign 1" selected>Rye CRM</option>' in page.text
    assert "Add a webhook" not in page.text
    made = sam.submit("/alerts/rules", name="Hot", about="campaign 1", min_score="0.9", rhythm="daily", way="mail")
    assert (made.status_code, made.headers["location"]) == (303, "/alerts")
    assert "Every day at 09:00, by e-mail, from a score of 90% on." in sam.get("/alerts").text
    refused = sam.submit("/alerts/rules", name="To Slack", way="slack")
    assert (refused.status_code, 'value="To Slack"' in refused.text) == (422, True)
    assert "incoming webhook of your Slack" in refused.text
    assert sam.submit("/alerts/rules", name="Out", way="webhook", webhook_id=1).status_code in (403, 422)
    with world.rows() as session:
        rule = session.scalars(sa.select(AlertRule)).one()
        assert (rule.campaign_id, rule.min_score, rule.user_id) == (1, 0.9, world.cast.sam.id)
    sue = world.browser(world.cast.sue)
    assert sue.submit(f"/alerts/rules/{rule.id}", name="Mine", way="mail").status_code == 404
    assert sam.submit(f"/alerts/rules/{rule.id}", name="All", rhythm="hourly", way="mail").status_code == 303
    assert "All leads. Every hour, by e-mail." in sam.get("/alerts").text
    assert sam.submit(f"/alerts/rules/{rule.id}", name="Hot", min_score="hot", way="mail").status_code == 303
    shown = sam.get("/alerts").text
    assert "At once, by e-mail, hot leads only." in shown
    assert '<option value="hot" selected>' in shown
    assert sam.submit(f"/alerts/rules/{rule.id}/delete").status_code == 303
    assert f"rule-{rule.id}" not in sam.get("/alerts").text


def test_a_rule_for_others_is_theirs_to_stop(world: World) -> None:
    cast = world.cast
    sam, sue = world.browser(cast.sam), world.browser(cast.sue)
    assert "<small>you</small>" in sam.get("/alerts").text
    assert sam.submit("/alerts/rules", name="Hot", way="mail", people=cast.sue.id).status_code == 303
    assert "To Sue." in sam.get("/alerts").text
    assert "Set by <bdi>Sam</bdi>. At once, by e-mail." in sue.get("/alerts").text
    assert sue.submit("/alerts/rules/1/stop").status_code == 303
    assert "Tell me again" in sue.get("/alerts").text
    assert "wants it no more" in (shown := sam.get("/alerts").text)
    assert "To nobody any more." in shown
    assert sam.submit("/alerts/rules/1", name="Hot", way="mail", people=cast.sue.id).status_code == 303
    assert "Tell me again" in sue.get("/alerts").text
    assert sue.submit("/alerts/rules/1/resume").status_code == 303
    assert "Stop telling me" in sue.get("/alerts").text
    assert world.browser(cast.eli).submit("/alerts/rules/1/stop").status_code == 404
    assert sam.submit("/alerts/rules", name="Cold", way="mail", people=99).status_code == 422


def test_a_program_chooses_whom_a_rule_tells_and_stops_one_for_its_user(world: World) -> None:
    cast = world.cast
    sam, sue = world.program(cast.sam), world.program(cast.sue)
    rule = sam.post("/v1/alerts", json={"name": "Hot", "people": [cast.sam.id, cast.sue.id]}).json()
    assert (rule["people"], rule["stopped"]) == ([cast.sam.id, cast.sue.id], [])
    [told] = sue.get("/v1/alerts/from-others").json()["items"]
    assert (told["rule_id"], told["owner"], told["stopped_at"]) == (rule["id"], "Sam", None)
    assert sue.post(f"/v1/alerts/{rule['id']}/stop").json()["stopped_at"] is not None
    assert sam.get("/v1/alerts").json()["items"][0]["stopped"] == [cast.sue.id]
    assert sue.post(f"/v1/alerts/{rule['id']}/resume").json()["stopped_at"] is None
    refused = sam.post("/v1/alerts", json={"name": "Cold", "way": "slack", "people": [cast.sue.id]})
    assert (refused.status_code, refused.json()["error"]) == (422, "InvalidInput")


def test_a_webhooks_secret_is_shown_once_and_its_address_never(world: World) -> None:
    mara = world.browser(world.cast.mara)
    made = mara.submit("/alerts/webhooks", **HOOK)
    secret = re.search(r'value="(whsec_[^"]+)"', made.text)
    assert secret is not None
    shown = mara.get("/alerts").text
    assert "crm.example" in shown
    assert secret[1] not in shown
    assert "in/secret" not in shown
    rotated = mara.submit("/alerts/webhooks/1/rotate")
    assert "whsec_" in rotated.text
    assert secret[1] not in rotated.text
    assert mara.submit("/alerts/webhooks/1", name="CRM", events="lead.won").status_code == 303
    assert "lead.won; the secret before signs until" in mara.get("/alerts").text
    for deed in ("pause", "resume", "test", "replay"):
        assert mara.submit(f"/alerts/webhooks/1/{deed}").status_code == 303
    nothing = mara.submit("/alerts/webhooks", name="CRM", address="https://crm.example")
    assert (nothing.status_code, "of which events" in nothing.text) == (422, True)
    with world.sessions.begin() as session:
        session.execute(sa.update(OutboundDelivery).values(state=OutboundState.FAILED, error="<b>no</b>", attempts=2))
    log = mara.get("/alerts/deliveries?webhook=1&state=failed").text
    assert "webhook.test" in log
    assert "&lt;b&gt;no&lt;/b&gt;" in log
    assert "webhook.test" not in world.browser(world.cast.sam).get("/alerts/deliveries").text
    assert world.browser(world.cast.sam).submit("/alerts/deliveries/1/replay").status_code == 404
    assert mara.submit("/alerts/deliveries/1/replay").status_code == 303
    assert mara.submit("/alerts/webhooks/1/delete").status_code == 303
    with world.rows() as session:
        assert session.scalars(sa.select(Webhook)).all() == []
        told = session.scalars(sa.select(AuditEntry.detail).where(AuditEntry.action == AuditAction.WEBHOOK_CHANGED))
        assert list(told) == ["made", "given a new secret", "changed", "paused", "resumed", "deleted"]


def test_programs_do_the_same_by_v1(world: World) -> None:
    mara, sam = world.program(world.cast.mara), world.program(world.cast.sam)
    made = mara.post("/v1/webhooks", json=HOOK | {"events": ["lead.won"]})
    assert made.status_code == 201
    assert made.json()["secret"].startswith("whsec_")
    assert mara.post("/v1/webhooks/1/test").status_code == 200
    [delivery] = mara.get("/v1/deliveries").json()["items"]
    assert (delivery["event"], delivery["state"]) == ("webhook.test", "pending")
    assert mara.post(f"/v1/deliveries/{delivery['id']}/replay").json()["error"] == "WrongStage"
    rule = mara.post("/v1/alerts", json={"name": "All", "way": "webhook", "webhook_id": 1})
    assert (rule.status_code, rule.json()["rhythm"]) == (201, "instant")
    refused = sam.post("/v1/alerts", json={"name": "All", "way": "webhook", "webhook_id": 1})
    assert (refused.status_code, refused.json()["error"]) == (403, "Forbidden")
    assert sam.get("/v1/alerts").json()["items"] == sam.get("/v1/deliveries").json()["items"] == []
    changed = mara.put(f"/v1/alerts/{rule.json()['id']}", json={"name": "Hot", "way": "mail", "min_score": 0.9})
    assert changed.json()["min_score"] == 0.9
    assert mara.put("/v1/webhooks/1", json={"name": "Ours"}).json()["host"] == "crm.example"
    assert mara.delete(f"/v1/alerts/{rule.json()['id']}").status_code == 204
    assert mara.delete("/v1/webhooks/1").status_code == 204


# --- exports -------------------------------------------------------------------------------------------------------


def _person(session: Any, world: World, lead_id: int) -> None:  # noqa: ANN401 - a session
    lead = session.get_one(Lead, lead_id)
    key = world.app.state.overheard.key
    do_not_contact.add(session, key, lead.platform, lead.author, reason="asked", actor=None, now=world.now)


def test_an_export_holds_what_the_filters_show_but_nobody_who_does_not_want_to_hear_from_us(world: World) -> None:
    hostile = new_post(author="=cmd|' /C calc'!A0", body="=HYPERLINK(1)", community="@risky")
    shown, unwilling = world.lead(post=hostile, score=0.8), world.lead(score=0.9)
    weak = world.lead(score=0.6)
    with world.sessions.begin() as session:
        _person(session, world, unwilling)
        # Texts leave from places whose terms allow it: from none, as long as nobody said so.
        terms = {"permission": "None.", "recheck": "all", "can_reply": "assisted"}
        session.execute(sa.update(Source).where(Source.community == "@risky").values(terms=terms))
    sam = world.browser(world.cast.sam)
    answer = sam.get("/queue/export?format=csv&platform=reddit")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(StringIO(answer.text)))
    assert [row["lead"] for row in rows] == [str(shown), str(weak)]
    assert rows[0]["author"].startswith("'=cmd")
    assert (rows[0]["text"], rows[1]["text"]) == ("'=HYPERLINK(1)", "")
    assert rows[1]["link"] == f"https://o.example/leads/{weak}"
    assert sam.get("/queue/export?platform=slack").text.count("\n") == 1
    book = sam.get("/queue/export?format=xlsx&score=0.7")
    assert book.content.startswith(b"PK")
    assert sam.get("/queue/export?format=pdf").status_code == 422
    with world.rows() as session:
        told = session.scalars(sa.select(AuditEntry).where(AuditEntry.action == AuditAction.EXPORTED)).all()
        assert {entry.actor_id for entry in told} == {world.cast.sam.id}
        assert "platform=reddit" in told[0].detail
        assert len(told) == 3
    assert world.browser(world.cast.eli).get("/queue/export").status_code == 403


def test_a_long_export_is_whole_and_in_the_order_of_the_queue(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("overheard.leads.lead_summaries._BATCH", 2)
    leads = {world.lead(score=score): score for score in (0.6, 0.9, 0.7, 0.8, 0.7)}
    answer = world.browser(world.cast.sam).get("/queue/export")
    got = [int(row["lead"]) for row in csv.DictReader(StringIO(answer.text))]
    assert got == sorted(leads, key=lambda lead: (leads[lead], lead), reverse=True)


# --- feeds ---------------------------------------------------------------------------------------------------------


def _feed(world: World, user: User, **fields: str | int) -> str:
    made = world.browser(user).submit("/alerts/feeds", **fields)
    found = re.search(r'value="https://o\.example(/feeds/[^"]+/queue\.xml)"', made.text)
    assert found is not None
    return found[1]


def test_a_feed_holds_a_view_for_whoever_has_its_address_until_it_is_revoked(world: World) -> None:
    first = world.lead(post=new_post(body="A & B <i>\x01\ufffe want a CRM"))
    second = world.lead(score=0.7)
    with world.sessions.begin() as session:
        view = views.save(session, world.cast.sam, name="Strong & <new>", params="score=0.8").id
    address = _feed(world, world.cast.sam, view_id=view, with_text="true")
    stranger = world.stranger()
    answer = stranger.get(address)
    assert answer.headers["content-type"].startswith("application/atom+xml")
    feed = ET.fromstring(answer.text)  # noqa: S314 - our own
    assert feed.findtext(f"{ATOM}title") == "Strong & <new> · Overheard"
    assert [entry.findtext(f"{ATOM}id") for entry in feed.iter(f"{ATOM}entry")] == [f"https://o.example/leads/{first}"]
    assert feed.find(f".//{ATOM}content") is None  # nobody said that its text may leave
    assert second
    same = stranger.get(address, headers={"If-None-Match": answer.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    with world.sessions.begin() as session:
        terms = {"permission": "None.", "recheck": "all", "can_reply": "assisted"}
        session.execute(sa.update(Source).values(terms=terms))
    held = ET.fromstring(stranger.get(address).text)  # noqa: S314 - our own
    assert "A & B <i> want a CRM" in (held.findtext(f".//{ATOM}content") or "")
    with world.sessions.begin() as session:
        post = session.get_one(Post, session.get_one(Lead, first).top_post_id)
        erasure.erase(session, {(Platform.REDDIT, post.external_id): "deleted"}, now=world.now)
    gone = stranger.get(address, headers={"If-None-Match": answer.headers["etag"]})
    assert (gone.status_code, f"/leads/{first}" in gone.text) == (200, False)
    assert address.split("/")[2] not in world.browser(world.cast.sam).get("/alerts").text
    assert world.browser(world.cast.sue).submit("/alerts/feeds/1/revoke").status_code == 404
    assert world.browser(world.cast.sam).submit("/alerts/feeds/1/revoke").status_code == 303
    assert stranger.get(address).status_code == 404


def test_a_feed_ends_with_the_right_to_see_its_view(world: World) -> None:
    with world.sessions.begin() as session:
        view = views.save(session, world.cast.mara, name="Hers", params="", is_shared=True).id
    address = _feed(world, world.cast.sam, view_id=view)
    whole = _feed(world, world.cast.sam)
    assert world.stranger().get(address).status_code == 200
    with world.sessions.begin() as session:
        views.share(session, world.cast.mara, view, is_shared=False)
    assert world.stranger().get(address).status_code == 404
    assert world.stranger().get(whole).status_code == 200
    with world.sessions.begin() as session:
        session.execute(sa.update(User).where(User.id == world.cast.sam.id).values(disabled_at=world.now))
    assert world.stranger().get(whole).status_code == 404
