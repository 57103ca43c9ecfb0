"""What is measured of a running installation, for whoever is on call. Numbers only: no texts, and nobody's name.

All of it is read from the tables, so any web process tells the same of all workers, and none has to be asked itself.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import inf
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.listening import judging_queue, source_health
from overheard.listening.source_health import Concern, SourceHealth
from overheard.modelling import versions
from overheard.models import (
    AlertRecipient,
    AlertRule,
    Answer,
    CrmConnection,
    CrmLink,
    DeadLetter,
    Delivery,
    Lead,
    OutboundDelivery,
    Post,
    Prediction,
    Reply,
    ReplyStop,
    UnjudgedPost,
    Webhook,
)
from overheard.notifications.outbound_vocabulary import AlertWay, OutboundState
from overheard.operations import jobs
from overheard.vocabulary import AnswerKind, ReplyState, SourceState, Stage

_NEWEST = 10_000  # verdicts that are looked through at every asking, and posts that are counted
_SENT_WITHIN = timedelta(days=30)
_SCORES = tuple(tenth / 10 for tenth in range(1, 11))
_BATCHES = (1, 4, 16, 64, 128, 256, 512)

MEANS: Mapping[str, str] = {
    "source_watched": "1 while a source is watched.",
    "source_needs_operator": "1 while a source waits for somebody.",
    "source_read_age_seconds": "Seconds since a source was last read.",
    "source_lag_seconds": "Seconds from writing a post to having it, of the newest posts.",
    "source_failures": "Passes over a source in a row that failed; 0: the last one went well.",
    "source_open_gaps": "Ranges that could not be read and may be missing.",
    "sources": "Sources by platform, and by what is the matter with them.",
    "dead_letters": "Items that could not be taken in, by platform.",
    "newest_post_age_seconds": "How long ago the newest post came in.",
    "pushed_age_seconds": "How long the oldest pushed item waits to be taken in.",
    "posts_unjudged": f"Posts that no model has judged as they stand, counted up to {_NEWEST:,}.",
    "unjudged_age_seconds": "How long the oldest of them waits.",
    "batch_posts": f"Posts that were judged at once, of the newest {_NEWEST:,} verdicts.",
    "score": f"Scores of the newest {_NEWEST:,} verdicts, by model version.",
    "posts_unreadable": f"Of the newest {_NEWEST:,} verdicts, those on a language that the model cannot read.",
    "model_champion": "The model version in use.",
    "queue_age_seconds": "How long the oldest lead waits to be looked at.",
    "leads": "Leads by stage.",
    "replies": "Replies by state.",
    "reply_outcomes": f"What became of the replies sent within {_SENT_WITHIN.days} days.",
    "reply_stops": "Stops that keep replies from going out.",
    "deliveries": "Alerts and webhooks on their way out, by state.",
    "delivery_failures": "Alerts, webhooks and pushes to CRMs that failed: tried again later, or given up.",
    "receivers_failing": "Receivers at which nothing has arrived since something failed.",
    "jobs": "Jobs of the workers by state.",
    "jobs_failed": "Jobs that were given up, by task.",
    "workers": "Workers that gave a sign of life; a process is one for each queue that it serves.",
}
"""Every figure there is, in plain words; it may have no number just now."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One number at one time."""

    name: str
    """One of `MEANS`: as Prometheus names things, with its unit at the end."""
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Spread:
    """How many of the newest were how large."""

    name: str
    up_to: Sequence[tuple[float, int]]
    """Bounds, and how many are not above them."""
    total: float
    labels: Mapping[str, str] = field(default_factory=dict)


def figures(session: Session, *, now: datetime) -> Iterator[Figure | Spread]:
    """Everything, in some twenty statements, none of which looks at all posts."""
    yield from _sources(source_health.health(session, now), now)
    yield from _coming_in(session, now)
    yield from _judged(session)
    yield from _queue(session, now)
    yield from _replies(session, now)
    yield from _deliveries(session)
    yield from _jobs(session)


# --- what comes in -------------------------------------------------------------------------------------------------


def _sources(health: Sequence[SourceHealth], now: datetime) -> Iterator[Figure]:
    for one in health:
        source = one.source
        labels = {"source": str(source.id), "platform": source.platform.value, "community": source.community}
        yield Figure("source_watched", source.state is SourceState.WATCHING, labels)
        yield Figure("source_needs_operator", one.concern is Concern.NEEDS_OPERATOR, labels)
        yield Figure("source_failures", source.failures, labels)
        yield Figure("source_open_gaps", one.gaps_open, labels)
        if source.read_at:
            yield Figure("source_read_age_seconds", (now - source.read_at).total_seconds(), labels)
        if one.lag:
            yield Figure("source_lag_seconds", one.lag.p50, labels | {"quantile": "0.5"})
            yield Figure("source_lag_seconds", one.lag.p95, labels | {"quantile": "0.95"})
    counted = Counter((one.source.platform, one.concern) for one in health)
    for platform in {one.source.platform: None for one in health}:
        for concern in Concern:
            labels = {"platform": platform.value, "concern": concern.name.lower()}
            yield Figure("sources", counted[platform, concern], labels)


def _coming_in(session: Session, now: datetime) -> Iterator[Figure]:
    for platform, number in {None: 0, **_count(session, DeadLetter.platform)}.items():
        yield Figure("dead_letters", number, {"platform": platform.value if platform else "unknown"})
    last = session.scalar(sa.select(sa.func.max(Post.id)))
    at = session.scalar(sa.select(Post.collected_at).where(Post.id == last))
    yield Figure("newest_post_age_seconds", _age(at, now))
    pushed = session.scalar(sa.select(sa.func.min(Delivery.received_at)).where(Delivery.taken_at.is_(None)))
    yield Figure("pushed_age_seconds", _age(pushed, now))
    yield Figure("posts_unjudged", judging_queue.waiting(session, at_most=_NEWEST))
    first = sa.select(sa.func.min(UnjudgedPost.post_id)).scalar_subquery()
    unjudged = session.scalar(sa.select(Post.collected_at).where(Post.id == first))
    yield Figure("unjudged_age_seconds", _age(unjudged, now))


# --- what the model says -------------------------------------------------------------------------------------------


def _judged(session: Session) -> Iterator[Figure | Spread]:
    champion = versions.champion(session)
    if champion:
        yield Figure("model_champion", 1, {"version": champion.name})
    columns = (Prediction.at, Prediction.model_version, Prediction.score, Prediction.is_judged)
    newest = sa.select(*columns).order_by(Prediction.id.desc()).limit(_NEWEST).subquery().c
    # A batch is written at one moment. Of the oldest one a part may lie beyond those that are looked at.
    batches = (
        sa.select(newest.at, sa.func.count().label("posts")).group_by(newest.at, newest.model_version).subquery().c
    )
    sizes = _count(session, batches.posts)
    yield _spread("batch_posts", _BATCHES, sizes, sum(posts * number for posts, number in sizes.items()))
    step = sa.case(*((newest.score <= bound, bound) for bound in _SCORES), else_=_SCORES[-1])
    by_version: dict[str, dict[float, int]] = {}
    totals, unreadable = Counter[str](), 0
    counted = sa.select(newest.model_version, newest.is_judged, step, sa.func.count(), sa.func.sum(newest.score))
    for version, is_judged, bound, number, total in session.execute(counted.group_by(sa.text("1, 2, 3"))):
        if is_judged:
            by_version.setdefault(version, {})[bound] = number
            totals[version] += total
        else:
            unreadable += number
    for version, scores in by_version.items():
        yield _spread("score", _SCORES, scores, totals[version], {"version": version})
    yield Figure("posts_unreadable", unreadable)


def _spread(
    name: str,
    bounds: Sequence[float],
    numbers: Mapping[float, int],
    total: float,
    labels: Mapping[str, str] | None = None,
) -> Spread:
    """`numbers`: how many are this large."""
    up_to = [(bound, sum(number for size, number in numbers.items() if size <= bound)) for bound in bounds]
    return Spread(name, [*up_to, (inf, sum(numbers.values()))], total, labels or {})


# --- what people do ------------------------------------------------------------------------------------------------


def _queue(session: Session, now: datetime) -> Iterator[Figure]:
    # Counted by the index alone; the few that were merged are taken off.
    merged = _count(session, Lead.stage, Lead.id.in_(sa.select(Lead.id).where(Lead.merged_into_id.is_not(None))))
    counted = _count(session, Lead.stage)
    for stage in Stage:
        yield Figure("leads", counted.get(stage, 0) - merged.get(stage, 0), {"stage": stage.value})
    oldest = session.scalar(
        sa.select(sa.func.min(Lead.stage_changed_at)).where(
            Lead.stage == Stage.MARKETING_QUALIFIED,
            Lead.merged_into_id.is_(None),
            sa.or_(Lead.snoozed_until.is_(None), Lead.snoozed_until <= now),
        )
    )
    yield Figure("queue_age_seconds", _age(oldest, now))


def _replies(session: Session, now: datetime) -> Iterator[Figure]:
    replies = _count(session, Reply.state)
    for state in ReplyState:
        yield Figure("replies", replies.get(state, 0), {"state": state.value})
    stops = sa.select(sa.func.count()).select_from(ReplyStop).where(ReplyStop.lifted_at.is_(None))
    yield Figure("reply_stops", session.scalar(stops) or 0)

    def came_back(*what: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
        return sa.exists().where(Answer.reply_id == Reply.id, Answer.is_recipient, *what)

    # Each reply counts once: by the first of these that holds.
    outcomes: dict[str, sa.ColumnElement[bool]] = {"removed": Reply.removed_at.is_not(None)}
    for kind in (AnswerKind.STOP, AnswerKind.POSITIVE, AnswerKind.QUESTION, AnswerKind.NEGATIVE):
        outcomes[kind.value] = came_back(Answer.confirmed == kind)
    outcomes["unconfirmed"] = came_back()
    outcome = sa.case(*((holds, sa.literal(name)) for name, holds in outcomes.items()), else_="unanswered")
    sent = sa.select(outcome.label("outcome")).where(Reply.state == ReplyState.SENT, Reply.sent_at > now - _SENT_WITHIN)
    found = _count(session, sent.subquery().c.outcome)
    for name in (*outcomes, "unanswered"):
        yield Figure("reply_outcomes", found.get(name, 0), {"outcome": name})


# --- what goes out, and who does it --------------------------------------------------------------------------------

_CRM = "crm"
_WAYS = (*(way.value for way in AlertWay), _CRM)


def _deliveries(session: Session) -> Iterator[Figure]:
    told = _count(session, OutboundDelivery.state)
    for state in OutboundState:
        yield Figure("deliveries", told.get(state, 0), {"state": state.value})
    for kind, state in {"given_up": OutboundState.FAILED, "tried_again": OutboundState.PENDING}.items():
        failures = _failures(session, state)
        for way in _WAYS:
            yield Figure("delivery_failures", failures[way], {"way": way, "kind": kind})
    failing = Counter(_by_way(session))
    for way in _WAYS:
        yield Figure("receivers_failing", failing[way], {"way": way})


def _failures(session: Session, state: OutboundState) -> Counter[str]:
    """What was tried and has not arrived, by way."""
    way = sa.case(
        (OutboundDelivery.webhook_id.is_not(None), AlertWay.WEBHOOK.value),
        (OutboundDelivery.recipient_id.is_not(None), AlertWay.MAIL.value),
        else_=AlertRule.way,
    )
    tried = (
        sa.select(way.label("way"))
        .select_from(OutboundDelivery)
        .outerjoin(AlertRule, AlertRule.id == OutboundDelivery.rule_id)
        .where(OutboundDelivery.state == state, OutboundDelivery.attempts > 0)
        .subquery()
    )
    found = Counter(_count(session, tried.c.way))
    pushes = sa.select(sa.func.count()).select_from(CrmLink).where(CrmLink.state == state, CrmLink.attempts > 0)
    return found + Counter({_CRM: session.scalar(pushes) or 0})


def _by_way(session: Session) -> Iterator[str]:
    """The way of each receiver that fails just now."""
    yield from (AlertWay.WEBHOOK.value for _ in session.scalars(_failing(Webhook)))
    yield from (AlertWay.MAIL.value for _ in session.scalars(_failing(AlertRecipient)))
    yield from session.scalars(sa.select(AlertRule.way).where(AlertRule.failing_since.is_not(None)))
    yield from (_CRM for _ in session.scalars(_failing(CrmConnection)))


def _failing(kind: type[Webhook | AlertRecipient | CrmConnection]) -> sa.Select[int]:
    return sa.select(kind.id).where(kind.failing_since.is_not(None))


def _jobs(session: Session) -> Iterator[Figure]:
    states = Counter({jobs.WAITING: 0, jobs.RUNNING: 0, jobs.FAILED: 0})
    for task, by_state in jobs.counts(session).items():
        states.update(by_state)
        yield Figure("jobs_failed", by_state.get(jobs.FAILED, 0), {"task": task})
    for state, number in states.items():
        yield Figure("jobs", number, {"state": state})
    if jobs.has_jobs(session):
        yield Figure("workers", jobs.workers_alive(session))


def _count(session: Session, column: sa.SQLColumnExpression[Any], *which: sa.ColumnElement[bool]) -> dict[Any, int]:
    """How many rows there are of each value."""
    counted = sa.select(column, sa.func.count()).where(*which).group_by(column)
    return {value: number for value, number in session.execute(counted)}  # noqa: C416 - dict() takes a result for a mapping


def _age(since: datetime | None, now: datetime) -> float:
    """Nothing waits: no time."""
    return (now - since).total_seconds() if since else 0.0
