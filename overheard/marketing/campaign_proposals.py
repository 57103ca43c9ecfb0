"""What to listen for, proposed from what somebody sells: queries, competitors, communities. Plain and repeatable:
words that the text says more than people do, and ways in which people ask.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import log

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.keywords.backtest import Preview, preview
from overheard.keywords.query_edits import written
from overheard.keywords.term_proposals import terms_of
from overheard.listening.suggestions import places
from overheard.models import Post, Prediction, Signal, Source
from overheard.text import normalise
from overheard.vocabulary import Platform, SignalKind

MAX_TEXT = 20_000
_TERMS = 6
_COMPETITORS = 6
_SOURCES = 12
_BACKGROUND = 2_000  # posts that say what people say anyway
_FEW = 50  # fewer than this say nothing about what is rare
_NAMED_LATELY = 500
_LONGEST_NAME = 60

# What every product says of itself: no word to listen for.
_OF_EVERY_OFFER = frozenset(
    """all-in-one alternative app apps best better business businesses companies company customer customers data easily
    easy fast features first free get great help helps manage modern new offer offers one online people place plan plans
    platform powerful price pricing product products quick save service services simple small smart software solution
    solutions start team teams time today tool tools trial try unlike
    two three four five six seven eight nine ten dozen hundred thousand work works""".split()  # noqa: SIM905 - as a paragraph
)

_ASKING = ("looking for", "recommend*", "suggest*", "which", "anyone use*", "what do you use", "best way to")
_LEAVING = ("alternative* to", "instead of", "switch* from", "moving away from", "replace*", "better than")
_SUFFERING = ("tired of", "sick of", "frustrat*", "struggl*", "hate", "lose track", "mess", "too expensive")
_NOT_ASKING = ("hiring", "job", "we offer")
_WITHOUT = " ".join(f"-{written(word)}" for word in _NOT_ASKING)

_ADDRESS = re.compile(r"https?://\S+|www\.\S+")
_OWN_NAME = re.compile(r"^\W*([A-Z]\w+) is\b", re.MULTILINE)
_NAME = r"[A-Z][\w.+&-]*[\w+](?:\s[A-Z][\w.+&-]*[\w+])?"
_RIVALS = re.compile(
    rf"(?i:alternatives?\s+to|instead\s+of|unlike|replac\w+|switch\w*\s+from|compared\s+(?:to|with)|better\s+than|versus|vs\.?)"
    rf"\s+(?P<names>{_NAME}(?:\s*(?:,|(?i:\bor\b|\band\b|&))\s*(?:(?i:or|and|to)\s+)?{_NAME})*)"
)
_BETWEEN = re.compile(r"\s*(?:,|\bor\b|\band\b|&)\s*(?:or\s+|and\s+)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ProposedQuery:
    """A query that nobody has saved yet, and what it finds among the stored posts."""

    name: str
    why: str
    expression: str
    found: Preview


@dataclass(frozen=True, slots=True)
class ProposedCompetitor:
    """A product worth watching by a query of its own, and what that finds among the stored posts."""

    name: str
    expression: str
    found: Preview

    @property
    def query(self) -> str:
        """How its query would be called."""
        return f"names {self.name}"


@dataclass(frozen=True, slots=True)
class ProposedSource:
    """A source that is read already, and how many of its posts the proposed queries find."""

    source: Source
    posts: int


@dataclass(frozen=True, slots=True)
class Proposals:
    """For one text."""

    terms: Sequence[str]
    competitors: Sequence[ProposedCompetitor]
    """Named by the text, or else by people in leads of late."""
    queries: Sequence[ProposedQuery]
    sources: Sequence[ProposedSource]
    communities: Sequence[tuple[Platform, str]]
    """That the text links to."""


def propose(session: Session, text: str, *, now: datetime) -> Proposals:
    """What to listen for, from a product's page or two sentences about it."""
    text = text[:MAX_TEXT]
    rivals = rivals_in(text)
    terms = key_terms(session, text, but=rivals)
    named = [name for name in _named_in_leads(session) if name.lower() not in {rival.lower() for rival in rivals}]
    queries = [
        ProposedQuery(name, why, expression, preview(session, expression, now=now))
        for name, why, expression in _expressions(terms, rivals)
    ]
    everything = " OR ".join(f"({query.expression})" for query in queries)
    return Proposals(
        terms=terms,
        competitors=[_competitor(session, name, now=now) for name in [*rivals, *named][:_COMPETITORS]],
        queries=queries,
        sources=_sources(session, everything, now=now) if queries else (),
        communities=[(platform, name) for (platform, _), name in places(text).items()],
    )


def _competitor(session: Session, name: str, *, now: datetime) -> ProposedCompetitor:
    expression = f"{written(name)} {_WITHOUT}"
    return ProposedCompetitor(name, expression, preview(session, expression, now=now))


def _expressions(terms: Sequence[str], rivals: Sequence[str]) -> list[tuple[str, str, str]]:
    """Name, reason and expression of each."""
    about, without = _one_of(terms), _WITHOUT
    found = []
    if terms:
        found = [
            ("asks for it", "People who ask for what you sell.", f"{_one_of(_ASKING)} {about} {without}"),
            ("has the problem", "People who complain about it.", f"{_one_of(_SUFFERING)} {about} {without}"),
        ]
    if rivals:
        names = _one_of(rivals)
        found.append(
            ("leaves a competitor", "People who want something else.", f"{_one_of(_LEAVING)} {names} {without}")
        )
        found.append(("names a competitor", "Whoever names one: the widest.", f"{names} {without}"))
    if len(terms) > 1:
        found.append(("speaks of it", "Whoever says two of your words close together.", _close(terms)))
    return found


def _one_of(terms: Sequence[str]) -> str:
    words = [_phrase(term) for term in terms]
    return words[0] if len(words) == 1 else f"({' OR '.join(words)})"


def _phrase(term: str) -> str:
    return f'"{term}"' if " " in term else term if term.endswith("*") else written(term)


def _close(terms: Sequence[str]) -> str:
    return f"{_one_of(terms[:3])} near/8 {_one_of(terms[3:] or terms[1:2])}"


def key_terms(session: Session, text: str, *, but: Sequence[str] = ()) -> list[str]:
    """The words and phrases of two words that the text says more than people do, the clearest first.

    By the log-odds of a text that says the term against a stored post that does; without posts, by how often the text
    says it.
    """
    text = _ADDRESS.sub(" ", text)
    bare = normalise(text).text
    counts = {term: bare.count(term) for term in terms_of("", text) if _is_telling(term)}
    newest = sa.select(Post.title, Post.body).order_by(Post.id.desc()).limit(_BACKGROUND)
    posts = [terms_of(title, body) for title, body in session.execute(newest)]
    there = Counter(term for post in posts for term in post & counts.keys())
    total = sum(counts.values())

    def odds(term: str) -> float:
        mine = log((counts[term] + 0.5) / (total - counts[term] + 0.5))
        return mine - (log((there[term] + 0.5) / (len(posts) - there[term] + 0.5)) if len(posts) >= _FEW else 0)

    rivals = {word for name in but for word in normalise(name).text.split()}
    own = {word for name in _OWN_NAME.findall(text) for word in normalise(name).text.split()}
    wanted = [term for term in counts if (rivals | own).isdisjoint(term.split())]
    is_told = len(posts) >= _FEW  # then what nobody says comes last: it would find nobody
    order = sorted(wanted, key=lambda term: (is_told and not there[term], -odds(term), bare.find(term), -len(term)))
    return _distinct(order)


def _distinct(terms: Sequence[str]) -> list[str]:
    """The first few, none of which holds another."""
    taken: list[str] = []
    for term in terms:
        if not any(set(term.split()) & set(other.split()) for other in taken):
            taken.append(term)
        if len(taken) == _TERMS:
            break
    return taken


def _is_telling(term: str) -> bool:
    """Whether each of its words says something: `terms_of` leaves out words without a meaning of their own."""
    return all(word not in _OF_EVERY_OFFER and word in terms_of("", word) for word in term.split())


def rivals_in(text: str) -> list[str]:
    """Products that the text compares itself with."""
    found = (name.strip(" .") for match in _RIVALS.finditer(text) for name in _BETWEEN.split(match["names"]))
    return list({name.lower(): name for name in found if name and name[0].isupper()}.values())[:_COMPETITORS]


def _named_in_leads(session: Session) -> list[str]:
    """Products that leads named of late, those that most named first."""
    statement = (
        sa.select(Post.title, Post.body, Prediction.explanation)
        .join(Signal, Signal.post_id == Post.id)
        .join(Prediction, (Prediction.post_id == Post.id) & (Prediction.model_version == Signal.model_version))
        .where(Prediction.explanation.is_not(None))
        .order_by(Signal.id.desc())
        .limit(_NAMED_LATELY)
    )
    names: Counter[str] = Counter()
    for title, body, explanation in session.execute(statement):
        for kind, field, start, end in (explanation or {}).get("signals", ()):
            if kind == SignalKind.COMPETITOR:
                names[(title if field == "title" else body)[start:end].strip()] += 1
    return [name for name, number in names.most_common(_COMPETITORS) if number > 1 and 1 < len(name) <= _LONGEST_NAME]


def _sources(session: Session, expression: str, *, now: datetime) -> list[ProposedSource]:
    """Sources with posts that the queries find, those with most first."""
    sources = session.scalars(sa.select(Source).order_by(Source.id).limit(5 * _SOURCES)).all()
    counted = [ProposedSource(one, preview(session, expression, now=now, source_ids=[one.id]).posts) for one in sources]
    return sorted((one for one in counted if one.posts), key=lambda one: -one.posts)[:_SOURCES]
