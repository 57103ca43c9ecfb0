"""`make alerts-check`: a real Prometheus scrapes a real server, and is asked everything that rules and dashboard ask.

    .venv/bin/python -m tests.prometheus                    SQLite
    .venv/bin/python -m tests.prometheus --on postgresql

Exits with 1 where Prometheus refuses an expression, a rule or what `/metrics` gives. `prometheus` is Debian's package.
"""

# ruff: noqa: T201 - it is a command

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import yaml

from cli.context import clock
from cli.demo import DEMO_EMAIL
from overheard.db import make_engine, make_sessions
from tests.bench_queue import database
from tests.factories import watch_source
from tests.test_watching import PANELS, RULES

RULES_FILE = Path(__file__).parents[1] / "deploy/prometheus/overheard.rules.yml"
PATIENCE = 180.0  # seconds


def main(kind: str) -> int:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="overheard-")))
        url = stack.enter_context(database(kind, folder))
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("OVERHEARD_", "OTEL_"))
        }
        environment |= {"OVERHEARD_HOME": str(folder / "home"), "OVERHEARD_DATABASE_URL": url}
        pages, own = _free_port(), _free_port()
        stack.enter_context(
            _running([sys.executable, "-m", "cli", "demo", "--offline", "--port", str(pages)], environment)
        )
        _until(lambda: _get(pages, "/healthz"))
        with make_sessions(make_engine(url)).begin() as session:
            watch_source(session, now=clock()).read_at = clock()
        config = _configure(folder, pages, environment)
        words = [
            shutil.which("prometheus") or "prometheus",
            f"--config.file={config}",
            f"--web.listen-address=127.0.0.1:{own}",
        ]
        stack.enter_context(
            _running([*words, f"--storage.tsdb.path={folder / 'tsdb'}", "--log.level=error"], environment)
        )
        _until(lambda: _get(own, "/-/ready"))
        _until(lambda: _query(own, 'up{job="overheard"} == 1') and _rules_were_evaluated(own))
        return _ask_everything(own)


def _ask_everything(port: int) -> int:
    """How many things are wrong."""
    wrong = 0
    for what, expression in _expressions():
        try:
            print(f"{len(_query(port, expression)):4} series  {what}: {expression}")
        except OSError as refused:
            wrong += 1
            print(f"   REFUSED   {what}: {expression}: {refused}")
    for rule in _loaded(port):
        wrong += rule["health"] != "ok"
        print(f"{rule['health']:>9}    {rule['name']}, {rule['state']} {rule.get('lastError', '')}")
    return wrong + (len(_loaded(port)) != len(RULES))


def _expressions() -> Iterator[tuple[str, str]]:
    for panel in PANELS:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]
    for rule in RULES:
        yield rule["alert"], rule["expr"]


def _configure(folder: Path, port: int, environment: Mapping[str, str]) -> Path:
    token, config = folder / "token", folder / "prometheus.yml"
    words = [sys.executable, "-m", "cli", "token", DEMO_EMAIL, "--scope", "admin"]
    made = subprocess.run(words, env=dict(environment), capture_output=True, text=True, check=True)
    token.write_text(made.stdout.split()[-1])
    job = {
        "job_name": "overheard",
        "authorization": {"credentials_file": str(token)},
        "static_configs": [{"targets": [f"127.0.0.1:{port}"]}],
    }
    every = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config.write_text(yaml.safe_dump({"global": every, "scrape_configs": [job], "rule_files": [str(RULES_FILE)]}))
    return config


def _loaded(port: int) -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = json.loads(_get(port, "/api/v1/rules") or b"{}")["data"]["groups"]
    return [rule for group in groups for rule in group["rules"]]


def _rules_were_evaluated(port: int) -> bool:
    return bool(_loaded(port)) and all(rule["health"] != "unknown" for rule in _loaded(port))


def _query(port: int, expression: str) -> list[Any]:
    with urlopen(f"http://127.0.0.1:{port}/api/v1/query?{urlencode({'query': expression})}") as answer:
        found: list[Any] = json.load(answer)["data"]["result"]
    return found


def _get(port: int, path: str) -> bytes | None:
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}") as answer:
            body: bytes = answer.read()
    except OSError:
        return None
    return body


def _until(happened: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not happened():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.2)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


@contextmanager
def _running(words: Sequence[str], environment: Mapping[str, str]) -> Iterator[None]:
    process = subprocess.Popen(words, env=dict(environment), stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--on", choices=["sqlite", "postgresql"], default="sqlite")
    sys.exit(min(main(parser.parse_args().on), 1))
