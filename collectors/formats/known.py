"""What files can be imported. They are told apart by their content, never by their name."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from collectors.formats import jsonlines, parquet, slack, tables
from collectors.formats.records import ImportOptions, Record
from collectors.formats.streams import InputFile, Wrapping
from overheard.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file: whether a file is one, and its records."""

    name: str
    recognises: Callable[[InputFile, ImportOptions], bool]
    records: Callable[[InputFile, ImportOptions], Iterator[Record]]


# Asked in this order: nearly every text could be a CSV.
FORMATS = (
    Format("Parquet", parquet.recognises, parquet.records),
    Format("Slack export", slack.recognises, slack.records),
    Format("JSON Lines", jsonlines.recognises, jsonlines.records),
    Format("CSV", tables.recognises, tables.records),
)

_KNOWN = (
    "Overheard reads JSON Lines (its own fields, or Reddit's rows), CSV with a header that has a title or a body, "
    "each also as .zst or .gz, Parquet with the same fields, and a Slack export (a zip with channels.json)."
)


def recognise(file: InputFile, options: ImportOptions) -> Format:
    """The file's format; `InvalidInput` says what was found instead and what can be read."""
    for format_ in FORMATS:
        if format_.recognises(file, options):
            return format_
    raise InvalidInput(f"{file.path.name} cannot be read: it {_what_it_is(file)}. {_KNOWN}")


def _what_it_is(file: InputFile) -> str:
    if file.wrapping in (Wrapping.ZIP, Wrapping.EMPTY_ZIP):
        return "is a zip file without channels.json"
    sample = file.sample()
    if sample.lstrip()[:1] == b"[":
        return "begins like a JSON list (write one object a line instead)"
    if sample.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "is UTF-16 text (save it as UTF-8)"
    if b"\x00" in sample:
        return f"is binary, and begins with the bytes {sample[:8].hex(' ')}"
    first = sample.splitlines()[0][:80].decode(errors="replace") if sample.strip() else ""
    return f"has the first line {first!r}, in which no known field is named"
