"""Figures get into the documentation where they belong, and nothing else is changed there."""

import re
from pathlib import Path

import pytest

from tests import measured

_PAGE = """# Speed

Before.

<!-- bench:queue -->

| old |
|---|

<!-- end -->

Between.

<!-- bench:match -->
<!-- end -->

After.
"""


def test_a_table_takes_the_place_of_the_former_one_and_what_is_around_stays(tmp_path: Path) -> None:
    page = tmp_path / "speed.md"
    page.write_text(_PAGE)
    (tmp_path / "other.md").write_text("Nothing is measured here.\n")
    head, rows = ["asked", "p50"], [["40 a second", "4 ms"], ["a|b \\1", "9 ms"]]
    for _ in range(2):  # the second time it finds what the first wrote
        assert measured.write("queue", head, rows, "Both databases.", docs=tmp_path) == page
    before, rest = page.read_text().split("<!-- bench:queue -->")
    written, _, after = rest.partition("<!-- end -->")
    former_before, former_rest = _PAGE.split("<!-- bench:queue -->")
    assert (before, after) == (former_before, former_rest.partition("<!-- end -->")[2])
    assert written.splitlines()[:6] == [
        "",
        "",
        "| asked | p50 |",
        "| --- | --: |",
        "| 40 a second | 4 ms |",
        "| a¦b \\1 | 9 ms |",
    ]
    told = r"\d+ \w+ \d{4}, \d+ cores of .+, load [\d.]+ when it began, version .+\. Both databases\."
    assert re.fullmatch(told, written.splitlines()[-2])


def test_figures_without_a_place_are_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "speed.md").write_text(_PAGE)
    with pytest.raises(measured.NoPlaceError, match=r"'workers'. .*put these two lines: <!-- bench:workers --> and"):
        measured.write("workers", ["a"], [["1"]], docs=tmp_path)
    assert (tmp_path / "speed.md").read_text() == _PAGE


def test_whatever_is_measured_has_one_place_in_the_documentation() -> None:
    places = [
        name
        for page in (measured.ROOT / "docs").rglob("*.md")
        for name in re.findall(r"^<!-- bench:(.*) -->$", page.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    written = [
        name
        for script in (measured.ROOT / "tests").glob("*.py")
        for name in re.findall(r"measured\.write\(\s*\"([\w-]+)\"", script.read_text(encoding="utf-8"))
    ]
    assert len(written) >= 8
    assert {name: places.count(name) for name in written} == dict.fromkeys(written, 1)
