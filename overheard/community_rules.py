"""What communities ask of those who write there: kept as last read, with what a reading of it says is forbidden."""

import re
from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.conversations import RuleFlag, Rules
from overheard.models import CommunityRules
from overheard.text import cap, clean, normalise

_MAX_RULES = 20_000

_READ_AS = {
    RuleFlag.NO_PROMOTION: re.compile(
        r"\b(?:no|not? allow(?:ed)?|forbid(?:den)?|prohibit(?:ed|s)?|do not|don'?t|without|zero)\b[^.\n]{0,40}"
        r"\b(?:self[- ]?promo\w*|promot(?:e|ion|ing|ional)|advertis\w+|ads|solicit\w*|spam(?:ming)?|selling|sales)\b"
        r"|\b(?:self[- ]?promo\w*|promotion|advertis\w+|solicit\w*|marketing)\b[^.\n]{0,30}"
        r"\b(?:not allowed|not permitted|forbidden|prohibited|banned|will be removed|is removed)\b"
    ),
    RuleFlag.NO_AI: re.compile(
        r"\b(?:no|not? allow(?:ed)?|do not|don'?t|forbid(?:den)?|prohibit(?:ed|s)?|ban(?:ned|s)?)\b[^.\n]{0,40}"
        r"\b(?:ai[- ]?(?:generated|written|content|slop|posts|answers)?|chatgpt|gpt|llms?)\b"
        r"|\b(?:ai[- ]?(?:generated|written)?|chatgpt|llms?)\b[^.\n]{0,40}"
        r"\b(?:not allowed|not permitted|forbidden|prohibited|banned|will be removed)\b"
    ),
    RuleFlag.NO_BOTS: re.compile(
        r"\b(?:no|not? allow(?:ed)?|do not|don'?t|forbid(?:den)?|prohibit(?:ed|s)?|ban(?:ned|s)?)\b[^.\n]{0,20}"
        r"\bbots?\b"
        r"|\bbots?\b[^.\n]{0,30}\b(?:not allowed|not permitted|forbidden|prohibited|banned|will be banned)\b"
    ),
}


def flags_in(text: str) -> frozenset[RuleFlag]:
    """What a text of rules forbids, as far as a reading of words can tell. A person may correct it."""
    said = normalise(text).text.replace("\u2019", "'")
    return frozenset(flag for flag, pattern in _READ_AS.items() if pattern.search(said))


def of(session: Session, source_id: int) -> CommunityRules | None:
    """A community's rules as last read."""
    return session.scalar(sa.select(CommunityRules).where(CommunityRules.source_id == source_id))


def keep(session: Session, source_id: int, rules: Rules, *, now: datetime) -> CommunityRules:
    """Keep what was just read. As long as the text is the same, what a person said of it stands."""
    text = cap(clean(rules.text), _MAX_RULES)[0]
    row = of(session, source_id)
    if row is None:
        row = CommunityRules(source_id=source_id, text=text, flags=_words(rules.flags | flags_in(text)), fetched_at=now)
        session.add(row)
    elif row.text != text:
        row.text, row.flags = text, _words(rules.flags | flags_in(text))
    row.fetched_at = now
    session.flush()
    return row


def correct(session: Session, source_id: int, flags: Iterable[RuleFlag], *, now: datetime) -> CommunityRules:
    """A person read the rules and says what they forbid."""
    row = of(session, source_id)
    if row is None:
        row = CommunityRules(source_id=source_id, text="", flags=[], fetched_at=now)
        session.add(row)
    row.flags = _words(flags)
    session.flush()
    return row


def _words(flags: Iterable[RuleFlag]) -> list[str]:
    return sorted(flag.value for flag in set(flags))
