"""The gate on scores that are drawn, with known truth."""

from typing import Any

import numpy as np
import pytest

from classifier.gate import Scored, Thresholds, judge, markdown
from classifier.retrain_config import read_config

GATE = read_config().gate
THRESHOLDS = Thresholds(0.5, 0.5)


def drawn(count: int, *, champion: float, challenger: float, on_slack: float | None = None) -> Scored:
    """Posts whose scores tell leads from others more or less well (in standard deviations); a quarter are on Slack."""
    dice = np.random.default_rng(1)
    is_lead = dice.random(count) < 0.3
    is_slack = np.arange(count) % 4 == 0
    noise = dice.normal(size=count)

    def scores(skill: np.ndarray[Any, Any] | float, more: float) -> np.ndarray[Any, Any]:
        line = np.where(is_lead, 1.0, -1.0) * skill + noise + more * dice.normal(size=count)
        return np.asarray(1 / (1 + np.exp(-2 * line)))

    skill = np.where(is_slack, challenger if on_slack is None else on_slack, challenger)
    return Scored(
        is_lead,
        champion=scores(champion, 0.3),
        challenger=scores(skill, 0.3),
        authors=np.array([f"who{number // 2}" for number in range(count)]),
        parts={"platform": ["Slack" if slack else "Reddit" for slack in is_slack]},
    )


@pytest.mark.parametrize(
    ("frozen", "refusal"),
    [
        (drawn(400, champion=0.8, challenger=1.2), None),
        (drawn(40, champion=0.8, challenger=1.2), "least by which anything is accepted"),
        (drawn(400, champion=1.0, challenger=1.0), "bootstrap samples; 80% are asked for"),
        (drawn(400, champion=1.2, challenger=0.8), "Its f1 is"),
        (drawn(400, champion=0.8, challenger=1.4, on_slack=0.2), "On platform Slack its average precision"),
    ],
    ids=["better", "too few", "as good", "worse", "worse on one platform"],
)
def test_a_challenger_is_accepted_only_if_it_is_better_and_nowhere_much_worse(
    frozen: Scored, refusal: str | None
) -> None:
    report = judge(frozen, drawn(60, champion=0.8, challenger=0.9), THRESHOLDS, GATE, seed=1)
    assert report["accepted"] is (refusal is None)
    assert (not report["refusals"]) if refusal is None else any(refusal in one for one in report["refusals"])
    assert set(report["per_platform"]) == {"Slack", "Reddit"}
    low, high = report["difference"]["average_precision"]
    assert low < report["average_precision"] - report["champion"]["average_precision"] < high
    page = markdown(report)
    assert all(one in page for one in report["refusals"])
    assert f"| {report['champion']['f1']:.3f} | {report['f1']:.3f} |" in page


def test_a_challenger_that_fails_on_the_newest_decisions_is_refused() -> None:
    report = judge(
        drawn(400, champion=0.8, challenger=1.2), drawn(80, champion=1.2, challenger=0.4), THRESHOLDS, GATE, seed=1
    )
    assert [one[:26] for one in report["refusals"]] == ["On the newest decisions it"]
