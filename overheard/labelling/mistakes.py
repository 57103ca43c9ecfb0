"""Where the model is wrong: what people said of posts beside what it says of them."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.labelling.examples import Example, training_examples
from overheard.labelling.splits import without_copies
from overheard.measuring.intervals import Share
from overheard.models import Prediction
from overheard.vocabulary import Intent

Part = TypeVar("Part", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Judged:
    """A labelled post, and what the model that judged it last says."""

    example: Example
    intent: Intent
    score: float

    @property
    def distance(self) -> float:
        """How far the score is from what people said: 1 could not be more wrong."""
        return abs(self.score - bool(self.example.is_lead))


@dataclass(frozen=True, slots=True)
class Mistakes:
    """Of posts of one kind, at a threshold."""

    missed: Share
    """Of the leads: those below it."""
    fooled: Share
    """Of the others: those from it on."""


def judged(session: Session) -> list[Judged]:
    """All labelled posts that a model could read."""
    examples = {one.post_id: one for one in training_examples(session)}
    said = sa.select(Prediction.post_id, Prediction.intent, Prediction.score).where(Prediction.is_judged)
    newest = {row.post_id: row for row in session.execute(said.order_by(Prediction.id)) if row.post_id in examples}
    return [Judged(examples[post_id], row.intent, row.score) for post_id, row in newest.items()]


def mistakes(posts: Iterable[Judged], threshold: float, by: Callable[[Judged], Part]) -> dict[Part, Mistakes]:
    """What is missed and what is taken for a lead, by any part of the posts: platform, intent, campaign."""
    parts: dict[Part, list[Judged]] = defaultdict(list)
    for one in posts:
        parts[by(one)].append(one)
    return {part: _of(some, threshold) for part, some in parts.items()}


def _of(posts: Sequence[Judged], threshold: float) -> Mistakes:
    leads = [one.score < threshold for one in posts if one.example.is_lead]
    others = [one.score >= threshold for one in posts if not one.example.is_lead]
    return Mistakes(Share(sum(leads), len(leads)), Share(sum(others), len(others)))


def worst(posts: Iterable[Judged], most: int) -> list[Judged]:
    """Those about which people and model differ most, each text once."""
    found = sorted(posts, key=lambda one: (-one.distance, one.example.post_id))
    return without_copies(found, lambda one: f"{one.example.title} {one.example.body}", most)
