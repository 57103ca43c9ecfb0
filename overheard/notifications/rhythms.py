"""When something that is sent at a rhythm is due, and the hours in which nothing is sent."""

from datetime import UTC, datetime, time, timedelta, tzinfo

from overheard.errors import InvalidInput
from overheard.vocabulary import DigestRhythm

_LAST_HOUR = 23
_SATURDAY = 5


def check_hours(hour: int, quiet_from: int | None, quiet_until: int | None) -> None:
    """`InvalidInput` unless these are hours of a day, and quiet hours have both ends or none."""
    if any(one is not None and not 0 <= one <= _LAST_HOUR for one in (hour, quiet_from, quiet_until)):
        raise InvalidInput("An hour is a number from 0 to 23.")
    if (quiet_from is None) is not (quiet_until is None):
        raise InvalidInput("Quiet hours have a beginning and an end: give both, or none.")


def is_quiet(quiet_from: int | None, quiet_until: int | None, zone: tzinfo, now: datetime) -> bool:
    """Whether nothing may be sent now."""
    if quiet_from is None or quiet_until is None:
        return False
    hour = now.astimezone(zone).hour
    if quiet_from <= quiet_until:
        return quiet_from <= hour < quiet_until
    return hour >= quiet_from or hour < quiet_until


def last_due(rhythm: DigestRhythm, hour: int, zone: tzinfo, now: datetime) -> datetime | None:
    """The last time up to now at which something of this rhythm was due: of a weekly one, on a Monday."""
    if rhythm is DigestRhythm.OFF:
        return None
    if rhythm is DigestRhythm.INSTANT:
        return now
    local = now.astimezone(zone)
    if rhythm is DigestRhythm.HOURLY:
        return local.replace(minute=0, second=0, microsecond=0).astimezone(UTC)
    due = datetime.combine(local.date(), time(hour), zone)
    while due > local or not _is_day_for(rhythm, due):
        due = datetime.combine(due.date() - timedelta(days=1), time(hour), zone)
    return due.astimezone(UTC)


def _is_day_for(rhythm: DigestRhythm, due: datetime) -> bool:
    if rhythm is DigestRhythm.WEEKLY:
        return due.weekday() == 0
    return rhythm is not DigestRhythm.WEEKDAYS or due.weekday() < _SATURDAY
