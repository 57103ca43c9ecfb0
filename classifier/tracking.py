"""Retrainings in MLflow, for teams that keep their runs there: parameters, figures, report and model card.

The registry is the truth; this is a copy, and off until a setting says where to.
"""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # before the import: it would tell its makers
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # a server that is away would hold us up for minutes

from mlflow.tracking import MlflowClient

EXPERIMENT = "overheard retraining"
_SERVERS = ("http:", "https:", "databricks")


def log_run(uri: str, home: Path, *, name: str, config: Mapping[str, Any], report: Mapping[str, Any], card: str) -> str:
    """Keep one retraining in the MLflow at a URI; the run's id.

    Files of a store that is no server are kept in the home folder.
    """
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    files = None if uri.startswith(_SERVERS) else (home / "mlflow").absolute().as_uri()
    number = experiment.experiment_id if experiment else client.create_experiment(EXPERIMENT, artifact_location=files)
    run: str = client.create_run(number, run_name=name).info.run_id
    for key, value in _flat(config):
        client.log_param(run, key, value)
    for key, value in _flat(report):
        if isinstance(value, int | float):
            client.log_metric(run, key, float(value))
    client.log_text(run, json.dumps(report, indent=2, sort_keys=True), "report.json")
    client.log_text(run, card, "MODEL_CARD.md")
    client.set_terminated(run)
    return run


def without_login(message: str, uri: str) -> str:
    """What the library said, without the name and password that may stand in the URI."""
    parts = urlsplit(uri)
    login = parts.netloc.rpartition("@")[0]
    for secret in (uri, login, parts.password, unquote(parts.password or "")):
        if secret:
            message = message.replace(secret, "***")
    return message


def _flat(told: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Names without what MLflow does not take in them."""
    for key, value in told.items():
        name = prefix + "".join(letter if letter.isalnum() or letter in "_-. /" else "_" for letter in key)
        if isinstance(value, Mapping):
            yield from _flat(value, f"{name}.")
        else:
            yield name, value
