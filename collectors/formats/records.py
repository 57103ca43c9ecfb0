"""What the formats share: what becomes of a record, and reading values of which nothing is sure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from collectors.rows import Row
from overheard.errors import InvalidInput
from overheard.listening.intake import Item
from overheard.vocabulary import Platform


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What the operator says about a file, beyond what it says itself."""

    columns: Mapping[str, str] = field(default_factory=dict)
    """For CSV: field of a post → the column's header."""
    platform: Platform | None = None
    """For rows that name none."""
    community: str | None = None
    """For rows that name none."""
    workspace: str | None = None
    """Name of the Slack workspace that an export came from, as in its address: acme for acme.slack.com."""
    again: bool = False
    """Read a file anew that was imported to its end before."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A record that is well-formed and no person's post, and why."""

    reason: str


Outcome = Item | Skipped

Record = Callable[[], Outcome]
"""A record that was found and is not read yet: a resumed import passes over those it has without reading them."""


_UNIX_TIME = re.compile(r"\d{9,11}(\.\d+)?")
_GONE = re.compile(r"\[ ?(deleted|removed)( by [^\]]*)? ?\]", re.IGNORECASE)


def text_of(row: Row, name: str) -> str | None:
    """The field as text: numbers become text, anything else but text and null is refused."""
    value = row.get(name)
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(f"{name} is a {type(value).__name__}, not a text")
    return str(value)


def required(row: Row, name: str) -> str:
    """The field as text that says something."""
    value = (text_of(row, name) or "").strip()
    if not value:
        raise InvalidInput(f"{name} is missing")
    return value


def moment_of(row: Row, name: str) -> datetime | None:
    """The field as a time: ISO 8601 (without a zone it is UTC) or seconds since 1970. Empty means unknown."""
    value = (text_of(row, name) or "").strip()
    if not value:
        return None
    try:
        if isinstance(row[name], int | float) or _UNIX_TIME.fullmatch(value):
            return datetime.fromtimestamp(float(value), UTC)
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise InvalidInput(f"{name} is no time that can be read: {value[:40]!r}") from error


def is_gone(text: str) -> bool:
    """Whether the text is what platforms put where a deleted or removed one was."""
    return _GONE.fullmatch(text.strip()) is not None
