"""Slack: history, threads, edits and deletions, and every way in which Slack says no."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import HttpUrl

from collectors.base import Tools, Watched
from collectors.run import CollectSummary, collect
from collectors.slack import Slack
from overheard import credentials, sources
from overheard.db import Sessions
from overheard.errors import CollectorError
from overheard.intake import Intake
from overheard.models import DeadLetter, Delivery, Post, Source, Tombstone
from overheard.settings import Settings, SlackSettings
from overheard.vocabulary import Platform, SourceState
from tests.collectors.live import Live
from tests.fakeworld import faults
from tests.fakeworld.model import World, Written
from tests.fakeworld.oracle import compare
from tests.fakeworld.server import serve
from tests.fakeworld.wires import slack as wire

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

POLLING = {"bot_token": wire.BOT_TOKEN, "app_token": "", "signing_secret": ""}
TOLD = {**POLLING, "signing_secret": wire.SIGNING_SECRET}
HOUR, DAY = 3600, 86_400


class SlackLive(Live):
    """Somebody who watches #ovens."""

    lookback_days = 14

    @property
    def settings(self) -> Settings:
        base_url = HttpUrl(self.world.url(Platform.SLACK) + "/api/")
        slack = SlackSettings(base_url=base_url, lookback_days=self.lookback_days)
        return Settings(home=self.home, slack=slack, http_timeout=5)

    def open_slack(self) -> Slack:
        return Slack(Tools(self.settings, self.clock, self.waits.append, self.secrets))

    def push(self, *payloads: dict[str, Any]) -> None:
        """Events come in, as a listener keeps them."""
        with self.sessions.begin() as session:
            account = credentials.save(
                session, self.settings, mode="slack", name="ours", secrets=self.secrets, now=self.world.now
            )
            for payload in payloads:
                sources.deliver(
                    session,
                    credential_id=account,
                    delivery_id=payload["event_id"],
                    address=payload["event"]["channel"],
                    raw=json.dumps(payload).encode(),
                    now=self.world.now,
                )

    def collect_after(self, seconds: float) -> Intake:
        self.world.advance(seconds)
        summary = self.collect()
        assert summary.error is None
        return summary.intake

    def bodies(self) -> set[str]:
        return set(self.texts())

    def asked(self, method: str) -> int:
        return len(self.world.asked(rf"/{method}$"))


@pytest.fixture
def world() -> World:
    return World()


def make_live(
    sessions: Sessions, world: World, home: Path, secrets: dict[str, str], *, channel: str = "C1"
) -> SlackLive:
    world.state(wire.Slack).channels.setdefault(channel, wire.Channel("ovens"))
    live = SlackLive(sessions, world, home, "slack", Platform.SLACK, secrets)
    live.watch("bakery/#ovens", channel, {"backfill_days": "7"})
    return live


@pytest.fixture
def live(sessions: Sessions, world: World, tmp_path: Path) -> Iterator[SlackLive]:
    """Without events: history is all there is."""
    with serve(world, [wire.WIRE]):
        yield make_live(sessions, world, tmp_path, POLLING)


@pytest.fixture
def told(sessions: Sessions, world: World, tmp_path: Path) -> Iterator[SlackLive]:
    """With events; they are pushed by hand."""
    with serve(world, [wire.WIRE]):
        yield make_live(sessions, world, tmp_path, TOLD)


def say(world: World, body: str | None = None, **more: Any) -> Written:  # noqa: ANN401
    return world.write(Platform.SLACK, "C1", author="URITA", body=body, **more)


def events(world: World, after: int = 0) -> list[dict[str, Any]]:
    return [wire.payload(change) for change in world.changes_after(after, Platform.SLACK)]


# --- history -------------------------------------------------------------------------------------------------------


def test_the_first_reading_goes_back_as_far_as_was_asked_for(live: SlackLive, world: World) -> None:
    say(world, "Long ago", at=world.now - timedelta(days=8))
    say(world, "This week", at=world.now - timedelta(days=6))
    say(world, "Today")
    assert live.collect_after(60) == Intake(new=2)
    assert live.bodies() == {"This week", "Today"}


def test_a_message_becomes_a_post_with_the_name_and_the_address_of_its_writer(live: SlackLive, world: World) -> None:
    written = say(world, "Which oven for <rye> & wheat?")
    live.collect_after(60)
    (post,) = live.posts()
    assert (post.external_id, post.body) == (f"T1:C1:{written.id}", "Which oven for <rye> & wheat?")
    assert (post.author, post.author_name) == ("URITA", "Rita")
    assert post.permalink == f"https://bakery.slack.com/archives/C1/p{written.id.replace('.', '')}"


def test_markup_is_decoded_once_and_ids_are_called_by_their_names(live: SlackLive, world: World) -> None:
    text = "<@UOTTO> in <#C1|>: see <https://example.org/?a=1&amp;b=2|the &amp;lt; page> <@UXGONE> <#C9>"
    say(world, text=text)
    live.collect_after(60)
    assert live.texts() == ["@Otto in #ovens: see the &lt; page @UXGONE #C9"]


def test_pages_of_history_lose_nothing_though_messages_come_in_between(live: SlackLive, world: World) -> None:
    world.state(wire.Slack).most = 4
    for _ in range(23):
        say(world)
        world.advance(1)
    later = iter(range(3))

    def somebody_writes(_: CollectSummary) -> None:
        if next(later, None) is not None:
            say(world)

    collect(live.sessions, live.settings, clock=live.clock, sleep=live.waits.append, on_progress=somebody_writes)
    live.collect_after(60)
    assert_all_is_well(live)
    assert live.count(Post) == len(world.posts(Platform.SLACK)) > 23


def assert_all_is_well(live: SlackLive) -> None:
    report = compare(live.world, live.sessions)
    assert report.is_clean, report


def test_a_reading_that_breaks_off_goes_on_where_it_was(live: SlackLive, world: World) -> None:
    world.state(wire.Slack).most = 5
    for _ in range(20):
        say(world)
        world.advance(1)
    requests: list[object] = []

    def third_breaks(_: CollectSummary) -> None:
        requests.append(1)
        if len(requests) == 2:
            world.fail("conversations.history", faults.RESET, times=4)

    (summary,) = collect(
        live.sessions, live.settings, clock=live.clock, sleep=live.waits.append, on_progress=third_breaks
    )
    assert summary.error is not None
    assert live.count(Post) == 10
    world.heal()
    say(world, "Later")
    before = live.asked("conversations.history")
    live.collect_after(60)
    first = world.asked("conversations.history")[before]
    assert b"latest=9999999999" not in first.body, "it begins below what it had"
    assert_all_is_well(live)


def test_what_was_read_is_not_asked_for_again(live: SlackLive, world: World) -> None:
    for _ in range(3):
        say(world)
    live.collect_after(60)
    assert live.collect_after(60) == Intake(unchanged=3), "the overlap"
    say(world, "New")
    assert live.collect_after(3600).new == 1


def test_a_thread_comes_whole_with_its_first_message(live: SlackLive, world: World) -> None:
    world.state(wire.Slack).most = 3
    parent = say(world, "Which oven?")
    for number in range(7):
        say(world, f"Answer {number}", parent=parent)
    live.collect_after(60)
    assert live.count(Post) == 8
    replies = [post for post in live.posts() if post.external_id != f"T1:C1:{parent.id}"]
    assert {post.parent_external_id for post in replies} == {f"T1:C1:{parent.id}"}


def test_a_reply_sent_to_the_channel_too_is_stored_once(live: SlackLive, world: World) -> None:
    parent = say(world, "Which oven?")
    say(world, "The big one", parent=parent, subtype="thread_broadcast")
    assert live.collect_after(60).new == 2
    live.collect_after(HOUR)
    assert_all_is_well(live)


def test_a_thread_that_wakes_weeks_later_is_found_by_looking_back(live: SlackLive, world: World) -> None:
    live.lookback_days = 30
    parent = say(world, "Which oven?")
    say(world, "Old answer", parent=parent)
    live.collect_after(60)
    for _ in range(3):
        live.collect_after(7 * DAY)
    say(world, "Late answer", parent=parent)
    live.collect_after(HOUR)
    assert "Late answer" in live.bodies()
    before = live.asked("conversations.replies")
    live.collect_after(HOUR)
    assert live.asked("conversations.replies") == before, "a thread that is as it was is not read again"


def test_edits_and_deletions_of_which_nobody_told_are_found_by_looking_back(live: SlackLive, world: World) -> None:
    live.lookback_days = 3
    kept, edited, deleted = say(world, "Kept"), say(world, "Before"), say(world, "Gone")
    parent = say(world, "Thread")
    reply, _ = say(world, "Reply gone", parent=parent), say(world, "Reply kept", parent=parent)
    live.collect_after(60)
    world.edit(edited, body="After")
    world.delete(deleted)
    world.delete(reply)
    live.collect_after(HOUR)
    assert live.bodies() == {"Kept", "After", "Thread", "Reply kept"}
    assert live.count(Tombstone) == 2
    assert_all_is_well(live)
    world.advance(4 * DAY)
    world.delete(kept)
    live.collect_after(HOUR)
    assert "Kept" in live.bodies(), "older than we look back: the re-check of leads is for these"


def test_a_deleted_message_with_replies_goes_and_its_replies_stay(live: SlackLive, world: World) -> None:
    parent = say(world, "Which oven?")
    reply = say(world, "The big one", parent=parent)
    live.collect_after(60)
    world.delete(parent)
    live.collect_after(HOUR)
    assert live.bodies() == {"The big one"}
    world.delete(reply)
    live.collect_after(HOUR)
    assert live.bodies() == set()
    assert_all_is_well(live)


def test_a_message_that_history_does_not_show_yet_is_not_taken_for_deleted(told: SlackLive, world: World) -> None:
    told.collect_after(60)
    world.advance(6 * HOUR)
    fresh = say(world, "Fresh")
    told.push(*events(world))
    hidden = told.world.posts
    world.fail("conversations.history", faults.Answer(200, b'{"ok": true, "messages": [], "has_more": false}', _JSON))
    assert hidden(Platform.SLACK) == [fresh]
    assert told.collect_after(0).erased == 0
    assert told.bodies() == {"Fresh"}


_JSON = {"Content-Type": "application/json"}


def test_a_workspace_that_hides_its_past_does_not_look_as_if_it_were_deleted(live: SlackLive, world: World) -> None:
    say(world, "Old")
    world.advance(DAY)
    newer = say(world, "Newer")
    live.collect_after(60)
    shown = json.dumps({"ok": True, "messages": [wire.message(newer)], "has_more": False, "is_limited": True}).encode()
    world.fail("conversations.history", faults.Answer(200, shown, _JSON), times=5)
    live.collect_after(HOUR)
    assert live.bodies() == {"Old", "Newer"}


def test_a_text_that_was_taken_away_is_erased(live: SlackLive, world: World) -> None:
    written = say(world, "Call me")
    live.collect_after(60)
    world.edit(written, body="")
    live.collect_after(HOUR)
    assert live.count(Post) == 0


def test_a_channel_that_is_renamed_keeps_its_source_and_its_name_here(live: SlackLive, world: World) -> None:
    say(world, "Before")
    live.collect_after(60)
    world.state(wire.Slack).channels["C1"].name = "hot-ovens"
    say(world, "After")
    live.collect_after(60)
    with live.sessions() as session:
        assert session.scalars(sa.select(Source.community)).all() == ["bakery/#ovens"]
    assert live.bodies() == {"Before", "After"}


@pytest.mark.parametrize(
    "extra",
    [
        {"subtype": "channel_join"},
        {"subtype": "bot_message", "bot_id": "B1"},
        {"bot_id": "B1"},
        {"user": wire.ME},
        {"user": "USLACKBOT"},
        {"user": "UROBOT"},
        {"text": "", "files": [{"id": "F1"}]},
    ],
)
def test_what_no_person_wrote_is_passed_by(live: SlackLive, world: World, extra: dict[str, Any]) -> None:
    world.state(wire.Slack).bots.add("UROBOT")
    say(world, **extra)
    assert live.collect_after(60) == Intake()


def test_a_message_of_blocks_only_has_their_text(live: SlackLive, world: World) -> None:
    section = {"type": "section", "text": {"type": "mrkdwn", "text": "Which *oven* &amp; why?"}}
    say(world, text="", blocks=[section])
    live.collect_after(60)
    assert live.texts() == ["Which *oven* & why?"]


def test_one_broken_message_is_set_aside_and_the_others_come_in(live: SlackLive, world: World) -> None:
    say(world, "One")
    say(world, text={"not": "a text"})
    say(world, "Three")
    assert live.collect_after(60) == Intake(new=2, rejected=1)
    assert live.count(DeadLetter) == 1


# --- what is pushed ------------------------------------------------------------------------------------------------


def test_events_come_in_without_asking_history(told: SlackLive, world: World) -> None:
    told.collect_after(60)
    before = told.asked("conversations.history")
    parent = say(world, "Which oven?")
    say(world, "The big one", parent=parent)
    told.push(*events(world))
    assert told.collect_after(1) == Intake(new=2)
    assert told.asked("conversations.history") == before
    with told.sessions() as session:
        assert set(session.scalars(sa.select(Delivery.raw))) == {b""}, "what was taken in is emptied"


def test_an_event_that_comes_twice_is_kept_once(told: SlackLive, world: World) -> None:
    say(world, "Once")
    told.push(*events(world), *events(world))
    assert told.collect_after(1).new == 1
    told.push(*events(world))
    assert told.collect_after(1) == Intake()


def test_what_is_pushed_for_a_channel_that_nobody_watches_is_not_kept(told: SlackLive, world: World) -> None:
    world.write(Platform.SLACK, "C2", author="URITA", body="Not for us")
    told.push(*events(world))
    with told.sessions() as session:
        assert session.scalars(sa.select(Delivery)).all() == []


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0), (2, 0, 1), (0, 2, 1), (1, 2, 0)])
def test_in_whatever_order_create_edits_come_the_last_text_stands(
    told: SlackLive, world: World, order: tuple[int, ...]
) -> None:
    written = say(world, "First")
    for body in ("Second", "Third"):
        world.advance(5)
        world.edit(written, body=body)
    pushed = events(world)
    told.push(*(pushed[index] for index in order[:1]))
    told.collect_after(1)
    told.push(*(pushed[index] for index in order[1:]))
    told.collect_after(1)
    assert told.texts() == ["Third"]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (2, 1, 0), (1, 2, 0), (0, 2, 1), (1, 0, 2)])
def test_a_deletion_wins_whenever_it_comes(told: SlackLive, world: World, order: tuple[int, ...]) -> None:
    written = say(world, "First")
    world.advance(5)
    world.edit(written, body="Second")
    world.delete(written)
    pushed = events(world)
    for index in order:
        told.push(pushed[index])
        told.collect_after(1)
    assert told.count(Post) == 0
    assert told.count(Tombstone) == 1


def test_a_change_that_leaves_the_text_as_it_was_changes_nothing(told: SlackLive, world: World) -> None:
    written = say(world, "https://example.org")
    told.push(*events(world))
    told.collect_after(1)
    seq = len(world.changes)
    world.edit(written, attachments=[{"title": "An example"}])
    told.push(*events(world, seq))
    assert told.collect_after(1) == Intake(unchanged=1)


def test_a_socket_that_fell_silent_is_found_out_and_what_was_missed_is_repaired(told: SlackLive, world: World) -> None:
    say(world, "Before")
    told.push(*events(world))
    told.collect_after(60)
    heard = say(world, "Heard")
    told.push(*events(world, 1))
    told.collect_after(300)
    say(world, "Unheard")
    world.edit(heard, body="Edited unheard")
    assert told.collect_after(300).new == 1, "history says what no event told"
    assert _cursor(told)["is_doubtful"] is True
    told.collect_after(1800)
    assert told.bodies() == {"Before", "Edited unheard", "Unheard"}
    assert _cursor(told)["is_doubtful"] is False


def test_after_an_outage_the_past_is_looked_over(told: SlackLive, world: World) -> None:
    written = say(world, "Before")
    told.push(*events(world))
    told.collect_after(60)
    world.delete(written)
    told.collect_after(3600)
    assert told.count(Post) == 0


def test_where_events_come_history_is_asked_seldom(told: SlackLive, world: World) -> None:
    told.collect_after(60)
    before = told.asked("conversations.history")
    for _ in range(60):
        say(world)
        told.push(events(world)[-1])
        told.collect_after(0)  # and the minute that each pass takes
    assert told.count(Post) == 60
    assert told.asked("conversations.history") - before <= 15


def _cursor(live: SlackLive) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(live.source().cursor or "{}")
    return told


# --- how Slack says no ---------------------------------------------------------------------------------------------


def refusing(error: str, **more: object) -> faults.Answer:
    return faults.Answer(200, json.dumps({"ok": False, "error": error, **more}).encode(), _JSON)


@pytest.mark.parametrize(
    "error",
    ["invalid_auth", "token_revoked", "token_expired", "account_inactive", "not_authed", "missing_scope"],
)
def test_a_refused_account_waits_for_the_operator(live: SlackLive, world: World, error: str) -> None:
    say(world)
    world.fail("conversations.history", refusing(error, needed="channels:history"), times=9)
    summary = live.collect()
    assert summary.error is not None
    assert summary.error.permanent
    assert error in str(summary.error)
    assert "channels:history" in str(summary.error) or error != "missing_scope"
    assert live.state() is SourceState.NEEDS_OPERATOR
    assert live.source().cursor is None
    world.heal()
    live.enable()
    assert live.collect().intake.new == 1


@pytest.mark.parametrize("error", ["not_in_channel", "channel_not_found", "is_archived"])
def test_a_channel_that_is_shut_is_passed_by_until_it_opens(live: SlackLive, world: World, error: str) -> None:
    say(world)
    live.collect_after(60)
    cursor = live.source().cursor
    say(world, "While shut")
    world.fail("conversations.history", refusing(error), times=1)
    summary = live.collect()
    assert summary.error is not None
    assert not summary.error.permanent
    assert live.state() is SourceState.WATCHING
    assert json.loads(live.source().cursor or "")["read_to"] == json.loads(cursor or "")["read_to"]
    live.collect_after(HOUR)
    assert "While shut" in live.bodies()


@pytest.mark.parametrize("error", ["internal_error", "fatal_error", "service_unavailable", "request_timeout"])
def test_a_slack_in_trouble_is_asked_again(live: SlackLive, world: World, error: str) -> None:
    say(world)
    world.fail("conversations.history", refusing(error), times=3)
    assert live.collect().intake.new == 1
    assert live.waits == [0.5, 1.0, 2.0]


def test_an_error_that_nobody_knows_is_told_loudly(live: SlackLive, world: World) -> None:
    world.fail("conversations.history", refusing("purple_elephant"), times=1)
    summary = live.collect()
    assert summary.error is not None
    assert summary.error.permanent
    assert "purple_elephant" in str(summary.error)


@pytest.mark.parametrize(
    "answer",
    [
        b'{"ok": true}',
        b'{"ok": true, "messages": null}',
        b'{"ok": true, "messages": [], "has_more": true}',
        b"[]",
        b"null",
        b'"ok"',
        b"<html>login</html>",
        b"",
        b"\xff\xfe",
    ],
)
def test_an_answer_that_is_none_moves_nothing(live: SlackLive, world: World, answer: bytes) -> None:
    say(world, "There")
    world.fail("conversations.history", faults.Answer(200, answer, _JSON), times=4)
    summary = live.collect()
    assert summary.error is not None
    assert not summary.error.permanent
    assert live.source().cursor is None
    world.heal()
    live.collect_after(60)
    assert live.bodies() == {"There"}


@pytest.mark.parametrize(
    ("method", "fault"),
    [
        *(("conversations.history", fault) for fault in faults.PASSING),
        *((method, faults.UNAVAILABLE) for method in ("auth.test", "conversations.replies", "users.info")),
    ],
)
def test_what_happens_to_everybody_now_and_then_is_got_over(
    live: SlackLive, world: World, method: str, fault: faults.Fault
) -> None:
    parent = say(world)
    say(world, parent=parent)
    world.fail(method, fault, times=2)
    assert live.collect().intake.new == 2
    assert_all_is_well(live)


def test_a_limit_that_holds_long_is_told_and_kept(live: SlackLive, world: World) -> None:
    world.fail("conversations.history", faults.rate_limited("120"), times=9)
    summary = live.collect()
    assert summary.error is not None
    assert summary.error.retry_after == 120
    assert live.asked("conversations.history") == 1
    assert live.collect().error is not None
    assert live.asked("conversations.history") == 1, "it is waited for"


def test_an_app_that_slack_takes_for_a_product_is_read_slowly_and_the_operator_is_told(
    live: SlackLive, world: World
) -> None:
    world.state(wire.Slack).most = 15
    for _ in range(40):
        say(world)
        world.advance(1)

    def wait(seconds: float) -> None:
        world.advance(seconds)

    (summary,) = collect(live.sessions, live.settings, clock=live.clock, sleep=wait)
    assert live.count(Post) == 40
    assert live.asked("conversations.history") <= 6, "the minutes that it waits are no reason to begin again"
    assert summary.error is not None
    assert not summary.error.permanent
    assert "internal app" in str(summary.error)


# --- the account, its channels, and asking again -------------------------------------------------------------------


def test_the_account_is_called_by_its_workspace_and_both_tokens_are_tried(live: SlackLive) -> None:
    live.secrets = {**POLLING, "app_token": wire.APP_TOKEN}
    assert live.open_slack().account_name() == "bakery"
    for wrong in ({"bot_token": "xoxb-wrong"}, {"app_token": "xapp-wrong"}):
        live.secrets = {**POLLING, "app_token": wire.APP_TOKEN, **wrong}
        with pytest.raises(CollectorError, match="invalid_auth") as caught:
            live.open_slack().account_name()
        assert caught.value.permanent


def test_all_channels_are_listed_and_those_without_us_say_how_to_get_in(live: SlackLive, world: World) -> None:
    world.state(wire.Slack).channels |= {
        "C2": wire.Channel("flour", is_member=False),
        "G3": wire.Channel("owners", is_private=True),
    }
    found = live.open_slack().communities()
    assert [(one.address, one.community, bool(one.note)) for one in found] == [
        ("C1", "bakery/#ovens", False),
        ("G3", "bakery/#owners", False),
        ("C2", "bakery/#flour", True),
    ]
    assert "/invite" in found[-1].note


@pytest.mark.parametrize(
    "address",
    ["C1", "#ovens", "ovens", "bakery/#ovens", "https://bakery.slack.com/archives/C1", " C1 ",
     "https://bakery.slack.com/archives/C1/p1795000000000100", "https://app.slack.com/client/T1/C1"],
)  # fmt: skip
def test_a_channel_is_found_by_whatever_people_type(live: SlackLive, address: str) -> None:
    (found,) = live.open_slack().communities(address)
    assert (found.address, found.community) == ("C1", "bakery/#ovens")


@pytest.mark.parametrize("address", ["#nowhere", "C404", "https://example.org/"])
def test_a_channel_that_is_not_there_is_said_so(live: SlackLive, address: str) -> None:
    with pytest.raises(CollectorError, match=r"no (such )?channel"):
        live.open_slack().communities(address)


def test_a_lead_is_asked_for_again_wherever_it_stands(live: SlackLive, world: World) -> None:
    parent, alone, gone = say(world, "Parent"), say(world, "Alone"), say(world, "Gone")
    reply, lost = say(world, "Reply", parent=parent), say(world, "Lost", parent=parent)
    live.collect_after(60)
    world.edit(parent, body="Parent, edited")
    world.edit(reply, body="Reply, edited")
    for written in (gone, lost):
        world.delete(written)
    ids = [wire.external_id(written) for written in (parent, alone, gone, reply, lost)]
    with live.open_slack() as collector:
        items = [item for batch in collector.recheck(_OVENS, [*ids, "export:C1:1.000001"]) for item in batch]
    told = {item.external_id: getattr(item, "body", None) for item in items if hasattr(item, "external_id")}
    assert told == dict(zip(ids, ["Parent, edited", "Alone", None, "Reply, edited", None], strict=True))


def test_the_account_is_never_in_a_message(live: SlackLive, world: World) -> None:
    live.secrets = {**POLLING, "bot_token": "xoxb-very-secret"}
    with pytest.raises(CollectorError) as caught:
        live.open_slack().account_name()
    assert "secret" not in str(caught.value)
    world.fail("auth.test", faults.Answer(500, b"a text about somebody"), times=4)
    with pytest.raises(CollectorError) as caught:
        live.open_slack().account_name()
    assert "somebody" not in str(caught.value)


_OVENS = Watched("C1", "bakery/#ovens", {"backfill_days": "7"})
