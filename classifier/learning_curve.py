"""Would more labels help? What a challenger is worth that learned from a part of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from classifier.adapt import adapt
from classifier.datasets import Side
from classifier.head import read_head, read_scheme
from classifier.metrics import average_precision
from classifier.registry import champion
from classifier.retrain import as_labelled, divided, hashes_of, scores_of
from classifier.retrain_config import RetrainConfig
from classifier.vector_cache import VectorCache, make_encode, reader_of
from overheard.db import Sessions
from overheard.labelling.examples import training_examples
from overheard.settings import Settings


@dataclass(frozen=True, slots=True)
class Step:
    """Of so many labels learned from, the average precision on the frozen set; of none, that of the champion."""

    labels: int
    average_precision: float


def learning_curve(
    sessions: Sessions,
    settings: Settings,
    config: RetrainConfig,
    *,
    now: datetime,
    shares: Sequence[float] = (0.125, 0.25, 0.5, 1.0),
    tell: Callable[[str], object] = lambda _: None,
) -> list[Step]:
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
    vectors, truth = cache.read(hashes_of(frozen)), np.array([bool(one.is_lead) for one in frozen])
    steps = [Step(0, average_precision(scores_of(head, scheme, vectors), truth))]
    for share in shares:
        some = train[: round(share * len(train))]
        learned = as_labelled(some, cache.read(hashes_of(some)))
        tell(f"learning from {len(some)} labels")
        adapted = adapt(head, scheme, learned, config.adaptation, seed=config.seed)
        steps.append(Step(len(some), average_precision(scores_of(adapted.head, adapted.scheme, vectors), truth)))
    return steps
