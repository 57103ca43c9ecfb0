"""Replies in discussions of GitHub, by GraphQL: once, in the right place, and read back when the answer was lost."""

from pathlib import Path

import pytest

from overheard.db import Sessions
from overheard.vocabulary import PostKind, ReplyState
from tests.collectors.replying.desk import DISCUSSIONS, TEXT, Desk
from tests.collectors.replying.test_listening import _heard, _listen, _sent
from tests.fakeworld import faults
from tests.fakeworld.model import World, Written
from tests.fakeworld.sending.github import Refusals

pytestmark = pytest.mark.alternate_databases


@pytest.fixture
def desk(sessions: Sessions, world: World, tmp_path: Path) -> Desk:
    return Desk(sessions, world, tmp_path, DISCUSSIONS)


def _comment(desk: Desk, under: Written, author: str = "rye", body: str = "We lose orders too. Any tool?") -> Written:
    place = desk.place
    return desk.world.write(
        place.platform, place.community, kind=PostKind.COMMENT, author=author, body=body, parent=under
    )


def test_a_discussion_is_answered_once_and_a_reply_in_it_below_the_comment_of_its_thread(desk: Desk) -> None:
    first, second, third = desk.ask("flour"), desk.ask("oat"), desk.ask("spelt")
    for number in range(60):  # more than a page
        _comment(desk, second, "sour", f"Me too, {number}.")
    comment, other = _comment(desk, second), _comment(desk, third, "sour", "Me too.")
    nested = _comment(desk, other, "corn", "Which tool do you use for orders by phone?")
    for target, below in ((first, first), (comment, comment), (nested, other)):
        reply_id = desk.approve(target, f"{TEXT} That was {target.number}.")
        assert desk.send().sent == 1, desk.reply(reply_id).error
        desk.send()
        (posted,) = desk.ours(below)
        reply = desk.reply(reply_id)
        assert (reply.remote_id, reply.permalink) == (posted.id, DISCUSSIONS.permalink(desk.world, posted))
        desk.world.advance(60)
    assert desk.attempts() == 3


@pytest.mark.parametrize("fault", [faults.Stored(), faults.RESET_AFTER, faults.HALF_JSON, faults.NOT_OK])
def test_a_lost_answer_is_read_back_and_nothing_is_sent_again(desk: Desk, fault: faults.Fault) -> None:
    target = _comment(desk, desk.ask())
    reply_id = desk.approve(target)
    desk.post_meets(fault)

    assert desk.send().unclear == 1
    desk.wait(minutes=1)
    desk.wait(minutes=11)

    known = ReplyState.FAILED if fault is faults.NOT_OK else ReplyState.SENT  # that one never arrived
    assert (desk.state(reply_id), desk.attempts()) == (known, 1)
    assert len(desk.ours(target)) == (known is ReplyState.SENT)


@pytest.mark.parametrize(
    ("kind", "state", "is_paused"),
    [
        ("FORBIDDEN", ReplyState.FAILED, True),
        ("UNPROCESSABLE", ReplyState.FAILED, False),
        ("RATE_LIMITED", ReplyState.FAILED, True),
        ("INTERNAL", ReplyState.AMBIGUOUS, False),
    ],
)
def test_words_for_no_are_told_from_those_for_perhaps(
    desk: Desk, kind: str, state: ReplyState, *, is_paused: bool
) -> None:
    reply_id = desk.approve(desk.ask())
    desk.world.state(Refusals).next.append(kind)
    desk.send()
    assert (desk.state(reply_id), desk.connected().paused_at is not None) == (state, is_paused)


def test_what_is_gone_locked_or_answered_already_is_not_answered(desk: Desk) -> None:
    gone, locked, answered = desk.ask("flour"), desk.ask("rye"), desk.ask("oat")
    waiting = {desk.approve(gone): "gone", desk.approve(locked): "locked", desk.approve(answered): "already"}
    desk.world.delete(gone)
    locked.extra["locked"] = True
    desk.world.advance(5)
    _comment(desk, answered, desk.place.me, "By hand.")
    while desk.send().refused:
        pass
    for reply_id, because in waiting.items():
        assert desk.state(reply_id) is ReplyState.FAILED
        assert because in (desk.reply(reply_id).error or "")
    assert desk.attempts() == 0


def test_what_the_person_answers_below_our_comment_is_heard_once(desk: Desk) -> None:
    _, ours, _ = _sent(desk)
    desk.world.advance(60)
    _comment(desk, ours, "flour", "Thank you, how much is it?")
    desk.world.advance(900)
    assert _listen(desk) == 1
    desk.world.advance(900)
    assert _listen(desk) == 0
    assert _heard(desk) == [("Thank you, how much is it?", True)]
