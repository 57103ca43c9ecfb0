"""Parquet: the rows of JSON Lines as a table, a group of them in memory at a time."""

import json
from collections.abc import Iterator
from datetime import date
from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq

from collectors.formats.jsonlines import form_of, read_row, unknown_form
from collectors.formats.records import ImportOptions, Outcome, Record
from collectors.formats.streams import InputFile, Wrapping
from collectors.rows import Row
from overheard.errors import InvalidInput
from overheard.listening.intake import MAX_RAW, Rejected

_ROWS_AT_ONCE = 1_000


def recognises(file: InputFile, _options: ImportOptions) -> bool:
    """Whether it is a table with the fields of posts."""
    if file.wrapping is not Wrapping.PARQUET:
        return False
    row: Row = dict.fromkeys(_open(file).schema_arrow.names)
    if form_of(row) is None:
        raise unknown_form(file, "Parquet", row)
    return True


def records(file: InputFile, options: ImportOptions) -> Iterator[Record]:
    """The rows of the table."""
    number = 0
    try:
        for group in _open(file).iter_batches(batch_size=_ROWS_AT_ONCE):
            for row in group.to_pylist():
                number += 1
                yield partial(_read, row, number, options)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(file, error) from error


def _open(file: InputFile) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(file.handle, pre_buffer=False)  # else a whole row group is held
    except (pa.ArrowException, OSError) as error:
        raise _damaged(file, error) from error


def _damaged(file: InputFile, error: Exception) -> InvalidInput:
    return InvalidInput(f"{file.path.name} is damaged or cut off: {str(error).splitlines()[0][:200]}")


def _read(row: Row, number: int, options: ImportOptions) -> Outcome:
    row = {name: value.isoformat() if isinstance(value, date) else value for name, value in row.items()}
    try:
        return read_row(row, options)
    except InvalidInput as error:
        return Rejected(f"row {number}", str(error), json.dumps(row, default=str).encode()[:MAX_RAW])
