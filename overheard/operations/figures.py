"""What is measured of a running installation, for whoever is on call. Numbers only: no texts, and nobody's name.

All of it is read from the tables, so any web process tells the same of all workers, and none has to be asked itself.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.listening import source_health
from overheard.modelling import versions
from overheard.models import DeadLetter, Delivery, Lead, OutboundDelivery, Post, Prediction, Reply, ReplyStop
from overheard.notifications.outbound_vocabulary import OutboundState
from overheard.operations import jobs
from overheard.vocabulary import ReplyState, SourceState, Stage

_NEWEST = 10_000  # posts: what is looked through at every asking


@dataclass(frozen=True, slots=True)
class Figure:
    """One number at one time."""

    name: str
    """As Prometheus names things: with its unit at the end."""
    means: str
    value: float
    labels: Mapping[str, str]


def figures(session: Session, *, now: datetime) -> Iterator[Figure]:
    """Everything, in a dozen statements; the dearest counts the predictions of the newest posts only."""
    yield from _sources(session, now)
    yield from _queue(session, now)
    yield from _waiting(session, now)
    yield from _jobs(session)


def _sources(session: Session, now: datetime) -> Iterator[Figure]:
    lag, late = (
        "Seconds from writing a post to having it, of the newest posts.",
        "Seconds since a source was last read.",
    )
    for one in source_health.health(session, now):
        source = one.source
        labels = {"source": str(source.id), "platform": source.platform.value, "community": source.community}
        watched, needs = source.state is SourceState.WATCHING, one.concern is source_health.Concern.NEEDS_OPERATOR
        yield Figure("source_watched", "1 while a source is watched.", watched, labels)
        yield Figure("source_needs_operator", "1 while a source waits for somebody.", needs, labels)
        if source.read_at:
            yield Figure("source_read_age_seconds", late, (now - source.read_at).total_seconds(), labels)
        if one.lag:
            yield Figure("source_lag_seconds", lag, one.lag.p50, labels | {"quantile": "0.5"})
            yield Figure("source_lag_seconds", lag, one.lag.p95, labels | {"quantile": "0.95"})
        yield Figure("source_open_gaps", "Ranges that could not be read and may be missing.", one.gaps_open, labels)


def _queue(session: Session, now: datetime) -> Iterator[Figure]:
    statement = sa.select(Lead.stage, sa.func.count()).where(Lead.merged_into_id.is_(None)).group_by(Lead.stage)
    counted = {stage: number for stage, number in session.execute(statement)}  # noqa: C416 - dict() confuses mypy
    for stage in Stage:
        yield Figure("leads", "Leads by stage.", counted.get(stage, 0), {"stage": stage.value})
    oldest = session.scalar(
        sa.select(sa.func.min(Lead.stage_changed_at)).where(
            Lead.stage == Stage.MARKETING_QUALIFIED,
            Lead.merged_into_id.is_(None),
            sa.or_(Lead.snoozed_until.is_(None), Lead.snoozed_until <= now),
        )
    )
    yield Figure("queue_age_seconds", "How long the oldest lead waits to be looked at.", _age(oldest, now), {})
    champion = versions.champion(session)
    if champion:
        yield Figure("model_champion", "The model version in use.", 1, {"version": champion.name})
    newest = sa.select(Post.id).order_by(Post.id.desc()).limit(_NEWEST).subquery()
    judged = sa.exists().where(Prediction.post_id == newest.c.id)
    unjudged = session.scalar(sa.select(sa.func.count()).select_from(newest).where(~judged)) or 0
    yield Figure("posts_unjudged", f"Of the newest {_NEWEST:,} posts, those that no model has judged.", unjudged, {})
    last = session.scalar(sa.select(sa.func.max(Post.id)))
    at = session.scalar(sa.select(Post.collected_at).where(Post.id == last))
    yield Figure("newest_post_age_seconds", "How long ago the newest post came in.", _age(at, now), {})


def _waiting(session: Session, now: datetime) -> Iterator[Figure]:
    replies, told = _count(session, Reply.state), _count(session, OutboundDelivery.state)
    for state in ReplyState:
        yield Figure("replies", "Replies by state.", replies.get(state, 0), {"state": state.value})
    for outbound in OutboundState:
        labels = {"state": outbound.value}
        yield Figure("deliveries", "Alerts and webhooks on their way out, by state.", told.get(outbound, 0), labels)
    stops = sa.select(sa.func.count()).select_from(ReplyStop).where(ReplyStop.lifted_at.is_(None))
    yield Figure("reply_stops", "Stops that keep replies from going out.", session.scalar(stops) or 0, {})
    letters = session.scalar(sa.select(sa.func.count()).select_from(DeadLetter)) or 0
    yield Figure("dead_letters", "Items that could not be taken in.", letters, {})
    oldest = session.scalar(sa.select(sa.func.min(Delivery.received_at)).where(Delivery.taken_at.is_(None)))
    yield Figure("pushed_age_seconds", "How long the oldest pushed item waits to be taken in.", _age(oldest, now), {})


def _jobs(session: Session) -> Iterator[Figure]:
    states = Counter({jobs.WAITING: 0, jobs.RUNNING: 0, jobs.FAILED: 0})
    for by_state in jobs.counts(session).values():
        states.update(by_state)
    for state, number in states.items():
        yield Figure("jobs", "Jobs of the workers by state.", number, {"state": state})


def _count(session: Session, state: sa.orm.InstrumentedAttribute[Any]) -> Mapping[Any, int]:
    return {told: number for told, number in session.execute(sa.select(state, sa.func.count()).group_by(state))}  # noqa: C416 - dict() confuses mypy


def _age(since: datetime | None, now: datetime) -> float:
    """Nothing waits: no time."""
    return (now - since).total_seconds() if since else 0.0
