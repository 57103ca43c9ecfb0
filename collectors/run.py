"""One pass over the sources that are watched. Here, and only here, a page and its cursor are committed together."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from collectors import collector_class
from collectors.base import Clock, Collector, Delivery, Missed, Page, Reading, Sleep, Tools, Watched
from overheard import models
from overheard.db import TROUBLE, Sessions, make_reading_sessions, told, upsert
from overheard.errors import CollectorError, OverheardError
from overheard.listening import credentials, sources
from overheard.listening.intake import Intake, take_in
from overheard.listening.posts import NewPost, erased_among
from overheard.models import Credential, DeadLetter, Gap, Post, Revisit, Source
from overheard.settings import Settings
from overheard.text import says_it_is_a_bots
from overheard.tracing import step
from overheard.vocabulary import Platform, SourceState

logger = logging.getLogger(__name__)

_DELIVERIES = 200  # of one page
_LONGEST_NAP = 1.0  # seconds

OPTION_KEEP = "keep"
"""Option of a source: `matches` stores only posts that a query meets. For firehoses."""


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
    is_noted: bool = True
    """Whether how it went could be written down. If not, the source looks as if it had not been read."""
    seconds: float = 0.0


OnProgress = Callable[[CollectSummary], None]
"""Called after every page, with the summary as it is by then."""


@dataclass(frozen=True)
class Lane:
    """The sources of one account: they share its limits, so they are read one after the other."""

    mode: str
    credential: Credential | None
    sources: Sequence[Source]

    @property
    def key(self) -> tuple[str, int | None]:
        """What makes it this lane."""
        return self.mode, self.credential.id if self.credential else None

    @property
    def addresses(self) -> tuple[str, ...]:
        """What is read in it."""
        return tuple(source.address or "" for source in self.sources)


def lanes(session: Session, *where: sa.ColumnElement[bool]) -> list[Lane]:
    """All that is to be read, or that of it of which this holds, by account."""
    return lanes_of(sources.watched(session, Source.state == SourceState.WATCHING, *where))


def lanes_of(some: Sequence[Source]) -> list[Lane]:
    """These sources, by account."""
    found: dict[tuple[str, int | None], Lane] = {}
    for source in some:
        lane = Lane(source.mode or "", source.credential, [])
        lane = found.setdefault(lane.key, lane)
        found[lane.key] = Lane(lane.mode, lane.credential, [*lane.sources, source])
    return list(found.values())


def open_collector(settings: Settings, lane: Lane, *, clock: Clock, sleep: Sleep) -> Collector:
    """The collector of a lane. `OverheardError` when it cannot be had."""
    secrets = credentials.unseal(settings, lane.credential) if lane.credential else {}
    return collector_class(lane.mode)(Tools(settings, clock, sleep, secrets, lane.addresses))


def short_nap(seconds: float) -> None:
    """How to wait where a person waits for the answer: a moment, whatever the platform asks for."""
    time.sleep(min(seconds, _LONGEST_NAP))


def collect(
    sessions: Sessions,
    settings: Settings,
    *,
    clock: Clock,
    platform: Platform | None = None,
    sleep: Sleep = time.sleep,
    on_progress: OnProgress = lambda _: None,
) -> list[CollectSummary]:
    """Read every watched source (of one platform, if one is named) up to now. One that fails keeps no other out."""
    summaries: list[CollectSummary] = []
    try:
        with sessions() as session:
            found = lanes(session)
    except TROUBLE as error:
        raise OverheardError(told(error)) from error
    for lane in found:
        wanted = [source for source in lane.sources if platform in (None, source.platform)]
        if not wanted:
            continue
        try:
            with open_collector(settings, lane, clock=clock, sleep=sleep) as collector:
                reader = Reader(sessions, collector, lane.mode, clock, on_progress)
                summaries += [reader.read(source) for source in wanted]
        except OverheardError as error:
            summaries += [_fail(sessions, source, error, now=clock()) for source in wanted]
    return summaries


def _fail(sessions: Sessions, source: Source, error: OverheardError, *, now: datetime) -> CollectSummary:
    """The account could not even be opened."""
    failure = error if isinstance(error, CollectorError) else CollectorError(str(error), permanent=True)
    with sessions.begin() as session:
        sources.record_failure(session, source.id, failure, now=now)
    return CollectSummary(source.platform, source.community, error=failure)


@dataclass(frozen=True)
class Reader:
    """Reads the sources of one lane with one collector."""

    sessions: Sessions
    collector: Collector
    mode: str
    clock: Clock
    on_progress: OnProgress = lambda _: None
    stays: Callable[[], bool] = lambda: False
    gives_way: Callable[[], bool] = lambda: False
    """Whether a pass is to end early, as others of its lane wait. Asked once the cursor has moved: what was read so far
    is not read again, so the source comes to its end by turns."""

    def read(self, source: Source) -> CollectSummary:
        """One pass, and how it went is written down."""
        started = time.monotonic()
        summary = CollectSummary(source.platform, source.community, error=_told_to_wait(source, now=self.clock()))
        if summary.error is not None:
            return summary
        try:
            try:
                with step("collect", source=source.id, platform=source.platform) as tell:
                    self._pass(source, summary)
                    tell("new", summary.intake.new)
            except (CollectorError, *TROUBLE) as error:
                summary.error = error if isinstance(error, CollectorError) else CollectorError(told(error))
                self._note_failure(source, summary.error)
            else:
                logger.info("read a source", extra={"action": "collect_finished", "source_id": source.id})
            with self._reads() as session:
                count = sa.select(sa.func.count()).select_from(Revisit).where(Revisit.source_id == source.id)
                summary.waiting = session.scalar(count) or 0
        except TROUBLE as error:
            summary.error, summary.is_noted = CollectorError(told(error)), False
            logger.error(told(error), extra={"action": "collect_failed", "source_id": source.id})  # noqa: TRY400 - no bug
        summary.seconds = time.monotonic() - started
        return summary

    def _note_failure(self, source: Source, error: CollectorError) -> None:
        with self.sessions.begin() as session:
            sources.record_failure(session, source.id, error, now=self.clock())
            self._record_spending(session, source.id)
        logger.warning("could not read a source", extra={"action": "collect_failed", "source_id": source.id})

    def _reads(self) -> Session:
        """A session that only reads, and on SQLite waits for no writer."""
        return make_reading_sessions(self.sessions.kw["bind"])()

    def _pass(self, source: Source, summary: CollectSummary) -> None:
        with self._reads() as session:
            row = session.get_one(Source, source.id)  # the cursor may have moved since the list was made
            reading = self._reading(session, row)
            spent = sources.spent_this_month(session, self.mode, now=self.clock())
            watched = Watched(row.address or "", row.community, row.options or {}, spent)
        cursor = reading.cursor
        for page in self.collector.pages(watched, reading):
            taking = step("take in", source=source.id, platform=source.platform, items=len(page.items))
            with taking, self.sessions.begin() as session:
                now = self.clock()
                intake = _take_page(session, row, page, cursor, now=now, settings=self.collector.settings)
                sources.hand_down_terms(session, self.collector.terms, created_at=now)
                self._record_spending(session, source.id)
            cursor = page.cursor or cursor
            summary.intake.add(intake)
            summary.missed += len(page.missed)
            summary.left = page.left
            self.on_progress(summary)
            if cursor != reading.cursor and self.gives_way():
                with self.sessions.begin() as session:
                    sources.record_alive(session, source.id, now=self.clock())  # due at once, behind those that wait
                return
        with self.sessions.begin() as session:
            pause = self.collector.pause
            sources.record_success(session, source.id, new=summary.intake.new, pause=pause, now=self.clock())
            session.get_one(Source, source.id).terms = self.collector.terms.as_json()
            self._record_spending(session, source.id)

    def _record_spending(self, session: Session, source_id: int) -> None:
        requests, cost = self.collector.meter.take()
        sources.record_usage(session, source_id, requests=requests, cost=cost, now=self.clock())
        if self.collector.meter.budget is not None:
            session.execute(sa.update(Source).where(Source.id == source_id).values(budget=self.collector.meter.budget))

    def _reading(self, session: Session, source: Source) -> Reading:
        def stored(external_ids: Sequence[str]) -> frozenset[str]:
            return self._among(source.platform, external_ids, Post)

        def known(external_ids: Sequence[str]) -> frozenset[str]:
            found = self._among(source.platform, external_ids, Post, DeadLetter)
            with self._reads() as reading:
                gone = erased_among(reading, [(source.platform, external_id) for external_id in external_ids])
            return found | {external_id for _, external_id in gone}

        revisits = session.scalars(sa.select(Revisit).filter_by(source_id=source.id))
        gaps = session.scalars(sa.select(Gap).where(Gap.source_id == source.id, Gap.repaired_at.is_(None)))
        return Reading(
            cursor=source.cursor,
            revisits={revisit.external_id: revisit.first_asked_at for revisit in revisits},
            stored=stored,
            known=known,
            held=lambda since: self._held(source, since),
            gaps=[Missed(gap.first, gap.last, gap.reason) for gap in gaps],
            deliveries=lambda: self._deliveries(source),
            stays=self.stays,
        )

    def _among(
        self, platform: Platform, external_ids: Sequence[str], *tables: type[Post | DeadLetter]
    ) -> frozenset[str]:
        found: set[str] = set()
        with self._reads() as session:
            for table in tables:
                here = (table.platform == platform) & table.external_id.in_(external_ids)
                found.update(id_ for id_ in session.scalars(sa.select(table.external_id).where(here)) if id_)
        return frozenset(found)

    def _held(self, source: Source, since: datetime) -> dict[str, str | None]:
        here = sa.select(Post.external_id, Post.parent_external_id).where(Post.source_id == source.id)
        with self._reads() as session:
            return {id_: parent for id_, parent in session.execute(here.where(Post.posted_at >= since))}  # noqa: C416 - rows are no pairs to mypy

    def _deliveries(self, source: Source) -> list[Delivery]:
        table = models.Delivery
        waiting = (
            sa.select(table)
            .where(table.credential_id == source.credential_id, table.address == source.address)
            .where(table.taken_at.is_(None))
            .order_by(table.id)
            .limit(_DELIVERIES)
        )
        with self._reads() as session:
            return [Delivery(row.id, row.raw, row.received_at) for row in session.scalars(waiting)]


def _told_to_wait(source: Source, *, now: datetime) -> CollectorError | None:
    """The platform's word holds after a restart too."""
    until = sources.waits_until(source, now)
    if until is None:
        return None
    return CollectorError(
        f"{source.platform.display} asked us to wait until {until:%Y-%m-%d %H:%M:%S} UTC.",
        retry_after=(until - now).total_seconds(),
    )


def _take_page(
    session: Session, source: Source, page: Page, cursor: str | None, *, now: datetime, settings: Settings
) -> Intake:
    keeps_all = (source.options or {}).get(OPTION_KEEP) != "matches"
    items = [item for item in page.items if not (isinstance(item, NewPost) and says_it_is_a_bots(item.body))]
    intake = take_in(session, items, origin=source.origin, now=now, keeps_all=keeps_all, settings=settings)
    _add(session, Revisit, ({"external_id": id_, "first_asked_at": now} for id_ in page.ask_again), source.id)
    missed = ({"first": gap.first, "last": gap.last, "reason": gap.reason, "found_at": now} for gap in page.missed)
    _add(session, Gap, missed, source.id)
    for gap in page.repaired:
        here = (Gap.source_id == source.id) & (Gap.first == gap.first) & (Gap.last == gap.last)
        session.execute(sa.update(Gap).where(here).values(repaired_at=now))
    if page.settled:
        settled = sa.delete(Revisit).where(Revisit.source_id == source.id, Revisit.external_id.in_(page.settled))
        session.execute(settled)
    if page.taken:
        taken = sa.update(models.Delivery).where(models.Delivery.id.in_(page.taken))
        session.execute(taken.values(taken_at=now, raw=b""))
    _move(session, source.id, cursor, page.cursor or cursor)
    return intake


def _add(session: Session, table: type[Revisit | Gap], rows: Iterable[Mapping[str, object]], source: int) -> None:
    values = [{**row, "source_id": source} for row in rows]
    if values:
        session.execute(upsert(session, table).on_conflict_do_nothing(), values)


def _move(session: Session, source: int, known: str | None, cursor: str | None) -> None:
    """Move the cursor on from where we know it to be, or leave it there. It is a fencing token: when somebody else has
    moved it, nothing of our page is stored, cursor or none.
    """
    moved = session.execute(
        sa.update(Source)
        .where(Source.id == source, Source.cursor.is_not_distinct_from(known))
        .values(cursor=cursor)
        .returning(Source.id)
    )
    if moved.first() is None:
        raise CollectorError("Another process is reading this source: wait for it, or end it.")
