"""JSON Lines: one object a line, each recognised by its fields."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from collectors.formats import own, reddit
from collectors.formats.records import ImportOptions, Outcome, Record, Skipped
from collectors.formats.streams import MAX_LINE, InputFile, Line, Wrapping
from collectors.rows import Row
from overheard.errors import InvalidInput
from overheard.listening.intake import MAX_RAW, Item, Rejected
from overheard.listening.posts import Key


@dataclass(frozen=True, slots=True)
class _RowForm:
    recognises: Callable[[Row], bool]
    key: Callable[[Row, ImportOptions], Key]
    read: Callable[[Row, ImportOptions], Outcome]


# Reddit's form is asked first: it is the more exact about what it takes.
_ROW_FORMS = (
    _RowForm(reddit.recognises, reddit.key, reddit.read),
    _RowForm(own.recognises, own.key, own.read),
)


def recognises(file: InputFile, _options: ImportOptions) -> bool:
    """Whether there is an object among the first lines; some of the others may be damaged."""
    if file.wrapping in (Wrapping.ZIP, Wrapping.EMPTY_ZIP):
        return False
    rows = [row for line in file.sample().splitlines() if (row := _row_or_none(line)) is not None]
    if rows and not any(form_of(row) for row in rows):
        raise unknown_form(file, "JSON Lines", rows[0])
    return bool(rows)


def unknown_form(file: InputFile, what: str, row: Row) -> InvalidInput:
    """The error for a file none of whose rows can be read."""
    fields = ", ".join(sorted(row)[:12])
    return InvalidInput(
        f"{file.path.name} is {what}, but its rows are of no known form: they have the fields {fields}. "
        f"Known are {', '.join(own.FIELDS)}; and Reddit's rows as in its API and in dumps."
    )


def records(file: InputFile, options: ImportOptions) -> Iterator[Record]:
    """The lines that are not blank."""
    for line in file.lines():
        if not line.raw.isspace() and line.raw:
            yield partial(_read, line, options)


def _read(line: Line, options: ImportOptions) -> Outcome:
    row: Row = {}
    try:
        if line.is_too_long:
            raise InvalidInput(f"the line is longer than {MAX_LINE} bytes")  # noqa: TRY301 - one way out for all that is wrong
        row = _row(line.raw)
        return read_row(row, options)
    except InvalidInput as error:
        platform, external_id = _key_or_none(row, options) or (None, None)
        return Rejected(f"line {line.number}", str(error), line.raw[:MAX_RAW], platform, external_id)


def reread(locator: str, raw: bytes) -> list[Item] | None:
    """A line that was set aside, as it is read today; None: it is no line of this kind."""
    if _row_or_none(raw) is None:
        return None
    outcome = _read(Line(0, raw, is_too_long=False), ImportOptions())
    if isinstance(outcome, Rejected):
        return [replace(outcome, locator=locator)]
    return [] if isinstance(outcome, Skipped) else [outcome]


def read_row(row: Row, options: ImportOptions) -> Outcome:
    """What a row of any known form says."""
    form = form_of(row)
    if form is None:
        raise InvalidInput("the row is of no known form")
    return form.read(row, options)


def form_of(row: Row) -> _RowForm | None:
    """The form whose fields these are."""
    return next((form for form in _ROW_FORMS if form.recognises(row)), None)


def _row(raw: bytes) -> Row:
    try:
        row = json.loads(raw.decode())
    except UnicodeDecodeError as error:
        raise InvalidInput(f"byte {error.start + 1} of the line is not UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"the line is not JSON: {error}") from error
    if not isinstance(row, dict):
        raise InvalidInput(f"the line is a {type(row).__name__}, not an object")
    return row


def _row_or_none(raw: bytes) -> Row | None:
    with suppress(InvalidInput):
        return _row(raw)
    return None


def _key_or_none(row: Row, options: ImportOptions) -> Key | None:
    form = form_of(row)
    with suppress(InvalidInput):
        return form.key(row, options) if form else None
    return None
