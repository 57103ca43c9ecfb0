import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_recall_fscore_support

from classifier.calibration import calibrate_scores, natural_weights
from classifier.metrics import average_precision, expected_calibration_error, precision_recall_f1

GENERATOR = np.random.default_rng(5)
TRUTH = GENERATOR.random(300) < 0.3
SCORES = np.clip(0.3 * TRUTH + GENERATOR.random(300).round(2), 0, 1)
WEIGHTS = GENERATOR.random(300)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_precision_recall_and_average_precision_are_what_scikit_learn_says(weights: np.ndarray | None) -> None:
    said = SCORES > 0.6
    expected = precision_recall_fscore_support(TRUTH, said, average="binary", sample_weight=weights)[:3]
    assert precision_recall_f1(said, TRUTH, weights) == pytest.approx(expected)
    expected_ap = average_precision_score(TRUTH, SCORES, sample_weight=weights)
    assert average_precision(SCORES, TRUTH, weights) == pytest.approx(expected_ap)


def test_where_nothing_is_true_or_said_figures_are_zero() -> None:
    nothing = np.zeros(4, dtype=bool)
    assert precision_recall_f1(nothing, nothing) == (0, 0, 0)
    assert average_precision(np.ones(4), nothing) == 0
    assert average_precision(np.ones(0), nothing[:0]) == 0
    assert expected_calibration_error(np.ones(0), nothing[:0]) == 0


def test_calibration_error_is_the_mean_gap_between_score_and_share() -> None:
    scores = np.array([0.95, 0.95, 0.15, 0.15])
    truth = np.array([True, False, False, False])
    assert expected_calibration_error(scores, truth) == pytest.approx((0.45 + 0.15) / 2)
    assert expected_calibration_error(np.array([1.0, 0.0]), np.array([True, False])) == 0


def test_weights_bring_the_share_of_leads_to_the_natural_one_by_score_alone() -> None:
    log_odds = GENERATOR.normal(size=2000) * 2
    truth = GENERATOR.random(2000) < 1 / (1 + np.exp(-log_odds))
    weights = natural_weights(log_odds, truth, 0.13)
    assert weights[truth].sum() / weights.sum() == pytest.approx(0.13, abs=1e-6)
    assert np.all(np.diff(weights[np.argsort(log_odds)]) <= 0)
    # Nothing about a score's meaning has changed, so calibration finds what the scores were made with.
    calibrated = calibrate_scores(log_odds, truth, weights)
    assert calibrated.slope == pytest.approx(1, abs=0.25)
    assert calibrated.intercept == pytest.approx(0, abs=0.4)
    assert 0.2 < calibrated.threshold < 0.6


def test_a_sample_as_poor_in_leads_as_life_stays_as_it_is() -> None:
    truth = np.arange(100) < 10
    assert np.array_equal(natural_weights(GENERATOR.normal(size=100), truth, 0.13), np.ones(100))
