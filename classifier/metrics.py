"""Figures about scores, weighted or not."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from classifier.examples import Labels
from classifier.head import Doubles

Flags = npt.NDArray[np.bool_]

ECE_BINS = 10


def precision_recall_f1(said: Flags, truth: Flags, weights: Doubles | None = None) -> tuple[float, float, float]:
    """Of the positive class; 0 where nothing was said or nothing is true."""
    weights = np.ones(len(truth)) if weights is None else weights
    hits, claimed, true = (float(weights[flags].sum()) for flags in (said & truth, said, truth))
    precision = hits / claimed if claimed else 0.0
    recall = hits / true if true else 0.0
    return precision, recall, 2 * hits / (claimed + true) if claimed + true else 0.0


def average_precision(scores: Doubles, truth: Flags, weights: Doubles | None = None) -> float:
    """Precision averaged over the recall gained at each score, equal scores taken together."""
    weights = np.ones(len(truth)) if weights is None else weights
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(np.where(truth[order], weights[order], 0.0))
    seen = np.cumsum(weights[order])
    last_of_score = np.append(np.diff(scores[order]) != 0, [True] * bool(len(scores)))
    if not len(scores) or not hits[-1]:
        return 0.0
    gained = np.diff(hits[last_of_score], prepend=0.0) / hits[-1]
    return float((gained * hits[last_of_score] / seen[last_of_score]).sum())


def recall_at_precision(scores: Doubles, truth: Flags, floor: float) -> float:
    """The most that can be found while at least such a share of what is said is right: the marketer's end."""
    found = [recall for precision, recall in _curve(scores, truth) if precision >= floor]
    return max(found, default=0.0)


def precision_at_recall(scores: Doubles, truth: Flags, floor: float) -> float:
    """How right one can be while at least such a share is found: the SDR's end."""
    return max((precision for precision, recall in _curve(scores, truth) if recall >= floor), default=0.0)


def _curve(scores: Doubles, truth: Flags) -> list[tuple[float, float]]:
    return [precision_recall_f1(scores >= score, truth)[:2] for score in np.unique(scores)]


def intervals(
    figures: Callable[[Labels], Sequence[float]], rows: int, *, samples: int, seed: int = 1
) -> list[tuple[float, float]]:
    """Of each figure the middle 95 % over bootstrap samples of the rows."""
    dice = np.random.default_rng(seed)
    drawn = np.array([figures(dice.integers(rows, size=rows)) for _ in range(samples)])
    low, high = np.quantile(drawn, (0.025, 0.975), axis=0)
    return list(zip(low.tolist(), high.tolist(), strict=True))


def expected_calibration_error(scores: Doubles, truth: Flags, weights: Doubles | None = None) -> float:
    """How far, on average, the share of leads is from the score, in ten bins of equal width."""
    weights = np.ones(len(truth)) if weights is None else weights
    bins = np.minimum((scores * ECE_BINS).astype(int), ECE_BINS - 1)
    gaps = np.bincount(bins, weights * (scores - truth), minlength=ECE_BINS)
    return float(np.abs(gaps).sum() / weights.sum()) if len(scores) else 0.0
