"""Measure relevance on labelled leads: for each category an invented offer, against the marketer's keyword list."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np

from classifier.head import Doubles
from classifier.metrics import average_precision
from classifier.relevance import Offer, Relevance
from classifier.rows import LabelledRow
from overheard.errors import InvalidInput
from overheard.query_language import PostText, read
from overheard.query_language.finding import View

OFFERS = Path(__file__).parent / "labels" / "offers.toml"

TOP = 20
# Fewer leads than these say nothing of an offer.
ENOUGH = 20


@dataclass(frozen=True)
class OfferFigures:
    """How well one offer finds the leads of its category among all leads; `recall_at_top` of at most 20 of them."""

    category: str
    leads: int
    by_keywords: float
    by_meaning: float
    recall_at_top: float


def read_offers(path: Path = OFFERS) -> dict[str, Offer]:
    """Category → the offer written for it."""
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    return {name: Offer(" ".join(table["offer"].split()), tuple(table["keywords"])) for name, table in tables.items()}


def leads_of(rows: Sequence[LabelledRow]) -> list[LabelledRow]:
    """The leads, each of which must say its category."""
    leads = [row for row in rows if row.label.is_lead]
    if not leads:
        raise InvalidInput("None of these rows is a lead, so there is nothing that an offer could find.")
    silent = next((row for row in leads if not row.category), None)
    if silent is not None:
        raise InvalidInput(f"The lead {silent.id} has no category: relevance is measured and learned by it.")
    return leads


def measure(relevance: Relevance, rows: Sequence[LabelledRow]) -> list[OfferFigures]:
    """The figures of every offer whose category has leads among the rows."""
    leads, offers = leads_of(rows), read_offers()
    posts = [lead.post for lead in leads]
    scores = np.array([relevance.scores(posts, offer) for offer in offers.values()]).T
    return figures(leads, offers, scores)


def figures(leads: Sequence[LabelledRow], offers: dict[str, Offer], scores: Doubles) -> list[OfferFigures]:
    """The figures of scores: one row a lead, one column an offer."""
    hits = keyword_hits(leads, offers)
    found = []
    for column, category in enumerate(offers):
        truth = np.array([lead.category == category for lead in leads])
        if not truth.any():
            continue
        first = truth[np.argsort(-scores[:, column], kind="stable")[:TOP]]
        found.append(
            OfferFigures(
                category=category,
                leads=int(truth.sum()),
                by_keywords=average_precision(hits[:, column], truth),
                by_meaning=average_precision(scores[:, column], truth),
                recall_at_top=float(first.sum() / min(TOP, truth.sum())),
            )
        )
    return found


def mean(name: str, some: Sequence[OfferFigures]) -> OfferFigures:
    """Of at least one offer: all their leads, and the means of the rest."""
    return OfferFigures(
        category=name,
        leads=sum(one.leads for one in some),
        by_keywords=fmean(one.by_keywords for one in some),
        by_meaning=fmean(one.by_meaning for one in some),
        recall_at_top=fmean(one.recall_at_top for one in some),
    )


def keyword_hits(leads: Sequence[LabelledRow], offers: dict[str, Offer]) -> Doubles:
    """How many of each offer's keywords each lead's post holds."""
    expressions = [[read(f'"{word}"') for word in offer.keywords] for offer in offers.values()]
    result = np.zeros((len(leads), len(offers)))
    for row, lead in enumerate(leads):
        view = View(PostText(lead.post.title, lead.post.body))
        for column, words in enumerate(expressions):
            result[row, column] = sum(word.find_in(view) is not None for word in words)
    return result
