"""Would more labels help? What a challenger is worth that learned from a part of them."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import numpy as np

from classifier.adapt import adapt
from classifier.datasets import Side
from classifier.examples import Labels
from classifier.head import Doubles, read_head, read_scheme, scores_of
from classifier.metrics import Flags, average_precision, intervals
from classifier.registry import champion
from classifier.retrain import as_labelled, divided, hashes_of
from classifier.retrain_config import RetrainConfig
from classifier.vector_cache import VectorCache, make_encode, reader_of
from overheard.db import Sessions
from overheard.labelling.examples import Example, training_examples
from overheard.settings import Settings

_SAMPLES = 300
"""Bootstrap samples of authors: for plots, where the second digit does not show."""

Of = TypeVar("Of", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Step:
    """Learned from so many labels; of none, the champion."""

    labels: int
    scores: Doubles
    """Of the posts of the frozen set."""
    average_precision: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """What would be learned from more and more labels, measured on the same frozen set."""

    frozen: list[Example]
    steps: list[Step]

    def gains(self, by: Callable[[Example], Of]) -> dict[Of, "Gain"]:
        """What all labels together change, by parts of the frozen set that hold leads and others."""
        parts: dict[Of, list[int]] = defaultdict(list)
        for place, one in enumerate(self.frozen):
            parts[by(one)].append(place)
        both = {part: len({self.frozen[at].is_lead for at in places}) > 1 for part, places in parts.items()}
        return {part: self._gain(np.array(places)) for part, places in parts.items() if both[part]}

    def _gain(self, places: Labels) -> "Gain":
        posts = [self.frozen[at] for at in places]
        before, after = self.steps[0].scores[places], self.steps[-1].scores[places]
        truth = _truth(posts)

        def change(rows: Labels) -> float:
            return average_precision(after[rows], truth[rows]) - average_precision(before[rows], truth[rows])

        return Gain(len(posts), change(np.arange(len(posts))), *_middle(change, posts))


@dataclass(frozen=True, slots=True)
class Gain:
    """Average precision of the challenger less that of the champion, on the same posts."""

    posts: int
    value: float
    low: float
    high: float
    """The middle 95 % over bootstrap samples of authors."""


def learning_curve(
    sessions: Sessions,
    settings: Settings,
    config: RetrainConfig,
    *,
    now: datetime,
    shares: Sequence[float] = (0.125, 0.25, 0.5, 1.0),
    tell: Callable[[str], object] = lambda _: None,
) -> LearningCurve:
    """The head learns from the oldest part of the labels, as `overheard retrain` would have on the day they were there.

    Keeps nothing but vectors in their cache. `InvalidInput` where there are too few labels to retrain.
    """
    with sessions() as session:
        folder = champion(session, settings)
        sides = divided(session, training_examples(session, before=now), config)
    cache = VectorCache(settings, reader_of(folder, settings))
    frozen, train = sides[Side.FROZEN], sorted(sides[Side.TRAIN], key=lambda one: one.labelled_at)
    tell("reading posts")
    cache.fill(sessions, [*frozen, *train], lambda: make_encode(folder, settings))
    head, scheme = read_head(folder), read_scheme(folder)
    vectors = cache.read(hashes_of(frozen))
    steps = [_step(0, scores_of(head, scheme, vectors), frozen)]
    for share in shares:
        some = train[: round(share * len(train))]
        learned = as_labelled(some, cache.read(hashes_of(some)))
        tell(f"learning from {len(some)} labels")
        adapted = adapt(head, scheme, learned, config.adaptation, seed=config.seed)
        steps.append(_step(len(some), scores_of(adapted.head, adapted.scheme, vectors), frozen))
    return LearningCurve(list(frozen), steps)


def _step(labels: int, scores: Doubles, frozen: Sequence[Example]) -> Step:
    truth = _truth(frozen)
    low, high = _middle(lambda rows: average_precision(scores[rows], truth[rows]), frozen)
    return Step(labels, scores, average_precision(scores, truth), low, high)


def _truth(posts: Sequence[Example]) -> Flags:
    return np.array([bool(one.is_lead) for one in posts])


def _middle(figure: Callable[[Labels], float], posts: Sequence[Example]) -> tuple[float, float]:
    """The middle 95 % of a figure over bootstrap samples of authors: two posts of one say little more than one."""
    _, author = np.unique([one.author or f"post {one.post_id}" for one in posts], return_inverse=True)
    of_author = [np.flatnonzero(author == number) for number in range(author.max() + 1)]

    def of_drawn(drawn: Labels) -> tuple[float]:
        return (figure(np.concatenate([of_author[number] for number in drawn])),)

    return intervals(of_drawn, len(of_author), samples=_SAMPLES)[0]
