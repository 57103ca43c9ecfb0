"""The points behind a model's usual plots."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from classifier.head import Doubles
from classifier.metrics import Flags
from overheard.measuring.intervals import Share
from overheard.vocabulary import Intent


@dataclass(frozen=True, slots=True)
class PrecisionRecall:
    """One point for each score that was given, the highest threshold first; arrays of one length."""

    threshold: Doubles
    precision: Doubles
    recall: Doubles

    def at(self, threshold: float) -> tuple[float, float]:
        """Recall and precision of what scores at least that; where nothing does, of the highest score."""
        place = max(int(np.searchsorted(-self.threshold, -threshold, side="right")) - 1, 0)
        return float(self.recall[place]), float(self.precision[place])


def precision_recall(scores: Doubles, truth: Flags) -> PrecisionRecall:
    """Precision and recall of the lead class for every threshold that would change something."""
    order = np.argsort(-scores, kind="stable")
    hits, said = np.cumsum(truth[order]), np.arange(1, len(scores) + 1)
    last_of_score = np.append(np.diff(scores[order]) != 0, [True] * bool(len(scores))).astype(bool)
    whole = max(int(truth.sum()), 1)
    return PrecisionRecall(
        scores[order][last_of_score], (hits / said)[last_of_score], (hits / whole)[last_of_score].astype(np.float64)
    )


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Posts of about one score: what the model says of them, and how many were leads."""

    low: float
    high: float
    mean_score: float
    leads: Share


def reliability(scores: Doubles, truth: Flags, bins: int = 10) -> list[ReliabilityBin]:
    """Bins of equal width, those without a post left out."""
    place = np.minimum((scores * bins).astype(int), bins - 1)
    return [
        ReliabilityBin(
            number / bins,
            (number + 1) / bins,
            float(scores[place == number].mean()),
            Share(int(truth[place == number].sum()), int((place == number).sum())),
        )
        for number in range(bins)
        if (place == number).any()
    ]


def confusion(said: Sequence[Intent], truth: Sequence[Intent]) -> npt.NDArray[np.int64]:
    """How often each intent (rows, in the order of `Intent`) was taken for each (columns)."""
    order = {intent: place for place, intent in enumerate(Intent)}
    counts = np.zeros((len(order), len(order)), dtype=np.int64)
    np.add.at(counts, ([order[one] for one in truth], [order[one] for one in said]), 1)
    return counts
