"""The notebooks run from top to bottom on the sample, and stand in the repository without what they printed."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from cli.demo import SAMPLE
from overheard.vocabulary import Intent

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
NAMES = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first of them makes the sample, and the others find it."""
    return tmp_path_factory.mktemp("notebooks")


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs_on_the_sample(name: str, folder: Path) -> None:
    ours = {key: value for key, value in os.environ.items() if not key.startswith("OVERHEARD_")}
    run = subprocess.run(
        [sys.executable, "notebooks/run.py", name],
        env=ours | {"TMPDIR": str(folder), "MPLCONFIGDIR": str(folder), "HF_HUB_OFFLINE": "1"},
        cwd=NOTEBOOKS.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3_000:]
    assert name in run.stdout


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_stands_here_without_outputs(name: str) -> None:
    cells = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    printed = [cell["id"] for cell in cells if cell.get("outputs") or cell.get("execution_count")]
    assert printed == [], f"Strip it: jupyter nbconvert --clear-output --inplace notebooks/{name}.ipynb"


def test_every_bundled_post_is_labelled_once_whatever_the_model_says() -> None:
    by_intent = tomllib.loads((NOTEBOOKS / "sample_labels.toml").read_text(encoding="utf-8"))
    labelled = [f"sample_{number:04}" for numbers in by_intent.values() for number in numbers]
    posts = [json.loads(line)["id"] for line in SAMPLE.read_text(encoding="utf-8").splitlines()]
    assert sorted(labelled) == sorted(posts)
    assert set(by_intent) == set(Intent)


def test_the_page_lists_every_notebook() -> None:
    page = (NOTEBOOKS / "README.md").read_text(encoding="utf-8")
    assert len(NAMES) == 6
    assert all(f"({name}.ipynb)" in page for name in NAMES)
