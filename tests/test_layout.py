"""What the checkout looks like, and what importing a package costs."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from overheard.vocabulary import Intent

ROOT = Path(__file__).parent.parent
PACKAGES = ("overheard", "collectors", "classifier", "api", "cli")
FOLDERS = (*PACKAGES, "docs", "notebooks", "tests")
CODE = {".py", ".html", ".css", ".js"}
MAX_LINES = 400
MAX_BYTES = 5 * 2**20
LABEL_KEYS = {"id", "label", "unsure"}
HEAVY = ("torch", "transformers", "spacy", "sklearn")


def _files() -> Iterator[Path]:
    """All files of the project: those in the root and in our folders, without what tools leave behind."""
    yield from (path for path in ROOT.iterdir() if path.is_file())
    for folder in (*FOLDERS, ".ci", ".github"):
        yield from (path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def _python(code: str, *, cwd: Path) -> str:
    """What `code` prints in a fresh, isolated interpreter that stands in another folder."""
    command = [sys.executable, "-I", "-c", code]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_folders_that_a_reader_looks_for_exist() -> None:
    assert [folder for folder in FOLDERS if not (ROOT / folder).is_dir()] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_is_found_in_the_checkout_and_not_elsewhere(package: str, tmp_path: Path) -> None:
    found = _python(f"import {package}; print({package}.__file__)", cwd=tmp_path)
    assert Path(found) == ROOT / package / "__init__.py"


def test_every_folder_with_tests_is_a_package() -> None:
    folders = {path.parent for path in (ROOT / "tests").rglob("*.py")}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").exists()] == []


def test_no_file_of_code_is_longer_than_four_hundred_lines() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in _files()
        if path.suffix in CODE and "versions" not in path.parts and ".min." not in path.name
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > MAX_LINES
    }
    assert long == {}


def test_nothing_in_the_repository_is_larger_than_five_megabytes() -> None:
    assert [str(path.relative_to(ROOT)) for path in _files() if path.stat().st_size > MAX_BYTES] == []


def test_the_web_process_never_loads_the_model(tmp_path: Path) -> None:
    code = f"import api.app, sys; print([name for name in {HEAVY!r} if name in sys.modules])"
    assert _python(code, cwd=tmp_path) == "[]"


def test_the_command_line_starts_without_the_model_and_without_the_web_server(tmp_path: Path) -> None:
    names = (*HEAVY, "fastapi", "uvicorn", "praw", "slack_sdk")
    code = f"import cli.main, sys; print([name for name in {names!r} if name in sys.modules])"
    assert _python(code, cwd=tmp_path) == "[]"


def test_importing_the_ground_opens_no_database_and_reads_no_settings(tmp_path: Path) -> None:
    code = "import overheard.db, overheard.settings, overheard.leads.funnel, os; print(os.listdir())"
    assert _python(code, cwd=tmp_path) == "[]"


def test_the_shipped_labels_hold_no_text_of_a_post() -> None:
    files = {path.name: path for path in (ROOT / "classifier" / "labels").glob("*.jsonl")}
    invented = files.pop("invented.jsonl")  # nobody's posts: these lines carry their text
    for line in invented.read_text(encoding="utf-8").splitlines():
        assert re.fullmatch(r"invented-[a-z]+-\d+", json.loads(line)["id"])
    assert files
    for path in files.values():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            row = json.loads(line)
            where = f"{path.name}, line {number}"
            assert set(row) == LABEL_KEYS, where
            assert re.fullmatch(r"[\w./:-]{1,64}", row["id"]), where
            assert row["label"] in set(Intent), where
            assert isinstance(row["unsure"], bool), where
