"""Which sentences carried a post's score: those without which it falls."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from classifier.encoder_files import Reading, Vectors
from classifier.head import Doubles
from classifier.text import Field, PostText, Sentence, split_sentences

# At most so many are shown; the second only if it carries at least half of what the first does.
SHOWN = 2
SHARE = 0.5

Score = Callable[[Vectors], Doubles]


@dataclass(frozen=True)
class Evidence:
    """Characters `start` to `end` (not included) of a field, and how far the score falls when their tokens are left out
    of the post's vector. They still stand beside the others while these are read, so the weight is cautious: read anew
    without them, the score falls about twice as far.
    """

    field: Field
    start: int
    end: int
    weight: float


def find_evidence(post: PostText, reading: Reading, score: Score) -> tuple[Evidence, ...]:
    """The evidence in a post that was read, heaviest first. Nothing is read anew.

    `score` says what vectors like those of the reading are worth, one a row.
    """
    sentences = split_sentences(post)
    if not sentences:
        return ()
    whole, *without = score(np.stack([reading.vectors, *_without_each(sentences, post, reading)]))
    return _heaviest([(sentence, float(whole - rest)) for sentence, rest in zip(sentences, without, strict=True)])


def _without_each(sentences: tuple[Sentence, ...], post: PostText, reading: Reading) -> Vectors:
    """Per sentence the vectors of the rest: at each layer the mean over the other tokens, of length one."""
    starts, ends = reading.offsets.T
    first = {"title": -_dropped(post), "body": len(post.readable("title")) + 2 - _dropped(post)}
    left_out = np.zeros((len(sentences), len(starts)), dtype=np.float32)
    for row, sentence in zip(left_out, sentences, strict=True):
        begin = first[sentence.field]
        # The marks before and behind a text stand for no character; they always stay.
        row[:] = (starts < ends) & (begin + sentence.start <= starts) & (ends <= begin + sentence.end)
    rest: Vectors = np.einsum("st,tln->sln", 1 - left_out, reading.states)  # the sum is as good as the mean
    rest /= np.maximum(np.linalg.norm(rest, axis=-1, keepdims=True), 1e-12)
    return rest


def _dropped(post: PostText) -> int:
    """How many blanks stand before the text as it is read."""
    both = f"{post.readable('title')}\n\n{post.readable('body')}"
    return len(both) - len(both.lstrip())


def _heaviest(weighed: list[tuple[Sentence, float]]) -> tuple[Evidence, ...]:
    """At least one: where two sentences say the same, each can be missed without loss; the first stands for both."""
    ranked = sorted(weighed, key=lambda pair: -pair[1])[:SHOWN]
    return tuple(
        Evidence(sentence.field, sentence.start, sentence.end, max(weight, 0.0))
        for place, (sentence, weight) in enumerate(ranked)
        if place == 0 or weight >= max(SHARE * ranked[0][1], 0.0)
    )
