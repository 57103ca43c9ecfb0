"""Unread notices, sent to people at the rhythm they chose. A digest is sent at most once: its row is there before."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard import budget, notices
from overheard.credentials import open_sealed, seal
from overheard.db import Sessions, upsert
from overheard.errors import InvalidInput, OverheardError
from overheard.models import Digest, DigestSetting, Notice, User
from overheard.settings import Settings
from overheard.vocabulary import DigestRhythm, DigestWay

logger = logging.getLogger(__name__)

_SATURDAY = 5
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
    hours = (wanted.hour, wanted.quiet_from, wanted.quiet_until)
    if any(hour is not None and not 0 <= hour <= 23 for hour in hours):  # noqa: PLR2004 - the last hour of a day
        raise InvalidInput("An hour is a number from 0 to 23.")
    if (wanted.quiet_from is None) is not (wanted.quiet_until is None):
        raise InvalidInput("Quiet hours have a beginning and an end: give both, or none.")
    if wanted.time_zone not in available_timezones():
        raise InvalidInput(f"{wanted.time_zone[:60]!r} is no time zone. Write one like Europe/Berlin.")
    if wanted.hook and (not wanted.hook.strip().startswith("https://") or len(wanted.hook) > _LONGEST_HOOK):
        raise InvalidInput("The address of a webhook begins with https://.")


# --- when ----------------------------------------------------------------------------------------------------------


def is_quiet(setting: DigestSetting, now: datetime) -> bool:
    """Whether nothing may be sent now."""
    if setting.quiet_from is None or setting.quiet_until is None:
        return False
    hour = now.astimezone(ZoneInfo(setting.time_zone)).hour
    if setting.quiet_from <= setting.quiet_until:
        return setting.quiet_from <= hour < setting.quiet_until
    return hour >= setting.quiet_from or hour < setting.quiet_until


def last_due(setting: DigestSetting, now: datetime) -> datetime | None:
    """The last time up to now at which a digest was due; None before the first one."""
    if setting.rhythm is DigestRhythm.OFF:
        return None
    local = now.astimezone(ZoneInfo(setting.time_zone))
    if setting.rhythm is DigestRhythm.HOURLY:
        due = local.replace(minute=0, second=0, microsecond=0)
    else:
        due = datetime.combine(local.date(), time(setting.hour), local.tzinfo)
        while due > local or (setting.rhythm is DigestRhythm.WEEKDAYS and due.weekday() >= _SATURDAY):
            due = datetime.combine(due.date() - timedelta(days=1), time(setting.hour), local.tzinfo)
    due = due.astimezone(UTC)
    return due if due > setting.changed_at else None


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
