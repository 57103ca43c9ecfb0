"""How Slack says no; the account, its channels, and asking again."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors.base import Watched
from collectors.run import collect
from overheard.db import Sessions
from overheard.errors import CollectorError
from overheard.models import Post
from overheard.vocabulary import SourceState
from tests.collectors.slack_live import (
    HOUR,
    JSON,
    POLLING,
    SlackLive,
    assert_all_is_well,
    make_live,
    refusing,
    say,
)
from tests.fakeworld import faults
from tests.fakeworld.model import World
from tests.fakeworld.server import serve
from tests.fakeworld.wires import slack as wire

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def live(sessions: Sessions, world: World, tmp_path: Path) -> Iterator[SlackLive]:
    """Without events: history is all there is."""
    with serve(world, [wire.WIRE]):
        yield make_live(sessions, world, tmp_path, POLLING)


# --- how Slack says no ---------------------------------------------------------------------------------------------


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
    world.fail("conversations.history", faults.Answer(200, answer, JSON), times=4)
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
    with live.open_slack() as collector:
        assert collector.account_name() == "bakery"
    for wrong in ({"bot_token": "xoxb-wrong"}, {"app_token": "xapp-wrong"}):
        live.secrets = {**POLLING, "app_token": wire.APP_TOKEN, **wrong}
        with live.open_slack() as collector, pytest.raises(CollectorError, match="invalid_auth") as caught:
            collector.account_name()
        assert caught.value.permanent


def test_all_channels_are_listed_and_those_without_us_say_how_to_get_in(live: SlackLive, world: World) -> None:
    world.state(wire.Slack).channels |= {
        "C2": wire.Channel("flour", is_member=False),
        "G3": wire.Channel("owners", is_private=True),
    }
    with live.open_slack() as collector:
        found = collector.communities()
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
    with live.open_slack() as collector:
        (found,) = collector.communities(address)
    assert (found.address, found.community) == ("C1", "bakery/#ovens")


@pytest.mark.parametrize("address", ["#nowhere", "C404", "https://example.org/"])
def test_a_channel_that_is_not_there_is_said_so(live: SlackLive, address: str) -> None:
    with live.open_slack() as collector, pytest.raises(CollectorError, match=r"no (such )?channel"):
        collector.communities(address)


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
    with live.open_slack() as collector, pytest.raises(CollectorError) as caught:
        collector.account_name()
    assert "secret" not in str(caught.value)
    world.fail("auth.test", faults.Answer(500, b"a text about somebody"), times=4)
    with live.open_slack() as collector, pytest.raises(CollectorError) as caught:
        collector.account_name()
    assert "somebody" not in str(caught.value)


_OVENS = Watched("C1", "bakery/#ovens", {"backfill_days": "7"})
