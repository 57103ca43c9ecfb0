"""Leads on their way to a CRM. Each lead is one row, taken by one worker a time, and always pushed as it stands then:
what happens meanwhile is pushed by the next round, and the same is never pushed twice.
"""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from overheard.crm import connections
from overheard.crm.connections import Access
from overheard.crm.content import key_of, record_of
from overheard.crm.records import Pushed, Record, RecordGone, RecordRefused
from overheard.db import upsert
from overheard.errors import CollectorError, OverheardError
from overheard.home import secret_key
from overheard.leads import do_not_contact
from overheard.leads.lead_summaries import LeadSummary, summaries
from overheard.models import CrmConnection, CrmEntry, CrmLink, Lead, LeadNews
from overheard.notifications import notices
from overheard.notifications.outbound_vocabulary import CrmDeed, OutboundState
from overheard.settings import Settings
from overheard.text import clean
from overheard.vocabulary import NoticeKind, Stage

MOST_ATTEMPTS = 10
ERASED = "Erased in Overheard"
_LEASE = timedelta(minutes=5)
"""Longer than one push may take."""
_FIRST_WAIT = timedelta(minutes=1)
"""Pipedrive's search takes seconds to know a new record: so long after a lost answer nothing is made."""
_LONGEST_WAIT = timedelta(hours=6)
_PAUSES_AFTER = timedelta(days=3)
_LONGEST_ERROR = 300
_KEPT = timedelta(days=30)

_FURTHER = {
    Stage.SALES_QUALIFIED: 1, Stage.REPLIED: 2, Stage.PROSPECT: 3, Stage.WON: 4, Stage.LOST: 4,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Job:
    """A push on its way, or (`is_erasure`) what was told before being taken back."""

    link_id: int
    connection_id: int
    version: int
    access: Access
    record: Record
    stage: Stage | None
    is_erasure: bool = False


def heard(session: Session, news: Sequence[LeadNews], *, now: datetime) -> None:
    """Something happened to leads: those that a CRM has, or should have by now, are to be pushed."""
    wanting = connections.everything(session) if news else []
    for connection in wanting:
        known = {*session.scalars(sa.select(CrmLink.lead_id).where(
            CrmLink.connection_id == connection.id, CrmLink.lead_id.in_({one.lead_id for one in news})
        ))}  # fmt: skip
        rows = {
            one.lead_id: {
                "connection_id": connection.id,
                "lead_id": one.lead_id,
                "campaign_id": one.campaign_id,
                "state": OutboundState.PENDING,
                "version": 1,
                "next_at": now,
                "attempts": 0,
            }
            for one in news
            if one.lead_id in known or _is_wanted(connection, one)
        }
        if rows:
            _mark(session, list(rows.values()), now)


def _is_wanted(connection: CrmConnection, news: LeadNews) -> bool:
    if news.action is None or news.to_stage is None or connection.campaign_id not in (None, news.campaign_id):
        return False
    return _FURTHER.get(news.to_stage, 0) >= _FURTHER[connection.push_from]


def _mark(session: Session, rows: list[dict[str, object]], now: datetime) -> None:
    """What is on its way stays so, and is looked at again when it has arrived."""
    is_sending = CrmLink.state == OutboundState.SENDING
    again = {
        "version": CrmLink.version + 1,
        "state": sa.case((is_sending, CrmLink.state), else_=OutboundState.PENDING.value),
        "next_at": sa.case((is_sending, CrmLink.next_at), else_=sa.bindparam("again_at", now, CrmLink.next_at.type)),
        "attempts": sa.case((is_sending, CrmLink.attempts), else_=0),
    }
    statement = upsert(session, CrmLink)
    statement = statement.on_conflict_do_update(index_elements=["connection_id", "lead_id"], set_=again)
    session.execute(statement.values(rows))


def take(session: Session, settings: Settings, now: datetime) -> Job | None:
    """The next push that is due, kept from others for a while; what needs none is settled here."""
    while (link := _next(session, now)) is not None:
        lead_told = _told(session, settings, link)
        is_erasure = lead_told is None
        if is_erasure and link.remote_id is None and link.attempts == 0:
            session.delete(link)  # nothing was ever told
            session.flush()
            continue
        connection = link.connection
        try:
            access = connections.access_of(settings, connection)
        except OverheardError as error:  # a key that is lost
            link.attempts += 1
            _fail(session, link, connection, CollectorError(str(error), permanent=True), now)
            continue
        record = (
            _erased(session, settings, connection, link)
            if lead_told is None
            else record_of(session, settings, connection, link, lead_told)
        )
        if lead_told is not None and link.remote_id and record.stage is None and _hash(record) == link.pushed_hash:
            link.state, link.pushed_stage = OutboundState.DELIVERED, lead_told.lead.stage
            session.flush()
            continue
        link.attempts += 1
        link.state, link.next_at = OutboundState.SENDING, now + _LEASE
        session.flush()
        stage = None if lead_told is None else lead_told.lead.stage
        return Job(link.id, connection.id, link.version, access, record, stage, is_erasure)
    return None


def _next(session: Session, now: datetime) -> CrmLink | None:
    waits = CrmLink.state.in_((OutboundState.PENDING, OutboundState.SENDING))
    rested = sa.or_(CrmConnection.resting_until.is_(None), CrmConnection.resting_until <= now)
    statement = (
        sa.select(CrmLink)
        .join(CrmConnection, CrmConnection.id == CrmLink.connection_id)
        .where(waits, CrmLink.next_at <= now, CrmConnection.paused_at.is_(None), rested)
        .options(joinedload(CrmLink.connection, innerjoin=True))
        .order_by(CrmLink.next_at, CrmLink.id)
        .limit(1)
        .with_for_update(of=CrmLink, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    return session.scalars(statement).first()


def _told(session: Session, settings: Settings, link: CrmLink) -> LeadSummary | None:
    """The lead as it may be told; None where it is gone, or its writer does not want to hear from us."""
    found = summaries(session, [link.lead_id])
    if not found or found[0].lead.merged_into_id is not None:
        return None
    lead = found[0].lead
    is_unwilling = do_not_contact.is_listed(session, secret_key(settings), lead.platform, lead.author, found[0].author)
    return None if is_unwilling else found[0]


def _erased(session: Session, settings: Settings, connection: CrmConnection, link: CrmLink) -> Record:
    """What stays: that there was somebody, and how it ended where we know."""
    lead = session.get(Lead, link.lead_id)
    is_news = lead is not None and lead.stage is not link.pushed_stage
    return Record(
        key=key_of(settings, link.lead_id),
        name=ERASED,
        text="",
        first_stage=connections.first_stage(connection),
        stage=connection.stages_out.get(lead.stage.value) if lead and is_news else None,
        remote_id=link.remote_id,
        contact_id=link.contact_id,
        note_id=link.note_id,
    )


def _hash(record: Record) -> str:
    said = replace(record, stage=None, known_stage=None, first_stage="", remote_id=None, contact_id=None, note_id=None)
    return hashlib.sha256(repr(said).encode()).hexdigest()


def settle(session: Session, job: Job, outcome: Pushed | OverheardError | None, *, now: datetime) -> None:
    """What became of a push. None: what was told has been taken back."""
    link = session.get(CrmLink, job.link_id, populate_existing=True, options=[joinedload(CrmLink.connection)])
    if link is None:  # the connection was removed meanwhile
        return
    connection = link.connection
    if isinstance(outcome, RecordGone):
        connections.write_down(session, connection.id, link.lead_id, CrmDeed.GONE, str(outcome), now)
        _arrived(connection)
        link.state, link.error = OutboundState.DROPPED, str(outcome)
    elif isinstance(outcome, OverheardError):
        _fail(session, link, connection, outcome, now)
    elif outcome is None:
        connections.write_down(session, connection.id, link.lead_id, CrmDeed.ERASED, None, now)
        _arrived(connection)
        session.delete(link)
    else:
        _arrived(connection)
        _keep(link, job, outcome, now)
        told = (
            "a new record"
            if outcome.is_new
            else "the record, whose stage was moved there"
            if outcome.is_moved
            else None
        )
        connections.write_down(session, connection.id, link.lead_id, CrmDeed.PUSHED, told, now)
    session.flush()


def _keep(link: CrmLink, job: Job, pushed: Pushed, now: datetime) -> None:
    link.remote_id, link.contact_id, link.note_id = pushed.remote_id, pushed.contact_id, pushed.note_id
    link.pushed_hash, link.pushed_at, link.error, link.attempts = _hash(job.record), now, None, 0
    if not pushed.is_moved:  # else it is looked at when the CRM is asked what has moved
        link.remote_stage, link.pushed_stage = pushed.stage, job.stage
    is_last = link.version == job.version
    link.state, link.next_at = (OutboundState.DELIVERED if is_last else OutboundState.PENDING), now


def _arrived(connection: CrmConnection) -> None:
    connection.failing_since = connection.resting_until = connection.last_error = None


def _fail(session: Session, link: CrmLink, connection: CrmConnection, error: OverheardError, now: datetime) -> None:
    told = clean(str(error))[:_LONGEST_ERROR]
    link.error, link.next_at = told, now + _wait(link, error)
    is_last = link.attempts >= MOST_ATTEMPTS or isinstance(error, RecordRefused)
    link.state = OutboundState.FAILED if is_last else OutboundState.PENDING
    connections.write_down(session, connection.id, link.lead_id, CrmDeed.REFUSED, told, now)
    if is_last:
        text = f"Lead {link.lead_id} could not be pushed to {connection.name}. The page of CRMs says why."
        key = f"crm link {link.id} version {link.version}"
        notices.notify(session, connection.created_by_id, NoticeKind.ALERTS_PAUSED, text, "/crm", now, key=key)
    if not isinstance(error, RecordRefused):
        rest(session, connection, error, until=link.next_at, now=now)
    session.flush()


def rest(session: Session, connection: CrmConnection, error: OverheardError, *, until: datetime, now: datetime) -> None:
    """Ask a CRM nothing for a while; after days of failures, or when its token is no good, until somebody resumes."""
    connection.last_error = clean(str(error))[:_LONGEST_ERROR]
    connection.failing_since, connection.resting_until = connection.failing_since or now, until
    is_shut = isinstance(error, CollectorError) and error.permanent
    if connection.paused_at is None and (is_shut or now - connection.failing_since >= _PAUSES_AFTER):
        connection.paused_at = now
        text = f"The CRM connection {connection.name} is paused: nothing arrives there. Mend it, then resume it."
        key = f"crm {connection.id} paused {now:%Y-%m-%dT%H:%M:%S}"
        notices.notify(session, connection.created_by_id, NoticeKind.ALERTS_PAUSED, text, "/crm", now, key=key)


def _wait(link: CrmLink, error: OverheardError) -> timedelta:
    """Four times as long with each attempt, a fifth more or less; longer where the CRM says so."""
    wait = min(_FIRST_WAIT * int(4 ** min(link.attempts - 1, 8)), _LONGEST_WAIT)
    jitter = random.Random(f"{link.id} {link.attempts}").uniform(1.0, 1.2)  # noqa: S311 - no secret
    asked = error.retry_after if isinstance(error, CollectorError) else None
    return max(wait * jitter, timedelta(seconds=min(asked or 0, 86_400)))


def again(session: Session, connection: CrmConnection, lead_id: int, *, now: datetime) -> bool:
    """Push a lead again by hand; whether the connection knows it."""
    link = session.scalars(sa.select(CrmLink).filter_by(connection_id=connection.id, lead_id=lead_id)).first()
    if link is None or session.get(Lead, lead_id) is None:
        return False
    if link.state is not OutboundState.SENDING:
        link.state, link.next_at, link.attempts, link.pushed_hash = OutboundState.PENDING, now, 0, None
    connection.resting_until = None
    session.flush()
    return True


def tidy(session: Session, now: datetime) -> None:
    """Keep the log for a month."""
    session.execute(sa.delete(CrmEntry).where(CrmEntry.at < now - _KEPT))
