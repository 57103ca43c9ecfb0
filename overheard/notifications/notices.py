"""What somebody should know, told on the page of the bell: once for each thing, and read when they say so."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.days import day_of
from overheard.db import rows, upsert
from overheard.models import Answer, ConnectedAccount, Lead, LeadEvent, Notice, Reply, Source, User
from overheard.text import clean
from overheard.vocabulary import LeadAction, NoticeKind, Role, SourceState

PAGE_SIZE = 50
_LONGEST = 300
_LOOKS_BACK = timedelta(days=7)
"""What is older when it is found is no news."""


def notify(  # noqa: PLR0917 - in the order in which one would say it
    session: Session,
    user_id: int,
    kind: NoticeKind,
    text: str,
    link: str | None,
    now: datetime,
    *,
    key: str | None = None,
) -> None:
    """Tell somebody something. `key`: what it is about; the same is told to the same person once.

    `text` may not quote a stranger: a notice outlives an erasure. `link`: one of our own pages.
    """
    row = {"user_id": user_id, "kind": kind, "text": clean(text)[:_LONGEST], "link": link, "at": now, "key": key}
    session.execute(upsert(session, Notice).values(row).on_conflict_do_nothing())


_UNREAD = sa.select(sa.func.count()).where(Notice.user_id == sa.bindparam("user_id"), Notice.read_at.is_(None))


def unread(session: Session, user_id: int) -> int:
    """How many notices somebody has not read."""
    [(number,)] = rows(session, _UNREAD, {"user_id": user_id})
    return int(number)


def page(session: Session, user_id: int, *, before: int | None = None, limit: int = PAGE_SIZE) -> list[Notice]:
    """Somebody's newest notices, those older than the notice `before`; one more than `limit` where there are more."""
    statement = sa.select(Notice).where(Notice.user_id == user_id, Notice.id < before if before else sa.true())
    return list(session.scalars(statement.order_by(Notice.id.desc()).limit(limit + 1)))


def read(session: Session, user_id: int, now: datetime, *, notice_id: int | None = None) -> int:
    """Mark one of somebody's notices read, or all of them; how many were not."""
    mine = (Notice.user_id == user_id, Notice.read_at.is_(None))
    one = Notice.id == notice_id if notice_id else sa.true()
    statement = sa.update(Notice).where(*mine, one).values(read_at=now).returning(Notice.id)
    return len(session.scalars(statement.execution_options(synchronize_session=False)).all())


# --- what there is to tell -----------------------------------------------------------------------------------------


def gather(session: Session, now: datetime, *, zone: tzinfo = UTC) -> None:
    """Tell everybody what has come up since. Run again it tells nothing twice, so it may be ended at any time."""
    _tell_of_assignments(session, now)
    _tell_of_follow_ups(session, now, zone)
    _tell_of_answers(session, now)
    _tell_of_sources(session, now)
    _tell_of_accounts(session, now)


def _tell_of_assignments(session: Session, now: datetime) -> None:
    last = (
        sa.select(sa.func.max(LeadEvent.id))
        .where(LeadEvent.action == LeadAction.ASSIGN, LeadEvent.at > now - _LOOKS_BACK)
        .group_by(LeadEvent.lead_id)
    )
    statement = sa.select(Lead.id, User.id, LeadEvent.id).join(LeadEvent, LeadEvent.lead_id == Lead.id)
    by_others = sa.or_(LeadEvent.actor_id.is_(None), LeadEvent.actor_id != User.id)
    found = statement.join(User, User.id == Lead.assignee_id).where(LeadEvent.id.in_(last), by_others)
    for lead_id, user_id, event_id in session.execute(found).all():
        text, link = f"Lead {lead_id} is yours now.", f"/leads/{lead_id}"
        notify(session, user_id, NoticeKind.ASSIGNED, text, link, now, key=f"assigned {event_id}")


def _tell_of_follow_ups(session: Session, now: datetime, zone: tzinfo) -> None:
    day = day_of(now, zone)
    due = (Lead.follow_up_on <= day, Lead.follow_up_on > day - _LOOKS_BACK)
    found = sa.select(Lead.id, User.id, Lead.follow_up_on).join(User, User.id == Lead.assignee_id).where(*due)
    for lead_id, user_id, on in session.execute(found).all():
        text, link = f"Follow up on lead {lead_id}: it was set for {on:%d %B %Y}.", f"/leads/{lead_id}"
        notify(session, user_id, NoticeKind.FOLLOW_UP_DUE, text, link, now, key=f"follow-up {lead_id} {on}")


def _tell_of_answers(session: Session, now: datetime) -> None:
    statement = sa.select(Answer.id, Reply.lead_id, Reply.author_id).join(Reply, Reply.id == Answer.reply_id)
    new = (Answer.confirmed.is_(None), Answer.collected_at > now - _LOOKS_BACK, Reply.lead_id.is_not(None))
    for answer_id, lead_id, user_id in session.execute(statement.where(*new)).all():
        text, link = f"Lead {lead_id} answered your reply.", f"/leads/{lead_id}"
        notify(session, user_id, NoticeKind.ANSWERED, text, link, now, key=f"answer {answer_id}")


def _tell_of_sources(session: Session, now: datetime) -> None:
    stuck = session.scalars(sa.select(Source).where(Source.state == SourceState.NEEDS_OPERATOR)).all()
    if not stuck:
        return
    keepers = session.scalars(_working().where(User.role.in_((Role.ADMIN, Role.MARKETER)))).all()
    for source in stuck:
        since = source.read_at or source.created_at
        text = f"{source.platform.display}, {source.community}: cannot be read until somebody sees to it."
        key = f"source {source.id} {since:%Y-%m-%dT%H:%M:%S}"
        for user_id in keepers:
            notify(session, user_id, NoticeKind.SOURCE_NEEDS_OPERATOR, text, "/sources", now, key=key)


def _tell_of_accounts(session: Session, now: datetime) -> None:
    paused = sa.select(ConnectedAccount).where(ConnectedAccount.paused_at > now - _LOOKS_BACK)
    for account in session.scalars(paused).all():
        text = f"Your {account.platform.display} account {account.name} is paused: nothing is sent from it."
        key = f"account {account.id} {account.paused_at:%Y-%m-%dT%H:%M:%S}"
        notify(session, account.user_id, NoticeKind.ACCOUNT_PAUSED, text, "/accounts", now, key=key)


def _working() -> sa.Select[int]:
    return sa.select(User.id).where(User.disabled_at.is_(None))


def lines(told: Iterable[Notice], address: str) -> list[str]:
    """Notices as lines of a plain text."""
    return [f"- {notice.text}" + (f"\n  {address}{notice.link}" if notice.link else "") for notice in told]
