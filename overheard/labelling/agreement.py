"""How far people agree who labelled the same posts without knowing of each other.

Cohen's kappa for two of them: J. Cohen, "A Coefficient of Agreement for Nominal Scales", 1960. Krippendorff's alpha for
all of them, for nominal data with any number of missing values: K. Krippendorff, "Computing Krippendorff's
Alpha-Reliability", 2011. Both are 1 where all agree, and about 0 where they do so no more often than by chance.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.labelling.examples import voter_of
from overheard.models import IntentLabel, Post, User


def cohens_kappa(pairs: Sequence[tuple[Hashable, Hashable]]) -> float | None:
    """Of what two said about the same things; None where chance alone would have them agree on everything."""
    if not pairs:
        return None
    ours, theirs = (Counter(side) for side in zip(*pairs, strict=True))
    observed = sum(one == other for one, other in pairs) / len(pairs)
    expected = sum(ours[word] * theirs[word] for word in ours) / len(pairs) ** 2
    return None if expected == 1 else (observed - expected) / (1 - expected)


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


@dataclass(frozen=True, slots=True)
class AgreementReport:
    """All of them together (alpha), two by two (kappa), and what is taken for what."""

    together: Agreement
    pairs: dict[tuple[str, str], Agreement]
    """By their names."""
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
        _together(several), {who: _of_two(said) for who, said in pairs.items()}, dict(confused.most_common())
    )


def _together(several: Sequence[Mapping[str, IntentLabel]]) -> Agreement:
    intents = [[said.intent for said in by_name.values()] for by_name in several]
    leads = [[intent.is_lead for intent in unit] for unit in intents]
    return Agreement(len(several), krippendorffs_alpha(intents), krippendorffs_alpha(leads))


def _of_two(said: Sequence[tuple[IntentLabel, IntentLabel]]) -> Agreement:
    intents = [(one.intent, other.intent) for one, other in said]
    return Agreement(
        len(said), cohens_kappa(intents), cohens_kappa([(one.is_lead, other.is_lead) for one, other in intents])
    )
