"""How a source and its health are said to a person."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from api.words import age, plain
from overheard.days import local, told
from overheard.desk.cards import SaidPost
from overheard.listening.source_health import Concern, Lag, SourceHealth, Spent
from overheard.listening.terms import Recheck, ReplyWay, Terms, retention
from overheard.models import Source
from overheard.vocabulary import Platform

_MINUTE, _HOUR, _DAY = 60, 3600, 86400

_CONCERNS = {
    Concern.NEEDS_OPERATOR: "needs you",
    Concern.FAILING: "failing",
    Concern.LATE: "not being read",
    Concern.DEAD_LETTERS: "unreadable items",
    Concern.GAPS: "gaps",
    Concern.NONE: "watching",
    Concern.PAUSED: "paused",
    Concern.NOT_LIVE: "not read live",
}

_REPLIES = {
    ReplyWay.API: "through the platform's API, each at a person's word",
    ReplyWay.ASSISTED: "by hand in your own browser",
    ReplyWay.NONE: "not allowed",
}

_RECHECKS = {
    Recheck.NONE: "cannot be asked for again, so deletions there are not seen here",
    Recheck.LEADS: "leads are asked for again every {}, and what was deleted goes here too",
    Recheck.ALL: "asked for again every {}, and what was deleted goes here too",
}


def duration(seconds: float | timedelta) -> str:
    """A time span in its largest unit that says something."""
    if isinstance(seconds, timedelta):
        seconds = seconds.total_seconds()
    for size, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= 2 * size or seconds == size:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.0f} s"


def ahead(at: datetime, now: datetime) -> str:
    """When something is due."""
    return "now" if at <= now else f"in {duration(at - now)}"


def concern(health: SourceHealth) -> str:
    """The one word for a source's state."""
    return _CONCERNS[health.concern]


def trouble(health: SourceHealth) -> list[str]:
    """What is wrong and what to do, each in a sentence or two."""
    source = health.source
    told: list[str] = []
    if source.last_error and source.state is not None:
        when = f" ({age(source.last_error_at, health.now)})" if source.last_error_at else ""
        told.append(f"{plain(source.last_error)}{when}")
    if health.concern is Concern.NEEDS_OPERATOR:
        told.append("Nothing is asked for until you have mended this and enabled the source again.")
    if health.lacks_permission:
        told.append("Nobody has confirmed the permission that it needs.")
    if health.is_late:
        told.append("A pass was due a while ago: is overheard run running?")
    if health.has_too_many_dead_letters:
        told.append(
            f"{health.dead_letters:,} items of the last week could not be read, more than one in a hundred: "
            "see overheard dead-letters list."
        )
    return told


def way(source: Source) -> str:
    """How its posts come in."""
    if source.state is not None:
        return f"read live ({source.mode})"
    if source.mode is None:
        return "imported from files"
    return "given by hand" if source.mode == "manual" else "no longer read"


def lag(measured: Lag | None) -> str:
    """Half of the posts, and nearly all of them."""
    return f"{duration(measured.p50)}, 19 in 20 within {duration(measured.p95)}" if measured else "not measured yet"


def spent(amount: Spent) -> str:
    """Requests, and money where it took any."""
    noun = "request" if amount.requests == 1 else "requests"
    return f"{amount.requests:,} {noun}" + (f", ${amount.cost:,.2f}" if amount.cost else "")


def budget(told: Mapping[str, float] | None) -> str | None:
    """What the platform said is left to ask."""
    if not told or told.get("remaining") is None:
        return None
    of = f" of {told['limit']:,.0f}" if told.get("limit") is not None else ""
    renewed = f", renewed in {duration(told['resets_in'])}" if told.get("resets_in") is not None else ""
    return f"{told['remaining']:,.0f}{of} requests left{renewed}"


def permission(health: SourceHealth) -> str:
    """Who confirmed it, or what is needed."""
    source = health.source
    if source.permitted_by:
        when = f" on {local(source.permitted_at):%Y-%m-%d}" if source.permitted_at else ""
        return f"confirmed by {plain(source.permitted_by)}{when}"
    return health.terms.permission if health.terms else "yours to answer for, as you brought the posts"


def kept(source: Source) -> str:
    """How long its posts are kept, and whether deletions are learned of."""
    terms, kept_for = Terms.of(source), retention(source)
    long = duration(kept_for) if kept_for else "as long as you like"
    if terms is None:
        return long
    leads = "" if terms.recheck is Recheck.NONE or not kept_for else ", leads longer"
    return f"{long}{leads}; {_RECHECKS[terms.recheck].format(f'{terms.recheck_hours} h')}"


def replies(terms: Terms | None) -> str:
    """How an author may be answered."""
    return _REPLIES[terms.can_reply if terms else ReplyWay.ASSISTED]


def terms_of_post(post: SaidPost, source: Source) -> str:
    """What may be done with one post, in one line: how to answer, until when it is kept."""
    terms, kept_for = Terms.of(source), retention(source)
    until = "Kept as long as you like."
    if kept_for and terms and terms.recheck is Recheck.NONE:
        until = f"Kept until {told(post.collected_at + kept_for)}, even as a lead."
    elif terms and terms.recheck is not Recheck.NONE:
        until = f"Kept while it is a lead and {source.platform.display} shows it."
    own_words = " Hacker News wants answers in your own words, not generated ones."
    return f"Answers: {replies(terms)}. {until}" + (own_words if source.platform is Platform.HACKERNEWS else "")
