"""How people, their browsers and what they did are said to a person."""

import re
from datetime import datetime

from overheard.models import User
from overheard.vocabulary import AuditAction, NoticeKind, Role, Scope

# In this order: Edge and Opera say that they are Chrome, Chrome says that it is Safari.
_BROWSERS = (("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrom", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "a Mac"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
_ROLES = {Role.ADMIN: "Admin", Role.MARKETER: "Marketer", Role.SDR: "SDR", Role.ML_ENGINEER: "ML engineer"}
_SCOPES = {
    Scope.READ: "Read queue, leads, campaigns and sources",
    Scope.DECIDE: "Decide about leads, hand posts over",
    Scope.REPLY: "Write replies, confirm answers",
    Scope.TUNE: "Change campaigns, queries and sources",
    Scope.ADMIN: "Everything else its user may do",
}


def browser(user_agent: str | None) -> str:
    """The browser and the system of a user agent, in plain words."""
    said = user_agent or ""
    name = next((name for word, name in _BROWSERS if word in said), "")
    system = next((system for word, system in _SYSTEMS if word in said), "")
    if name and system:
        return f"{name} on {system}"
    return name or system or "An unknown browser"


def role(of: Role) -> str:
    """A role's name."""
    return _ROLES[of]


def state(user: User) -> str:
    """Whether somebody may come in, and ever did."""
    if user.disabled_at is not None:
        return "disabled"
    return "active" if user.last_seen_at is not None else "invited"


def scope(of: Scope) -> str:
    """What a scope is for."""
    return _SCOPES[of]


def sentence(of: AuditAction | NoticeKind) -> str:
    """A closed word as the beginning of a sentence."""
    return of.value.replace("_", " ").capitalize()


def is_over(at: datetime | None, now: datetime) -> bool:
    """Whether a time has passed."""
    return at is not None and at <= now


def time_zones() -> list[str]:
    """The zones that one chooses from, without those that stand for a country's past."""
    from zoneinfo import available_timezones

    return sorted(name for name in available_timezones() if re.match(r"(?:[A-Z][a-z]+/[A-Z]|UTC$)", name))
