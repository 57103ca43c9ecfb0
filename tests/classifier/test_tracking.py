"""The copy of a retraining in MLflow, in a real store."""

from datetime import datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from overheard.db import Sessions
from overheard.settings import Settings
from tests.classifier.test_retrain import champion, decide, first, make_challenger, settings

pytest.importorskip("mlflow", reason="the extra mlflow is not installed")

from mlflow.tracking import MlflowClient

from classifier.tracking import EXPERIMENT, log_run, without_login

__all__ = ["champion", "first", "settings"]  # fixtures of theirs


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


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")  # the library's own
@pytest.mark.usefixtures("champion")
@pytest.mark.alternate_databases
def test_a_retraining_is_copied_and_without_the_store_the_version_stands_and_no_log_tells_the_password(
    sessions: Sessions, settings: Settings, now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    decide(sessions, now)
    uri = f"sqlite:///{settings.home / 'mlflow.db'}"
    done = make_challenger(sessions, settings.model_copy(update={"mlflow_uri": SecretStr(uri)}), now)
    (run,) = MlflowClient(tracking_uri=uri).search_runs(["1"])
    assert run.info.run_name == done.version
    assert run.data.metrics["average_precision"] == pytest.approx(done.report["average_precision"])
    assert run.data.params["gate.least_chance"] == "0.8"

    away = Settings(home=settings.home, mlflow_uri=SecretStr("http://eli:hush@127.0.0.1:9"), _env_file=None)  # type: ignore[call-arg] # pydantic-settings' own switch
    again = make_challenger(sessions, away, now)
    assert again.version
    assert "could not be copied to MLflow" in caplog.text
    assert "127.0.0.1" in caplog.text
    assert "hush" not in caplog.text + repr(away)


def test_a_login_is_left_out_of_what_the_library_says() -> None:
    said = without_login("API request to http://eli:h%40sh@tracking/api failed: h@sh", "http://eli:h%40sh@tracking")
    assert said == "API request to ***/api failed: ***"
