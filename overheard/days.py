"""Days and hours as the team lives them: where in the world "today" and "tomorrow" are, and what time it is there."""

from contextvars import ContextVar
from datetime import UTC, date, datetime, time, timedelta, tzinfo

CLOCKS_DIFFER = timedelta(minutes=1)
"""So far the clocks of two machines may be apart. A time that is further ahead was written by a wrong clock."""

_TEAMS_ZONE: ContextVar[tzinfo] = ContextVar("the team's time zone", default=UTC)


def live_in(zone: tzinfo) -> None:
    """From here on, in this request or command, times are told to people in this time zone. Called at doors only."""
    _TEAMS_ZONE.set(zone)


def local(at: datetime) -> datetime:
    """A time as the team's clocks show it."""
    return at.astimezone(_TEAMS_ZONE.get())


def told(at: datetime) -> str:
    """A time within a sentence, which may be read far from a page that names the zone."""
    return f"{local(at):%Y-%m-%d %H:%M %Z}"


def day_of(at: datetime, zone: tzinfo = UTC) -> date:
    """The day on which that is, in a time zone."""
    return at.astimezone(zone).date()


def begins(day: date, zone: tzinfo = UTC) -> datetime:
    """When a day begins in a time zone, an hour more or less away from its end where clocks are changed."""
    return datetime.combine(day, time(), zone)
