"""What leads say they need, and which products they name: shares among leads, now and in the days before.

The words are spans of the posts that the model marked when it judged them; nothing is judged here. Needs are grouped by
the word at their head: "a simple CRM for bakers" and "CRMs that a shop understands" are both about a CRM.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.keywords.queries import read_span
from overheard.measuring.cohorts import Cohort
from overheard.measuring.intervals import SURE, Share, Trend, trend
from overheard.models import Post, Prediction, Signal
from overheard.text import normalise
from overheard.vocabulary import SignalKind

SAMPLE = 2_000
"""Of so many leads of a period their words are read; of more, a sample that is the same whenever it is drawn."""
_BATCH = 500
_SHOWN = 15
_EXAMPLES = 3
_LONGEST = 120

# Where what is needed ends, and what it is for begins.
_JOINT = re.compile(
    r"\b(?:for|to|that|which|who|with|without|in|on|at|from|by|of|like|as|via|using|so|when|where|vs|versus|or|and|is"
    r"|are|can|could|would|should|under|around|near)\b|[,;:()/?!]"
)
_WORD = re.compile(r"[^\W_](?:[\w.'+#&-]*[\w+#])?")
# Heads that say nothing without the word before them.
_VAGUE = frozenset(
    """tool tools app apps software service services platform platforms solution solutions system systems program
    website site product products alternative alternatives way ways option options one something help advice company
    agency provider vendor plan setup stack library framework integration api""".split()  # noqa: SIM905 - easier to read
)
_STOP = frozenset({"a", "an", "the", "some", "any", "my", "our", "your", "good", "best", "better", "new", "simple"})
_DOMAIN = re.compile(r"\.(?:com|io|co|net|org|app|ai)$")


@dataclass(frozen=True, slots=True)
class Mentions:
    """How many leads say something, of those that say anything of the kind."""

    name: str
    now: Share
    before: Share
    by_week: Sequence[Share]
    examples: Sequence[str]
    """As they said it, the most usual first."""

    @property
    def trend(self) -> Trend:
        """Against the days before. Many are looked at at once, so it takes more to call one rising or falling."""
        return trend(self.now, self.before, SURE)


@dataclass(frozen=True, slots=True)
class Said:
    """All of a period."""

    products: list[Mentions]
    needs: list[Mentions]
    read: int
    """Leads whose words were read."""
    leads: int
    """All leads of the period."""


def read_said(session: Session, now: Cohort, before: Cohort) -> Said:
    """Products and needs, the most named first."""
    here, then = _read(session, now), _read(session, before)
    weeks = len(now.asked.period.weeks)
    return Said(
        products=_mentions(here.products, then.products, here.week, weeks),
        needs=_mentions(here.needs, then.needs, here.week, weeks),
        read=here.read,
        leads=now.tally.leads,
    )


@dataclass(slots=True)
class _Groups:
    leads: defaultdict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    written: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, key: str, written: str, lead: int) -> None:
        if key and lead not in self.leads[key]:
            self.leads[key].add(lead)
            self.written[key][written] += 1

    @property
    def everybody(self) -> set[int]:
        return set().union(*self.leads.values())


@dataclass(slots=True)
class _Words:
    """What was read: by what was meant, the leads that said it; and how it was said."""

    read: int = 0
    week: dict[int, int] = field(default_factory=dict)
    products: _Groups = field(default_factory=_Groups)
    needs: _Groups = field(default_factory=_Groups)


def _read(session: Session, cohort: Cohort) -> _Words:
    words = _Words()
    post, lead, week = _sample(cohort)
    words.read = len(np.unique(lead))
    chosen = dict(zip(zip(lead.tolist(), post.tolist(), strict=True), week.tolist(), strict=True))
    for lead_id, post_id, title, body, explanation in _explained(session, sorted({one for _, one in chosen})):
        if (lead_id, post_id) not in chosen:
            continue
        words.week.setdefault(lead_id, chosen[lead_id, post_id])
        if explanation["need"]:
            said = _text(explanation["need"], title, body)
            words.needs.add(head_of(said), said, lead_id)
        for kind, *span in explanation["signals"]:
            if kind == SignalKind.COMPETITOR:
                said = _text(span, title, body)
                words.products.add(product_of(said), said, lead_id)
    return words


def _sample(cohort: Cohort) -> tuple[Any, Any, Any]:
    """Posts, leads and weeks of at most so many leads, chosen by their ids alone, as if by chance."""
    leads = np.unique(cohort.lead)
    if len(leads) > SAMPLE:
        order = np.argsort(leads * 2_654_435_761 % 2**32, kind="stable")  # Knuth's multiplicative hash
        leads = leads[order[:SAMPLE]]
    taken = np.isin(cohort.lead, leads)
    return cohort.post[taken], cohort.lead[taken], cohort.week[taken]


def _explained(session: Session, post_ids: Sequence[int]) -> Iterator[tuple[int, int, str, str, dict[str, Any]]]:
    for start in range(0, len(post_ids), _BATCH):
        statement = (
            sa.select(Signal.lead_id, Signal.post_id, Post.title, Post.body, Prediction.explanation)
            .join(Post, Post.id == Signal.post_id)
            .join(
                Prediction,
                (Prediction.post_id == Signal.post_id) & (Prediction.model_version == Signal.model_version),
            )
            .where(Signal.post_id.in_(post_ids[start : start + _BATCH]), Prediction.explanation.is_not(None))
        )
        for lead_id, post_id, title, body, explanation in session.execute(statement):
            yield lead_id, post_id, title, body, explanation or {}


def _mentions(here: _Groups, then: _Groups, week: dict[int, int], weeks: int) -> list[Mentions]:
    """Shares among the leads that say anything of the kind."""
    everybody, everybody_then = here.everybody, then.everybody
    by_week = Counter(week[lead] for lead in everybody)
    found = []
    keys = sorted(here.leads.keys() | then.leads.keys(), key=lambda key: (-len(here.leads[key]), key))
    for key in keys[:_SHOWN]:
        weekly = Counter(week[lead] for lead in here.leads[key])
        written = here.written[key] + then.written[key]
        found.append(
            Mentions(
                key,
                Share(len(here.leads[key]), len(everybody)),
                Share(len(then.leads[key]), len(everybody_then)),
                [Share(weekly[n], by_week[n]) for n in range(weeks)],
                [said for said, _ in written.most_common(_EXAMPLES)],
            )
        )
    return found


def _text(stored: Sequence[str | int | float], title: str, body: str) -> str:
    name, start, end = read_span(stored)
    return " ".join((title if name == "title" else body)[start:end][:_LONGEST].split())


def product_of(said: str) -> str:
    """A product's name without what differs from one writer to the next."""
    return _DOMAIN.sub("", normalise(said).text.removesuffix("'s").strip(" .,'\""))


def head_of(need: str) -> str:
    """What a need is about: the last word before what it is for, with the one before it where it says nothing alone."""
    text = normalise(need).text
    for piece in _JOINT.split(text):
        words = [word for word in _WORD.findall(piece) if word not in _STOP]
        if words:
            last = words[-1]
            if last in _VAGUE and len(words) > 1:
                return f"{words[-2]} {_singular(last)}"
            if last not in _VAGUE:
                return _singular(last)
            return _behind(text, last)
    return ""


def _behind(text: str, head: str) -> str:
    """Of "an alternative to X" the X tells what it is about."""
    behind = [word for word in _WORD.findall(_JOINT.sub(" ", text.partition(head)[2])) if word not in _STOP]
    return f"{_singular(head)} {behind[0]}" if behind else _singular(head)


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")) else word  # noqa: PLR2004 - "crms", not "gas"
