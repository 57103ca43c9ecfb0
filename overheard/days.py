"""Days as the team lives them: where in the world "today" and "tomorrow" are."""

from datetime import UTC, date, datetime, time, tzinfo


def day_of(at: datetime, zone: tzinfo = UTC) -> date:
    """The day on which that is, in a time zone."""
    return at.astimezone(zone).date()


def begins(day: date, zone: tzinfo = UTC) -> datetime:
    """When a day begins in a time zone, an hour more or less away from its end where clocks are changed."""
    return datetime.combine(day, time(), zone)
