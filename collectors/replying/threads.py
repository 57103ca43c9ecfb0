"""A thread as its platform showed it, made into what people and guardrails look at."""

from collections.abc import Callable
from dataclasses import dataclass

from collectors.replying.base import SeenThread, is_same_text
from overheard.listening.posts import NewPost
from overheard.replying.conversations import TargetState, Thread, ThreadPost
from overheard.text import cap
from overheard.vocabulary import Platform

FLAT = frozenset({Platform.SLACK, Platform.GITHUB, Platform.DISCOURSE})
"""Where what comes later in a thread may answer anything before it."""

_POSTS = 60
_TEXT = 4_000


@dataclass(frozen=True, slots=True)
class Shown:
    """The post in question, as it stands with us."""

    external_id: str
    title: str
    body: str
    is_flat: bool


def later(seen: SeenThread, external_id: str) -> list[NewPost]:
    """What stands below a post in the order of writing."""
    at = next((number for number, each in enumerate(seen.posts) if each.external_id == external_id), None)
    return [] if at is None else list(seen.posts[at + 1 :])


def as_thread(seen: SeenThread, shown: Shown, is_ours: Callable[[NewPost], bool]) -> Thread:
    """The posts around one, bounded, and what has become of it."""
    at = next((number for number, each in enumerate(seen.posts) if each.external_id == shown.external_id), 0)
    first = max(0, min(at - _POSTS // 2, len(seen.posts) - _POSTS))
    posts = [
        ThreadPost(
            author=each.author_name or each.author,
            text=cap("\n\n".join(part for part in (each.title, each.body) if part), _TEXT)[0],
            at=each.posted_at,
            is_target=each.external_id == shown.external_id,
            is_ours=is_ours(each),
        )
        for each in seen.posts[first : first + _POSTS]
    ]
    if seen.target is None:
        return Thread(posts, TargetState.DELETED, is_locked=seen.is_locked)
    state = TargetState.HERE if is_same_text(seen.target, shown.title, shown.body) else TargetState.EDITED
    answers = later(seen, shown.external_id) if shown.is_flat else seen.below(shown.external_id)
    return Thread(posts, state, is_locked=seen.is_locked, answered_by_us=any(is_ours(each) for each in answers))
