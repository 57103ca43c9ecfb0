"""Whom or what a request is about: an author, one post, or a source, found by what the operator typed."""

import hmac
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.errors import InvalidInput, NotFound
from overheard.leads import do_not_contact
from overheard.links import recognise
from overheard.listening import sources
from overheard.models import Answer, Erasure, Post, Reply, Source
from overheard.privacy.vocabulary import SubjectKind
from overheard.vocabulary import Platform


@dataclass(frozen=True, slots=True)
class Subject:
    """Something that can be erased, by its key in the world, whether any of it is stored or not."""

    kind: SubjectKind
    platform: Platform
    key: str
    """The author's key, the post's id at its platform, or the source's community."""
    names: tuple[str, ...] = ()
    """How an author is called: their key, and the names that stood beside it."""
    digest: str | None = None
    """What stands for it, where its key is not known any more."""

    @property
    def posts(self) -> sa.ColumnElement[bool]:
        """Which posts are theirs."""
        here = Post.platform == self.platform
        if self.kind is SubjectKind.AUTHOR:
            return here & (Post.author == self.key)
        if self.kind is SubjectKind.POST:
            return here & (Post.external_id == self.key)
        of_it = (Source.platform == self.platform) & (Source.community == self.key)
        return Post.source_id.in_(sa.select(Source.id).where(of_it))

    def kept(self) -> dict[str, Any]:
        """As a receipt keeps it while it is being erased."""
        return {"key": self.key, "names": list(self.names)}

    def hashed(self, secret: str) -> str:
        """What stands for it where no name may stand. An author's is that of the do-not-contact list."""
        if self.digest is not None:
            return self.digest
        if self.kind is SubjectKind.AUTHOR:
            return do_not_contact.hash_of(secret, self.platform, self.key)
        said = f"erased {self.kind.value}\x00{self.platform.value}\x00{self.key}"
        return hmac.digest(secret.encode(), said.encode(), "sha256").hex()


def under_way(erasure: Erasure) -> Subject | None:
    """What is being erased just now under this receipt; none: it is done."""
    if (kept := erasure.subject) is None:
        return None
    return Subject(erasure.kind, erasure.platform, kept["key"], tuple(kept["names"]), digest=erasure.subject_hash)


def author(session: Session, text: str) -> Subject:
    """The author `PLATFORM:NAME`, by the platform's own key or by the name that is shown, if only one has it."""
    platform, name = _parted(text)
    bare = name.removeprefix("/").removeprefix("u/").removeprefix("@")
    keys = _keys(session, platform, Post.author.in_({name, bare})) or _keys(session, platform, _is_called(bare))
    if len(keys) > 1:
        raise InvalidInput(
            f"{len(keys)} authors at {platform.display} are called so. Say which, by the platform's own key: "
            f"{', '.join(sorted(keys)[:10])}."
        )
    return _author(session, platform, keys.pop() if keys else bare, bare)


def _author(session: Session, platform: Platform, key: str, *called: str) -> Subject:
    named = sa.select(Post.author_name).where(Post.platform == platform, Post.author == key).distinct()
    names = dict.fromkeys([key, *called, *(name for name in session.scalars(named) if name)])
    return Subject(SubjectKind.AUTHOR, platform, key, tuple(names))


def _is_called(name: str) -> sa.ColumnElement[bool]:
    said = name.lower()
    return (sa.func.lower(Post.author) == said) | (sa.func.lower(Post.author_name).in_({said, f"@{said}"}))


def _keys(session: Session, platform: Platform, called: sa.ColumnElement[bool]) -> set[str]:
    found = sa.select(Post.author).where(Post.platform == platform, called).distinct()
    return {key for key in session.scalars(found) if key}


def post(session: Session, text: str) -> Subject:
    """A post by its number here, its address, or `PLATFORM:ID`. One that is not stored is kept away by its address."""
    number = int(text) if text.isascii() and text.isdigit() else None
    here = session.scalars(sa.select(Post).where(sa.or_(Post.id == number, Post.permalink == text))).all()
    if len(here) == 1:
        return Subject(SubjectKind.POST, here[0].platform, here[0].external_id)
    if number is not None:
        raise NotFound(f"There is no post {text}. Its number is the id in /v1, and its address does as well.")
    if text.startswith(("https://", "http://")):
        link = recognise(text)
        return Subject(SubjectKind.POST, link.platform, link.external_id)
    return Subject(SubjectKind.POST, *_parted(text))


def source(session: Session, text: str) -> Subject:
    """A source by its number or community."""
    return of_source(sources.find(session, text))


def of_source(source: Source) -> Subject:
    """All that came from a source."""
    return Subject(SubjectKind.SOURCE, source.platform, source.community)


def by_hash(session: Session, secret: str, kind: SubjectKind, digest: str) -> Subject | None:
    """The subject behind a keyed hash, if anything of it is stored: all there are are tried."""
    stored: dict[SubjectKind, list[sa.Select[Platform, Any]]] = {
        SubjectKind.AUTHOR: [
            sa.select(Post.platform, Post.author),
            sa.select(Answer.platform, Answer.author),
            sa.select(Reply.platform, Reply.recipient),
        ],
        SubjectKind.POST: [sa.select(Post.platform, Post.external_id)],
        SubjectKind.SOURCE: [sa.select(Source.platform, Source.community)],
    }
    for statement in stored[kind]:
        for platform, key in session.execute(statement.distinct()):
            if key and Subject(kind, platform, key).hashed(secret) == digest:
                return _author(session, platform, key) if kind is SubjectKind.AUTHOR else Subject(kind, platform, key)
    return None


def _parted(text: str) -> tuple[Platform, str]:
    word, _, name = text.partition(":")
    try:
        platform = Platform(word.strip().lower())
    except ValueError:
        known = ", ".join(Platform)
        raise InvalidInput(f"{text[:80]!r}: write PLATFORM:NAME. The platforms are {known}.") from None
    if not name.strip():
        raise InvalidInput(f"{text[:80]!r} says no name: write PLATFORM:NAME, like reddit:somebody.")
    return platform, name.strip()
