"""Posts that a person hands over."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.errors import InvalidInput
from overheard.listening import sources
from overheard.listening.by_hand import Outcome, Taken, take_by_hand
from overheard.listening.erasure import erase
from overheard.listening.terms import BY_HAND, BY_HAND_REDDIT, Terms
from overheard.models import Match, Post, Source
from overheard.vocabulary import Platform, PostKind
from tests.factories import make_campaign, new_post, store, watch_source

REDDIT = "https://old.reddit.com/r/Bakers/comments/1abc2d/which_crm/?utm_source=share"
FACEBOOK = "https://m.facebook.com/groups/471/permalink/1234567/"


def _give(session: Session, now: datetime, url: str = REDDIT, **wanted: str) -> Taken:
    given: dict[str, Any] = {
        "text": "Looking for a simple CRM.",
        "title": "Which CRM?",
        "author": "u/flour_power",
    } | wanted
    return take_by_hand(session, url=url, now=now, **given)


def test_a_post_of_reddit_is_taken_in_under_its_own_key_and_kept_for_48_hours(session: Session, now: datetime) -> None:
    make_campaign(session, now=now, queries={"asks": "crm"})
    taken = _give(session, now)
    post, source = session.execute(sa.select(Post, Source).join(Source)).one()
    assert (post.platform, post.external_id, post.author, post.kind) == (
        Platform.REDDIT, "t3_1abc2d", "flour_power", PostKind.SUBMISSION,
    )  # fmt: skip
    assert (source.community, source.mode, source.state) == ("r/Bakers", "manual", None)
    assert Terms.of(source) == BY_HAND_REDDIT
    assert taken.kept_until == now + timedelta(hours=48)
    assert "Taken in (Reddit, r/Bakers). It is judged with the next pass" in taken.sentence
    assert session.query(Match).count() == 1
    assert list(sources.watched(session)) == []


def test_giving_it_again_changes_nothing(session: Session, now: datetime) -> None:
    first = _give(session, now)
    again = _give(session, now, url="https://www.reddit.com/r/bakers/comments/1abc2d/", text="something else")
    assert (first.outcome, again.outcome, again.post_id) == (Outcome.NEW, Outcome.KNOWN, first.post_id)
    assert "is here already" in again.sentence
    assert session.scalars(sa.select(Post.body)).all() == ["Looking for a simple CRM."]
    assert session.query(Source).count() == 1


def test_what_was_erased_stays_away_and_the_reason_is_told(session: Session, now: datetime) -> None:
    erase(session, {(Platform.REDDIT, "t3_1abc2d"): "deleted at the source"}, now=now)
    taken = _give(session, now)
    assert (taken.outcome, taken.post_id, taken.kept_until) == (Outcome.ERASED, None, None)
    assert "erased here (deleted at the source)" in taken.sentence
    assert session.query(Post).count() == 0


def test_a_community_that_is_watched_keeps_its_terms_and_its_name(session: Session, now: datetime) -> None:
    watched = watch_source(session, now=now, platform=Platform.REDDIT, community="r/bakers")
    terms = watched.terms
    taken = _give(session, now)
    assert taken.community == "r/bakers"
    assert (watched.mode, watched.terms) == ("hackernews", terms)
    assert session.query(Source).count() == 1


def test_one_post_by_hand_does_not_put_a_deadline_on_a_whole_import(session: Session, now: datetime) -> None:
    store(session, new_post(community="r/Bakers"), now=now)
    assert _give(session, now).kept_until is None
    source = session.scalars(sa.select(Source)).one()
    assert (source.mode, source.terms) == (None, None)


def test_two_people_of_one_name_do_not_become_one_author(session: Session, now: datetime) -> None:
    _give(session, now, FACEBOOK, author="Anna Roggen", community="Bakers of Bremen")
    post, source = session.execute(sa.select(Post, Source).join(Source)).one()
    assert (post.author, post.author_name) == (None, "Anna Roggen")
    assert (source.platform, source.community) == (Platform.FACEBOOK, "Bakers of Bremen")
    assert Terms.of(source) == BY_HAND


def test_any_page_of_the_web_can_be_given(session: Session, now: datetime) -> None:
    taken = _give(session, now, "https://ovens.example/forum/viewtopic.php?f=2&t=99", title="", author="")
    assert (taken.outcome, taken.platform, taken.community) == (Outcome.NEW, Platform.OTHER, "ovens.example")


def test_a_comment_and_a_message_are_told_apart(session: Session, now: datetime) -> None:
    _give(session, now, "https://www.reddit.com/r/Bakers/comments/1abc2d/which_crm/k9x8y7/")
    _give(session, now, "https://rye.slack.com/archives/C024BE91L/p1763631000123456", author="")
    assert set(session.scalars(sa.select(Post.kind))) == {PostKind.COMMENT, PostKind.MESSAGE}


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"text": " \n", "title": "\t"}, "nothing to read"),
        ({"url": "javascript:alert(1)"}, "no web address"),
        ({"url": ""}, "no web address"),
        ({"url": "reddit.com/r/bakers"}, "no web address"),
        ({"community": "r" * 600}, "community must have"),
    ],
)
def test_what_cannot_be_taken_is_told_and_leaves_nothing(
    session: Session, now: datetime, wanted: dict[str, str], told: str
) -> None:
    with pytest.raises(InvalidInput, match=told):
        _give(session, now, **wanted)
    assert session.query(Source).count() == 0


def test_hostile_texts_are_stored_as_text(session: Session, now: datetime) -> None:
    evil = "<script>alert(1)</script>\x00\ud800'; DROP TABLE posts; --\u202e"
    taken = _give(session, now, FACEBOOK, text=evil, title=evil, author=evil, community=evil)
    post = session.get_one(Post, taken.post_id)
    assert post.body == "<script>alert(1)</script>\ufffd\ufffd\ufffd'; DROP TABLE posts; --\u202e"
    assert _give(session, now, f"{FACEBOOK}\x00?story=2", text="t" * 200_000).outcome is Outcome.KNOWN
