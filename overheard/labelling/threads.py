"""Which conversation a post belongs to, as far as what is stored tells."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.labelling.judged import batches
from overheard.models import Post
from overheard.vocabulary import Platform

_DEEPEST = 100  # parents looked up; a conversation that goes deeper is cut there

# Where an address names the conversation, a post is known to belong to it though its parent was never stored.
_NAMED = {
    Platform.REDDIT: re.compile(r"/comments/([a-z0-9]+)", re.IGNORECASE),
    Platform.DISCOURSE: re.compile(r"^(https?://[^/]+)(?:/[^/]+)*?/t/(?:[^/]*[^/\d][^/]*/)?(\d+)"),
    Platform.GITHUB: re.compile(r"([^/]+/[^/]+/(?:issues|pull|discussions)/\d+)"),
}
_PREFIX = {Platform.REDDIT: "t3_"}  # so that it is the submission's own id


class Threaded(NamedTuple):
    """What tells where a post stands."""

    platform: Platform
    external_id: str
    parent_external_id: str | None
    permalink: str | None


def threads_of(session: Session, stored: Iterable[Post]) -> dict[tuple[Platform, str], str]:
    """The conversation of each post, by its key: named by its first post, as far up as is known."""
    posts = [Threaded(one.platform, one.external_id, one.parent_external_id, one.permalink) for one in stored]
    known = {(post.platform, post.external_id): post for post in posts}
    wanted = _unknown_parents(posts, known)
    for _ in range(_DEEPEST):
        if not wanted:
            break
        found = _stored(session, wanted)
        known |= {(post.platform, post.external_id): post for post in found}
        wanted = _unknown_parents(found, known)
    return {(post.platform, post.external_id): _thread(post, known) for post in posts}


def _unknown_parents(
    posts: Sequence[Threaded], known: dict[tuple[Platform, str], Threaded]
) -> set[tuple[Platform, str]]:
    parents = {(post.platform, post.parent_external_id) for post in posts if post.parent_external_id}
    return parents - known.keys()


def _stored(session: Session, keys: set[tuple[Platform, str]]) -> list[Threaded]:
    columns = (Post.platform, Post.external_id, Post.parent_external_id, Post.permalink)
    found: list[Threaded] = []
    for platform in {platform for platform, _ in keys}:
        for ids in batches(sorted(external_id for one, external_id in keys if one is platform)):
            rows = session.execute(sa.select(*columns).where(Post.platform == platform, Post.external_id.in_(ids)))
            found += [Threaded(*row) for row in rows]
    return found


def _thread(post: Threaded, known: dict[tuple[Platform, str], Threaded]) -> str:
    passed = {post.external_id}
    while (above := known.get((post.platform, post.parent_external_id or ""))) and above.external_id not in passed:
        post = above
        passed.add(post.external_id)
    named = _NAMED[post.platform].search(post.permalink or "") if post.platform in _NAMED else None
    if named:
        first = _PREFIX.get(post.platform, "") + " ".join(named.groups())
    else:
        first = post.parent_external_id or post.external_id
    return f"{post.platform} {first}"
