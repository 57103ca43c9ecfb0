"""Keyword lists of other tools, read as queries of ours. What cannot be said here is named, and nothing is guessed."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from overheard.errors import InvalidInput, InvalidQuery
from overheard.query_language.expression import read

MAX_TEXT = 1_000_000
_MAX_NAME = 120


class Form(StrEnum):
    """Whose list it is."""

    CSV = "csv"
    """A column `expression`, `query` or `keyword`, perhaps one `name`; without such a head the first column."""
    F5BOT = "f5bot"
    """A keyword a line."""
    SYFTEN = "syften"
    """A filter a line."""
    BRAND24 = "brand24"
    """A Boolean expression a line."""
    AWARIO = "awario"
    """A Boolean expression a line."""


@dataclass(frozen=True, slots=True)
class Imported:
    """One line of a list: the query it became, or why it could not."""

    name: str
    expression: str
    """Empty: it could not be said here."""
    left_out: tuple[str, ...] = ()
    """What of it could not be expressed, or why nothing could."""


# Each operator that others write differently: what it looks like, and what it is here.
_SAME = [
    (re.compile(r"\b(?:inurl|url|site|link):", re.IGNORECASE), "domain:"),
    (re.compile(r"\b(?:subreddit|channel):", re.IGNORECASE), "community:"),
    (re.compile(r"\b(?:intitle):", re.IGNORECASE), "title:"),
    (re.compile(r"\b(?:language):", re.IGNORECASE), "lang:"),
    (re.compile(r"(?<![\w/.:])(?:https?://)?(?:www\.)?reddit\.com/r/(\w+)/?"), r"community:\1"),
    (re.compile(r"(?<![\w/.:])(?:https?://)?news\.ycombinator\.com/?"), "platform:hackernews"),
    (re.compile(r"\bAND\s+NOT\b"), "NOT"),
    (re.compile(r"&&"), " AND "),
    (re.compile(r"\|\|"), " OR "),
    (re.compile(r'"(\S+)\s+([^"\s]+)"~([0-9]+)'), r"(\1 near/\3 \2)"),
]
_NOT_HERE = re.compile(
    r"-?(?<![\w/])(?:country|location|followers|reach|sentiment|min_score|score|emoji|exact|upvotes|lists?|date):"
    r'(?:"[^"]*"|\S+)',
    re.IGNORECASE,
)
_EXACT = re.compile(r'\+\+(?:"([^"]+)"|([^\s()"]+))')  # Awario: these characters, case and all
_QUOTED = re.compile(r'("[^"]*"(?!~)|`[^`]*`)')


def read_list(text: str, form: Form) -> list[Imported]:
    """The queries of another tool's list, in its order."""
    if len(text) > MAX_TEXT:
        raise InvalidInput(f"A list has at most {MAX_TEXT:,} characters; this one has {len(text):,}.")
    lines = _rows(text) if form is Form.CSV else ((line.strip(), line.strip()) for line in text.splitlines())
    return [_imported(name, source, form) for name, source in lines if source and not source.startswith("#")]


def _rows(text: str) -> Iterator[tuple[str, str]]:
    try:
        rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    except csv.Error as error:
        raise InvalidInput(f"The list cannot be read as CSV: {error}.") from error
    head = [cell.strip().casefold() for cell in rows[0]] if rows else []
    column = next((head.index(name) for name in ("expression", "query", "keyword", "keywords") if name in head), None)
    named = head.index("name") if "name" in head else None
    for row in rows[0 if column is None else 1 :]:
        place = column or 0
        source = row[place].strip() if place < len(row) else ""
        name = row[named].strip() if named is not None and named < len(row) else ""
        yield name or source, source


def _imported(name: str, source: str, form: Form) -> Imported:
    name = name[:_MAX_NAME]
    expression = source
    left_out: tuple[str, ...] = ()
    if form is Form.F5BOT:
        expression = '"{}"'.format(source.replace('"', " ").strip())
    elif form is not Form.CSV:
        expression, left_out = _translated(source)
    try:
        read(expression)
    except InvalidQuery as error:
        return Imported(name, "", (*left_out, str(error)))
    return Imported(name, expression, left_out)


def _translated(source: str) -> tuple[str, tuple[str, ...]]:
    text = _EXACT.sub(lambda met: f"`{met[1] or met[2]}`", source)
    for pattern, ours in _SAME[-1:]:
        text = pattern.sub(ours, text)
    left_out: list[str] = []
    pieces = _QUOTED.split(text)  # what stands in quotation marks is nobody's operator
    for number in range(0, len(pieces), 2):
        left_out += (met[0] for met in _NOT_HERE.finditer(pieces[number]))
        pieces[number] = _NOT_HERE.sub("", pieces[number])
        for pattern, ours in _SAME[:-1]:
            pieces[number] = pattern.sub(ours, pieces[number])
    return " ".join("".join(pieces).split()), tuple(left_out)
