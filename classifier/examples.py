"""What the networks learn from: posts as vectors, each with its label and how much it counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from classifier.adapters import Adapters
from classifier.config import TrainConfig
from classifier.encoder_files import TextEncoder, Vectors
from classifier.head import INTENTS, Head
from classifier.rows import LabelledRow
from classifier.variations import read_fillers, vary

Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Targets:
    """What is to be said of each text, and how much it counts: the posts in their order, behind them variations of
    some, then the auxiliary rows.
    """

    labels: Labels
    weights: Vectors
    origins: Labels
    """Of each text the place of the post it was made of, which for a post is its own; -1 for auxiliary rows."""


@dataclass(frozen=True)
class Examples(Targets):
    """The same with what the networks see of each."""

    vectors: Vectors

    def only(self, rows: Labels) -> Self:
        """Some of them."""
        return type(self)(self.labels[rows], self.weights[rows], self.origins[rows], self.vectors[rows])


@dataclass(frozen=True)
class Learned:
    """What training gives: the head, and what it changed in the encoder."""

    head: Head
    adapters: Adapters | None = None


def texts_and_targets(
    rows: Sequence[LabelledRow], auxiliary: Sequence[LabelledRow], settings: TrainConfig
) -> tuple[list[str], Targets]:
    """All that is learned from, weighted as the configuration says."""
    varied: list[tuple[int, LabelledRow]] = []
    if settings.variations:
        varied = list(vary(rows, read_fillers(settings.variations.path), settings.variations, seed=settings.seed))
    together = [*rows, *(row for _, row in varied), *auxiliary]
    weights = [settings.fit.unsure_weight if row.unsure else 1.0 for row in rows]
    weights += [settings.variations.weight if settings.variations else 1.0] * len(varied)
    weights += [settings.auxiliary.weight if settings.auxiliary else 1.0] * len(auxiliary)
    origins = [*range(len(rows)), *(place for place, _ in varied), *[-1] * len(auxiliary)]
    labels = [INTENTS.index(row.label) for row in together]
    targets = Targets(np.array(labels), np.array(weights, dtype=np.float32), np.array(origins))
    return [row.post.whole for row in together], targets


def make_examples(texts: Sequence[str], targets: Targets, encoder: TextEncoder, settings: TrainConfig) -> Examples:
    """The texts as an encoder sees them that stays as it is."""
    vectors = encoder.encode_layers(texts, settings.features.layers)
    return Examples(targets.labels, targets.weights, targets.origins, vectors.reshape(len(texts), -1))
