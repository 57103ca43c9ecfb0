"""One pass over all that can be read live. Here, and only here, a page and its cursor are committed together."""

import importlib
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from collectors import COLLECTORS
from collectors.base import Clock, Collector, Page, Reading, Sleep
from overheard.db import Sessions, upsert
from overheard.errors import CollectorError, NotFound
from overheard.intake import Intake, take_in
from overheard.models import Gap, Post, Revisit, Source
from overheard.posts import source_id
from overheard.settings import Settings
from overheard.vocabulary import Platform

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class CollectSummary:
    """What one pass over one source did."""

    platform: Platform
    community: str
    intake: Intake = field(default_factory=Intake)
    waiting: int = 0
    """Items that could not be read yet and will be asked for again."""
    missed: int = 0
    """Ranges given up in this pass, each of them a gap now."""
    left: int = 0
    """Items that are still to be read: more than 0 only while it runs, or after an error."""
    error: CollectorError | None = None
    seconds: float = 0.0


OnProgress = Callable[[CollectSummary], None]
"""Called after every page, with the summary as it is by then."""


def collect(
    sessions: Sessions,
    settings: Settings,
    *,
    clock: Clock,
    platform: Platform | None = None,
    sleep: Sleep = time.sleep,
    on_progress: OnProgress = lambda _: None,
) -> list[CollectSummary]:
    """Read every source (of one platform, if one is named) up to now. One that fails does not keep the others out."""
    summaries: list[CollectSummary] = []
    for each in [platform] if platform else COLLECTORS:
        with _collector_class(each)(settings, clock=clock, sleep=sleep) as collector:
            for community in collector.communities():
                summary = CollectSummary(each, community)
                _collect_source(sessions, collector, summary, clock=clock, on_progress=on_progress)
                summaries.append(summary)
    return summaries


def _collector_class(platform: Platform) -> type[Collector]:
    if platform not in COLLECTORS:
        names = ", ".join(label for label, _ in COLLECTORS.values())
        raise NotFound(f"{platform.display} cannot be read live; what can: {names}. Import a file instead.")
    module, _, name = COLLECTORS[platform][1].partition(":")
    found: type[Collector] = getattr(importlib.import_module(module), name)
    return found


def _collect_source(
    sessions: Sessions, collector: Collector, summary: CollectSummary, *, clock: Clock, on_progress: OnProgress
) -> None:
    started = time.monotonic()
    with sessions.begin() as session:
        source = source_id(session, summary.platform, summary.community, now=clock())
        reading = _reading(sessions, session, source, summary.platform)
    cursor = reading.cursor
    try:
        for page in collector.pages(summary.community, reading):
            with sessions.begin() as session:
                intake = _take_page(session, source, page, cursor, summary, now=clock())
            cursor = page.cursor or cursor
            summary.intake.add(intake)
            summary.missed += len(page.missed)
            summary.left = page.left
            on_progress(summary)
        with sessions.begin() as session:
            session.execute(sa.update(Source).where(Source.id == source).values(read_at=clock()))
    except CollectorError as error:
        summary.error = error
        logger.warning("could not read a source", extra={"action": "collect_failed", "source_id": source})
    else:
        logger.info("read a source", extra={"action": "collect_finished", "source_id": source})
    with sessions() as session:
        count = sa.select(sa.func.count()).select_from(Revisit).where(Revisit.source_id == source)
        summary.waiting = session.scalar(count) or 0
    summary.seconds = time.monotonic() - started


def _reading(sessions: Sessions, session: Session, source: int, platform: Platform) -> Reading:
    def stored(external_ids: Sequence[str]) -> frozenset[str]:
        with sessions() as reader:
            statement = sa.select(Post.external_id).where(Post.platform == platform, Post.external_id.in_(external_ids))
            return frozenset(reader.scalars(statement))

    revisits = session.scalars(sa.select(Revisit).filter_by(source_id=source))
    return Reading(
        cursor=session.scalars(sa.select(Source.cursor).where(Source.id == source)).one(),
        revisits={revisit.external_id: revisit.first_asked_at for revisit in revisits},
        stored=stored,
    )


def _take_page(
    session: Session, source: int, page: Page, cursor: str | None, summary: CollectSummary, *, now: datetime
) -> Intake:
    intake = take_in(session, page.items, origin=f"{summary.platform.display}: {summary.community}", now=now)
    _add(session, Revisit, ({"external_id": id_, "first_asked_at": now} for id_ in page.ask_again), source)
    missed = ({"first": gap.first, "last": gap.last, "reason": gap.reason, "found_at": now} for gap in page.missed)
    _add(session, Gap, missed, source)
    if page.settled:
        settled = sa.delete(Revisit).where(Revisit.source_id == source, Revisit.external_id.in_(page.settled))
        session.execute(settled)
    if page.cursor is not None:
        _move(session, source, cursor, page.cursor)
    return intake


def _add(session: Session, table: type[Revisit | Gap], rows: Iterable[dict[str, object]], source: int) -> None:
    values = [{**row, "source_id": source} for row in rows]
    if values:
        session.execute(upsert(session, table).on_conflict_do_nothing(), values)


def _move(session: Session, source: int, known: str | None, cursor: str) -> None:
    """Move the cursor on from where we know it to be; whoever came in between has read what we are about to store."""
    moved = session.execute(
        sa.update(Source)
        .where(Source.id == source, Source.cursor.is_not_distinct_from(known))
        .values(cursor=cursor)
        .returning(Source.id)
    )
    if moved.first() is None:
        raise CollectorError("Another process is reading this source: wait for it, or end it.")
