"""How often: the kill switch, caps for each account and community, a pause between two replies, a slow start.

An account is an SDR at a platform, whoever brings the reply there: two accounts of one person count as one.
"""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from overheard.days import local, told
from overheard.errors import Refusal
from overheard.models import ConnectedAccount, Reply
from overheard.replying import reply_stops
from overheard.replying.guardrails.case import Case, Guardrail, Moment
from overheard.vocabulary import ReplyState

_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)
_GONE_OUT = (ReplyState.SENDING, ReplyState.SENT, ReplyState.AMBIGUOUS)


def is_going(case: Case) -> Iterator[Refusal]:
    """The kill switch."""
    if case.settings.stopped:
        yield Refusal(
            Guardrail.STOP,
            "All replies are stopped by the settings.",
            "An admin takes OVERHEARD_REPLIES__STOPPED away.",
            is_warning=case.moment is Moment.DRAFT,
        )
    for stop in reply_stops.standing(case.session):
        yield Refusal(
            Guardrail.STOP,
            f"All replies are stopped since {told(stop.at)}: {stop.because}",
            "An admin lets them go on when this is looked into.",
            is_warning=case.moment is Moment.DRAFT,
        )


def is_under_the_day_cap(case: Case) -> Iterator[Refusal]:
    """So many replies of one account on one day, fewer as long as it is new."""
    cap = _day_cap(case)
    times = _times(case, _by_account(case), _DAY)
    if not cap or len(times) < cap:
        return
    until = times[-cap] + _DAY
    is_new = cap < case.settings.day_cap
    yield _later(
        case,
        Guardrail.DAY_CAP,
        f"You wrote {len(times)} replies at {case.reply.platform.display} in 24 hours; "
        f"{'a new account begins with' if is_new else 'the cap is'} {cap}.",
        until,
    )


def is_under_the_community_cap(case: Case) -> Iterator[Refusal]:
    """So many replies of all of us in one community in one week."""
    cap = case.settings.community_cap
    there = (Reply.platform == case.reply.platform) & (Reply.community == case.reply.community)
    times = _times(case, there, _WEEK)
    if not cap or len(times) < cap:
        return
    yield _later(
        case,
        Guardrail.COMMUNITY_CAP,
        f"We wrote {len(times)} replies in {case.reply.community} in seven days; the cap is {cap}.",
        times[-cap] + _WEEK,
    )


def has_paused(case: Case) -> Iterator[Refusal]:
    """Some minutes between two replies of one account, never the same number."""
    pause = timedelta(minutes=case.settings.pause_minutes)
    statement = sa.select(Reply.sent_at, Reply.key).where(
        _by_account(case), Reply.sent_at.is_not(None), Reply.key != case.reply.key
    )
    last = case.session.execute(statement.order_by(Reply.sent_at.desc()).limit(1)).one_or_none()
    if not pause or last is None or last.sent_at is None:
        return
    until = last.sent_at + pause * (1 + case.settings.pause_jitter * _share(last.key))
    if until > case.now:
        yield _later(case, Guardrail.PAUSE, "Your last reply there has only just gone out.", until)


def _day_cap(case: Case) -> int:
    full, begin, days = case.settings.day_cap, case.settings.ramp_start, case.settings.ramp_days
    if not full or not days or begin >= full:
        return full
    grown = max((case.now - _known_since(case)) / _DAY, 0) / days
    return min(full, begin + int((full - begin) * grown))


def _known_since(case: Case) -> datetime:
    """Since when this account writes."""
    first: datetime | None = case.session.scalar(sa.select(sa.func.min(Reply.sent_at)).where(_by_account(case)))
    account = case.session.get(ConnectedAccount, case.account_id) if case.account_id is not None else None
    return min(filter(None, (first, account.connected_at if account else None)), default=case.now)


def _times(case: Case, which: sa.ColumnElement[bool], span: timedelta) -> Sequence[datetime]:
    """When replies went out, oldest first. While a person decides, what they approved counts as gone."""
    states = _GONE_OUT if case.moment is Moment.SEND else (*_GONE_OUT, ReplyState.APPROVED)
    at = sa.func.coalesce(Reply.sent_at, Reply.approved_at)
    statement = sa.select(at).where(which, Reply.key != case.reply.key, Reply.state.in_(states), at > case.now - span)
    return list(case.session.scalars(statement.order_by(at)))


def _by_account(case: Case) -> sa.ColumnElement[bool]:
    return (Reply.author_id == case.author.id) & (Reply.platform == case.reply.platform)


def _later(case: Case, guardrail: Guardrail, why: str, until: datetime) -> Refusal:
    """Refused for now. What a worker sends waits by itself, so its writer is only told."""
    waits = case.account_id is not None and case.moment is Moment.APPROVE
    when = f"{local(until):%H:%M %Z} on {local(until):%Y-%m-%d}"
    return Refusal(
        guardrail,
        why,
        f"It is sent after {when}." if waits else f"Wait until {when}.",
        is_warning=waits or case.moment is Moment.DRAFT,
        not_before=until,
    )


def _share(key: str) -> float:
    """A number in [0, 1) that nobody can roll anew."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4]) / 2**32
