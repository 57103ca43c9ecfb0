"""CSV: any of the usual separators, columns named by the operator or guessed from the header."""

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from collectors.formats import own
from collectors.formats.records import ImportOptions, Outcome, Record
from collectors.formats.streams import MAX_LINE, InputFile, Wrapping
from overheard.errors import InvalidInput
from overheard.listening.intake import MAX_RAW, Rejected

_SEPARATORS = ",;\t|"

# Headers that need no telling, in the order of preference.
_OBVIOUS: Mapping[str, Sequence[str]] = {
    "id": ("id", "external_id", "post_id", "message_id"),
    "platform": ("platform", "network"),
    "community": ("community", "subreddit", "channel", "forum", "group"),
    "author": ("author", "username", "user", "handle", "from"),
    "title": ("title", "subject", "headline"),
    "body": ("body", "text", "content", "message", "comment", "selftext", "description"),
    "url": ("url", "link", "permalink"),
    "date": ("date", "posted_at", "created_at", "created_utc", "created", "timestamp", "time"),
}


@dataclass(frozen=True, slots=True)
class _Header:
    separator: str
    names: tuple[str, ...]
    columns: Mapping[str, int]
    """Field of a post → index of its column."""


def recognises(file: InputFile, options: ImportOptions) -> bool:
    """Whether the first line is a header with a column for the text of a post."""
    if file.wrapping in (Wrapping.ZIP, Wrapping.EMPTY_ZIP):
        return False
    header = _header(file, options)
    return header is not None and ("title" in header.columns or "body" in header.columns)


def records(file: InputFile, options: ImportOptions) -> Iterator[Record]:
    """The rows under the header."""
    header = _header(file, options)
    if header is None:
        raise InvalidInput(f"{file.path.name} has no header.")
    _check(file, header, options)
    # The parser's limit holds for the whole process; its own default (128 KiB) is less than a long post may have.
    csv.field_size_limit(MAX_LINE)
    source = _Source(file)
    rows = csv.reader(source, delimiter=header.separator, strict=True)
    while True:
        source.taken.clear()
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield partial(Rejected, source.locator, f"the row cannot be read: {error}", source.raw)
            continue
        if row and not source.is_header:
            yield partial(_read, row, header, options, source.locator, source.raw)


class _Source:
    """Lines for the parser; remembers those that the current row is made of."""

    def __init__(self, file: InputFile) -> None:
        self._lines = file.lines()
        self.taken: list[tuple[int, bytes]] = []

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.taken.append((line.number, line.raw))
            # What is not UTF-8 goes through as surrogates, so that only its own row is refused.
            yield line.raw.decode(errors="surrogateescape") + "\n"

    @property
    def is_header(self) -> bool:
        return self.taken[0][0] == 1

    @property
    def locator(self) -> str:
        return f"line {self.taken[0][0]}"

    @property
    def raw(self) -> bytes:
        return b"\n".join(raw for _, raw in self.taken)[:MAX_RAW]


def _header(file: InputFile, options: ImportOptions) -> _Header | None:
    first = file.sample().removeprefix(b"\xef\xbb\xbf").partition(b"\n")[0]
    try:
        text = first.decode()
    except UnicodeDecodeError:
        return None
    headers = []
    for separator in _SEPARATORS:
        try:
            names = next(csv.reader([text], delimiter=separator), [])
        except csv.Error:
            continue
        headers.append(_Header(separator, tuple(names), _columns([name.strip() for name in names], options)))
    return max(headers, key=lambda header: (len(header.columns), len(header.names)), default=None)


def _columns(names: Sequence[str], options: ImportOptions) -> Mapping[str, int]:
    columns = {field: names.index(name) for field, name in options.columns.items() if name in names}
    plain = [name.lower().replace(" ", "_") for name in names]
    for field, guesses in _OBVIOUS.items():
        index = next((plain.index(guess) for guess in guesses if guess in plain), None)
        if index is not None and field not in options.columns and index not in columns.values():
            columns[field] = index
    return columns


def _check(file: InputFile, header: _Header, options: ImportOptions) -> None:
    """Whatever would refuse every single row is said once, before the first."""
    unknown = [name for field, name in options.columns.items() if field not in header.columns]
    if unknown:
        raise InvalidInput(f"{file.path.name} has no column {unknown[0]!r}: it has {', '.join(header.names)}.")
    for field, given in (("platform", options.platform), ("community", options.community)):
        if field not in header.columns and not given:
            raise InvalidInput(f"{file.path.name} has no column for the {field}: name one, or say the {field} itself.")


def _read(row: Sequence[str], header: _Header, options: ImportOptions, locator: str, raw: bytes) -> Outcome:
    try:
        if any("\udc80" <= character <= "\udcff" for cell in row for character in cell if not cell.isascii()):
            raise InvalidInput("the row is not UTF-8")  # noqa: TRY301 - one way out for all that is wrong
        if len(row) > len(header.names):
            raise InvalidInput(f"the row has {len(row)} cells under {len(header.names)} headers")  # noqa: TRY301 - the same
        cells = {field: row[index] for field, index in header.columns.items() if index < len(row)}
        if not cells.get("id", "").strip():
            cells["id"] = _content_id(cells)
        return own.read(cells, options)
    except InvalidInput as error:
        return Rejected(locator, str(error), raw)


def _content_id(cells: Mapping[str, str]) -> str:
    """An id for a row without one: the same content is the same post, in whatever file it comes."""
    content = json.dumps([cells.get(field, "") for field in own.FIELDS if field != "id"])
    return "row_" + hashlib.sha256(content.encode()).hexdigest()[:32]
