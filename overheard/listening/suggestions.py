"""Communities worth watching: those that people link to in posts which a campaign's queries met."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.errors import InvalidInput
from overheard.links import recognise
from overheard.marketing import campaigns
from overheard.models import Match, Post, Query, Source
from overheard.vocabulary import Platform

_SINCE = timedelta(days=30)
_MOST = 20
_EXAMPLES = 3

# The newest matched posts that are looked through: a second's work, and enough to see what is linked often.
_POSTS = 5_000
_LINKS = 50  # of one post: more is a list of links, which recommends nothing

_ADDRESS = re.compile(r"https?://[^\s<>\"'`|\\^{}\[\]]{4,2000}", re.IGNORECASE)
_AFTER = ".,;:!?)*_~"  # what a sentence puts behind an address
_SUBREDDIT = re.compile(r"(?<![\w/.])/?r/(?P<name>[A-Za-z0-9][A-Za-z0-9_]{1,20})\b")

# A link to these tells no place where people talk that could be watched.
_PLACELESS = frozenset(
    {Platform.OTHER, Platform.X, Platform.BLUESKY, Platform.FACEBOOK, Platform.LINKEDIN, Platform.QUORA}
)


@dataclass(slots=True)
class Suggestion:
    """A community that is not watched yet, and who speaks of it."""

    platform: Platform
    community: str
    posts: int = 0
    authors: int = 0
    examples: list[str] = field(default_factory=list)
    """Permalinks of posts that speak of it, the newest first."""


@dataclass(slots=True)
class _Found:
    community: str
    posts: set[int] = field(default_factory=set)
    authors: set[tuple[Platform, str]] = field(default_factory=set)
    examples: list[str] = field(default_factory=list)


_Place = tuple[Platform, str]
"""Platform and community, as two spellings of one name are one place."""


def suggest_communities(session: Session, campaign_id: int, *, now: datetime) -> list[Suggestion]:
    """Up to 20 communities that posts of the last 30 days speak of which the campaign's queries in force met; those
    of which most people speak come first.
    """
    campaigns.get(session, campaign_id)
    watched = _watched(session)
    found: dict[_Place, _Found] = {}
    for post_id, platform, author, permalink, text, home in _matched(session, campaign_id, since=now - _SINCE):
        for place, community in places(text).items():
            if place in watched or place == (platform, home.lower()):
                continue
            seen = found.setdefault(place, _Found(community))
            seen.posts.add(post_id)
            seen.authors.add((platform, author or f"post {post_id}"))
            if permalink and len(seen.examples) < _EXAMPLES:
                seen.examples.append(permalink)
    suggestions = [
        Suggestion(platform, seen.community, len(seen.posts), len(seen.authors), seen.examples)
        for (platform, _), seen in found.items()
    ]
    suggestions.sort(key=lambda one: (-one.authors, -one.posts, one.platform, one.community.lower()))
    return suggestions[:_MOST]


def places(text: str) -> dict[_Place, str]:
    """The communities that a text links to, each with its name as it is written there."""
    found: dict[_Place, str] = {}
    for url in _first(match[0].rstrip(_AFTER) for match in _ADDRESS.finditer(text)):
        try:
            link = recognise(url)
        except InvalidInput:
            continue
        if link.platform not in _PLACELESS and link.community != link.platform.display:
            found.setdefault((link.platform, link.community.lower()), link.community)
    for match in _SUBREDDIT.finditer(_ADDRESS.sub(" ", text)):
        community = f"r/{match['name']}"
        found.setdefault((Platform.REDDIT, community.lower()), community)
    return found


def _first(addresses: Iterable[str]) -> Iterator[str]:
    return (address for address, _ in zip(addresses, range(_LINKS), strict=False))


def _watched(session: Session) -> frozenset[_Place]:
    statement = sa.select(Source.platform, Source.community).where(Source.state.is_not(None))
    return frozenset((platform, community.lower()) for platform, community in session.execute(statement))


def _matched(
    session: Session, campaign_id: int, *, since: datetime
) -> Iterator[sa.Row[int, Platform, str | None, str | None, str, str]]:
    """The newest posts that were met and may hold a link: id, platform, author, permalink, text, community."""
    text = Post.title + " " + Post.body
    met = sa.select(Match.post_id).join(Query, Query.id == Match.query_id)
    met = met.where(Query.campaign_id == campaign_id, Query.retired_at.is_(None))
    statement = (
        sa.select(Post.id, Post.platform, Post.author, Post.permalink, text, Source.community)
        .join(Source, Source.id == Post.source_id)
        .where(Post.id.in_(met), Post.collected_at >= since, sa.or_(text.contains("://"), text.contains("r/")))
        .order_by(Post.id.desc())
        .limit(_POSTS)
    )
    yield from session.execute(statement.execution_options(yield_per=1_000))
