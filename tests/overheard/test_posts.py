from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.errors import InvalidInput
from overheard.listening.posts import NewPost, store_posts
from overheard.models import Match, Post, Prediction, Source
from overheard.text import MAX_BODY
from overheard.vocabulary import Platform
from tests.factories import POSTED, make_campaign, new_post, predict, store


def test_storing_twice_adds_nothing(session: Session, now: datetime) -> None:
    posts = [new_post(), new_post()]
    assert len(store_posts(session, posts, now=now).inserted) == 2
    again = store_posts(session, posts, now=now)
    assert (again.inserted, again.updated, again.unchanged) == ([], [], 2)
    assert session.scalar(sa.select(sa.func.count()).select_from(Post)) == 2


def test_the_same_id_on_two_platforms_is_two_posts(session: Session, now: datetime) -> None:
    store_posts(session, [new_post(external_id="1"), new_post(external_id="1", platform=Platform.SLACK)], now=now)
    assert session.scalar(sa.select(sa.func.count()).select_from(Post)) == 2


def test_a_newer_edit_replaces_the_text_and_what_was_derived_from_it(session: Session, now: datetime) -> None:
    make_campaign(session, now=now)
    post = store(session, new_post(external_id="t3_edit"), now=now)[0]
    predict(session, post, now=now)
    edit = new_post(external_id="t3_edit", body="Found it, thanks.", as_of=POSTED + timedelta(hours=1))
    assert store_posts(session, [edit], now=now).updated == [edit.key]
    session.refresh(post)
    assert post.body == "Found it, thanks."
    assert session.scalars(sa.select(Prediction)).all() == []
    assert session.scalars(sa.select(Match)).all() == []


def test_an_older_text_never_replaces_a_newer_one(session: Session, now: datetime) -> None:
    edited = new_post(external_id="t3_x", body="new", as_of=POSTED + timedelta(hours=1))
    store(session, edited, now=now)
    for late in (new_post(external_id="t3_x", body="old"), new_post(external_id="t3_x", body="?", posted_at=None)):
        assert store_posts(session, [late], now=now).unchanged == 1
    assert session.scalars(sa.select(Post.body)).one() == "new"


def test_of_two_versions_in_one_batch_the_newer_is_stored(session: Session, now: datetime) -> None:
    old = new_post(external_id="t3_x", body="old")
    new = new_post(external_id="t3_x", body="new", as_of=POSTED + timedelta(hours=1))
    for batch in ([old, new], [new, old]):
        store_posts(session, batch, now=now)
    assert session.scalars(sa.select(Post.body)).all() == ["new"]


def test_an_edit_without_an_author_keeps_the_one_we_know(session: Session, now: datetime) -> None:
    store(session, new_post(external_id="t3_x", author="flour_power"), now=now)
    later = POSTED + timedelta(hours=1)
    edit = new_post(external_id="t3_x", body="edited", author=None, as_of=later)
    store_posts(session, [edit], now=now)
    assert session.scalars(sa.select(Post.author)).one() == "flour_power"


def test_a_community_becomes_one_source(session: Session, now: datetime) -> None:
    store(session, new_post(), new_post(), new_post(community="r/farmers"), now=now)
    assert sorted(session.scalars(sa.select(Source.community))) == ["r/bakers", "r/farmers"]


@pytest.mark.parametrize("external_id", ["", "  ", "\x00", "x" * 513])
def test_what_has_no_usable_id_is_refused(external_id: str) -> None:
    with pytest.raises(InvalidInput, match="external_id must have 1 to 512 characters"):
        NewPost(platform=Platform.REDDIT, external_id=external_id, community="r/x", title="t", body="b")


def test_hostile_text_is_stored_as_it_can_be_and_shown_as_it_was(session: Session, now: datetime) -> None:
    title = "<script>alert(1)</script> \u202eevil\u202c \x00 \ud800"
    store(session, new_post(title=title, body="y" * 1_000_000), now=now)
    session.expire_all()
    post = session.scalars(sa.select(Post)).one()
    assert post.title == "<script>alert(1)</script> \u202eevil\u202c  \ufffd\ufffd\ufffd"
    assert len(post.body) == MAX_BODY
    assert post.is_truncated


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "//example.org", "  "])
def test_only_web_addresses_become_permalinks(address: str) -> None:
    assert new_post(permalink=address).permalink is None


def test_times_come_back_in_utc(session: Session, now: datetime) -> None:
    store(session, new_post(posted_at=datetime(2026, 11, 1, 12, tzinfo=UTC)), now=now)
    session.expire_all()
    post = session.scalars(sa.select(Post)).one()
    assert post.posted_at == datetime(2026, 11, 1, 12, tzinfo=UTC)
    assert post.posted_at.tzinfo is UTC


def test_a_time_without_a_zone_is_refused(session: Session, now: datetime) -> None:
    naive = now.replace(tzinfo=None)
    with pytest.raises(sa.exc.StatementError, match="a time without a zone cannot be stored"):
        store(session, new_post(posted_at=naive), now=now)
