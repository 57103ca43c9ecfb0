"""One worker or two, killed at any line, under any clock: a reply leaves once, and no account sends two at a time."""

from threading import Thread

import pytest

from overheard.errors import OverheardError
from overheard.replying import connected_accounts, reply_stops
from overheard.vocabulary import Platform, ReplyState
from tests.collectors.replying.conftest import at
from tests.collectors.replying.desk import PLACES, Desk
from tests.collectors.replying.histories import Killed, Mortal
from tests.fakeworld import faults
from tests.soak_replies import live


def _mortal(desk: Desk, dies: str) -> Mortal:
    worker = Mortal(desk.sessions, desk.settings, desk.guard, desk.clock, desk.waits.append)
    worker.dies, worker.world = dies, desk.world
    return worker


@at(Platform.REDDIT, Platform.BLUESKY)
def test_a_double_click_approves_once_and_sends_once(desk: Desk) -> None:
    asked = desk.ask()
    reply_id = desk.approve(asked)
    with pytest.raises(OverheardError):
        desk.approve_draft(reply_id)
    desk.send()
    with pytest.raises(OverheardError):
        desk.approve(asked)
    desk.send()
    assert (len(desk.ours(asked)), desk.attempts()) == (1, 1)


@at(Platform.SLACK)
def test_two_workers_share_what_waits_and_send_nothing_twice(desk: Desk) -> None:
    asked = [desk.ask("a" + "b" * number, f"Which CRM for {number} bakeries?") for number in range(4)]
    for each in asked:
        desk.approve(each)
    workers = [Thread(target=lambda: [desk.send() for _ in range(4)]) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    desk.send()
    assert [len(desk.ours(each)) for each in asked] == [1, 1, 1, 1]
    assert desk.attempts() == 4


@at(Platform.REDDIT, Platform.MASTODON)
def test_a_worker_that_died_before_sending_leaves_a_reply_that_fails_and_is_not_sent_by_itself(desk: Desk) -> None:
    asked = desk.ask()
    reply_id = desk.approve(asked)
    with pytest.raises(Killed):
        _mortal(desk, "before").run_once()
    assert desk.state(reply_id) is ReplyState.SENDING

    desk.wait(minutes=1)
    assert desk.state(reply_id) is ReplyState.SENDING  # its lease holds
    desk.wait(minutes=5)
    assert desk.state(reply_id) is ReplyState.AMBIGUOUS
    desk.wait(minutes=11)

    assert (desk.state(reply_id), desk.attempts()) == (ReplyState.FAILED, 0)


@at(Platform.REDDIT, Platform.SLACK, Platform.DISCOURSE)
def test_a_worker_that_died_after_sending_leaves_a_reply_that_is_found(desk: Desk) -> None:
    asked = desk.ask()
    reply_id = desk.approve(asked)
    with pytest.raises(Killed):
        _mortal(desk, "after").run_once()

    desk.wait(minutes=6)

    assert (desk.state(reply_id), len(desk.ours(asked))) == (ReplyState.SENT, 1)


@at(Platform.REDDIT)
def test_an_hour_that_jumps_by_while_it_sends_changes_nothing(desk: Desk) -> None:
    asked = desk.ask()
    reply_id = desk.approve(asked)
    _mortal(desk, "jump").run_once()
    desk.wait(minutes=1)
    assert (desk.state(reply_id), len(desk.ours(asked))) == (ReplyState.SENT, 1)


@at(Platform.REDDIT)
def test_a_clock_that_is_set_back_delays_and_doubles_nothing(desk: Desk) -> None:
    asked = desk.ask()
    reply_id = desk.approve(asked)
    desk.post_meets(faults.Stored())
    desk.send()
    desk.wait(minutes=-60)
    assert (desk.state(reply_id), len(desk.ours(asked))) == (ReplyState.SENT, 1)


@at(Platform.REDDIT)
def test_while_a_stop_stands_nothing_is_sent_and_afterwards_it_is(desk: Desk) -> None:
    reply_id = desk.approve(desk.ask())
    with desk.sessions.begin() as session:
        reply_stops.stop(session, because="Somebody complained.", actor=desk.sam, now=desk.world.now)
    desk.send()
    assert (desk.state(reply_id), desk.attempts()) == (ReplyState.APPROVED, 0)
    with desk.sessions.begin() as session:
        reply_stops.lift(session, now=desk.world.now)
    desk.send()
    assert desk.state(reply_id) is ReplyState.SENT


@at(Platform.REDDIT)
def test_a_paused_account_sends_nothing_and_what_was_unclear_is_read_back_all_the_same(desk: Desk) -> None:
    first, second = desk.ask("flour"), desk.ask("rye", "Which CRM for orders by phone?")
    first_id, second_id = desk.approve(first), desk.approve(second)
    desk.post_meets(faults.Stored())
    with desk.sessions.begin() as session:
        session.connection()
    desk.send()
    with desk.sessions.begin() as session:
        connected_accounts.pause(session, desk.account, because="Look into it.", now=desk.world.now)
    waiting = desk.state(second_id)
    desk.wait(minutes=1)
    assert desk.state(first_id) is ReplyState.SENT
    assert desk.state(second_id) is waiting


@pytest.mark.parametrize("platform", list(PLACES))
def test_random_lives_post_nothing_twice(platform: Platform) -> None:
    """`make soak-replies` lives ten thousand of them."""
    told, wrong = live(platform, f"suite {platform.value}", 15)
    assert wrong == []
    assert told["sent"] > 0
