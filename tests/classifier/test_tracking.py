"""The copy of a retraining in MLflow, in a real store."""

from pathlib import Path

import pytest

pytest.importorskip("mlflow", reason="the extra mlflow is not installed")

from mlflow.tracking import MlflowClient

from classifier.tracking import EXPERIMENT, log_run


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")  # the library's own
def test_a_retraining_is_a_run_with_parameters_figures_report_and_card(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    report = {"average_precision": 0.8, "accepted": True, "by": {"r/a&b": {"f1": 0.5}}, "refusals": ["no"]}
    for name in ("tiny-1", "tiny-2"):
        config = {"seed": 7, "tuning": {"rank": 4}}
        run_id = log_run(uri, tmp_path, name=name, config=config, report=report, card="# Card")
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    assert {run.info.run_name for run in runs} == {"tiny-1", "tiny-2"}
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params == {"seed": "7", "tuning.rank": "4"}
    assert run.data.metrics == {"average_precision": 0.8, "accepted": 1.0, "by.r/a_b.f1": 0.5}
    assert {file.path for file in client.list_artifacts(run_id)} == {"MODEL_CARD.md", "report.json"}
    assert next((tmp_path / "mlflow").rglob("MODEL_CARD.md")).read_text() == "# Card"
