"""The points behind plots are those that scikit-learn finds."""

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, precision_recall_curve

from classifier.curves import confusion, precision_recall, reliability
from overheard.vocabulary import Intent


def test_precision_and_recall_are_those_of_scikit_learn_equal_scores_taken_together() -> None:
    dice = np.random.default_rng(3)
    scores = dice.integers(0, 40, 300) / 40
    truth = dice.random(300) < scores
    ours = precision_recall(scores, truth)
    precision, recall, thresholds = precision_recall_curve(truth, scores)
    assert ours.threshold[::-1] == pytest.approx(thresholds)
    assert ours.precision[::-1] == pytest.approx(precision[:-1])
    assert ours.recall[::-1] == pytest.approx(recall[:-1])
    said = scores >= 0.51
    assert ours.at(0.51) == pytest.approx((truth[said].sum() / truth.sum(), truth[said].mean()))
    assert len(precision_recall(np.zeros(0), np.zeros(0, dtype=bool)).recall) == 0


def test_a_reliability_bin_tells_the_mean_score_and_the_share_of_leads() -> None:
    bins = reliability(np.array([0.05, 0.92, 0.98, 1.0]), np.array([False, True, False, True]))
    assert [(one.low, one.leads.part, one.leads.whole) for one in bins] == [(0.0, 0, 1), (0.9, 2, 3)]
    assert bins[1].mean_score == pytest.approx((0.92 + 0.98 + 1.0) / 3)


def test_what_was_taken_for_what_is_counted_as_scikit_learn_counts_it() -> None:
    dice = np.random.default_rng(4)
    truth, said = ([list(Intent)[place] for place in dice.integers(0, 9, 200)] for _ in range(2))
    expected = confusion_matrix([i.value for i in truth], [i.value for i in said], labels=[i.value for i in Intent])
    assert (confusion(said, truth) == expected).all()
