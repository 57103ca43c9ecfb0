"""Reading values of which nothing is sure, out of what platforms answer. `InvalidInput` names the field."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TypeGuard

from overheard.errors import InvalidInput
from overheard.listening.intake import Rejected
from overheard.vocabulary import Platform

Row = Mapping[str, object]


def text(row: Row, name: str) -> str:
    """The field's text; empty where there is none."""
    value = row.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidInput(f"{name} is a {type(value).__name__}, not a text")
    return value or ""


def needed_text(row: Row, name: str) -> str:
    """The field's text, without which the row is no post. It may be empty."""
    if row.get(name) is None:
        raise InvalidInput(f"{name} is missing")
    return text(row, name)


def has_id(row: object) -> TypeGuard[Row]:
    """Whether the row has an id that is a number, written as a text or not, and so can be told from others."""
    id_ = row.get("id") if isinstance(row, dict) else None
    return isinstance(id_, str | int) and str(id_).isascii() and str(id_).isdigit()


def without_id(what: str, row: object, platform: Platform) -> Rejected:
    """What cannot be told from others is set aside. `what` names it."""
    return Rejected(f"{what} without an id", "id is missing", json.dumps(row).encode(), platform)


def iso_time(row: Row, name: str) -> datetime | None:
    """The field as an ISO 8601 time, in UTC where it names no zone; None where there is none."""
    value = text(row, name)
    if not value:
        return None
    try:
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(f"{name} is no time: {value[:40]!r}") from error


def unix_time(row: Row, name: str) -> datetime | None:
    """The field as seconds since 1970; None where there is none."""
    value = row.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidInput(f"{name} is a {type(value).__name__}, not a number of seconds")
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise InvalidInput(f"{name} is out of range") from error
