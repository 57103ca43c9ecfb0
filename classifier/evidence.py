"""Which sentences carried a post's score: those without which it falls."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from classifier.text import Field, PostText, Sentence, split_sentences

# A card shows one sentence, at times two; a third is the most that still says "here".
MOST = 3
# A second sentence is shown if it carries at least half of what the first does.
SHARE = 0.5


@dataclass(frozen=True)
class Evidence:
    """Characters `start` to `end` (not included) of a field, and how far the score falls without them."""

    field: Field
    start: int
    end: int
    weight: float


def find_evidence(
    posts: Sequence[PostText],
    scores: Sequence[float],
    rescore: Callable[[Sequence[PostText]], Sequence[float]],
) -> list[tuple[Evidence, ...]]:
    """Per post its evidence, heaviest first.

    Each sentence is left out in turn and the rest is scored again: faithful by construction, at the price of one more
    reading a sentence. So it is asked for only where somebody may look.
    """
    sentences = [split_sentences(post) for post in posts]
    shortened = [post.without((sentence,)) for post, found in zip(posts, sentences, strict=True) for sentence in found]
    rest = iter(rescore(shortened))
    evidence = []
    for score, found in zip(scores, sentences, strict=True):
        evidence.append(_heaviest([(sentence, score - next(rest)) for sentence in found]))
    return evidence


def _heaviest(weighed: list[tuple[Sentence, float]]) -> tuple[Evidence, ...]:
    ranked = sorted(weighed, key=lambda pair: -pair[1])
    chosen = [(sentence, weight) for sentence, weight in ranked[:MOST] if weight >= SHARE * ranked[0][1]]
    # Two sentences that say the same can each be missed without loss: then the first of the ranking stands alone.
    if ranked and ranked[0][1] <= 0:
        chosen = ranked[:1]
    return tuple(Evidence(s.field, s.start, s.end, max(weight, 0.0)) for s, weight in chosen)
