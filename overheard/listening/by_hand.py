"""Posts that a person hands over: an address and what they were reading there. For what no collector may read."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.days import told
from overheard.errors import InvalidInput
from overheard.links import Link, recognise
from overheard.listening.intake import take_in
from overheard.listening.posts import NewPost, as_tombstone
from overheard.listening.terms import BY_HAND, BY_HAND_REDDIT, retention
from overheard.models import Post, Source, Tombstone
from overheard.settings import Settings
from overheard.text import clean
from overheard.vocabulary import Platform, PostKind

MODE = "manual"

_ORIGIN = "by hand"
_JUDGED = "It is judged with the next pass of overheard run (or: overheard classify)."

# Where the handle that a person sees is the author's key. Elsewhere that key is an id that nobody sees, and two people
# of one name must not become one lead.
_HANDLE_IS_KEY = frozenset({Platform.REDDIT, Platform.HACKERNEWS})
_MESSAGES = frozenset({Platform.SLACK, Platform.DISCORD, Platform.TELEGRAM})


class Outcome(StrEnum):
    """What became of a post."""

    NEW = "new"
    KNOWN = "known"
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class Taken:
    """A post that was handed over, and what became of it."""

    outcome: Outcome
    platform: Platform
    community: str
    permalink: str
    post_id: int | None
    kept_until: datetime | None
    """None: as long as the operator likes."""
    reason: str | None = None
    """Why it was erased."""

    @property
    def sentence(self) -> str:
        """What became of it, for people."""
        place = f"{self.platform.display}, {self.community}"
        if self.outcome is Outcome.ERASED:
            return f"Not taken: this post was erased here ({self.reason}), and what was erased stays away."
        if self.outcome is Outcome.KNOWN:
            return f"Nothing to do: this post ({place}) is here already."
        kept = f" It is kept until {told(self.kept_until)}." if self.kept_until else ""
        return f"Taken in ({place}). {_JUDGED}{kept}"


def take_by_hand(
    session: Session,
    *,
    url: str,
    text: str,
    now: datetime,
    title: str = "",
    author: str = "",
    community: str = "",
    settings: Settings | None = None,
) -> Taken:
    """Store what somebody read at an address. Handing it over again changes nothing, nor does it change a post that a
    collector brought: what was pasted may be a part of it. `settings`: as `take_in` wants them.
    """
    link = recognise(clean(url))
    if not (text.strip() or title.strip()):
        raise InvalidInput("There is nothing to read: paste what was written, or at least its title.")
    community = clean(community).strip() or link.community
    source = _source(session, link.platform, community)
    post = _post(link, source.community if source else community, title, text, author)
    intake = take_in(session, [post], origin=_ORIGIN, now=now, settings=settings)
    if intake.refused:
        return _taken(session, Outcome.ERASED, post, link)
    if source is None:
        _set_terms(session, post)
    return _taken(session, Outcome.NEW if intake.new else Outcome.KNOWN, post, link)


def _source(session: Session, platform: Platform, community: str) -> Source | None:
    """The community's source, however its name is capitalised in the address."""
    here = (Source.platform == platform) & (sa.func.lower(Source.community) == community.lower())
    return session.scalars(sa.select(Source).where(here).order_by(Source.id)).first()


def _post(link: Link, community: str, title: str, text: str, author: str) -> NewPost:
    name = author.strip().removeprefix("/").removeprefix("u/") if link.platform is Platform.REDDIT else author.strip()
    return NewPost(
        platform=link.platform,
        external_id=link.external_id,
        community=community,
        title=title,
        body=text,
        kind=_kind(link),
        author=name or None if link.platform in _HANDLE_IS_KEY else None,
        author_name=name or None,
        permalink=link.permalink,
    )


def _kind(link: Link) -> PostKind:
    if link.platform in _MESSAGES:
        return PostKind.MESSAGE
    return PostKind.COMMENT if link.external_id.startswith("t1_") else PostKind.SUBMISSION


def _set_terms(session: Session, post: NewPost) -> None:
    """A source that this post has made gets the terms of what is given by hand.

    One that files have filled keeps its own: with these terms, a single post from Reddit would have the sweep erase
    a whole import after 48 hours.
    """
    source = _source(session, post.platform, post.community)
    if source is None or source.terms is not None:
        return
    source.mode = MODE
    source.terms = (BY_HAND_REDDIT if post.platform is Platform.REDDIT else BY_HAND).as_json()
    session.flush()


def _taken(session: Session, outcome: Outcome, post: NewPost, link: Link) -> Taken:
    statement = sa.select(Post, Source).join(Source, Source.id == Post.source_id)
    here = (Post.platform == post.platform) & (Post.external_id == post.external_id)
    row = session.execute(statement.where(here)).one_or_none()
    kept_for = retention(row[1]) if row else None
    return Taken(
        outcome=outcome,
        platform=link.platform,
        community=row[1].community if row else post.community,
        permalink=link.permalink,
        post_id=row[0].id if row else None,
        kept_until=row[0].collected_at + kept_for if row and kept_for else None,
        reason=None if row else _why_erased(session, post),
    )


def _why_erased(session: Session, post: NewPost) -> str | None:
    here = (Tombstone.platform == post.platform) & (Tombstone.external_id == as_tombstone(post.external_id))
    return session.scalar(sa.select(Tombstone.reason).where(here)) or "its writer asked not to be heard"
