"""From raw log odds to a calibrated score and a threshold, as they would be on a random draw."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from sklearn.linear_model import LogisticRegression

from classifier.head import Doubles
from classifier.metrics import Flags, precision_recall_f1

# Thresholds tried, and how many neighbours each is averaged with: the best single one would be luck.
_STEPS = np.arange(0.05, 0.951, 0.01)
_NEIGHBOURS = 9
# Log odds are within about ±10; a tilt of 3 leaves one row in e^30.
_STEEPEST_TILT = 3.0


@dataclass(frozen=True)
class Calibrated:
    """`score = 1 / (1 + exp(-(slope * log_odds + intercept)))`; a lead from `threshold` on."""

    slope: float
    intercept: float
    threshold: float


def natural_weights(log_odds: Doubles, truth: Flags, natural_lead_share: float) -> Doubles:
    """How much each training row counts so that together they stand for a random draw; the mean is 1.

    The rows were drawn for what they say (request phrases, a first model's score), never for their label. So at a given
    score the share of leads is right as it is, and only the mix of scores is off: weighing leads against the others
    would be wrong. We weigh by score alone, exp(-tilt * log odds), the mildest change that brings the share of leads
    to the natural one.
    """

    def weights(tilt: float) -> Doubles:
        raw = np.exp(-tilt * (log_odds - log_odds.min()))
        scaled: Doubles = raw / raw.mean()
        return scaled

    def excess(tilt: float) -> float:
        tilted = weights(tilt)
        return float(tilted[truth].sum() / tilted.sum()) - natural_lead_share

    if excess(0.0) <= 0 or excess(_STEEPEST_TILT) >= 0:
        return np.ones(len(truth))  # as few leads as in life, or scores that say nothing: there is nothing to undo
    return weights(float(brentq(excess, 0.0, _STEEPEST_TILT)))


def calibrate_scores(log_odds: Doubles, truth: Flags, weights: Doubles) -> Calibrated:
    """Platt's two numbers, and the threshold of the best F1, both on the weighted rows."""
    line = LogisticRegression(C=1e6).fit(log_odds[:, None], truth, sample_weight=weights)
    slope, intercept = float(line.coef_[0, 0]), float(line.intercept_[0])
    scores = 1 / (1 + np.exp(-(slope * log_odds + intercept)))
    f1 = np.array([precision_recall_f1(scores >= step, truth, weights)[2] for step in _STEPS])
    smooth = np.convolve(np.pad(f1, _NEIGHBOURS // 2, mode="edge"), np.ones(_NEIGHBOURS) / _NEIGHBOURS, mode="valid")
    return Calibrated(slope, intercept, round(float(_STEPS[smooth.argmax()]), 2))
