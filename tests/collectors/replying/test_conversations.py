"""Threads and rules, asked for afresh on every platform that shows them."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import HttpUrl

from collectors.conversations import PlatformConversations
from collectors.replying.rules import understood
from overheard.db import Sessions
from overheard.errors import CollectorError
from overheard.models import CommunityRules, Post, Source
from overheard.replying.conversations import RuleFlag, TargetState
from overheard.settings import HackerNewsSettings
from overheard.vocabulary import Platform, PostKind
from tests.collectors.replying.conftest import at
from tests.collectors.replying.desk import Desk, settings_for
from tests.collectors.replying.test_listening import _watched
from tests.factories import new_post, store
from tests.fakeworld import faults
from tests.fakeworld.model import World, wire_of
from tests.fakeworld.sending import discourse, mastodon, reddit
from tests.fakeworld.wires import slack


def _asks(desk: Desk) -> PlatformConversations:
    return PlatformConversations(desk.sessions, desk.settings, desk.clock)


def _post(desk: Desk) -> Post:
    with desk.sessions() as session:
        return session.scalars(sa.select(Post).order_by(Post.id)).first()  # type: ignore[return-value]


def _source(desk: Desk) -> Source:
    with desk.sessions() as session:
        return session.scalars(sa.select(Source).filter_by(platform=desk.place.platform)).one()


def test_a_thread_shows_the_post_what_was_answered_and_whether_we_were_there(desk: Desk) -> None:
    asked = desk.ask()
    desk.lead(asked)
    _watched(desk)
    desk.world.advance(60)
    desk.world.write(
        desk.place.platform, desk.place.community, kind=PostKind.COMMENT, author="rye", body="Try paper.", parent=asked
    )

    thread = _asks(desk).thread(_post(desk))
    assert [post.is_target for post in thread.posts] == [True, False]
    assert "Try paper." in thread.posts[1].text
    assert (thread.target_state, thread.is_locked, thread.answered_by_us) == (TargetState.HERE, False, False)

    desk.world.advance(60)
    desk.world.write(
        desk.place.platform, desk.place.community, kind=PostKind.COMMENT, author=desk.place.me, body="Hi.", parent=asked
    )
    assert _asks(desk).thread(_post(desk)).answered_by_us


def test_a_post_that_is_gone_is_told_as_gone(desk: Desk) -> None:
    asked = desk.ask()
    desk.lead(asked)
    _watched(desk)
    desk.world.delete(asked)
    assert _asks(desk).thread(_post(desk)).target_state is TargetState.DELETED


@at(Platform.REDDIT, Platform.SLACK, Platform.MASTODON, Platform.GITHUB, Platform.DISCOURSE)
def test_a_post_that_was_changed_is_told_as_edited(desk: Desk) -> None:
    asked = desk.ask()
    desk.lead(asked)
    _watched(desk)
    desk.world.advance(60)
    desk.world.edit(asked, body="Solved.")
    assert _asks(desk).thread(_post(desk)).target_state is TargetState.EDITED


@at(Platform.GITHUB)
def test_a_platform_that_does_not_answer_is_an_error_that_says_so_within_seconds(desk: Desk) -> None:
    desk.lead(desk.ask())
    _watched(desk)
    desk.world.fail("", faults.rate_limited("50"), times=50)
    with pytest.raises(CollectorError):
        _asks(desk).thread(_post(desk))
    assert len(desk.world.asked("issues")) == 1


def test_hacker_news_shows_what_stands_above_and_below(sessions: Sessions, world: World, tmp_path: Path) -> None:
    place = Platform.HACKERNEWS
    story = world.write(place, "Hacker News", title="Ask HN: a CRM?", body="For bakers.")
    asked = world.write(place, "Hacker News", kind=PostKind.COMMENT, author="flour", body="Same here.", parent=story)
    settings = settings_for(world, tmp_path).model_copy(
        update={"hackernews": HackerNewsSettings(base_url=HttpUrl(world.url(place) + "/v0/"))}
    )
    with sessions.begin() as session:
        title, body = wire_of(place).text(asked)
        row = new_post(
            external_id=asked.id, platform=place, community="Hacker News", title=title, body=body, author="flour"
        )
        (post,) = store(session, row, now=world.now)
    thread = PlatformConversations(sessions, settings, lambda: world.now).thread(post)
    assert [each.text.partition("\n")[0] for each in thread.posts] == ["Ask HN: a CRM?", "Same here."]
    assert thread.posts[1].is_target


@at(Platform.REDDIT, Platform.SLACK, Platform.MASTODON, Platform.DISCOURSE)
def test_a_communitys_rules_are_read_understood_and_kept_for_some_days(desk: Desk) -> None:
    desk.lead(desk.ask())
    _watched(desk)
    said = "No self-promotion. Be kind."
    desk.world.state(reddit.Refusals).rules = [{"short_name": said, "description": "We mean it."}]
    desk.world.state(mastodon.Sending).rules = [{"id": "1", "text": said}]
    desk.world.state(discourse.Sending).guidelines = said
    desk.world.state(slack.Slack).channels["C1"].topic = said

    rules = _asks(desk).rules(_source(desk))

    assert rules is not None
    assert said in rules.text
    assert rules.flags == {RuleFlag.NO_PROMOTION}
    asked = len(desk.world.requests)
    assert _asks(desk).rules(_source(desk)) == rules
    assert len(desk.world.requests) == asked
    with desk.sessions() as session:
        assert session.scalars(sa.select(CommunityRules)).one().flags == ["no_promotion"]


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("No advertising or self promotion.", {RuleFlag.NO_PROMOTION}),
        ("Self-promotion is not allowed outside the weekly thread.", {RuleFlag.NO_PROMOTION}),
        ("Don't spam. No bots. AI-generated comments will be removed.", set(RuleFlag)),
        ("Do not post ChatGPT answers.", {RuleFlag.NO_AI}),
        ("Bots are banned.", {RuleFlag.NO_BOTS}),
        ("Be kind. Stay on topic. Search before you ask.", set()),
        ("Promote your work on Saturdays.", set()),
        ("No photos of people. Robots are fun.", set()),
    ],
)
def test_plain_words_of_rules_are_understood(text: str, flags: set[RuleFlag]) -> None:
    assert understood(text).flags == flags
