"""What Slack pushes: events in any order, and history as the canary."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from overheard.db import Sessions
from overheard.listening.intake import Intake
from overheard.models import Delivery, Post, Tombstone
from overheard.vocabulary import Platform
from tests.collectors.slack_live import (
    TOLD,
    SlackLive,
    events,
    make_live,
    say,
)
from tests.fakeworld.model import World
from tests.fakeworld.server import serve
from tests.fakeworld.wires import slack as wire

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def told(sessions: Sessions, world: World, tmp_path: Path) -> Iterator[SlackLive]:
    """With events; they are pushed by hand."""
    with serve(world, [wire.WIRE]):
        yield make_live(sessions, world, tmp_path, TOLD)


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
