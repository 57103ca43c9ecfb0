"""After a reply was sent: it is looked at again, and what comes back is heard once."""

import pytest
import sqlalchemy as sa

from collectors.replying.listening import Listening
from overheard.listening import credentials
from overheard.models import Answer, ConnectedAccount, Source
from overheard.vocabulary import Platform, PostKind
from tests.collectors.replying.conftest import at
from tests.collectors.replying.desk import Desk
from tests.fakeworld.model import Written
from tests.fakeworld.wires import github, mastodon, reddit, slack

pytestmark = pytest.mark.alternate_databases

READING = {
    Platform.REDDIT: {"client_id": reddit.CLIENT_ID, "client_secret": reddit.CLIENT_SECRET, "contact": "overheard_op"},
    Platform.SLACK: {"bot_token": slack.BOT_TOKEN},
    Platform.MASTODON: {"token": mastodon.TOKEN},
    Platform.GITHUB: {"token": github.GitHub().token},
    Platform.BLUESKY: {},
    Platform.DISCOURSE: {},
}
WITH_INBOX = (Platform.REDDIT, Platform.MASTODON, Platform.BLUESKY)
FLAT = (Platform.SLACK, Platform.GITHUB, Platform.DISCOURSE)


def _watched(desk: Desk) -> None:
    """The community is read by an account of its own, as sources are."""
    platform = desk.place.platform
    secrets = READING[platform] | ({"instance": desk.world.url(platform)} if platform is Platform.MASTODON else {})
    with desk.sessions.begin() as session:
        id_ = None
        if secrets:
            id_ = credentials.save(
                session, desk.settings, mode=platform.value, name="ours", secrets=secrets, now=desk.world.now
            )
        address = desk.world.url(platform) if platform is Platform.DISCOURSE else desk.place.community
        session.execute(sa.update(Source).where(Source.platform == platform).values(credential_id=id_, address=address))


def _sent(desk: Desk) -> tuple[Written, Written, int]:
    asked = desk.ask()
    reply_id = desk.approve(asked)
    desk.send()
    _watched(desk)
    (ours,) = desk.ours(asked)
    return asked, ours, reply_id


def _answer(desk: Desk, ours: Written, body: str, author: str = "flour") -> Written:
    desk.world.advance(60)
    below = ours if desk.place.platform not in (Platform.SLACK, Platform.GITHUB) else ours.root
    return desk.world.write(
        desk.place.platform, desk.place.community, kind=PostKind.COMMENT, author=author, body=body, parent=below
    )


def _listen(desk: Desk) -> int:
    return Listening(desk.sessions, desk.settings, desk.clock, desk.waits.append).run_once()


def _heard(desk: Desk) -> list[tuple[str, bool]]:
    with desk.sessions() as session:
        found = session.scalars(sa.select(Answer).order_by(Answer.id))
        return [(answer.text.rpartition("@sam ")[2], answer.is_recipient) for answer in found]


def _connected(desk: Desk) -> ConnectedAccount:
    return desk.connected()


def test_what_the_person_answers_is_heard_once(desk: Desk) -> None:
    _, ours, _ = _sent(desk)
    _answer(desk, ours, "Thank you, how much is it?")
    desk.world.advance(900)

    assert _listen(desk) == 1
    desk.world.advance(900)
    assert _listen(desk) == 0
    assert _heard(desk) == [("Thank you, how much is it?", True)]


@at(*WITH_INBOX)
def test_an_inbox_is_quicker_than_the_look_at_the_thread(desk: Desk) -> None:
    _, ours, _ = _sent(desk)
    _answer(desk, ours, "Tell me more.")
    assert _listen(desk) == 1
    assert _connected(desk).answers_cursor


@at(*WITH_INBOX)
def test_a_bystander_who_answers_is_told_from_the_person(desk: Desk) -> None:
    _, ours, _ = _sent(desk)
    _answer(desk, ours, "Is this an ad?", author="rye")
    _listen(desk)
    assert _heard(desk) == [("Is this an ad?", False)]


@at(*FLAT)
def test_in_a_flat_thread_others_who_write_later_are_not_taken_for_an_answer(desk: Desk) -> None:
    asked, _, _ = _sent(desk)
    _answer(desk, asked, "I have the same question.", author="a" + "b" * 7)
    desk.world.advance(900)
    assert _listen(desk) == 0


def test_a_reply_that_was_taken_away_is_seen_after_ten_minutes_and_pauses_the_account(desk: Desk) -> None:
    _, ours, reply_id = _sent(desk)
    desk.world.delete(ours)
    _listen(desk)
    assert desk.reply(reply_id).removed_at is None
    desk.world.advance(660)

    _listen(desk)

    assert desk.reply(reply_id).removed_at == desk.world.now
    assert "removed" in (_connected(desk).paused_because or "")


@at(Platform.REDDIT)
def test_what_people_vote_is_seen_by_the_same_look(desk: Desk) -> None:
    _, ours, reply_id = _sent(desk)
    ours.extra["score"] = -4
    desk.world.advance(660)
    _listen(desk)
    assert desk.reply(reply_id).score == -4
    assert _connected(desk).paused_at is None  # one alone may be bad luck


def test_a_reply_that_stands_is_looked_at_again_after_a_day_and_pauses_nothing(desk: Desk) -> None:
    _, _, reply_id = _sent(desk)
    desk.world.advance(660)
    _listen(desk)
    first = desk.reply(reply_id).checked_at
    desk.world.advance(86_400)
    _listen(desk)

    reply = desk.reply(reply_id)
    assert (reply.removed_at, _connected(desk).paused_at) == (None, None)
    assert first is not None
    assert reply.checked_at == desk.world.now
