"""Back-tests and versions of queries, in words."""

from api.words import reason_name
from overheard.keywords.backtest import Backtest, Effort, Side
from overheard.labelling.judged import Judgement, Standing
from overheard.vocabulary import DisqualifyReason

_DAYS_A_WEEK = 7

_STANDINGS = {
    Standing.PROMOTED: "promoted",
    Standing.DISQUALIFIED: "disqualified",
    Standing.WAITING: "in the queue",
    Standing.LIKELY: "likely, not looked at",
    Standing.UNLIKELY: "unlikely, not looked at",
    Standing.UNJUDGED: "not judged",
}


def standing_name(standing: Standing) -> str:
    """What is known of a post, in a word or two."""
    return _STANDINGS[standing]


def judgement_words(judgement: Judgement) -> str:
    """How a post was judged so far."""
    said = standing_name(judgement.standing)
    if judgement.reason:
        return f"{said}: {reason_name(judgement.reason)}"
    if judgement.standing in {Standing.LIKELY, Standing.UNLIKELY, Standing.WAITING} and judgement.score is not None:
        return f"{said}, score {judgement.score:.0%}"
    return said


def reasons_words(side: Side) -> str:
    """Why the disqualified of these posts were."""
    reasons = sorted(side.reasons.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{number} {reason_name(DisqualifyReason(reason))}" for reason, number in reasons)


def backtest_words(found: Backtest) -> str:
    """What saving would change, in one sentence."""
    gained, lost = found.gained, found.lost
    if not gained.posts and not lost.posts:
        return "It finds the same posts." if found.kept.posts else "It finds no post."
    days, unit = (1, "day") if max(gained.posts_a_day, lost.posts_a_day) >= 1 else (_DAYS_A_WEEK, "week")
    parts = [
        f"{_posts(side.posts_a_day * days)} {change} a {unit}{_like_leads(side, days)}"
        for side, change in ((gained, "more"), (lost, "fewer"))
        if side.posts
    ]
    promoted = lost.standings.get(Standing.PROMOTED, 0)
    if promoted:
        parts.append(f"{promoted:,} promoted {'lead' if promoted == 1 else 'leads'} would be lost")
    return "; ".join(parts) + "."


def queue_words(found: Backtest) -> str:
    """What it would mean for the people at the queue, and where the numbers come from."""
    entries = found.gained.queue_a_day - found.lost.queue_a_day
    effort = effort_words(found.effort)
    if abs(entries) * _DAYS_A_WEEK < 1:
        return f"The queue stays about as long as it is ({effort})."
    verb = "grows" if entries > 0 else "shrinks"
    size = f"{_number(abs(entries))} a day, {_minutes(abs(found.queue_minutes_a_day))} of work"
    return f"The queue {verb} by {size} ({effort})."


def whole_words(found: Backtest) -> str:
    """What the query would bring a day from then on, beside what the campaign's budget lets in."""
    size = f"{_number(found.queue_a_day)} a day into the queue, {_minutes(found.queue_a_day * found.effort.minutes)}"
    if found.daily_budget is None:
        return f"In all the query would bring {size} of work; the campaign has no daily budget."
    if found.queue_a_day > found.daily_budget:
        held = (
            f"more than the campaign's budget of {found.daily_budget:,}: the best-scored come in, the rest is held back"
        )
        return f"In all the query would bring {size} of work. That is {held}."
    return f"In all the query would bring {size} of work, of the campaign's budget of {found.daily_budget:,} a day."


def effort_words(effort: Effort) -> str:
    """How long a decision takes, and how that is known."""
    seconds = f"{effort.minutes * 60:.0f} seconds a decision"
    if not effort.decisions:
        return f"{seconds}, assumed until there are enough decisions to measure"
    return f"{seconds}, measured on {effort.decisions:,} decisions"


def looked_at(found: Backtest) -> str:
    """Which posts that is about, and how exact it is."""
    days = f"{found.days:,.0f} {'day' if round(found.days) == 1 else 'days'}"
    if found.is_whole:
        return f"Of all posts of {days}."
    which = "that could meet it" if found.is_selective else "there are, as it names no word to look up"
    return (
        f"Of {days}. Only the newest {found.read:,} of {found.candidates:,} posts {which} were read: "
        "rates are reckoned from them, counts and examples are theirs."
    )


def _like_leads(side: Side, days: int) -> str:
    likely = side.like_leads
    if not likely:
        return ", none of which looks like a lead"
    if likely == side.posts:
        return (
            ", which looks like a lead" if _number(side.posts_a_day * days) == "1" else ", all of which look like leads"
        )
    rate = _number(side.posts_a_day * days * likely / side.posts)
    return f", of which {rate} {'looks like a lead' if rate == '1' else 'look like leads'}"


def _posts(rate: float) -> str:
    number = _number(rate)
    return f"{number} {'post' if number == '1' else 'posts'}"


def _number(value: float) -> str:
    """As exact as such a number is: 0.3, 4.5, 12."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}".removesuffix(".0")  # noqa: PLR2004 - two digits


def _minutes(minutes: float) -> str:
    return f"{minutes:.0f} minutes" if minutes >= 2 else f"{minutes * 60:.0f} seconds"  # noqa: PLR2004 - two minutes
