"""What the networks learn from: posts as vectors, each with its label and how much it counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from classifier.config import TrainConfig
from classifier.encoder_files import TextEncoder, Vectors
from classifier.head import INTENTS
from classifier.rows import LabelledRow

Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Examples:
    """One a row of the arrays: the posts in their order, behind them the auxiliary ones."""

    vectors: Vectors
    labels: Labels
    weights: Vectors

    def without(self, rows: Labels) -> Self:
        """All but some rows."""
        kept = np.delete(np.arange(len(self.labels)), rows)
        return type(self)(self.vectors[kept], self.labels[kept], self.weights[kept])


def make_examples(
    rows: Sequence[LabelledRow], auxiliary: Sequence[LabelledRow], encoder: TextEncoder, settings: TrainConfig
) -> Examples:
    """The posts and the auxiliary rows, weighted as the configuration says."""
    together = [*rows, *auxiliary]
    vectors = encoder.encode_layers([row.post.whole for row in together], settings.features.layers)
    weights = [settings.fit.unsure_weight if row.unsure else 1.0 for row in rows]
    weights += [settings.auxiliary.weight if settings.auxiliary else 1.0] * len(auxiliary)
    return Examples(
        vectors.reshape(len(together), -1),
        np.array([INTENTS.index(row.label) for row in together], dtype=np.int64),
        np.array(weights, dtype=np.float32),
    )
