"""What communities ask of those who write there: kept as last read, with what of it forbids our replies."""

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.models import CommunityRules
from overheard.replying.conversations import RuleFlag, Rules
from overheard.text import cap, clean

_MAX_RULES = 20_000


def of(session: Session, source_id: int) -> CommunityRules | None:
    """A community's rules as last read."""
    return session.scalar(sa.select(CommunityRules).where(CommunityRules.source_id == source_id))


def keep(session: Session, source_id: int, rules: Rules, *, now: datetime) -> CommunityRules:
    """Keep what was just read. As long as the text is the same, what a person said of it stands."""
    text = cap(clean(rules.text), _MAX_RULES)[0]
    row = of(session, source_id)
    if row is None:
        row = CommunityRules(source_id=source_id, text=text, flags=_words(rules.flags), fetched_at=now)
        session.add(row)
    elif row.text != text:
        row.text, row.flags = text, _words(rules.flags)
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
