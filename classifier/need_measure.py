"""Measure needs on labelled leads: the annotators' own words for a need, against those taken from the post."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from classifier.evidence import Evidence
from classifier.need import find_need
from classifier.rows import LabelledRow
from classifier.text import PostText, Span
from overheard.errors import InvalidInput

Evidences = Sequence[Evidence]
# Words that annotators and writers use alike whatever is needed.
_EMPTY = frozenset(re.findall(r"\w+", "a an the for to of in on with and or my our your from by at as is it that this"))
_ENDING = re.compile(r"(?<=\w{3})(?:ings?|ers?|ed|ies|es|s|e|y)$")


@dataclass(frozen=True)
class NeedFigures:
    """How near a way of showing needs comes to the annotators' words, as means over the leads."""

    name: str
    found: float
    """Share of leads for which it shows anything."""
    met: float
    """Share of leads with a content word in common; the next two are of content words too."""
    recall: float
    precision: float
    words: float


def leads_with_needs(rows: Sequence[LabelledRow]) -> list[LabelledRow]:
    """The leads whose need an annotator wrote down."""
    leads = [row for row in rows if row.label.is_lead and row.need]
    if not leads:
        raise InvalidInput("None of these rows is a lead whose need was written down.")
    return leads


def measure_needs(leads: Sequence[LabelledRow], evidence: Sequence[Evidences]) -> list[NeedFigures]:
    """The shown need beside the title, the heaviest evidence, and all that the post says, which no span can pass."""
    ways: dict[str, Callable[[PostText, Evidences], str]] = {
        "need": lambda post, found: _text(post, find_need(post, found)),
        "title": lambda post, _: post.readable("title"),
        "heaviest evidence": lambda post, found: (
            post.part(Span(found[0].field, found[0].start, found[0].end)) if found else ""
        ),
        "whole post": lambda post, _: post.whole,
    }
    return [
        _figures(name, [(row.need, way(row.post, found)) for row, found in zip(leads, evidence, strict=True)])
        for name, way in ways.items()
    ]


def _text(post: PostText, span: Span | None) -> str:
    return post.part(span) if span else ""


def _figures(name: str, pairs: Sequence[tuple[str, str]]) -> NeedFigures:
    shown = [(stems(need), stems(text)) for need, text in pairs if text]
    recalls = [len(need & text) / len(need) for need, text in shown if need]
    return NeedFigures(
        name=name,
        found=len(shown) / len(pairs),
        met=sum(recall > 0 for recall in recalls) / len(pairs),
        recall=sum(recalls) / len(pairs),
        precision=sum(len(need & text) / len(text) for need, text in shown if text) / len(pairs),
        words=fmean(len(text.split()) for _, text in pairs),
    )


def stems(text: str) -> set[str]:
    """The content words of a text, without the endings that English words change."""
    return {_ENDING.sub("", word) for word in re.findall(r"[^\W_]+", text.lower()) if word not in _EMPTY}
