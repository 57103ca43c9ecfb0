"""Why a post was flagged, beside the evidence: what its writer needs, and the buying signals. Nothing is written by a
machine: all are spans of the post.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from classifier.evidence import Evidence
from classifier.need import find_need
from classifier.signals import BuyingSignal, find_signals
from classifier.text import PostText, Span


@dataclass(frozen=True)
class Explanation:
    """Spans of one post."""

    need: Span | None
    signals: tuple[BuyingSignal, ...]

    def stored(self) -> dict[str, Any]:
        """As the column `predictions.explanation` holds it."""
        need = self.need
        return {
            "need": [need.field, need.start, need.end] if need else None,
            "signals": [[one.kind, one.span.field, one.span.start, one.span.end] for one in self.signals],
        }


def explain_post(post: PostText, evidence: Sequence[Evidence]) -> Explanation:
    """The explanation of a post with its evidence."""
    return Explanation(find_need(post, evidence), find_signals(post))
