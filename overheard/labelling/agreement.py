"""How far people agree who labelled the same posts without knowing of each other.

Cohen's kappa for two of them: J. Cohen, "A Coefficient of Agreement for Nominal Scales", 1960. Krippendorff's alpha for
all of them, for nominal data with any number of missing values: K. Krippendorff, "Computing Krippendorff's
Alpha-Reliability", 2011. Both are 1 where all agree, and about 0 where they do so no more often than by chance. How
sure a kappa is: J. Fleiss, J. Cohen and B. Everitt, "Large Sample Standard Errors of Kappa and Weighted Kappa", 1969.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import sqrt

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.labelling.examples import voter_of
from overheard.measuring.intervals import CONFIDENT, Share, wilson
from overheard.models import IntentLabel, Post, User
from overheard.vocabulary import Intent


def cohens_kappa(pairs: Sequence[tuple[Hashable, Hashable]]) -> float | None:
    """Of what two said about the same things; None where chance alone would have them agree on everything."""
    if not pairs:
        return None
    ours, theirs = (Counter(side) for side in zip(*pairs, strict=True))
    observed = sum(one == other for one, other in pairs) / len(pairs)
    expected = sum(ours[word] * theirs[word] for word in ours) / len(pairs) ** 2
    return None if expected == 1 else (observed - expected) / (1 - expected)


def kappa_interval(pairs: Sequence[tuple[Hashable, Hashable]], z: float = CONFIDENT) -> tuple[float, float] | None:
    """Within which kappa lies, by its standard error in large samples; None where there is none.

    Where both agree on everything the formula knows no doubt: then by Wilson's interval of how often they agree.
    """
    kappa, n = cohens_kappa(pairs), len(pairs)
    if kappa is None:
        return None
    ours, theirs = (Counter(side) for side in zip(*pairs, strict=True))
    expected = sum(ours[word] * theirs[word] for word in ours) / n**2
    observed = kappa * (1 - expected) + expected
    if observed == 1:
        return (wilson(1.0, n, z)[0] - expected) / (1 - expected), 1.0
    spread = -((observed * expected - 2 * expected + observed) ** 2)
    for (one, other), times in Counter(pairs).items():
        if one == other:
            spread += times / n * (1 - expected - (ours[one] + theirs[one]) / n * (1 - observed)) ** 2
        else:
            spread += times / n * (1 - observed) ** 2 * ((theirs[one] + ours[other]) / n) ** 2
    half = z * sqrt(max(spread, 0.0) / n) / (1 - expected) ** 2
    return max(kappa - half, -1.0), min(kappa + half, 1.0)


def krippendorffs_alpha(units: Sequence[Sequence[Hashable]]) -> float | None:
    """Of what any number said about each of these things; None where nothing was said twice, or only one word."""
    coincidences: Counter[tuple[Hashable, Hashable]] = Counter()
    for unit in units:
        if len(unit) > 1:
            for at, one in enumerate(unit):
                for other in (*unit[:at], *unit[at + 1 :]):
                    coincidences[one, other] += 1 / (len(unit) - 1)  # type: ignore[assignment] # a Counter may hold shares
    totals: Counter[Hashable] = Counter()
    for (one, _), number in coincidences.items():
        totals[one] += number
    whole = sum(totals.values())
    disagreeing = sum(number for (one, other), number in coincidences.items() if one != other)
    by_chance = whole**2 - sum(number**2 for number in totals.values())
    return 1 - (whole - 1) * disagreeing / by_chance if by_chance else None


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far some people agree, on the nine intents and on lead or no lead."""

    posts: int
    on_intent: float | None
    on_lead: float | None
    intent_interval: tuple[float, float] | None = None
    """95 of 100 such intervals hold the kappa; None where there is no kappa, and for all together."""
    lead_interval: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Labeller:
    """Of one person, on posts that others labelled too: how often another says the same, and what they say."""

    on_intent: Share
    on_lead: Share
    said: dict[Intent, Share]


@dataclass(frozen=True, slots=True)
class AgreementReport:
    """All of them together (alpha), two by two (kappa), one by one, and what is taken for what."""

    together: Agreement
    pairs: dict[tuple[str, str], Agreement]
    """By their names."""
    people: dict[str, Labeller]
    confused: dict[tuple[str, str], int]
    """How often one said this and another that, of the nine; the most frequent first."""


def agreement(session: Session) -> AgreementReport:
    """From all standing labels that were made blind, of texts as they stand now."""
    statement = (
        sa.select(IntentLabel)
        .join(Post, (Post.id == IntentLabel.post_id) & (Post.text_hash == IntentLabel.text_hash))
        .where(IntentLabel.withdrawn_at.is_(None), IntentLabel.is_final.is_(False))
        .order_by(IntentLabel.id)
    )
    names = {f"user {user_id}": name for user_id, name in session.execute(sa.select(User.id, User.name))}
    by_post: dict[int, dict[str, IntentLabel]] = defaultdict(dict)
    for said in session.scalars(statement):
        voter = voter_of(said)
        by_post[said.post_id][names.get(voter, voter)] = said
    several = [said for said in by_post.values() if len(said) > 1]
    pairs: dict[tuple[str, str], list[tuple[IntentLabel, IntentLabel]]] = defaultdict(list)
    confused: Counter[tuple[str, str]] = Counter()
    for by_name in several:
        for one, other in combinations(sorted(by_name), 2):
            pairs[one, other].append((by_name[one], by_name[other]))
            first, second = sorted((by_name[one].intent.value, by_name[other].intent.value))
            if first != second:
                confused[first, second] += 1
    return AgreementReport(
        _together(several),
        {who: _of_two(said) for who, said in pairs.items()},
        _one_by_one(several),
        dict(confused.most_common()),
    )


def _one_by_one(several: Sequence[Mapping[str, IntentLabel]]) -> dict[str, Labeller]:
    said: dict[str, Counter[Intent]] = defaultdict(Counter)
    alike: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
    for by_name in several:
        for name, label in by_name.items():
            said[name][label.intent] += 1
            others = [other.intent for who, other in by_name.items() if who != name]
            alike[name] += [(label.intent is other, label.intent.is_lead == other.is_lead) for other in others]
    return {
        name: Labeller(
            on_intent=Share(sum(intent for intent, _ in alike[name]), len(alike[name])),
            on_lead=Share(sum(lead for _, lead in alike[name]), len(alike[name])),
            said={intent: Share(words[intent], words.total()) for intent in Intent},
        )
        for name, words in sorted(said.items())
    }


def _together(several: Sequence[Mapping[str, IntentLabel]]) -> Agreement:
    intents = [[said.intent for said in by_name.values()] for by_name in several]
    leads = [[intent.is_lead for intent in unit] for unit in intents]
    return Agreement(len(several), krippendorffs_alpha(intents), krippendorffs_alpha(leads))


def _of_two(said: Sequence[tuple[IntentLabel, IntentLabel]]) -> Agreement:
    intents = [(one.intent, other.intent) for one, other in said]
    leads = [(one.is_lead, other.is_lead) for one, other in intents]
    return Agreement(
        len(said), cohens_kappa(intents), cohens_kappa(leads), kappa_interval(intents), kappa_interval(leads)
    )
