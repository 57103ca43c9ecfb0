"""Unread notices, sent to people at the rhythm they chose. A digest is sent at most once: its row is there before."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo, available_timezones

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.db import Sessions, upsert
from overheard.errors import InvalidInput, OverheardError
from overheard.listening.credentials import open_sealed, seal
from overheard.marketing import budget
from overheard.models import Digest, DigestSetting, Notice, User
from overheard.notifications import notices, rhythms
from overheard.notifications.outbound_vocabulary import DigestWay
from overheard.settings import Settings
from overheard.vocabulary import DigestRhythm

logger = logging.getLogger(__name__)

_MOST = 50
_LONGEST_HOOK = 500


@dataclass(frozen=True, slots=True)
class Chosen:
    """How somebody wants to be told."""

    rhythm: DigestRhythm = DigestRhythm.OFF
    way: DigestWay = DigestWay.MAIL
    hour: int = 9
    time_zone: str = "UTC"
    quiet_from: int | None = None
    quiet_until: int | None = None
    hook: str | None = None
    """Address of an incoming webhook; None keeps the one there is."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A digest on its way."""

    id: int
    way: DigestWay
    to: str
    """An e-mail address, or the address of a webhook."""
    subject: str
    text: str


Deliver = Callable[[Outgoing], None]
"""Sends one; raises `OverheardError` when it could not."""


def chosen(session: Session, settings: Settings, user: User) -> tuple[Chosen, bool]:
    """What somebody chose, and whether a webhook is kept for them. The webhook itself is never shown again."""
    row = session.get(DigestSetting, user.id)
    if row is None:
        return Chosen(time_zone=settings.time_zone), False
    kept = Chosen(row.rhythm, row.way, row.hour, row.time_zone, row.quiet_from, row.quiet_until)
    return kept, row.hook is not None


def choose(session: Session, settings: Settings, user: User, wanted: Chosen, *, now: datetime) -> None:
    """Keep what somebody chose; what was due before stays unsent."""
    _check(wanted)
    row = session.get(DigestSetting, user.id) or DigestSetting(user_id=user.id)
    for name in ("rhythm", "way", "hour", "time_zone", "quiet_from", "quiet_until"):
        setattr(row, name, getattr(wanted, name))
    if wanted.hook:
        row.hook = seal(settings, {"hook": wanted.hook.strip()})
    if wanted.rhythm is not DigestRhythm.OFF and wanted.way is DigestWay.SLACK and row.hook is None:
        raise InvalidInput("Give the address of an incoming webhook of your Slack workspace.")
    if wanted.rhythm is not DigestRhythm.OFF and wanted.way is DigestWay.MAIL and settings.mail.host is None:
        raise InvalidInput("No mail can be sent from here: an admin must set OVERHEARD_MAIL__HOST first.")
    row.changed_at = now
    session.add(row)
    session.flush()


def _check(wanted: Chosen) -> None:
    rhythms.check_hours(wanted.hour, wanted.quiet_from, wanted.quiet_until)
    if wanted.time_zone not in available_timezones():
        raise InvalidInput(f"{wanted.time_zone[:60]!r} is no time zone. Write one like Europe/Berlin.")
    if wanted.hook and (not wanted.hook.strip().startswith("https://") or len(wanted.hook) > _LONGEST_HOOK):
        raise InvalidInput("The address of a webhook begins with https://.")


# --- when ----------------------------------------------------------------------------------------------------------


def is_quiet(setting: DigestSetting, now: datetime) -> bool:
    """Whether nothing may be sent now."""
    return rhythms.is_quiet(setting.quiet_from, setting.quiet_until, ZoneInfo(setting.time_zone), now)


def last_due(setting: DigestSetting, now: datetime) -> datetime | None:
    """The last time up to now at which a digest was due; None before the first one."""
    due = rhythms.last_due(setting.rhythm, setting.hour, ZoneInfo(setting.time_zone), now)
    return due if due is not None and due > setting.changed_at else None


# --- sending -------------------------------------------------------------------------------------------------------


def send_due(sessions: Sessions, settings: Settings, deliver: Deliver, *, clock: Callable[[], datetime]) -> int:
    """Gather what is new, and send each digest that is due; how many went out.

    Taken and sent are two transactions: whoever dies between them leaves a digest that is never sent, and none is sent
    twice. The notices stay on the page in any case.
    """
    with sessions.begin() as session:
        notices.gather(session, clock(), zone=settings.zone)
        budget.tell(session, clock())
    with sessions() as session:
        waiting = session.scalars(
            sa.select(DigestSetting.user_id).where(DigestSetting.rhythm != DigestRhythm.OFF)
        ).all()
    sent = 0
    for user_id in waiting:
        with sessions.begin() as session:
            outgoing = take(session, settings, user_id, clock())
        if outgoing is not None:
            sent += _send(sessions, deliver, outgoing, clock)
    return sent


def take(session: Session, settings: Settings, user_id: int, now: datetime) -> Outgoing | None:
    """Take somebody's digest for this process, if one is due and there is something to say."""
    user, setting = session.get_one(User, user_id), session.get_one(DigestSetting, user_id)
    due = last_due(setting, now)
    if due is None or user.disabled_at is not None or is_quiet(setting, now):
        return None
    new = (Notice.user_id == user_id, Notice.read_at.is_(None), Notice.digest_id.is_(None), Notice.at <= due)
    told = session.scalars(sa.select(Notice).where(*new).order_by(Notice.id).limit(_MOST)).all()
    if not told:
        return None
    row = {"user_id": user_id, "due_at": due, "way": setting.way, "begun_at": now}
    taken = session.scalar(upsert(session, Digest).values(row).on_conflict_do_nothing().returning(Digest.id))
    if taken is None:
        return None
    for notice in told:
        notice.digest_id = taken
    count = f"{len(told)} new notice{'s' if len(told) > 1 else ''}"
    lines = "\n".join(notices.lines(told, settings.address))
    text = (
        f"Hello {user.name},\n\n{lines}\n\nAll notices: {settings.address}/notices\nHow often: {settings.address}/me\n"
    )
    return Outgoing(taken, setting.way, _recipient(settings, user, setting), f"Overheard: {count}", text)


def _recipient(settings: Settings, user: User, setting: DigestSetting) -> str:
    if setting.way is DigestWay.MAIL or setting.hook is None:
        return user.email
    return open_sealed(settings, setting.hook, "the digest's webhook", anew="on your own page")["hook"]


def _send(sessions: Sessions, deliver: Deliver, outgoing: Outgoing, clock: Callable[[], datetime]) -> bool:
    error = None
    try:
        deliver(outgoing)
    except OverheardError as refused:
        error = str(refused)
        logger.warning("A digest could not be sent.", extra={"action": "digest_failed", "digest": outgoing.id})
    ends = {"error": error} if error else {"sent_at": clock()}
    with sessions.begin() as session:
        session.execute(sa.update(Digest).where(Digest.id == outgoing.id).values(**ends))
    return error is None
