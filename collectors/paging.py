"""Reading what changed since a time, oldest change first, from platforms that give it in numbered pages."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TypeVar

from overheard.errors import CollectorError

_T = TypeVar("_T")
_MOST_PAGES = 50  # of one second

Ask = Callable[[datetime, int], tuple[Sequence[_T], bool]]
"""What changed at that time or later, oldest change first: the n-th page of it, and whether there is another."""


def oldest_change_first(
    ask: Ask[_T], changed_at: Callable[[_T], datetime], since: datetime
) -> Iterator[tuple[Sequence[_T], datetime]]:
    """Each page, and how far it reaches.

    The next page is asked for by time, not by number: what changes in between moves to the end, and all that stood
    behind it moves up by one, over the border between two numbered pages. Only where a page ends in the second in
    which it began is the next number asked for.
    """
    number = 1
    while True:
        items, has_more = ask(since, number)
        reached = max((changed_at(item) for item in items), default=since)
        yield items, max(reached, since)
        if not has_more or not items:
            return
        if reached > since:
            since, number = reached, 1
        elif number < _MOST_PAGES:
            number += 1
        else:
            raise CollectorError(f"More than {_MOST_PAGES} pages changed in one second, {since:%Y-%m-%d %H:%M:%S} UTC.")
