"""Lists of `/v1`, page by page: a page begins behind the key of the last thing of the one before, not at a number."""

import base64
import json
import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from overheard.errors import InvalidInput
from overheard.text import clean

PAGE_SIZE = 50
MAX_PAGE_SIZE = 100

Row = TypeVar("Row")
Body = TypeVar("Body")
Part = str | int | float
Key = list[Part] | tuple[Part, ...]

_MAX_ID = 2**31 - 1  # what an integer column holds


class PageParams(BaseModel):
    """The place in a list, and how much of it."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(PAGE_SIZE, ge=1, le=MAX_PAGE_SIZE, description="How many on a page.")
    after: str | None = Field(
        None, max_length=2000, description="The `next` of the page before; default: the first page."
    )

    def place(self, *kinds: type[Part]) -> list[Part] | None:
        """The key behind which the page begins, as `mark` took it; `InvalidInput` when the marker is damaged.

        For `WHERE (name, id) > (:name, :id) ORDER BY name, id LIMIT :limit + 1`.
        """
        return None if self.after is None else _read(self.after, kinds)


class Page(BaseModel, Generic[Body]):
    """A page of a list."""

    items: list[Body]
    next: str | None = Field(description="Send it as `after` for the next page; null on the last.")


def page_of(
    rows: Iterable[Row], params: PageParams, body: Callable[[Row], Body], *, key: Callable[[Row], Key]
) -> Page[Body]:
    """A page of a list that is short enough to be read whole, in the order of `key`, which no two share."""
    ordered = sorted(rows, key=lambda row: list(key(row)))
    if not ordered:
        return Page(items=[], next=None)
    place = params.place(*(type(part) for part in json.loads(json.dumps(key(ordered[0])))))
    begins = 0 if place is None else bisect_right(ordered, place, key=lambda row: list(key(row)))
    return page_from(ordered[begins : begins + params.limit + 1], params, body, key=key)


def page_from(
    rows: Sequence[Row], params: PageParams, body: Callable[[Row], Body], *, key: Callable[[Row], Key]
) -> Page[Body]:
    """The page of rows that were read from its place on, one more than it holds where there is a next one."""
    shown = rows[: params.limit]
    is_last = len(rows) <= params.limit
    return Page(items=[body(row) for row in shown], next=None if is_last else mark(key(shown[-1])))


def mark(key: Key) -> str:
    """A key as one opaque word for an address."""
    raw = json.dumps(list(key), ensure_ascii=False).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _read(word: str, kinds: Sequence[type[Part]]) -> list[Part]:
    damaged = InvalidInput("The page marker `after` is damaged: start from the first page.")
    try:
        key = json.loads(base64.urlsafe_b64decode(word + "=" * (-len(word) % 4)))
    except (ValueError, RecursionError) as error:
        raise damaged from error
    if not isinstance(key, list) or [type(part) for part in key] != list(kinds) or not all(map(_is_storable, key)):
        raise damaged
    return key


def _is_storable(part: Part) -> bool:
    """Whether a database can compare with it."""
    if isinstance(part, str):
        return clean(part) == part
    return abs(part) <= _MAX_ID if isinstance(part, int) else math.isfinite(part)
