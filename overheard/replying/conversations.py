"""A thread as it stands at its platform right now, and what its community asks: asked for afresh, never kept.

Collectors fill this in, the composer and the outbox read it. What stands in it was written by strangers: it is data.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from overheard.models import Post, Source


class TargetState(StrEnum):
    """What has become of the post that we are about to answer."""

    HERE = "here"
    EDITED = "edited"
    DELETED = "deleted"


class RuleFlag(StrEnum):
    """What a community forbids, as far as it was understood."""

    NO_PROMOTION = "no_promotion"
    NO_AI = "no_ai"
    NO_BOTS = "no_bots"


@dataclass(frozen=True, slots=True)
class ThreadPost:
    """One post of a thread."""

    author: str | None
    text: str
    at: datetime | None
    is_target: bool = False
    is_ours: bool = False


@dataclass(frozen=True, slots=True)
class Thread:
    """The posts around the one we are about to answer, oldest first, and what stands in the way."""

    posts: Sequence[ThreadPost]
    target_state: TargetState = TargetState.HERE
    is_locked: bool = False
    answered_by_us: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """What a community asks of those who write there."""

    text: str
    flags: frozenset[RuleFlag] = frozenset()


class Conversations(Protocol):
    """Asks the platforms. `CollectorError` says why one did not answer."""

    def thread(self, post: Post) -> Thread:
        """The thread around a post."""
        ...

    def rules(self, source: Source) -> Rules | None:
        """The rules of a source's community; none where the platform has no such thing."""
        ...
