"""The one door by which posts come in, from a collector or a file: store, match, index, erase, set aside.

Everything happens in the caller's transaction, in which the caller also moves its cursor. That is the whole secret
of "no post lost, none twice": after a crash the cursor stands where the rows stand, and reading again is harmless.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from overheard.db import upsert
from overheard.home import secret_key
from overheard.keywords.queries import match_posts
from overheard.keywords.search_index import index_posts
from overheard.leads import do_not_contact
from overheard.listening import judging_queue
from overheard.listening.erasure import being_erased, erase
from overheard.listening.posts import Key, NewPost, drop_unmatched, posts_of, store_posts
from overheard.models import DeadLetter
from overheard.models.sources import origin_of
from overheard.settings import Settings
from overheard.vocabulary import Platform

MAX_RAW = 65_536  # bytes of a rejected item that are kept: more than any well-formed post has


@dataclass(frozen=True, slots=True)
class Erased:
    """The platform says that this post is gone."""

    platform: Platform
    external_id: str
    reason: str = "deleted at the source"


@dataclass(frozen=True, slots=True)
class Rejected:
    """An item that could not be read as a post."""

    locator: str
    reason: str
    raw: bytes
    platform: Platform | None = None
    external_id: str | None = None


@dataclass(frozen=True, slots=True)
class ErasedAuthor:
    """The platform says that this author is gone, and all that they wrote with them."""

    platform: Platform
    author: str
    reason: str = "the author's account was deleted"


Item = NewPost | Erased | ErasedAuthor | Rejected
"""What reading one record gives."""


@dataclass(slots=True)
class Intake:
    """How many items went which way; adds up over batches."""

    new: int = 0
    edited: int = 0
    unchanged: int = 0
    refused: int = 0
    erased: int = 0
    rejected: int = 0

    def add(self, other: "Intake") -> None:
        """Count another batch in."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(slots=True)
class _Sorted:
    posts: list[NewPost] = field(default_factory=list)
    erased: list[Erased] = field(default_factory=list)
    erased_authors: list[ErasedAuthor] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


def take_in(
    session: Session,
    items: Sequence[Item],
    *,
    origin: str,
    now: datetime,
    keeps_all: bool = True,
    settings: Settings | None = None,
) -> Intake:
    """Take in one batch: each item is stored and matched, erased, or set aside as a dead letter.

    `origin` names the file or collector in dead letters. Without `keeps_all` a new post that no query meets is let
    go at once. With `settings`, whose key tells them, nothing is taken in of people who were erased for good.
    Nothing is taken in of a source that is being erased. Taking the same batch in again changes nothing.
    """
    last = max((n for n, item in enumerate(items) if isinstance(item, ErasedAuthor)), default=len(items))
    if last < len(items) - 1:  # an author who comes back writes after they were erased
        parts = (items[: last + 1], items[last + 1 :])
        intake = Intake()
        for part in parts:
            intake.add(take_in(session, part, origin=origin, now=now, keeps_all=keeps_all, settings=settings))
        return intake
    batch = _sort(items)
    closed = being_erased(session)
    wanted = [post for post in batch.posts if (post.platform, post.community) not in closed]
    wanted = wanted if settings is None else _heard(session, wanted, settings)
    unheard, batch.posts = len(batch.posts) - len(wanted), wanted
    if origin in {origin_of(*source) for source in closed}:
        batch.rejected = []
    stored = store_posts(session, batch.posts, now=now)
    match_posts(session, [*stored.inserted, *stored.updated])
    if not keeps_all:
        drop_unmatched(session, stored.inserted)
    index_posts(session, [*stored.inserted, *stored.updated])
    if stored.inserted or stored.updated:
        judging_queue.call(session)
    gone: dict[Key, str] = {(item.platform, item.external_id): item.reason for item in batch.erased}
    for author in batch.erased_authors:
        gone |= dict.fromkeys(posts_of(session, author.platform, author.author), author.reason)
    erase(session, gone, now=now)
    _set_aside(session, batch.rejected, origin=origin, now=now)
    return Intake(
        new=len(stored.inserted),
        edited=len(stored.updated),
        unchanged=stored.unchanged,
        refused=stored.refused + unheard,
        erased=len(gone),
        rejected=len(batch.rejected),
    )


def _heard(session: Session, posts: list[NewPost], settings: Settings) -> list[NewPost]:
    """The posts but for those of people who were erased for good."""
    writers = {(post.platform, name) for post in posts for name in (post.author, post.author_name) if name}
    unheard = do_not_contact.unheard(session, lambda: secret_key(settings), writers)
    if not unheard:
        return posts
    return [post for post in posts if not {(post.platform, post.author), (post.platform, post.author_name)} & unheard]


def _sort(items: Sequence[Item]) -> _Sorted:
    batch = _Sorted()
    for item in items:
        match item:
            case NewPost():
                batch.posts.append(item)
            case Erased():
                batch.erased.append(item)
            case ErasedAuthor():
                batch.erased_authors.append(item)
            case Rejected():
                batch.rejected.append(item)
    return batch


def _set_aside(session: Session, rejected: Sequence[Rejected], *, origin: str, now: datetime) -> None:
    if not rejected:
        return
    rows = [
        {
            "origin": origin,
            "locator": item.locator,
            "reason": item.reason,
            "raw": item.raw[:MAX_RAW],
            "raw_sha256": hashlib.sha256(item.raw).hexdigest(),
            "at": now,
            "platform": item.platform,
            "external_id": item.external_id,
        }
        for item in rejected
    ]
    session.execute(upsert(session, DeadLetter).on_conflict_do_nothing(), rows)
