"""What each campaign, query, term and community brings: matches, and how far the leads came that they made.

A term is what a query met in a post, as it stands there, normalised. A post that several queries met counts for each of
them, so their sums are larger than the campaign's own figures. Formulas: `docs/insights.md`.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.keywords.queries import read_span
from overheard.measuring.cohorts import (
    Asked,
    Cohort,
    Met,
    Tally,
    count,
    matches_by_query,
    met_by,
    of_the_source,
    queries_in_force,
    read_cohorts,
    within,
)
from overheard.measuring.intervals import SURE, Share, Trend, trend
from overheard.models import Match, Post, Query, Source
from overheard.text import normalise

TERM_SAMPLE = 4_000
"""Of so many matches of a campaign, the newest of each query, the terms are read: it takes the posts' texts."""
_ENOUGH = 20
"""Fewer matches than these say nothing about a term."""
_SHOWN_TERMS = 12
_LONGEST_TERM = 60


@dataclass(frozen=True, slots=True)
class Yield:
    """What something brought within a period, and in as many days before."""

    name: str
    matches: int
    tally: Tally
    matches_before: int
    before: Tally

    @property
    def leads(self) -> Share:
        """Leads of the posts that were met."""
        return Share(self.tally.leads, max(self.matches, self.tally.leads))

    @property
    def promoted(self) -> Share:
        """Promoted of the leads on which somebody has decided."""
        return Share(self.tally.promoted, self.tally.decided)

    @property
    def replied(self) -> Share:
        """Replied to, of those that were promoted."""
        return Share(self.tally.replied, self.tally.promoted)

    @property
    def prospects(self) -> Share:
        """Prospects, of those that were replied to."""
        return Share(self.tally.prospects, self.tally.replied)

    @property
    def yielded(self) -> Share:
        """Promoted of the posts that were met; those that made a lead which still waits do not count yet."""
        return Share(self.tally.promoted, max(self.matches - self.tally.waiting, self.tally.promoted))

    @property
    def trend(self) -> Trend:
        """The share that was promoted, against that of the days before."""
        return trend(self.promoted, Share(self.before.promoted, self.before.decided))


@dataclass(frozen=True, slots=True)
class TermYield(Yield):
    """What a term of a query brought."""

    query: str
    is_noise: bool = False
    """Enough matches, none promoted, and surely less than the campaign's posts as a whole."""


@dataclass(frozen=True, slots=True)
class QueryYield(Yield):
    """What a query in force brought."""

    query: Query
    alone: int
    """Leads that no other query of the campaign met."""
    terms: Sequence[TermYield] = ()
    """The most met ones, and those that are noise."""


@dataclass(frozen=True, slots=True)
class CampaignYields:
    """All of a campaign."""

    asked: Asked
    whole: Yield
    queries: list[QueryYield]
    communities: list[Yield]
    by_meaning: Tally
    """Leads that no query in force met."""
    shared: int
    """Leads that several queries met, and that count for each."""
    sampled: int | None
    """Of how many matches the terms were read, where these are not all."""

    @property
    def noise(self) -> list[TermYield]:
        """Terms that only bring noise, those with the most matches first."""
        found = [term for query in self.queries for term in query.terms if term.is_noise]
        return sorted(found, key=lambda term: -term.matches)


def query_yields(session: Session, now: Cohort, before: Cohort) -> tuple[list[QueryYield], Met]:
    """Of the queries in force, the most promoted first, without terms; and which leads they met."""
    queries = queries_in_force(session, now.asked.campaign_id)
    matches, matches_before = matches_by_query(session, now), matches_by_query(session, before)
    met = met_by(session, now, queries)
    tallies, former, alone = met.tallies(), met_by(session, before, queries).tallies(), met.alone()
    found = [
        QueryYield(
            query.name,
            matches.get(query.id, 0),
            tallies.get(query.id, Tally()),
            matches_before.get(query.id, 0),
            former.get(query.id, Tally()),
            query,
            alone.get(query.id, 0),
        )
        for query in queries
    ]
    return sorted(found, key=lambda one: (-one.tally.promoted, -one.tally.leads, -one.matches, one.name)), met


def campaign_yields(session: Session, asked: Asked) -> CampaignYields:
    """All that is known of one campaign; `asked` names it."""
    now, before = read_cohorts(session, asked)
    queries, met = query_yields(session, now, before)
    ids = [one.query.id for one in queries]
    here, former = _by_source(session, now, ids), _by_source(session, before, ids)
    whole = Yield("", sum(here.values()), now.tally, sum(former.values()), before.tally)
    terms, sampled = term_yields(session, now, before, queries)
    return CampaignYields(
        asked=asked,
        whole=whole,
        queries=[replace(one, terms=terms[one.query.id]) for one in queries],
        communities=_communities(session, now, before, here, former),
        by_meaning=met.unmet().tally,
        shared=met.cohort.tally.leads - met.unmet().tally.leads - sum(one.alone for one in queries),
        sampled=sampled,
    )


def _by_source(session: Session, cohort: Cohort, query_ids: Sequence[int]) -> dict[int, int]:
    """How many posts of each source any of these queries met: a post that several of them met is one."""
    statement = (
        sa.select(Post.source_id, sa.func.count(Match.post_id.distinct()))
        .join(Post, Post.id == Match.post_id)
        .where(*within(Match.post_id, cohort.bounds), Match.query_id.in_(query_ids))
        .where(*of_the_source(session, cohort.asked))
        .group_by(Post.source_id)
    )
    return {source_id: number for source_id, number in session.execute(statement)}  # noqa: C416 - dict() of rows confuses mypy


def _communities(
    session: Session, now: Cohort, before: Cohort, here: dict[int, int], former: dict[int, int]
) -> list[Yield]:
    """The communities that brought anything, the most promoted first."""
    tallies, tallies_before = now.tallies(now.source), before.tallies(before.source)
    ids = tallies.keys() | here.keys()
    found = [
        Yield(
            f"{source.community} ({source.platform.display})",
            here.get(source.id, 0),
            tallies.get(source.id, Tally()),
            former.get(source.id, 0),
            tallies_before.get(source.id, Tally()),
        )
        for source in session.scalars(sa.select(Source).where(Source.id.in_(ids)))
    ]
    return sorted(found, key=lambda one: (-one.tally.promoted, -one.tally.leads, -one.matches, one.name))


# --- terms ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Caught:
    """The posts in which a query met a term, and the leads of these: how far they came, and whether they wait."""

    posts: set[int] = field(default_factory=set)
    leads: dict[int, tuple[int, int]] = field(default_factory=dict)

    def add(self, post_id: int, leads: Iterable[tuple[int, int, int]]) -> None:
        self.posts.add(post_id)
        self.leads.update((lead, (reached, waits)) for lead, reached, waits in leads)

    @property
    def tally(self) -> Tally:
        """All of these leads."""
        leads = np.array([(lead, *facts) for lead, facts in self.leads.items()], np.int64).reshape(-1, 3)
        return count(np.zeros(len(leads), np.int64), *leads.T).get(0, Tally())


def term_yields(
    session: Session, now: Cohort, before: Cohort, queries: Sequence[QueryYield]
) -> tuple[dict[int, list[TermYield]], int | None]:
    """The terms of each query (by id) that are worth showing; of how many matches they were read, if not of all."""
    each = TERM_SAMPLE // max(len(queries), 1)
    caught, whole = _caught(session, now, queries, each)
    former, _ = _caught(session, before, queries, each)
    # Noise is told from the campaign's posts that were read in the same way.
    all_of_them = Yield("", len(whole.posts), whole.tally, 0, Tally()).yielded.value or 0.0
    found: dict[int, list[TermYield]] = {one.query.id: [] for one in queries}
    names = {one.query.id: one.name for one in queries}
    for (query_id, term), these in caught.items():
        then = former.get((query_id, term), _Caught())
        line = TermYield(term, len(these.posts), these.tally, len(then.posts), then.tally, names[query_id])
        found[query_id].append(replace(line, is_noise=_is_noise(line, all_of_them)))
    is_sample = any(one.matches > each for one in queries)
    return {key: _worth_showing(terms) for key, terms in found.items()}, each if is_sample else None


def _caught(
    session: Session, cohort: Cohort, queries: Sequence[QueryYield], each: int
) -> tuple[dict[tuple[int, str], _Caught], _Caught]:
    """By query and term; and all of it together."""
    leads: defaultdict[int, list[tuple[int, int, int]]] = defaultdict(list)
    columns = (cohort.post, cohort.lead, cohort.reached, cohort.waits)
    for post_id, lead, reached, waits in zip(*(column.tolist() for column in columns), strict=True):
        leads[post_id].append((lead, reached, waits))
    caught: defaultdict[tuple[int, str], _Caught] = defaultdict(_Caught)
    whole = _Caught()
    for one in queries:
        statement = (
            sa.select(Match.post_id, Match.spans, Post.title, Post.body)
            .join(Post, Post.id == Match.post_id)
            .where(Match.query_id == one.query.id, *within(Match.post_id, cohort.bounds))
            .where(*of_the_source(session, cohort.asked))
            .order_by(Match.id.desc())
            .limit(each)
        )
        for post_id, spans, title, body in session.execute(statement):
            whole.add(post_id, leads.get(post_id, ()))
            for term in {_term(span, title, body) for span in spans} - {""}:
                caught[one.query.id, term].add(post_id, leads.get(post_id, ()))
    return caught, whole


def _term(stored: Sequence[str | int | float], title: str, body: str) -> str:
    """What stands in a span, as queries see it."""
    name, start, end = read_span(stored)
    text = (title if name == "title" else body)[start:end]
    return " ".join(normalise(text[:_LONGEST_TERM]).text.split())


def _is_noise(term: Yield, all_of_them: float) -> bool:
    settled = term.yielded
    return settled.whole >= _ENOUGH and not settled.part and settled.interval(SURE)[1] < all_of_them


def _worth_showing(terms: Iterable[TermYield]) -> list[TermYield]:
    """The most promoted and the most met, and all that are noise."""
    ordered = sorted(terms, key=lambda term: (-term.tally.promoted, -term.matches, term.name))
    return [term for number, term in enumerate(ordered) if number < _SHOWN_TERMS or term.is_noise]
