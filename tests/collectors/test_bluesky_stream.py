"""Bluesky's stream, read through everything that happens to a stream."""

from collections.abc import Iterator

import pytest

from overheard.db import Sessions
from overheard.listening.intake import Intake
from overheard.models import Gap
from tests.collectors.bluesky_watcher import SUBSCRIBE, Staying, Watcher, settings_for, write
from tests.fakeworld import faults
from tests.fakeworld.model import World
from tests.fakeworld.server import serve
from tests.fakeworld.wires import bluesky as wire

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def watcher(sessions: Sessions, world: World) -> Iterator[Watcher]:
    with serve(world):
        yield Watcher(sessions, world)


@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_connection_that_is_lost_is_made_again_and_each_post_is_stored_once(
    watcher: Watcher, world: World, after: int
) -> None:
    watcher.watch()
    for _ in range(9):
        write(world)
    world.fail(SUBSCRIBE, faults.SocketFault(after=after), times=2)
    assert watcher.collect().error is None
    assert len(world.asked(SUBSCRIBE)) == 3
    watcher.assert_nothing_is_wrong()


def test_a_frame_that_stops_in_the_middle_comes_again_whole(watcher: Watcher, world: World) -> None:
    watcher.watch()
    keys = [write(world) for _ in range(5)]
    world.state(wire.Bluesky).cut_at = {3}
    assert watcher.collect().error is None
    assert [post.external_id for post in watcher.posts()] == keys


def test_a_reader_that_was_too_slow_connects_again(watcher: Watcher, world: World) -> None:
    watcher.watch()
    keys = [write(world) for _ in range(5)]
    world.state(wire.Bluesky).slow_at = {2, 4}
    assert watcher.collect().error is None
    assert [post.external_id for post in watcher.posts()] == keys


def test_a_server_that_is_away_for_a_moment_costs_nothing(watcher: Watcher, world: World) -> None:
    watcher.watch()
    write(world)
    for fault in (faults.UNAVAILABLE, faults.RESET, faults.rate_limited("7")):
        world.fail(SUBSCRIBE, fault)
    assert watcher.collect().intake == Intake(new=1)
    assert watcher.waits == [0.5, 1.0, 7.0]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (faults.UNAVAILABLE, "Bluesky's stream answered 503."),
        (faults.HTML_PAGE, "Bluesky's stream answered 200."),
        (faults.RESET, "Bluesky's stream cannot be reached: InvalidMessage."),
        (faults.DROPPED, "Bluesky's stream broke off."),
        (faults.Answer(400, b'{"error": "InvalidRequest"}'), "Bluesky's stream answered 400 (InvalidRequest)."),
    ],
)
def test_a_server_that_stays_away_is_told_and_the_cursor_does_not_move(
    watcher: Watcher, world: World, fault: faults.Fault | faults.SocketFault, message: str
) -> None:
    watcher.watch()
    write(world)
    world.fail(SUBSCRIBE, fault, times=4)
    error = watcher.collect().error
    assert error is not None
    assert (str(error), error.permanent) == (message, False)
    assert watcher.posts() == []
    assert watcher.collect().intake == Intake(new=1)


def test_a_server_that_says_when_to_come_back_is_not_asked_before(watcher: Watcher, world: World) -> None:
    watcher.watch()
    world.fail(SUBSCRIBE, faults.rate_limited("600"))
    error = watcher.collect().error
    assert error is not None
    assert (error.retry_after, watcher.waits) == (600.0, [])


# --- the cursor ----------------------------------------------------------------------------------------------------


def test_what_the_stream_has_not_kept_is_a_gap_and_reading_goes_on_behind_it(watcher: Watcher, world: World) -> None:
    watcher.watch()
    write(world)
    watcher.collect()
    world.advance(40 * 3600)
    lost = [write(world) for _ in range(5)]
    world.state(wire.Bluesky).floor = 5
    kept = [write(world) for _ in range(2)]
    summary = watcher.collect()
    assert (summary.error, summary.missed, summary.intake) == (None, 1, Intake(new=4))
    gap = watcher.gap()
    assert (gap.first, gap.last) == ("2", "4")
    assert "the last one is of 2026-11-20 09:30 UTC" in gap.reason
    assert {post.external_id for post in watcher.posts()} >= {*kept, *lost[3:]}
    watcher.assert_nothing_is_wrong()
    assert watcher.collect().missed == 0


def test_a_floor_that_cannot_be_read_from_the_answer_is_found_by_time(watcher: Watcher, world: World) -> None:
    watcher.watch()
    write(world)
    watcher.collect()
    world.advance(40 * 3600)
    for _ in range(5):
        write(world)
    world.state(wire.Bluesky).floor = 5
    world.fail(SUBSCRIBE, faults.Answer(400, b'{"error": "CursorTooOld", "message": "too old"}'))
    summary = watcher.collect()
    assert (summary.error, summary.missed) == (None, 1)
    assert watcher.gap().first == "2026-11-20T09:30:01+00:00"
    watcher.assert_nothing_is_wrong()


@pytest.mark.parametrize("shift", [1_000_000, -2])
def test_another_server_is_read_from_a_little_before_by_time(watcher: Watcher, world: World, shift: int) -> None:
    watcher.watch()
    for _ in range(3):
        write(world)
    watcher.collect()
    watcher.settings = settings_for(world, host="localhost")
    world.state(wire.Bluesky).shift = shift
    for _ in range(3):
        write(world)
    assert watcher.collect().intake == Intake(new=3, unchanged=3)
    watcher.assert_nothing_is_wrong()
    assert watcher.all(Gap) == []


def test_a_server_that_began_its_numbers_anew_is_read_by_time(watcher: Watcher, world: World) -> None:
    watcher.watch()
    world.state(wire.Bluesky).shift = 1_000_000
    for _ in range(3):
        write(world)
    watcher.collect()
    world.state(wire.Bluesky).shift = 0
    for _ in range(3):
        write(world)
    assert watcher.collect().intake == Intake(new=3, unchanged=3)
    watcher.assert_nothing_is_wrong()


# --- a stream that stays -------------------------------------------------------------------------------------------


def test_a_stream_that_stays_brings_what_is_written_meanwhile(watcher: Watcher, world: World) -> None:
    watcher.watch()
    write(world)
    staying = Staying(watcher, expected=3)
    for _ in range(2):
        write(world)
    summary = staying.end()
    assert (summary.error, summary.intake.new) == (None, 3)
    watcher.assert_nothing_is_wrong()


@pytest.mark.parametrize(
    "fault", [faults.SocketFault(after=1, is_silent=True), faults.SocketFault(after=1, is_deaf=True)]
)
def test_a_socket_that_was_forgotten_by_its_server_is_found_and_replaced(
    watcher: Watcher, world: World, fault: faults.SocketFault
) -> None:
    watcher.watch()
    world.fail(SUBSCRIBE, fault)
    staying = Staying(watcher, expected=3)
    for _ in range(3):
        write(world)
    summary = staying.end()
    assert (summary.error, summary.intake.new) == (None, 3)
    assert len(world.asked(SUBSCRIBE)) == 2
    watcher.assert_nothing_is_wrong()


def test_all_of_bluesky_in_silence_is_an_error_in_the_end(watcher: Watcher, world: World) -> None:
    watcher.watch()
    world.fail(SUBSCRIBE, faults.SILENT, times=4)
    summary = Staying(watcher, expected=1).end()
    assert str(summary.error) == "Bluesky's stream has sent nothing for 2 seconds."
