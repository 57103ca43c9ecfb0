"""The bar on real posts. They are not part of the repository, so this runs only where they lie beside it."""

from pathlib import Path

import pytest

from classifier.evaluate import evaluate
from classifier.model import IntentModel
from classifier.rows import read_labelled

DEV = Path(__file__).parents[3] / "shared" / "data" / "labelled" / "dev.jsonl"


@pytest.mark.skipif(not DEV.is_file(), reason=f"the development set is not beside the checkout ({DEV})")
def test_the_shipped_model_meets_the_bar_on_the_development_set(model: IntentModel) -> None:
    leads = evaluate(model, read_labelled(DEV)).leads
    assert leads.f1 >= 0.8
    assert leads.average_precision >= 0.92
    assert leads.ece <= 0.05
    assert leads.recall_at_60 >= 0.9
    assert leads.precision_at_60 >= 0.9
