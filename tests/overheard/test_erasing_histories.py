"""Whatever was written where by whom: what was erased does not come back, and nothing of anybody else's goes."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy.orm import Session

from overheard.listening.intake import take_in
from overheard.listening.posts import NewPost
from overheard.models import Match, Post, Source
from overheard.privacy import erasing, subjects
from overheard.privacy.vocabulary import SubjectKind
from overheard.settings import Settings
from overheard.vocabulary import Platform
from tests.factories import make_campaign

SECRET = "a key of the tests"
SETTINGS = Settings(secret_key=SecretStr(SECRET))

AUTHORS = ("ada", "bob", "adabob", "Ada")  # one within another; one by its case
PLATFORMS = (Platform.REDDIT, Platform.MASTODON)
COMMUNITIES = ("bakers", "ovens")
IDS = "abcdef"
Key = tuple[Platform, str]
Erase = tuple[SubjectKind, Platform, str, bool]


@st.composite
def worlds(draw: st.DrawFn, now: datetime) -> list[NewPost]:
    """Posts on two platforms under the same ids, by people of the same names, who quote and answer one another."""
    keys = draw(st.lists(st.tuples(st.sampled_from(PLATFORMS), st.sampled_from(IDS)), min_size=1, unique=True))
    return [
        NewPost(
            platform=platform,
            external_id=external_id,
            community=draw(st.sampled_from(COMMUNITIES)),
            author=draw(st.sampled_from(AUTHORS)),
            title="",
            body=f"> {draw(st.sampled_from(AUTHORS))} said: rye\nCRM?",
            parent_external_id=draw(st.sampled_from([None, *IDS])),
            posted_at=now,
        )
        for platform, external_id in keys
    ]


ERASURES: st.SearchStrategy[Erase] = st.one_of(
    st.tuples(st.just(SubjectKind.AUTHOR), st.sampled_from(PLATFORMS), st.sampled_from(AUTHORS), st.booleans()),
    st.tuples(st.just(SubjectKind.POST), st.sampled_from(PLATFORMS), st.sampled_from(IDS), st.just(False)),
    st.tuples(st.just(SubjectKind.SOURCE), st.sampled_from(PLATFORMS), st.sampled_from(COMMUNITIES), st.just(False)),
)


def _stored(session: Session) -> dict[Key, tuple[object, ...]]:
    """All there is, with what hangs on it."""
    matches = sa.select(sa.func.count()).where(Match.post_id == Post.id).scalar_subquery()
    rows = sa.select(
        Post.platform, Post.external_id, Source.community, Post.author, Post.body, Post.parent_external_id, matches
    ).join(Source, Source.id == Post.source_id)
    return {(platform, external_id): tuple(rest) for platform, external_id, *rest in session.execute(rows)}


def _is_of(post: NewPost, erased: Erase) -> bool:
    kind, platform, name, _ = erased
    said = {SubjectKind.AUTHOR: post.author, SubjectKind.POST: post.external_id, SubjectKind.SOURCE: post.community}
    return post.platform == platform and said[kind] == name


def _erase(session: Session, erased: Erase, now: datetime) -> bool:
    """Whether there was anything to erase under this name."""
    kind, platform, name, for_good = erased
    if kind is SubjectKind.SOURCE and name not in session.scalars(
        sa.select(Source.community).where(Source.platform == platform)
    ):
        return False
    subject = subjects.Subject(kind, platform, name, (name,) if kind is SubjectKind.AUTHOR else ())
    erasure = erasing.erase_subject(session, subject, secret=SECRET, reason="", actor=None, for_good=for_good, now=now)
    while erasing.step(session, erasure.id, now=now):
        pass
    return True


def _come_again(session: Session, world: Sequence[NewPost], now: datetime) -> None:
    """Everything is delivered once more, and edited since."""
    later = now + timedelta(hours=1)
    edited = [
        NewPost(
            platform=post.platform, external_id=post.external_id, community=post.community, author=post.author,
            title="", body=f"{post.body} Edited.", posted_at=now, as_of=later,
        )
        for post in world
    ]  # fmt: skip
    take_in(session, [*world, *edited], origin="test", now=later, settings=SETTINGS)


def test_after_any_history_what_was_erased_stays_away_and_what_is_others_is_untouched(
    session: Session, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "_BATCH", 2)
    make_campaign(session, now=now, queries={"asks": "crm"})

    @settings(max_examples=20, deadline=None)
    @given(worlds(now), st.lists(ERASURES, min_size=1, max_size=3))
    def holds(world: list[NewPost], wanted: list[Erase]) -> None:
        with session.begin_nested() as savepoint:
            take_in(session, world, origin="test", now=now, settings=SETTINGS)
            kept_away: set[Key] = set()
            for erased in wanted:
                before = _stored(session)
                if not _erase(session, erased, now):
                    continue
                theirs = {post.key for post in world if _is_of(post, erased)}
                assert _stored(session) == {key: row for key, row in before.items() if key not in theirs}
                if erased[0] is not SubjectKind.SOURCE:  # whose posts come again by a new source only
                    kept_away |= theirs & before.keys()
            unheard = {
                (platform, name.lower()) for kind, platform, name, for_good in wanted if for_good and kind == "author"
            }
            _come_again(session, world, now)
            after = _stored(session)
            assert after.keys() & kept_away == set()
            heard = {post.key for post in world if (post.platform, (post.author or "").lower()) not in unheard}
            assert after.keys() >= heard - kept_away - {(p, i) for kind, p, i, _ in wanted if kind == "post"}
            new = [
                NewPost(
                    platform=platform, external_id=f"new{name}", community="mills", author=name, title="", body="CRM?"
                )
                for platform in PLATFORMS
                for name in AUTHORS
            ]  # fmt: skip
            take_in(session, new, origin="test", now=now, settings=SETTINGS)
            came = {(platform, name) for platform, _, name in _authors_of(session, "mills")}
            assert came == {(p, n) for p in PLATFORMS for n in AUTHORS if (p, n.lower()) not in unheard}
            savepoint.rollback()

    holds()


def _authors_of(session: Session, community: str) -> Sequence[sa.Row[Platform, str, str | None]]:
    rows = sa.select(Post.platform, Post.external_id, Post.author).join(Source, Source.id == Post.source_id)
    return session.execute(rows.where(Source.community == community)).all()
