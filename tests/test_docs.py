"""The documentation says what the code says. A failing test prints the lines to paste."""

import inspect
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import pytest
import typer
from pydantic.fields import FieldInfo

from cli.main import app
from overheard.settings import setting_names
from overheard.vocabulary import DisqualifyReason, Intent, Role, Stage

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
DECISIONS = DOCS / "decisions"
PACKAGES = ("overheard", "collectors", "classifier", "api", "cli")

_LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
_ADDRESS = re.compile(r"[a-z]+:", re.IGNORECASE)
_MAKE = re.compile(r"(?:`|^\s*(?:\$ )?)make (?P<target>[a-z][a-z-]*)", re.MULTILINE)
_TARGET = re.compile(r"^(?P<target>[a-z][a-z-]*):", re.MULTILINE)
_PATH = re.compile(r"`(?P<path>[\w./-]+\.py)(?:::(?P<test>\w+)|: (?P<function>\w+))?`")


def _pages() -> list[Path]:
    folders = (DOCS, ROOT / "notebooks", ROOT / "tests", ROOT / ".github", *(ROOT / name for name in PACKAGES))
    return sorted(ROOT.glob("*.md")) + sorted(page for folder in folders for page in folder.rglob("*.md"))


def _default(info: FieldInfo) -> str:
    value = info.get_default(call_default_factory=False)
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


# --- settings ------------------------------------------------------------------------------------------------------


def _example_lines() -> list[str]:
    lines = ["# Every setting with its default. Copy this file to .env and uncomment what you change."]
    for name, info in setting_names().items():
        lines += ["", f"# {info.description}", f"#{name}={_default(info)}"]
    return lines


def _settings_rows() -> list[str]:
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for name, info in setting_names().items():
        default = f"`{_default(info)}`" if _default(info) else "none"
        rows.append(f"| `{name}` | {default} | {info.description} |")
    return rows


def test_every_setting_has_a_description_of_one_sentence() -> None:
    for name, info in setting_names().items():
        assert info.description, name
        assert info.description.endswith("."), name


def test_the_example_of_an_environment_lists_exactly_the_settings_with_their_defaults() -> None:
    expected = "\n".join(_example_lines()) + "\n"
    found = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert found == expected, f"Let .env.example be:\n\n{expected}"


def test_the_readme_lists_exactly_the_settings_with_their_defaults() -> None:
    expected = _settings_rows()
    found = [line for line in _readme().splitlines() if line.startswith("| `OVERHEARD_")]
    assert found == expected[2:], "Let the settings table of README.md be:\n\n" + "\n".join(expected)


# --- commands ------------------------------------------------------------------------------------------------------


def _commands(group: typer.Typer = app, path: str = "overheard") -> Iterator[tuple[str, str]]:
    """Each command with the first line of its help."""
    for command in group.registered_commands:
        yield f"{path} {command.name}", (inspect.getdoc(command.callback) or "").partition("\n")[0]
    for inner in group.registered_groups:
        if inner.typer_instance is not None:
            yield from _commands(inner.typer_instance, f"{path} {inner.name}")


def test_every_command_says_in_its_help_what_it_does() -> None:
    for path, help_text in _commands():
        assert help_text.endswith("."), path


def test_the_readme_lists_exactly_the_commands() -> None:
    commands = dict(_commands())
    named = [
        max((path for path in commands if f"{row} ".startswith(f"{path} ")), key=len, default=row)
        for row in re.findall(r"^\| `(overheard [^`]*)`", _readme(), re.MULTILINE)
    ]
    lines = "\n".join(f"| `{path}` | {help_text} |" for path, help_text in commands.items())
    assert sorted(named) == sorted(commands), f"Let the command table of README.md hold:\n\n{lines}"


def _readme() -> str:
    return (ROOT / "README.md").read_text(encoding="utf-8")


# --- links, targets, names -----------------------------------------------------------------------------------------


def test_every_relative_link_leads_to_a_file() -> None:
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in _pages()
        for target in _LINK.findall(page.read_text(encoding="utf-8"))
        if not _ADDRESS.match(target)
        and not target.startswith("#")
        and not (page.parent / target.partition("#")[0]).exists()
    ]
    assert broken == []


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(_TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8")))
    unknown = [
        f"{page.relative_to(ROOT)}: make {target}"
        for page in _pages()
        for target in _MAKE.findall(page.read_text(encoding="utf-8"))
        if target not in targets
    ]
    assert unknown == []


@pytest.mark.parametrize("words", [Stage, Intent, DisqualifyReason, Role], ids=lambda words: words.__name__)
def test_the_glossary_explains_every_member_of_a_closed_list(words: type[StrEnum]) -> None:
    glossary = (DOCS / "glossary.md").read_text(encoding="utf-8")
    assert [word.value for word in words if f"`{word.value}`" not in glossary] == []


def test_every_decision_is_listed_with_its_title() -> None:
    table = (DECISIONS / "README.md").read_text(encoding="utf-8")
    pages = sorted(page for page in DECISIONS.glob("*.md") if page.name != "README.md")
    assert pages
    for page in pages:
        title = page.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
        assert re.match(r"\d{4}-", page.name), page.name
        assert f"[{title}]({page.name})" in table, f"Add to docs/decisions/README.md: [{title}]({page.name})"


# --- the map -------------------------------------------------------------------------------------------------------


def _named_in_docs() -> list[tuple[str, str, str]]:
    """Every `path.py`, `path.py: function` and `path.py::test`. A file that is called example is yet to be written."""
    found = [match for page in _pages() for match in _PATH.findall(page.read_text(encoding="utf-8"))]
    return [match for match in found if "/" in match[0] and not match[0].endswith("example.py")]


def test_every_python_file_that_is_named_exists() -> None:
    assert sorted({path for path, _, _ in _named_in_docs() if not (ROOT / path).is_file()}) == []


def test_every_function_and_test_that_is_named_exists() -> None:
    missing = {
        f"{path}: {name}"
        for path, test, function in _named_in_docs()
        if (name := test or function) and not re.search(rf"^(?:def|class) {name}\b", _source(path), re.MULTILINE)
    }
    assert sorted(missing) == []


def _source(path: str) -> str:
    file = ROOT / path
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def test_the_map_names_every_module() -> None:
    map_page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    modules = [
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if path.name != "__init__.py" and "versions" not in path.parts
    ]
    assert [module for module in modules if f"`{module}`" not in map_page] == []
