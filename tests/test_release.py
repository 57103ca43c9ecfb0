"""What a release says of itself: version, changelog, notes for who upgrades, licences of its parts."""

import re
import tomllib
from datetime import date
from pathlib import Path

from tests import licences

ROOT = Path(__file__).parent.parent
VERSION: str = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

_KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}  # of Keep a Changelog

# What somebody who passes Overheard on can live with. Another one is for a person to decide.
_FINE = re.compile(
    r"MIT|BSD|Apache|ISC|PSF|Python Software Foundation|MPL|Mozilla|LGPL|Lesser General|Unlicense|Zlib|CC0|HPND"
)
_STRONG = re.compile(r"\bA?GPL|(?<!Lesser )General Public")


def test_the_changelog_begins_with_what_is_not_released_and_goes_back_from_there() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    first, *released = re.findall(r"^## (.*)", text, re.MULTILINE)
    assert first == "[Unreleased]"
    found = [re.fullmatch(r"\[(\d+)\.(\d+)\.(\d+)\] - (\S+)", line) for line in released]
    assert all(found), released
    assert all(date.fromisoformat(one[4]) for one in found if one)
    versions = [tuple(map(int, one.groups()[:3])) for one in found if one]
    assert versions == sorted(versions, reverse=True)
    assert not versions or ".".join(map(str, versions[0])) == VERSION, "the newest section is of this version"
    assert set(re.findall(r"^### (.*)", text, re.MULTILINE)) <= _KINDS


def test_who_upgrades_to_this_version_finds_what_to_do() -> None:
    text = (ROOT / "docs" / "upgrading.md").read_text(encoding="utf-8")
    notes = text.partition(f"### {VERSION.rpartition('.')[0]}\n")[2].partition("\n### ")[0]
    assert all(f"**{when}**" in notes for when in ("before", "migrations", "after"))


def test_the_page_of_licences_names_all_parts() -> None:
    assert licences.PAGE.read_text(encoding="utf-8") == licences.page(), "Write it anew: make licences"


def test_every_part_stands_under_a_licence_that_may_be_passed_on() -> None:
    _, *rows = re.findall(r"^\| ([\w.-]+) \| (.+?) \|", licences.PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) > 100
    assert [row for row in rows if not _FINE.search(row[1]) or _STRONG.search(row[1])] == []
