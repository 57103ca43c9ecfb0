"""The sources that are read live: adding, pausing, removing them, and writing down how their passes went."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from overheard.days import CLOCKS_DIFFER
from overheard.db import upsert
from overheard.errors import CollectorError, InvalidInput, NotFound
from overheard.listening.erasure import being_erased
from overheard.listening.posts import source_id
from overheard.listening.terms import Terms
from overheard.models import Delivery, Gap, Revisit, Source, Usage, campaign_sources
from overheard.vocabulary import Platform, SourceState

# Seconds to the next pass after a failure, doubled with each one in a row.
_FIRST_WAIT = 30.0
_LONGEST_WAIT = 3_600.0

# A pass should find fewer new posts than this, or the next one comes sooner; half a window of 100 is left as room.
_NEW_PER_PASS = 30


@dataclass(frozen=True, slots=True)
class Pause:
    """The shortest and the longest time between two passes over a source, in seconds."""

    shortest: float = 10.0
    longest: float = 900.0


def add(
    session: Session,
    *,
    mode: str,
    platform: Platform,
    community: str,
    address: str,
    terms: Terms,
    now: datetime,
    options: Mapping[str, str] | None = None,
    credential_id: int | None = None,
    permitted_by: str | None = None,
    retention_hours: int | None = None,
) -> Source:
    """Watch a community from now on. One that is watched already, or was imported, is read this way from now on."""
    if terms.must_confirm and not permitted_by:
        raise InvalidInput(f"{community} needs a permission that somebody has to confirm: {terms.permission}")
    if (platform, community) in being_erased(session):
        raise InvalidInput(f"{community} is being erased just now. When that is done, it can be added anew.")
    source = session.get_one(Source, source_id(session, platform, community, now=now))
    if (source.mode, source.address) != (mode, address):
        source.cursor = None  # another collector's cursor says nothing to this one
    source.mode, source.address, source.options = mode, address, dict(options or {})
    source.credential_id, source.terms, source.retention_hours = credential_id, terms.as_json(), retention_hours
    source.permitted_by, source.permitted_at = (permitted_by, now) if permitted_by else (None, None)
    _start(source)
    session.flush()
    return source


def watched(session: Session, *where: sa.ColumnElement[bool]) -> Sequence[Source]:
    """All sources that are read live or could be, or those of them of which this holds, with their credentials."""
    statement = sa.select(Source).where(Source.mode.is_not(None), Source.state.is_not(None), *where)
    return session.scalars(statement.options(joinedload(Source.credential)).order_by(Source.id)).all()


def hand_down_terms(session: Session, terms: Terms, *, created_at: datetime) -> None:
    """Posts may be filed under communities that nobody added (an alert mail tells of many): the terms of whoever
    brought the first post hold for them.
    """
    fresh = (Source.created_at == created_at) & Source.mode.is_(None) & Source.terms.is_(None)
    session.execute(sa.update(Source).where(fresh).values(terms=terms.as_json()))


def was_ever_watched(session: Session) -> bool:
    """Whether somebody has ever chosen what to read."""
    chosen = Source.mode.is_not(None) & Source.terms.is_not(None) & Source.address.is_not(None)
    return session.scalar(sa.select(Source.id).where(chosen).limit(1)) is not None


def find(session: Session, name: str) -> Source:
    """The source with this number or community; `NotFound` names what there is."""
    number = int(name) if name.isascii() and name.isdigit() else None
    rows = session.scalars(sa.select(Source).where((Source.community == name) | (Source.id == number))).all()
    if len(rows) != 1:
        communities = ", ".join(session.scalars(sa.select(Source.community).order_by(Source.id).limit(20)))
        problem = "There is no source" if not rows else "There is more than one source"
        raise NotFound(f"{problem} {name!r}. Sources: {communities or 'none yet'}. Numbers: overheard sources list")
    return rows[0]


def of_platform(session: Session, platform: Platform) -> Sequence[Source]:
    """All sources of a platform, however their posts came in."""
    return session.scalars(sa.select(Source).filter_by(platform=platform).order_by(Source.id)).all()


def pause(source: Source) -> None:
    """Stop reading it until it is enabled. What it brought stays."""
    _must_be_live(source)
    source.state = SourceState.PAUSED


def enable(source: Source) -> None:
    """Read it again, at once."""
    _must_be_live(source)
    _start(source)


def remove(source: Source) -> None:
    """Read it no more. What it brought stays."""
    source.state, source.credential_id = None, None


def close(session: Session, source: Source) -> int:
    """Nothing comes in any more, not even what is on its way: its posts are to be erased. What had been pushed and was
    not read yet is gone; how much.
    """
    here = (Delivery.credential_id == source.credential_id) & (Delivery.address == source.address)
    pushed = session.scalars(sa.delete(Delivery).where(here, Delivery.taken_at.is_(None)).returning(Delivery.id)).all()
    remove(source)
    source.cursor = None  # by which whoever is reading it notices
    session.flush()
    return len(pushed)


def forget(session: Session, source: Source) -> None:
    """A source without posts goes, with what was noted about reading it."""
    for table in (Revisit, Gap, Usage):
        session.execute(sa.delete(table).where(table.source_id == source.id))
    source.mode, source.cursor, source.terms = None, None, None
    if session.scalar(sa.select(campaign_sources.c.campaign_id).filter_by(source_id=source.id).limit(1)) is None:
        session.delete(source)  # else it stays, empty: a campaign that names no source at all listens to every one
    session.flush()


def _must_be_live(source: Source) -> None:
    if source.state is None:
        raise InvalidInput(f"{source.community} is not read live; its posts were imported or given by hand.")


def _start(source: Source) -> None:
    source.state, source.next_run_at, source.not_before = SourceState.WATCHING, None, None
    source.failures, source.last_error, source.last_error_at = 0, None, None


def is_ahead(source: Source, now: datetime) -> bool:
    """Whether something was noted of it at a time that is yet to come: a clock was wrong, and so is what was planned
    by it.
    """
    return any(at is not None and at > now + CLOCKS_DIFFER for at in (source.read_at, source.last_error_at))


def waits_until(source: Source, now: datetime) -> datetime | None:
    """Until when its platform asked us to wait; None: it did not, or that is over, or a wrong clock wrote it down."""
    if source.not_before is None or source.not_before <= now or is_ahead(source, now):
        return None
    return source.not_before


def record_success(session: Session, source_id: int, *, new: int, pause: Pause, now: datetime) -> None:
    """A pass came to its end: when the next one is due follows from how much was new.

    What was delivered after it looked for the last time makes it due at once.
    """
    source = session.get_one(Source, source_id, with_for_update=True)  # or a delivery comes between look and word
    interval = source.interval or pause.shortest
    wanted = interval * _NEW_PER_PASS / new if new else interval * 1.5
    source.interval = min(max(wanted, pause.shortest), pause.longest)
    wait = 0.0 if _has_deliveries(session, source) else source.interval
    source.read_at, source.next_run_at, source.not_before = now, now + timedelta(seconds=wait), None
    source.failures, source.last_error, source.last_error_at = 0, None, None


def _has_deliveries(session: Session, source: Source) -> bool:
    here = (Delivery.credential_id == source.credential_id) & (Delivery.address == source.address)
    return session.scalar(sa.select(Delivery.id).where(here, Delivery.taken_at.is_(None)).limit(1)) is not None


def record_alive(session: Session, source_id: int, *, now: datetime) -> None:
    """A stream that stays is not overdue, however long its pass lasts."""
    values = {"read_at": now, "next_run_at": now, "failures": 0, "last_error": None, "last_error_at": None}
    session.execute(sa.update(Source).where(Source.id == source_id).values(**values))


def record_trouble(session: Session, source_id: int, error: CollectorError, *, now: datetime) -> None:
    """Something beside the passes failed: it is shown, and delays none of them."""
    values = {"last_error": str(error), "last_error_at": now}
    session.execute(sa.update(Source).where(Source.id == source_id).values(**values))


def record_failure(session: Session, source_id: int, error: CollectorError, *, now: datetime) -> None:
    """A pass failed: what the platform asked for is kept, and what only a person can mend waits for one."""
    source = session.get_one(Source, source_id)
    source.failures += 1
    wait = min(_FIRST_WAIT * 2 ** min(source.failures - 1, 20), _LONGEST_WAIT)
    if error.retry_after is not None:
        source.not_before = now + timedelta(seconds=error.retry_after)
    source.next_run_at = max(source.not_before or now, now + timedelta(seconds=wait))
    source.last_error, source.last_error_at = str(error), now
    if error.permanent and source.state is SourceState.WATCHING:
        source.state = SourceState.NEEDS_OPERATOR


def record_usage(session: Session, source_id: int, *, requests: int, cost: float, now: datetime) -> None:
    """Add to what the source cost today."""
    if not requests and not cost:
        return
    row = upsert(session, Usage).values(source_id=source_id, day=now.date(), requests=requests, cost=cost)
    added = {"requests": Usage.requests + row.excluded.requests, "cost": Usage.cost + row.excluded.cost}
    session.execute(row.on_conflict_do_update(index_elements=["source_id", "day"], set_=added))


def spent_this_month(session: Session, mode: str, *, now: datetime) -> float:
    """US dollars that all sources of this mode cost since the first of the month (UTC)."""
    statement = sa.select(sa.func.sum(Usage.cost)).join(Source, Source.id == Usage.source_id)
    return session.scalar(statement.where(Source.mode == mode, Usage.day >= now.date().replace(day=1))) or 0.0


def deliver(session: Session, *, credential_id: int, delivery_id: str, address: str, raw: bytes, now: datetime) -> bool:
    """Keep what a platform pushed until a pass takes it in. Commit, then acknowledge.

    False for what we had, and for a community that nobody watches: of that nothing is kept.
    """
    here = (Source.credential_id == credential_id) & (Source.address == address)
    if session.scalar(sa.select(Source.id).where(here).limit(1)) is None:
        return False
    row = upsert(session, Delivery).values(
        credential_id=credential_id, delivery_id=delivery_id, address=address, raw=raw, received_at=now
    )
    is_new = session.execute(row.on_conflict_do_nothing().returning(Delivery.id)).first() is not None
    if is_new:  # whoever watches sees at once that there is something to do
        session.execute(sa.update(Source).where(here).values(next_run_at=now))
    return is_new
