"""Tables that leave as files: CSV and XLSX, row by row, and no cell of them is a formula."""

import csv
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from enum import StrEnum
from io import StringIO
from typing import IO

import xlsxwriter
from starlette.responses import StreamingResponse

Cell = str | int | float | date | None


class SheetFormat(StrEnum):
    """What file a table becomes."""

    CSV = "csv"
    XLSX = "xlsx"


_MEDIA_TYPES = {
    SheetFormat.CSV: "text/csv; charset=utf-8",
    SheetFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_CHUNK = 64 * 1024
_MOST_ROWS = 1_048_575  # what a sheet holds below its header
_LONGEST = 32_767  # characters in a cell of XLSX; one more, and the library leaves the whole text out

# What begins a formula in one of the common programs; the wide forms stand for the narrow ones in some.
_BEGINS = "=+\\-@\uff1d\uff0b\uff0d\uff20"
_FORMULA = re.compile(rf"^\s*[\t\r{_BEGINS}]")
# Where semicolons part the cells, quotes around a whole cell are not seen, and a text can go on into the next one.
_INSIDE = re.compile(rf"(?<=[;\t\r\n])(?=\s*[{_BEGINS}](?!\)))")


def harmless(text: str) -> str:
    """A text as a cell of CSV that no program takes for a formula: an apostrophe stands before what could be one."""
    text = _INSIDE.sub("'", text)
    return f"'{text}" if _FORMULA.match(text) else text


def table_response(
    kind: SheetFormat, name: str, header: Sequence[str], rows: Iterable[Sequence[Cell]]
) -> StreamingResponse:
    """A table as a file to keep, called `name` and its kind. `rows` are read while it is sent, a few at a time."""
    chunks = _csv_chunks(header, rows) if kind is SheetFormat.CSV else _xlsx_chunks(name, header, rows)
    headers = {"Content-Disposition": f'attachment; filename="{name}.{kind.value}"', "Cache-Control": "no-store"}
    return StreamingResponse(chunks, media_type=_MEDIA_TYPES[kind], headers=headers)


def _csv_chunks(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[bytes]:
    buffer = StringIO()
    writer = csv.writer(buffer)
    writer.writerow(header)
    for row in rows:
        writer.writerow([_csv_cell(cell) for cell in row])
        if buffer.tell() > _CHUNK:
            yield _taken(buffer)
    yield _taken(buffer)


def _csv_cell(cell: Cell) -> str | int | float:
    if cell is None:
        return ""
    return cell if isinstance(cell, int | float) else harmless(_as_text(cell))


def _taken(buffer: StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode()


def _xlsx_chunks(name: str, header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[bytes]:
    with tempfile.TemporaryFile() as file:
        _write_xlsx(file, name, header, rows)
        file.seek(0)
        while chunk := file.read(_CHUNK):
            yield chunk


def _write_xlsx(file: IO[bytes], name: str, header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    # With constant memory each row is on disk as soon as the next one begins.
    with xlsxwriter.Workbook(file, {"constant_memory": True}) as book:
        sheet = book.add_worksheet(name[:31])
        sheet.freeze_panes(1, 0)
        bold = book.add_format({"bold": True})
        for column, title in enumerate(header):
            sheet.write_string(0, column, title, bold)
        for number, row in zip(range(1, _MOST_ROWS + 1), rows, strict=False):
            for column, cell in enumerate(row):
                if isinstance(cell, int | float):
                    sheet.write_number(number, column, cell)
                elif cell is not None:
                    sheet.write_string(number, column, _as_text(cell)[:_LONGEST])  # a string is never a formula


def _as_text(cell: str | date) -> str:
    if isinstance(cell, str):
        return cell
    return cell.isoformat(sep=" ", timespec="minutes") if isinstance(cell, datetime) else cell.isoformat()
