"""Archives are scored by the command, on this machine and on a local Ray."""

import importlib.util
import json
import os
import subprocess
from pathlib import Path

import pytest

from cli.demo import SAMPLE
from tests.cli.process import run_command

ROOT = Path(__file__).parent.parent.parent


def score(tmp_path: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OVERHEARD_")}
    environment |= {"OVERHEARD_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1", "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    return run_command(["score", *words], environment=environment, cwd=tmp_path)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Some posts of the bundled sample, and a line that is none."""
    path = tmp_path / "posts.jsonl"
    path.write_text("".join(SAMPLE.read_text(encoding="utf-8").splitlines(keepends=True)[:20]) + "{\n")
    return path


def test_an_archive_is_scored_without_a_database_and_what_could_not_be_read_is_told(
    tmp_path: Path, archive: Path
) -> None:
    done = score(tmp_path, archive.name, "--output", "scores")
    assert (done.returncode, "Scored 20 posts, 20 of them now" in done.stderr) == (1, True), done.stderr
    assert "posts.jsonl, line 21: the line is not JSON" in done.stderr
    assert "1 records could not be read; all others were scored" in done.stderr
    (part,) = (tmp_path / "scores").glob("[!_]*.jsonl")
    written = [json.loads(line) for line in part.read_text().splitlines()]
    assert [row["id"] for row in written][:2] == ["sample_0001", "sample_0002"]
    assert not (tmp_path / "home").exists()


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed (extra `cluster`)")
def test_a_local_ray_writes_the_same_rows(tmp_path: Path, archive: Path) -> None:
    for engine in ("local", "ray"):
        done = score(tmp_path, archive.name, archive.name, "--output", engine, "--engine", engine)
        assert "Scored 40 posts" in done.stderr, done.stderr
    local, ray = tmp_path / "local", tmp_path / "ray"
    names = {path.relative_to(local) for path in local.rglob("*.jsonl")} - {Path("_state.jsonl")}
    assert len(names) == 4
    assert all((local / name).read_bytes() == (ray / name).read_bytes() for name in names)


def test_without_ray_the_way_to_install_it_is_told(tmp_path: Path, archive: Path) -> None:
    (tmp_path / "ray.py").write_text("raise ModuleNotFoundError('Ray is not here')")  # found before the one installed
    done = score(tmp_path, archive.name, "--output", "scores", "--engine", "ray")
    assert (done.returncode, "pip install -c constraints.txt -e '.[cluster]'" in done.stderr) == (1, True)
