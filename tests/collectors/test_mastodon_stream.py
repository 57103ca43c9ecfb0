"""What Mastodon's streams push, what they miss, and who finds it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from overheard.db import Sessions
from overheard.listening.intake import Intake
from overheard.models import Delivery, Tombstone
from tests.collectors.mastodon_watcher import Reads, Watcher
from tests.fakeworld import faults
from tests.fakeworld.faults import SocketFault
from tests.fakeworld.model import World
from tests.fakeworld.server import serve

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def watcher(sessions: Sessions, world: World, tmp_path: Path) -> Iterator[Watcher]:
    with serve(world):
        yield Watcher(sessions, world, tmp_path)


def test_what_is_pushed_is_on_disk_and_taken_in_by_the_next_pass(watcher: Watcher, world: World) -> None:
    watcher.watch()
    old = watcher.write("Befor")
    watcher.collect()
    with watcher.listening() as listening:
        gone, new = watcher.write("Soon gone"), watcher.write("New")
        world.edit(old, body="Before")
        world.delete(gone)
        listening.wait_for(f"update {new.id}", f"status.update {old.id}", f"delete {gone.id}")
    world.fail("timelines", faults.UNAVAILABLE, times=4)  # the stream alone
    summary = watcher.collect()
    assert summary.error is not None
    assert summary.intake == Intake(new=2, edited=1, erased=1)
    assert {post.body for post in watcher.posts()} == {"Before", "New"}
    assert all(delivery.raw == b"" for delivery in watcher.all(Delivery))
    watcher.collect()
    watcher.assert_nothing_is_wrong()


def test_a_deletion_of_what_we_never_had_leaves_no_trace(watcher: Watcher, world: World) -> None:
    watcher.watch()
    never_ours = watcher.write(visibility="unlisted")
    with watcher.listening() as listening:
        world.delete(never_ours)
        listening.wait_for(f"delete {never_ours.id}")
    watcher.collect()
    assert (watcher.all(Tombstone), watcher.posts()) == ([], [])


def test_a_stream_that_is_lost_is_opened_again_and_what_it_missed_is_walked(watcher: Watcher, world: World) -> None:
    watcher.watch()
    watcher.write()
    watcher.collect()
    world.fail("streaming/", SocketFault(after=1))
    with watcher.listening() as listening:
        first = watcher.write()
        listening.wait_for(f"update {first.id}")
        missed = watcher.write()
        listening.wait_for_streams(2)
        later = watcher.write()
        listening.wait_for(f"update {later.id}")
    assert not watcher.pushed(f"update {missed.id}")
    assert watcher.collect().intake.new == 3
    watcher.assert_nothing_is_wrong()


def test_a_pass_that_the_stream_called_for_does_not_walk_again_at_once(watcher: Watcher, world: World) -> None:
    watcher.watch()
    watcher.write()
    with watcher.collector() as collector:
        read = Reads(watcher, collector)
        read.once()
        with watcher.listening() as listening:
            read.once()  # a new stream: walked
            walks = len(world.asked("timelines/"))
            new = watcher.write()
            listening.wait_for(f"update {new.id}")
            assert read.once().intake == Intake(new=1)
            assert len(world.asked("timelines/")) == walks
    watcher.assert_nothing_is_wrong()


def test_a_refused_stream_is_tried_again_without_a_word(watcher: Watcher, world: World) -> None:
    watcher.watch()
    world.fail("streaming/", faults.UNAVAILABLE)
    with watcher.listening() as listening:
        new = watcher.write()
        listening.wait_for(f"update {new.id}")
