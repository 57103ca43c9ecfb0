"""Words worth adding to a query: those of promoted posts, and, to leave out, those of posts that showed no need.

Two sets of posts are compared by the log-odds ratio with an informative Dirichlet prior (Monroe, Colaresi and Quinn
2008, "Fightin' Words"). A post counts once for each of its terms, however often it says them. `docs/insights.md` has
the formula, and why the bound is where it is.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log, sqrt
from statistics import NormalDist

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.measuring.cohorts import queries_in_force
from overheard.models import Label, Lead, Match, Post, Query
from overheard.text import normalise

_PRIOR = 0.1
"""The weight of the prior as a share of all that is said. Half and twice of it find the same in simulations."""
_LEAST_POSTS = 5
"""A term in fewer posts is not looked at."""
_ERROR = 0.05
"""Of so many lists at most one holds a term that stands there by chance."""
_NEWEST = 1_000
_MOST_WORDS = 400
_MOST_PROPOSALS = 10
_EXAMPLES = 3
_SAME = 0.9

_WORD = re.compile(r"[^\W_](?:[\w.'’+#&-]*[\w+#])?")  # noqa: RUF001 - an apostrophe as people type it
_PREFIX = re.compile(r"(\w+)\*")
# Words that carry no meaning of their own: no term alone, and no term of two of them.
_FILLERS = frozenset(
    """a about after all also am an and any anyone are as at be because been but by can could did do does don't
    even ever for from get got had has have he her here hi his how i i'd i'll i'm i've if in into is it it's its
    just know like me more most much my no not now of on one only or other our out over really she should so
    some than thank thanks that that's the their them then there these they this to too up us use used using
    very was we we're were what when where which who why will with would you your""".split()  # noqa: SIM905 - a paragraph is easier to read than 120 quotes
)

Terms = frozenset[str]


@dataclass(frozen=True, slots=True)
class Weighed:
    """A term that is said more in one set of posts than in the other, by more than chance."""

    term: str
    z: float
    here: int
    """Posts of the set that say it."""
    there: int
    """Posts of the other set that say it."""


@dataclass(frozen=True, slots=True)
class Example:
    """A post that says a proposed term."""

    lead_id: int
    post: Post


@dataclass(frozen=True, slots=True)
class Proposal:
    """A term worth adding to a query, or worth leaving out by it."""

    term: str
    query: str
    """To which query: the one that met most of these posts."""
    z: float
    here: int
    """Promoted posts that say it; of a term to leave out, posts without a need."""
    there: int
    """The others that say it: what it would bring along, or hide."""
    unmet: int
    """Leads that say it and that no query in force met."""
    examples: Sequence[Example]


@dataclass(frozen=True, slots=True)
class Proposals:
    """For one campaign, the clearest first."""

    promoted: int
    """Posts that were compared."""
    without_need: int
    positive: list[Proposal]
    negative: list[Proposal]
    missed: list[Proposal]
    """Terms that would have caught leads which no query met; what they say more than posts without a need."""


@dataclass(frozen=True, slots=True)
class _Said:
    lead_id: int
    post_id: int
    terms: Terms
    queries: frozenset[int]
    """Those in force that met it."""


def propose(session: Session, campaign_id: int) -> Proposals:
    """Compare what was promoted with what was put out as no buyer's or no need."""
    queries = {query.id: query for query in queries_in_force(session, campaign_id)}
    good, bad = (_said(session, campaign_id, queries, is_lead=is_lead) for is_lead in (True, False))
    known = [_Known(query.expression) for query in queries.values()]
    unmet = [said for said in good if not said.queries]

    def proposals(these: Sequence[_Said], others: Sequence[_Said], fallback: Query | None) -> list[Proposal]:
        weighed = [one for one in weigh(_terms(these), _terms(others)) if not any(one.term in query for query in known)]
        return _proposals(session, _distinct(weighed, these), these, queries, fallback)

    best = _busiest(queries, good)
    return Proposals(
        promoted=len(good),
        without_need=len(bad),
        positive=proposals(good, bad, best),
        negative=proposals([said for said in bad if said.queries], good, None),
        missed=proposals(unmet, [*bad, *_met(good)], best) if unmet else [],
    )


def _met(said: Iterable[_Said]) -> list[_Said]:
    return [one for one in said if one.queries]


def weigh(here: Sequence[Terms], there: Sequence[Terms]) -> list[Weighed]:
    """Terms that the posts `here` say more than those `there`, by more than chance; the clearest first."""
    in_here, in_there = (Counter(term for terms in posts for term in terms) for posts in (here, there))
    n_here, n_there = in_here.total(), in_there.total()
    tried = [term for term in in_here if in_here[term] + in_there[term] >= _LEAST_POSTS]
    if not tried or not n_there:
        return []
    weight = _PRIOR * (n_here + n_there)
    bound = NormalDist().inv_cdf(1 - _ERROR / len(tried))
    found: list[Weighed] = []
    for term in tried:
        y, other = in_here[term], in_there[term]
        prior = _PRIOR * (y + other)
        ratio = _log_odds(y + prior, n_here + weight) - _log_odds(other + prior, n_there + weight)
        z = ratio / sqrt(1 / (y + prior) + 1 / (other + prior))
        if z > bound:
            found.append(Weighed(term, z, y, other))
    # Of a phrase and its words in the same posts, the plain word comes first.
    return sorted(found, key=lambda one: (-one.z, not _FILLERS.isdisjoint(one.term.split()), len(one.term), one.term))


def _log_odds(part: float, whole: float) -> float:
    return log(part / (whole - part))


def terms_of(title: str, body: str) -> Terms:
    """The words of a text and its phrases of two words; of a long one, those of its beginning."""
    found: set[str] = set()
    for text in (title, body):
        # Sentences and lines part phrases, and the words of a query meet across neither.
        for piece in re.split(r"[\n.!?;:,()]+(?=\s|$)", normalise(text[: 12 * _MOST_WORDS]).text):
            words = [word.replace("’", "'") for word in _WORD.findall(piece)[:_MOST_WORDS]]  # noqa: RUF001
            found.update(word for word in words if word not in _FILLERS and not word.isdigit() and len(word) > 1)
            found.update(f"{one} {two}" for one, two in pairwise(words) if not {one, two} <= _FILLERS)
    return frozenset(found)


class _Known:
    """What a query asks for or leaves out already."""

    def __init__(self, expression: str) -> None:
        text = normalise(expression).text
        self._words = f" {' '.join(_WORD.findall(text))} "
        self._prefixes = tuple(_PREFIX.findall(text))

    def __contains__(self, term: str) -> bool:
        if f" {term} " in self._words:
            return True
        return bool(self._prefixes) and " " not in term and term.startswith(self._prefixes)


def _said(session: Session, campaign_id: int, queries: Collection[int], *, is_lead: bool) -> list[_Said]:
    """The newest posts of a campaign of which a person said so, each author and each text once."""
    statement = (
        sa.select(Label.post_id, Label.lead_id, Post.text_hash, Post.title, Post.body)
        .join(Lead, Lead.id == Label.lead_id)
        .join(Post, Post.id == Label.post_id)
        .where(
            Lead.campaign_id == campaign_id,
            Label.withdrawn_at.is_(None),
            Label.is_lead.is_(is_lead),
            # A real need that is not ours says nothing against its words, and nothing for them.
            Label.reason.is_(None) if is_lead else sa.true(),
            Label.text_hash == Post.text_hash,  # not of a text that was edited since
        )
        .order_by(Label.id.desc())
        .limit(_NEWEST)
    )
    found: dict[str, tuple[int, int, Terms]] = {}
    for post_id, lead_id, text_hash, title, body in session.execute(statement):
        found.setdefault(text_hash, (post_id, lead_id, terms_of(title, body)))
    by_lead = {lead_id: (post_id, terms) for post_id, lead_id, terms in reversed(found.values())}
    met: defaultdict[int, set[int]] = defaultdict(set)
    matches = sa.select(Match.post_id, Match.query_id).where(
        Match.post_id.in_([post_id for post_id, _ in by_lead.values()])
    )
    for post_id, query_id in session.execute(matches):
        if query_id in queries:
            met[post_id].add(query_id)
    return [_Said(lead_id, post_id, terms, frozenset(met[post_id])) for lead_id, (post_id, terms) in by_lead.items()]


def _terms(posts: Iterable[_Said]) -> list[Terms]:
    return [said.terms for said in posts]


def _busiest(queries: Mapping[int, Query], posts: Iterable[_Said]) -> Query | None:
    """The query that met most of these posts."""
    met = Counter(query_id for said in posts for query_id in sorted(said.queries))
    if not met:
        return next(iter(queries.values()), None)
    return queries[met.most_common(1)[0][0]]


def _distinct(weighed: Iterable[Weighed], posts: Sequence[_Said]) -> list[Weighed]:
    """Without terms that stand in nearly the same posts as a clearer one: a phrase and its words."""
    kept: list[tuple[Weighed, set[int]]] = []
    for one in weighed:
        here = {said.post_id for said in posts if one.term in said.terms}
        if not any(len(here & other) >= _SAME * len(here | other) for _, other in kept):
            kept.append((one, here))
        if len(kept) == _MOST_PROPOSALS:
            break
    return [one for one, _ in kept]


def _proposals(
    session: Session,
    weighed: Sequence[Weighed],
    posts: Sequence[_Said],
    queries: Mapping[int, Query],
    fallback: Query | None,
) -> list[Proposal]:
    saying = {one.term: [said for said in posts if one.term in said.terms] for one in weighed}
    wanted = {said.post_id for these in saying.values() for said in these[-_EXAMPLES:]}
    shown = {post.id: post for post in session.scalars(sa.select(Post).where(Post.id.in_(wanted)))}
    found: list[Proposal] = []
    for one in weighed:
        these = saying[one.term]
        query = fallback or _busiest(queries, these)
        if query is None:
            continue  # nothing to add it to
        examples = [Example(said.lead_id, shown[said.post_id]) for said in reversed(these[-_EXAMPLES:])]
        unmet = sum(not said.queries for said in these)
        found.append(Proposal(one.term, query.name, one.z, one.here, one.there, unmet, examples))
    return found
