"""Tables as files: whatever a stranger wrote, no cell is a formula."""

import csv
import re
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from io import BytesIO, StringIO

import pytest
from starlette.responses import StreamingResponse

from api.spreadsheets import Cell, SheetFormat, _csv_chunks, _xlsx_chunks, table_response

HOSTILE = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    " \n=cmd|' /C calc'!A0",
    "\uff1d1+1",
    'a";=HYPERLINK("http://evil.example","x");"',
    "a\n=1+1\nb",
    "-- \n@all",
]
HARMLESS = ["a crm, please", 'say "hi"', "1 = 1", "me@example.org", "great ;-)", "", "日本語"]


def _cells(text: str, separator: str) -> Iterator[str]:
    """The cells of a text as a program reads it that knows quotes only around whole cells."""
    for row in csv.reader(StringIO(text, newline=""), delimiter=separator):
        yield from row


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_no_program_takes_a_cell_of_csv_for_a_formula(separator: str) -> None:
    text = b"".join(_csv_chunks(["text"], [[one] for one in HOSTILE + HARMLESS])).decode()
    found = list(_cells(text, separator))
    assert len(found) > len(HOSTILE)
    assert [cell for cell in found if re.match("[ \t\r\n]*[=+\\-@\uff1d](?!\\))", cell)] == []


def test_what_is_harmless_and_what_is_a_number_stays_as_it_is() -> None:
    at = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
    row: list[Cell] = [*HARMLESS, -3, 0.5, None, date(2026, 11, 20), at]
    text = b"".join(_csv_chunks(["a"] * len(row), [row])).decode()
    told = ["-3", "0.5", "", "2026-11-20", "2026-11-20 09:30+00:00"]
    assert list(csv.reader(StringIO(text, newline="")))[1] == [*HARMLESS, *told]


def test_a_spreadsheet_holds_texts_as_texts_and_cuts_none_out() -> None:
    rows: list[list[Cell]] = [[one, -3] for one in (*HOSTILE, "x" * 40_000)]
    with zipfile.ZipFile(BytesIO(b"".join(_xlsx_chunks("leads", ["text", "number"], rows)))) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
        assert not [name for name in book.namelist() if "external" in name.lower()]
    assert "<f>" not in sheet  # no formula
    assert "hyperlink" not in sheet.replace("=HYPERLINK", "")
    assert sheet.count("<v>-3</v>") == len(rows)
    assert "x" * 32_767 in sheet
    assert "=1+1" in sheet


def test_a_large_table_is_sent_piece_by_piece() -> None:
    read = 0

    def rows() -> Iterator[list[Cell]]:
        nonlocal read
        for number in range(10_000):
            read += 1
            yield [number, "x" * 100]

    chunks = _csv_chunks(["number", "text"], rows())
    assert len(next(chunks)) < 100_000
    assert read < 1_000
    assert b"".join(chunks).count(b"\r\n") + read > 10_000
    answer = table_response(SheetFormat.CSV, "leads", ["a"], [])
    assert isinstance(answer, StreamingResponse)
    assert answer.headers["content-disposition"] == 'attachment; filename="leads.csv"'
