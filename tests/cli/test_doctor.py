"""`overheard doctor` as a person types it."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.process import run_command

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def overheard(tmp_path: Path) -> Run:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OVERHEARD_")}

    def run(*words: str, **settings: str) -> "subprocess.CompletedProcess[str]":
        environment = clean | {"OVERHEARD_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1"} | settings
        return run_command(words, environment=environment, cwd=tmp_path)

    return run


def test_the_doctor_says_what_is_broken_and_ends_with_1_and_then_that_all_works(overheard: Run, tmp_path: Path) -> None:
    before = overheard("doctor")
    assert (before.returncode, (tmp_path / "home").exists()) == (1, False)
    assert "broken database: There is no database yet." in before.stdout
    assert "overheard init" in before.stdout
    assert overheard("init").returncode == 0
    after = overheard("doctor", "--json")
    found = {line["what"]: line for line in map(json.loads, after.stdout.splitlines())}
    assert after.returncode == 0, after.stdout
    well = ("database", "migrations", "home", "model", "encoder", "judgement")
    assert {found[what]["state"] for what in well} == {"ok"}
    assert all(line["do"] for line in found.values() if line["state"] != "ok")


def test_without_the_encoder_the_doctor_says_so_and_goes_on(overheard: Run, tmp_path: Path) -> None:
    assert overheard("init").returncode == 0
    done = overheard("doctor", OVERHEARD_ENCODER_PATH=str(tmp_path / "nowhere"), OVERHEARD_SECRET_KEY="do-not-show")
    assert done.returncode == 1
    assert "broken model:" in done.stdout
    assert "broken judgement:" in done.stdout
    assert "do-not-show" not in done.stdout + done.stderr
