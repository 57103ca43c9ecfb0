"""Whatever goes wrong between an SDR's word and the platform's answer: never twice, and in the end it is known."""

import pytest

from overheard.vocabulary import Platform, PostKind, ReplyState
from tests.collectors.replying.conftest import at
from tests.collectors.replying.desk import Desk
from tests.fakeworld import faults
from tests.fakeworld.sending import bluesky, reddit, slack

pytestmark = pytest.mark.alternate_databases

LOST = {
    "503 after it was stored": faults.Stored(),
    "reset after it was stored": faults.RESET_AFTER,
    "no answer in time": faults.Stored(seconds=3),
    "half an answer": faults.HALF_JSON,
    "an answer that breaks off": faults.CUT,
}

MINUTES = ("RATELIMIT", "Looks like you've been doing that a lot. Take a break for 9 minutes before trying again.")
SECONDS = ("RATELIMIT", "You are doing that too much. Try again in 3 seconds.")


@pytest.mark.parametrize("fault", LOST.values(), ids=LOST)
def test_a_reply_whose_answer_was_lost_is_found_there_and_not_sent_again(desk: Desk, fault: faults.Fault) -> None:
    desk.settings = desk.settings.model_copy(update={"http_timeout": 0.5})
    asked = desk.ask()
    reply_id = desk.approve(asked)
    desk.post_meets(fault)

    assert desk.send().unclear == 1
    assert desk.state(reply_id) is ReplyState.AMBIGUOUS

    desk.wait(minutes=1)
    assert desk.state(reply_id) is ReplyState.SENT
    assert (len(desk.ours(asked)), desk.attempts()) == (1, 1)
    assert desk.reply(reply_id).permalink


def test_a_reply_that_never_arrived_fails_after_ten_minutes_and_not_before(desk: Desk) -> None:
    asked = desk.ask()
    reply_id = desk.approve(asked)
    desk.post_meets(faults.RESET)
    desk.send()

    desk.wait(minutes=5)
    assert desk.state(reply_id) is ReplyState.AMBIGUOUS
    desk.wait(minutes=6)
    assert desk.state(reply_id) is ReplyState.FAILED
    assert desk.attempts() == 1


def test_a_request_that_arrives_late_is_found_as_long_as_nobody_gave_it_up(desk: Desk) -> None:
    asked = desk.ask()
    reply_id = desk.approve(asked)
    straggler = faults.Straggler()
    desk.post_meets(straggler)
    desk.send()
    desk.wait(minutes=2)

    straggler.go.set()
    assert straggler.arrived.wait(5)
    desk.wait(minutes=2)

    assert desk.state(reply_id) is ReplyState.SENT
    assert len(desk.ours(asked)) == 1


def test_one_that_arrives_even_later_keeps_the_next_reply_from_being_a_second_one(desk: Desk) -> None:
    asked = desk.ask()
    reply_id = desk.approve(asked)
    straggler = faults.Straggler()
    desk.post_meets(straggler)
    desk.send()
    desk.wait(minutes=11)
    assert desk.state(reply_id) is ReplyState.FAILED

    straggler.go.set()
    assert straggler.arrived.wait(5)
    again = desk.approve(asked)
    desk.send()

    assert (desk.state(again), len(desk.ours(asked))) == (ReplyState.SENT, 1)
    other = desk.reply(again)
    assert other.permalink


@pytest.mark.parametrize(("wait", "is_paused"), [("7", False), ("600", True), (None, True)])
def test_a_limit_means_that_nothing_was_sent_and_a_long_one_pauses_the_account(
    desk: Desk, wait: str | None, is_paused: bool
) -> None:
    asked = desk.ask()
    reply_id = desk.approve(asked)
    desk.post_meets(faults.rate_limited(wait))

    assert desk.send().refused == 1

    assert desk.state(reply_id) is ReplyState.FAILED
    assert (desk.connected().paused_at is not None) is is_paused
    assert desk.ours(asked) == []


@at(Platform.REDDIT)
@pytest.mark.parametrize(("told", "is_paused"), [(MINUTES, True), (SECONDS, False)])
def test_reddits_own_word_for_a_limit_is_understood(desk: Desk, told: tuple[str, str], is_paused: bool) -> None:
    asked = desk.ask()
    reply_id = desk.approve(asked)
    desk.world.state(reddit.Refusals).next.append(told)

    desk.send()

    assert desk.state(reply_id) is ReplyState.FAILED
    account = desk.connected()
    assert (account.paused_at is not None) is is_paused
    assert not is_paused or "540 seconds" in (account.paused_because or "")
    assert (desk.attempts(), desk.waits) == (1, [])


def test_a_refusal_of_the_account_pauses_it_and_what_waits_stays_waiting(desk: Desk) -> None:
    first, second = desk.ask("flour"), desk.ask("rye", "Which CRM for orders by phone?")
    first_id, second_id = desk.approve(first), desk.approve(second)
    desk.post_meets(faults.Answer(403, b'{"ok": false, "error": "restricted_action"}'))

    desk.send()

    assert (desk.state(first_id), desk.state(second_id)) == (ReplyState.FAILED, ReplyState.APPROVED)
    assert desk.connected().paused_at is not None
    assert desk.attempts() == 1


def test_a_post_that_was_deleted_between_approving_and_sending_is_not_answered(desk: Desk) -> None:
    asked = desk.ask()
    reply_id = desk.approve(asked)
    desk.world.delete(asked)

    desk.send()

    assert (desk.state(reply_id), desk.attempts()) == (ReplyState.FAILED, 0)
    assert "gone" in (desk.reply(reply_id).error or "")


@at(Platform.REDDIT, Platform.SLACK, Platform.MASTODON, Platform.GITHUB, Platform.DISCOURSE)
def test_a_post_that_was_edited_between_approving_and_sending_is_not_answered(desk: Desk) -> None:
    asked = desk.ask()
    reply_id = desk.approve(asked)
    desk.world.edit(asked, body="Solved, thank you all. No more offers please.")

    desk.send()

    assert (desk.state(reply_id), desk.attempts()) == (ReplyState.FAILED, 0)
    assert "edited" in (desk.reply(reply_id).error or "")


@at(Platform.REDDIT, Platform.BLUESKY, Platform.GITHUB, Platform.DISCOURSE)
def test_a_locked_thread_is_not_answered(desk: Desk) -> None:
    asked = desk.ask()
    reply_id = desk.approve(asked)
    asked.extra["locked"] = True

    desk.send()

    assert (desk.state(reply_id), desk.attempts()) == (ReplyState.FAILED, 0)


@at(Platform.BLUESKY)
def test_somebody_who_has_blocked_us_is_not_answered(desk: Desk) -> None:
    asked = desk.ask()
    reply_id = desk.approve(asked)
    desk.world.state(bluesky.Sending).blocked_by.add("flour")

    desk.send()

    assert (desk.state(reply_id), desk.attempts()) == (ReplyState.FAILED, 0)
    assert "blocked" in (desk.reply(reply_id).error or "")


@at(Platform.REDDIT)
@pytest.mark.parametrize("code", ["USER_BLOCKED", "SUBREDDIT_NOTALLOWED"])
def test_an_operator_who_is_blocked_sends_nothing_more(desk: Desk, code: str) -> None:
    reply_id = desk.approve(desk.ask())
    desk.world.state(reddit.Refusals).next.append((code, "no"))

    desk.send()

    assert desk.state(reply_id) is ReplyState.FAILED
    assert desk.connected().paused_at is not None


@at(Platform.SLACK)
@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("is_archived", ReplyState.FAILED),
        ("token_revoked", ReplyState.FAILED),
        ("ratelimited", ReplyState.FAILED),
        ("fatal_error", ReplyState.AMBIGUOUS),
        ("internal_error", ReplyState.AMBIGUOUS),
    ],
)
def test_slacks_words_for_no_are_told_from_those_for_perhaps(desk: Desk, code: str, state: ReplyState) -> None:
    reply_id = desk.approve(desk.ask())
    desk.world.state(slack.Refusals).next.append(code)

    desk.send()

    assert desk.state(reply_id) is state


@at(Platform.MASTODON)
def test_an_odd_header_on_a_good_answer_is_no_limit(desk: Desk) -> None:
    """Mastodon.py raises the error of a limit when it cannot read the time of a good answer, which was stored."""
    asked = desk.ask()
    reply_id = desk.approve(asked)
    desk.post_meets(faults.Stored(200, b"{}", headers={"X-RateLimit-Reset": "soon"}))

    desk.send()
    assert desk.state(reply_id) is ReplyState.AMBIGUOUS
    desk.wait(minutes=1)

    assert (desk.state(reply_id), len(desk.ours(asked))) == (ReplyState.SENT, 1)


def test_where_the_post_cannot_be_looked_at_nothing_is_sent(desk: Desk) -> None:
    reply_id = desk.approve(desk.ask())
    desk.world.fail(r"", faults.UNAVAILABLE, times=1000)

    desk.send()

    assert (desk.state(reply_id), desk.attempts()) == (ReplyState.FAILED, 0)


def test_what_was_answered_there_already_is_not_answered_again(desk: Desk) -> None:
    asked = desk.ask()
    reply_id = desk.approve(asked)
    desk.world.advance(5)
    by_hand = desk.world.write(
        desk.place.platform,
        desk.place.community,
        author=desk.place.me,
        body="By hand.",
        parent=asked,
        kind=PostKind.COMMENT,
    )

    desk.send()

    assert (desk.state(reply_id), desk.ours(asked)) == (ReplyState.FAILED, [by_hand])
    assert "already" in (desk.reply(reply_id).error or "")
