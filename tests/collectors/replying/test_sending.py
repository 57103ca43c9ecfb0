"""A reply that was approved goes out once, by the SDR's own account, on every platform that takes one."""

from overheard.vocabulary import ReplyState
from tests.collectors.replying.desk import TEXT, Desk


def test_an_approved_reply_is_posted_once_under_its_post_and_is_known_as_sent(desk: Desk) -> None:
    asked = desk.ask()
    reply_id = desk.approve(asked)

    tally = desk.send()
    desk.send()

    reply = desk.reply(reply_id)
    assert (tally.sent, reply.state, reply.error) == (1, ReplyState.SENT, None)
    (posted,) = desk.ours(asked)
    assert posted.body.endswith(TEXT)
    assert reply.permalink
    assert reply.remote_id
    assert desk.attempts() == 1
