"""Storing posts: an idempotent upsert on `(platform, external_id)`, in which an edit applies only if it is newer."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.db import upsert
from overheard.errors import InvalidInput
from overheard.models import (
    Base,
    CampaignScore,
    Embedding,
    HeldPost,
    Match,
    Post,
    PostRelevance,
    Prediction,
    ShadowPrediction,
    Source,
    Tombstone,
    UnjudgedPost,
)
from overheard.text import MAX_BODY, MAX_TITLE, cap, clean, text_hash
from overheard.vocabulary import Platform, PostKind

_BARE = re.compile(r"[\w.:]+", re.ASCII)
_LONGEST_BARE = 100
_MAX_KEY = 512  # longer ids, handles and community names are no such things

Key = tuple[Platform, str]
"""A post's key in the world: platform and the platform's id."""


@dataclass(frozen=True, slots=True)
class NewPost:
    """A post as a collector read it; making one cleans it, and refuses what cannot be a post."""

    platform: Platform
    external_id: str
    community: str
    title: str
    body: str
    kind: PostKind = PostKind.SUBMISSION
    author: str | None = None
    author_name: str | None = None
    permalink: str | None = None
    parent_external_id: str | None = None
    posted_at: datetime | None = None
    as_of: datetime | None = None
    is_truncated: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        """Clean every text; raise `InvalidInput` naming what is wrong."""
        for name in ("external_id", "community"):
            value = clean(getattr(self, name)).strip()
            if not value or len(value) > _MAX_KEY:
                message = f"{name} must have 1 to {_MAX_KEY} characters, not {len(value)}"
                raise InvalidInput(message)
            object.__setattr__(self, name, value)
        for name in ("author", "author_name", "parent_external_id", "permalink"):
            value = getattr(self, name)
            object.__setattr__(self, name, clean(value)[: 4 * _MAX_KEY].strip() or None if value else None)
        if self.permalink and not self.permalink.startswith(("https://", "http://")):
            # javascript: and the like must never become something a person can click
            object.__setattr__(self, "permalink", None)
        title, title_cut = cap(clean(self.title).strip(), MAX_TITLE)
        body, body_cut = cap(clean(self.body).strip(), MAX_BODY)
        object.__setattr__(self, "title", title)
        object.__setattr__(self, "body", body)
        object.__setattr__(self, "is_truncated", title_cut or body_cut)
        if self.as_of is None:
            object.__setattr__(self, "as_of", self.posted_at)

    @property
    def key(self) -> Key:
        """What makes this the same post wherever it comes from."""
        return (self.platform, self.external_id)


@dataclass(slots=True)
class Stored:
    """What a call of `store_posts` did, by post."""

    inserted: list[Key] = field(default_factory=list)
    updated: list[Key] = field(default_factory=list)
    unchanged: int = 0
    refused: int = 0
    """Posts that were erased earlier and stay so."""


def store_posts(session: Session, posts: Sequence[NewPost], *, now: datetime) -> Stored:
    """Insert what is new, apply newer edits, leave the rest. Calling it again with the same posts changes nothing.

    What was derived from an edited text (matches, predictions) is removed; matching and classifying make it anew.
    """
    done = Stored()
    newest = _newest_of_each(posts)
    erased = erased_among(session, newest)
    known = _known_among(session, newest)
    inserts: list[NewPost] = []
    edits: list[tuple[int, NewPost]] = []
    for key, post in newest.items():
        if key in erased:
            done.refused += 1
        elif key not in known:
            inserts.append(post)
        elif _is_newer(post, known[key]):
            edits.append((known[key].id, post))
        else:
            done.unchanged += 1
            _learn_name(session, post, known[key])
    sources = _sources_of(session, inserts, now=now)
    _insert(session, inserts, sources, now=now)
    done.inserted = [post.key for post in inserts]
    _apply_edits(session, edits)
    done.updated = [post.key for _, post in edits]
    return done


def _newest_of_each(posts: Iterable[NewPost]) -> dict[Key, NewPost]:
    newest: dict[Key, NewPost] = {}
    for post in posts:
        other = newest.get(post.key)
        if other is None or _as_of(post) >= _as_of(other):
            newest[post.key] = post
    return newest


def _as_of(post: NewPost) -> float:
    return post.as_of.timestamp() if post.as_of else float("-inf")


def ids_among(keys: Iterable[Key]) -> dict[Platform, list[str]]:
    """The external ids of the keys by platform: the form an index can answer."""
    ids: dict[Platform, list[str]] = {}
    for platform, external_id in keys:
        ids.setdefault(platform, []).append(external_id)
    return ids


def as_tombstone(external_id: str) -> str:
    """An id as a tombstone keeps it: of one that may hold words of the text or a name, as addresses do, only a hash."""
    is_bare = len(external_id) <= _LONGEST_BARE and _BARE.fullmatch(external_id)
    return external_id if is_bare else f"sha256:{hashlib.sha256(external_id.encode()).hexdigest()}"


def erased_among(session: Session, keys: Iterable[Key]) -> set[Key]:
    """Which of these were erased and stay away."""
    found: set[Key] = set()
    for platform, ids in ids_among(keys).items():
        kept = {as_tombstone(external_id): external_id for external_id in ids}
        statement = sa.select(Tombstone.external_id).where(
            Tombstone.platform == platform, Tombstone.external_id.in_(kept)
        )
        found.update((platform, kept[external_id]) for external_id in session.scalars(statement))
    return found


@dataclass(frozen=True, slots=True)
class _Known:
    id: int
    text_hash: str
    as_of: datetime | None
    author_name: str | None


def _known_among(session: Session, keys: Iterable[Key]) -> dict[Key, _Known]:
    known: dict[Key, _Known] = {}
    for platform, ids in ids_among(keys).items():
        statement = sa.select(Post.external_id, Post.id, Post.text_hash, Post.as_of, Post.author_name).where(
            Post.platform == platform, Post.external_id.in_(ids)
        )
        for external_id, post_id, known_hash, as_of, name in session.execute(statement):
            known[platform, external_id] = _Known(post_id, known_hash, as_of, name)
    return known


def _learn_name(session: Session, post: NewPost, known: _Known) -> None:
    """Bluesky's stream tells who wrote a post only by number; asked again, it tells the name."""
    if post.author_name and not known.author_name:
        session.execute(sa.update(Post).where(Post.id == known.id).values(author_name=post.author_name))


def _is_newer(post: NewPost, known: _Known) -> bool:
    if text_hash(post.title, post.body) == known.text_hash or post.as_of is None:
        return False
    return known.as_of is None or post.as_of > known.as_of


def _sources_of(session: Session, posts: Iterable[NewPost], *, now: datetime) -> dict[tuple[Platform, str], int]:
    wanted = {(post.platform, post.community) for post in posts}
    return {place: source_id(session, *place, now=now) for place in sorted(wanted)}


def source_id(session: Session, platform: Platform, community: str, *, now: datetime) -> int:
    """The id of the source for a community, which is made when there is none."""
    statement = upsert(session, Source).values(platform=platform, community=community, created_at=now)
    session.execute(statement.on_conflict_do_nothing())
    found = session.scalars(sa.select(Source.id).where(Source.platform == platform, Source.community == community))
    return found.one()


def _insert(
    session: Session, posts: Sequence[NewPost], sources: dict[tuple[Platform, str], int], *, now: datetime
) -> None:
    if not posts:
        return
    rows = [
        {
            **_content(post),
            "platform": post.platform,
            "external_id": post.external_id,
            "source_id": sources[post.platform, post.community],
            "kind": post.kind,
            "parent_external_id": post.parent_external_id,
            "posted_at": post.posted_at,
            "collected_at": now,
            "checked_at": now,
        }
        for post in posts
    ]
    # On conflict nothing: on PostgreSQL another collector may have stored a post since we looked.
    # Into the table, not the class: the ORM's own book-keeping for each row took a tenth of an import's time.
    session.execute(upsert(session, Base.metadata.tables[Post.__tablename__]).on_conflict_do_nothing(), rows)
    for platform, external_ids in ids_among(post.key for post in posts).items():
        _is_to_be_judged(session, (Post.platform == platform) & Post.external_id.in_(external_ids))


def _is_to_be_judged(session: Session, these: sa.ColumnElement[bool]) -> None:
    ids = sa.select(Post.id).where(these)
    session.execute(upsert(session, UnjudgedPost).from_select(["post_id"], ids).on_conflict_do_nothing())


def _content(post: NewPost) -> dict[str, object]:
    return {
        "title": post.title,
        "body": post.body,
        "text_hash": text_hash(post.title, post.body),
        "as_of": post.as_of,
        "is_truncated": post.is_truncated,
        "author": post.author,
        "author_name": post.author_name,
        "permalink": post.permalink,
    }


def _apply_edits(session: Session, edits: Sequence[tuple[int, NewPost]]) -> None:
    if not edits:
        return
    for post_id, post in edits:
        # An edit never takes away what it does not carry: a delivery without the author keeps the one we know.
        values = {name: value for name, value in _content(post).items() if value is not None}
        session.execute(sa.update(Post).where(Post.id == post_id).values(**values))
    ids = [post_id for post_id, _ in edits]
    for derived in (Prediction, CampaignScore, ShadowPrediction, Match, Embedding, PostRelevance, HeldPost):
        session.execute(sa.delete(derived).where(derived.post_id.in_(ids)))
    _is_to_be_judged(session, Post.id.in_(ids))


def posts_of(session: Session, platform: Platform, author: str) -> list[Key]:
    """The keys of all stored posts of an author."""
    statement = sa.select(Post.external_id).where(Post.platform == platform, Post.author == author)
    return [(platform, external_id) for external_id in session.scalars(statement)]


def drop_unmatched(session: Session, keys: Iterable[Key]) -> None:
    """Let go of posts that no query has met, without a trace: they may come again."""
    for platform, ids in ids_among(keys).items():
        here = (Post.platform == platform) & Post.external_id.in_(ids)
        matched = sa.exists().where(Match.post_id == Post.id)
        session.execute(sa.delete(Post).where(here, ~matched), execution_options={"synchronize_session": False})
