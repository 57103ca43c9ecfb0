"""Texts with marked spans, cut into segments that a template escapes one by one."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter

from overheard.keywords.queries import Span

_EXCERPT = 700
_CONTEXT = 180  # characters shown on each side of a marked span
_WORD_SEARCH = 24  # how far a cut is moved to fall between words

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of text under the same marks. A gap stands for text that was left out."""

    text: str
    is_evidence: bool = False
    is_match: bool = False
    is_gap: bool = False


def segments(text: str, evidence: Iterable[Range], matches: Iterable[Range]) -> list[Segment]:
    """The whole text; spans may overlap, be empty, or lie outside."""
    return _cut(text, _merged(text, evidence), _merged(text, matches), 0, len(text))


def excerpt(text: str, evidence: Iterable[Range], matches: Iterable[Range], *, limit: int = _EXCERPT) -> list[Segment]:
    """At most about `limit` characters: those around the evidence, else around what matched, else the beginning."""
    marked, met = _merged(text, evidence), _merged(text, matches)
    if len(text) <= limit:
        return _cut(text, marked, met, 0, len(text))
    found: list[Segment] = []
    end = 0
    for start, stop in _windows(text, marked or met, limit):
        if start > end:
            found.append(Segment("…", is_gap=True))
        found += _cut(text, marked, met, start, stop)
        end = stop
    if end < len(text):
        found.append(Segment("…", is_gap=True))
    return found


def in_field(spans: Iterable[Span], field: str) -> list[Range]:
    """The spans that lie in one field of a post."""
    return [(start, end) for name, start, end in spans if name == field]


def _merged(text: str, ranges: Iterable[Range]) -> list[Range]:
    """Clamped to the text, in order, overlapping ones made one."""
    clamped = sorted((max(start, 0), min(end, len(text))) for start, end in ranges)
    merged: list[Range] = []
    for start, end in clamped:
        if start >= end:
            continue
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _cut(text: str, evidence: Sequence[Range], matches: Sequence[Range], start: int, end: int) -> list[Segment]:
    edges = {start, end}
    for edge in (edge for span in (*evidence, *matches) for edge in span):
        if start < edge < end:
            edges.add(edge)
    return [
        Segment(text[left:right], is_evidence=_covers(evidence, left), is_match=_covers(matches, left))
        for left, right in pairwise(sorted(edges))
    ]


def _covers(ranges: Sequence[Range], position: int) -> bool:
    index = bisect_right(ranges, position, key=itemgetter(0)) - 1
    return index >= 0 and position < ranges[index][1]


def _windows(text: str, marked: Sequence[Range], limit: int) -> list[Range]:
    """What to show of a long text: room around each marked span, as long as `limit` lasts."""
    if not marked:
        return [(0, _between_words(text, limit))]
    windows: list[Range] = []
    left = limit
    for start, end in marked:
        if left <= 0:
            break
        first = _between_words(text, max(start - _CONTEXT, 0))
        last = _between_words(text, min(end + _CONTEXT, first + max(left, _CONTEXT)))
        if windows and first <= windows[-1][1]:
            first, last = windows[-1][0], max(last, windows[-1][1])
            left += windows.pop()[1] - first
        windows.append((first, last))
        left -= last - first
    return windows


def _between_words(text: str, position: int) -> int:
    if position <= 0 or position >= len(text):
        return max(0, min(position, len(text)))
    space = text.find(" ", position, position + _WORD_SEARCH)
    return position if space == -1 else space + 1
