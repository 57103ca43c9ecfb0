"""What nobody tells us: posts that outlived their retention, and edits and deletions that only asking again shows."""

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, Session

from collectors.base import Clock, Collector, Sleep, Watched
from collectors.run import Lane, lanes, open_collector
from overheard.db import Sessions, make_reading_sessions, scrub, vacuum
from overheard.errors import CollectorError, OverheardError
from overheard.listening import sources
from overheard.listening.erasure import KEPT_FOR, erase
from overheard.listening.intake import Intake, take_in
from overheard.listening.terms import Recheck, Terms, retention
from overheard.modelling.files import follow_erasures
from overheard.models import DeadLetter, Lead, Post, Signal, Source
from overheard.operations.pruning import prune
from overheard.privacy import erasing, ledger
from overheard.settings import Settings
from overheard.vocabulary import Stage

logger = logging.getLogger(__name__)

_BATCH = 100  # ids of one question and posts of one transaction; Reddit takes as many
# Questions to one source in one sweep: what is left is older by the next one and comes first.
_MOST_QUESTIONS = 100

_NO_LEADS = (Stage.DISQUALIFIED, Stage.LOST)


@dataclass(slots=True)
class SweepSummary:
    """What a sweep did."""

    expired: int = 0
    rechecked: int = 0
    intake: Intake = field(default_factory=Intake)
    """What asking again has shown: edited and erased posts."""
    errors: dict[str, str] = field(default_factory=dict)
    """What could not be asked again, by community."""


def sweep(sessions: Sessions, settings: Settings, *, clock: Clock, sleep: Sleep = time.sleep) -> SweepSummary:
    """Go on with erasures that were left half done, erase what may be kept no longer, ask again for what may have
    changed, and leave no trace of any of it on disk.
    """
    summary = SweepSummary()
    with sessions.begin() as session:
        ledger.keep(session, settings)
    if erasing.carry_on(sessions, clock=clock, sleep=sleep):
        vacuum(sessions)
    with sessions() as session:
        keeping = {row.id: row for row in session.scalars(sa.select(Source).where(Source.terms.is_not(None)))}
        found = lanes(session)
    for source in keeping.values():
        summary.expired += _expire(sessions, source, now=clock())
    for lane in found:
        _recheck_lane(sessions, settings, lane, summary, clock=clock, sleep=sleep)
    _prune(sessions, settings, clock=clock)
    with sessions.begin() as session:
        follow_erasures(session, settings)
    scrub(sessions)
    logger.info("swept", extra={"action": "swept", "expired": summary.expired, "rechecked": summary.rechecked})
    return summary


def _prune(sessions: Sessions, settings: Settings, *, clock: Clock) -> None:
    removed = 1
    while removed:
        with sessions.begin() as session:
            removed = prune(session, settings.keep, now=clock())


def _expire(sessions: Sessions, source: Source, *, now: datetime) -> int:
    """Posts that are no lead's go when their time is over; where no deletion can be learned of, leads' go as well."""
    kept_for, terms = retention(source), Terms.of(source)
    if kept_for is None or terms is None:
        return 0
    expired = sa.select(Post.external_id).where(Post.source_id == source.id, Post.collected_at < now - kept_for)
    if terms.recheck is not Recheck.NONE:
        expired = expired.where(~_is_a_leads())
    reason = f"{KEPT_FOR}{kept_for.total_seconds() / 3600:.0f} hours"
    count = 0
    for post_ids in _batches(sessions, expired.with_only_columns(Post.id), Post.id):
        with sessions.begin() as session:  # what has become a lead's meanwhile stays
            ids = session.scalars(expired.where(Post.id.in_(post_ids))).all()
            erase(session, {(source.platform, external_id): reason for external_id in ids}, now=now)
        count += len(ids)
    # What could not be taken in is theirs too.
    letters = sa.select(DeadLetter.id).where(DeadLetter.origin == source.origin, DeadLetter.at < now - kept_for)
    for letter_ids in _batches(sessions, letters, DeadLetter.id):
        with sessions.begin() as session:
            session.execute(sa.delete(DeadLetter).where(DeadLetter.id.in_(letter_ids)))
    return count


def _batches(sessions: Sessions, wanted: sa.Select[int], key: InstrumentedAttribute[int]) -> Iterator[Sequence[int]]:
    """Keys, a batch at a time. A session that only reads looks for them: among a million nobody waits for it."""
    reading, last = make_reading_sessions(sessions.kw["bind"]), 0
    while True:
        with reading() as session:
            keys = session.scalars(wanted.where(key > last).order_by(key).limit(_BATCH)).all()
        if not keys:
            return
        yield keys
        last = keys[-1]


def _is_a_leads() -> sa.Exists:
    is_open = Lead.stage.not_in(_NO_LEADS)
    return sa.exists().where(Signal.post_id == Post.id, Signal.lead_id == Lead.id, is_open)


def _recheck_lane(
    sessions: Sessions, settings: Settings, lane: Lane, summary: SweepSummary, *, clock: Clock, sleep: Sleep
) -> None:
    now = clock()
    wanted = [source for source in lane.sources if sources.waits_until(source, now) is None]
    with sessions() as session:
        wanted = [source for source in wanted if _next_to_recheck(session, source, now=now)]
    if not wanted:
        return
    try:
        with open_collector(settings, lane, clock=clock, sleep=sleep) as collector:
            for source in wanted:
                _recheck_source(sessions, collector, source, summary, clock=clock)
    except OverheardError as error:
        summary.errors |= {source.community: str(error) for source in wanted}


def _next_to_recheck(session: Session, source: Source, *, now: datetime) -> Sequence[str]:
    terms = Terms.of(source)
    if terms is None or terms.recheck is Recheck.NONE:
        return ()
    oldest = now - timedelta(hours=terms.recheck_hours)
    here = sa.select(Post.external_id).where(
        Post.source_id == source.id, sa.or_(Post.checked_at.is_(None), Post.checked_at <= oldest)
    )
    ids = session.scalars(here.where(_is_a_leads()).order_by(Post.checked_at).limit(_BATCH)).all()
    if ids or terms.recheck is Recheck.LEADS:
        return ids
    others = here.where(sa.or_(Post.recheck_at.is_(None), Post.recheck_at <= now))
    return session.scalars(others.order_by(Post.checked_at).limit(_BATCH)).all()


def _plan_the_next(session: Session, source: Source, ids: Sequence[str], *, now: datetime) -> None:
    """Each time a post is asked for, it is left in peace for as long as it has been here: after 1, 2, 4, 8 days…

    So what is written today is seen to be gone within two days, and a year of posts costs nine questions each.
    """
    statement = sa.select(Post.id, Post.collected_at).where(Post.platform == source.platform)
    for post_id, collected_at in session.execute(statement.where(Post.external_id.in_(ids))).all():
        values = {"checked_at": now, "recheck_at": now + (now - collected_at)}
        session.execute(sa.update(Post).where(Post.id == post_id).values(**values))


def _recheck_source(
    sessions: Sessions, collector: Collector, source: Source, summary: SweepSummary, *, clock: Clock
) -> None:
    origin = source.origin
    for _ in range(_MOST_QUESTIONS):
        with sessions() as session:
            ids = _next_to_recheck(session, source, now=clock())
            spent = sources.spent_this_month(session, source.mode or "", now=clock())
        if not ids:
            return
        watched = Watched(source.address or "", source.community, source.options or {}, spent)
        try:
            items = [item for batch in collector.recheck(watched, ids) for item in batch]
        except CollectorError as error:
            summary.errors[source.community] = str(error)
            with sessions.begin() as session:
                sources.record_failure(session, source.id, error, now=clock())
                _record_spending(session, collector, source, now=clock())
            return
        with sessions.begin() as session:
            summary.intake.add(take_in(session, items, origin=origin, now=clock(), settings=collector.settings))
            _plan_the_next(session, source, ids, now=clock())
            _record_spending(session, collector, source, now=clock())
        summary.rechecked += len(ids)


def _record_spending(session: Session, collector: Collector, source: Source, *, now: datetime) -> None:
    requests, cost = collector.meter.take()
    sources.record_usage(session, source.id, requests=requests, cost=cost, now=now)
