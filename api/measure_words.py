"""What was measured about a campaign, said to a person."""

from overheard.measuring.forecast import Basis, Forecast
from overheard.measuring.recall import Taught
from overheard.vocabulary import Stratum

_STRATA = {
    Stratum.HELD_BACK: "Over the daily budget",
    Stratum.NEAR: "Relevant, just below the threshold",
    Stratum.FAR: "Relevant, far below the threshold",
    Stratum.UNMATCHED_STRONG: "Over the threshold, but no query met it",
    Stratum.UNMATCHED_WEAK: "Below the threshold, and no query met it",
}
_FEW = 10


def stratum_words(stratum: Stratum) -> str:
    """Why posts of a stratum were not shown."""
    return _STRATA[stratum]


def posts_a_day(number: float) -> str:
    """A number that is an estimate: whole where it is large, to a tenth where it is small."""
    return f"{number:,.0f}" if number >= _FEW or number == round(number) else f"{number:.1f}"


def basis_words(told: Forecast) -> str:
    """On what it rests how many are good."""
    if told.basis is Basis.SCORES:
        return "told from the model's scores, as too few were decided"
    between = f"between {posts_a_day(told.low)} and {posts_a_day(told.high)} good, from {told.decisions} decisions"
    return (
        between if told.basis is Basis.DECISIONS else f"{between}; what is not shown yet is told from samples or scores"
    )


def catch_words(one: Taught) -> str:
    """What would have caught a post that was missed."""
    if one.is_caught_now:
        return "The campaign as it stands now would show it."
    score = "" if one.score is None else f"{int(one.score * 100)} %"
    query = "A query with one of its words"
    if one.relevance is not None:
        query += f", or meaning from {int(one.relevance * 100)} %"
    return {
        Stratum.HELD_BACK: "A larger daily budget would have shown it.",
        Stratum.NEAR: f"A threshold of {score} would have shown it.",
        Stratum.FAR: f"Its score is {score}: no sensible threshold shows it, the model has to learn it.",
        Stratum.UNMATCHED_STRONG: f"{query} would have caught it.",
        Stratum.UNMATCHED_WEAK: f"{query}, and a threshold of {score}, would have caught it.",
    }[one.stratum]
