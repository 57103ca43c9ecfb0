"""Who does not want to hear from us. Only a keyed hash of each handle is kept: it survives an erasure and names nobody.

It is asked before a lead is made, when a draft is begun, when a reply is approved and before it is sent.
"""

import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.db import upsert
from overheard.errors import InvalidInput
from overheard.models import DoNotContact, User
from overheard.text import normalise
from overheard.vocabulary import Platform

_MAX_REASON = 200


def hash_of(key: str, platform: Platform, handle: str) -> str:
    """A handle as it is kept: the same for everybody who knows the key, and of no use to others."""
    said = f"do not contact\x00{platform.value}\x00{_normalised(handle)}"
    return hmac.new(key.encode(), said.encode(), hashlib.sha256).hexdigest()


def add(
    session: Session, key: str, platform: Platform, handle: str, *, reason: str, actor: User | None, now: datetime
) -> None:
    """Write somebody down; once more does nothing."""
    if not _normalised(handle):
        raise InvalidInput("Say who is not to be contacted: the handle is empty.")
    add_hashes(session, [hash_of(key, platform, handle)], reason=reason, actor=actor, now=now)


def add_hashes(session: Session, hashes: Iterable[str], *, reason: str, actor: User | None, now: datetime) -> int:
    """Write hashes down; how many are new."""
    rows = [
        {"handle_hash": digest, "reason": reason[:_MAX_REASON], "at": now, "actor_id": actor.id if actor else None}
        for digest in dict.fromkeys(hashes)
    ]
    if not rows:
        return 0
    statement = upsert(session, DoNotContact).on_conflict_do_nothing().returning(DoNotContact.id)
    return len(session.execute(statement, rows).all())


def is_listed(session: Session, key: str, platform: Platform, *handles: str | None) -> bool:
    """Whether somebody, by any of the names they are known by, does not want to hear from us."""
    return bool(listed(session, key, [(platform, handle) for handle in handles if handle]))


def listed(session: Session, key: str, handles: Iterable[tuple[Platform, str]]) -> set[tuple[Platform, str]]:
    """Which of these people do not want to hear from us."""
    by_hash: dict[str, set[tuple[Platform, str]]] = {}
    for platform, handle in handles:
        by_hash.setdefault(hash_of(key, platform, handle), set()).add((platform, handle))
    if not by_hash:
        return set()
    found = session.scalars(sa.select(DoNotContact.handle_hash).where(DoNotContact.handle_hash.in_(by_hash)))
    return {person for digest in found for person in by_hash[digest]}


def _normalised(handle: str) -> str:
    return normalise(handle.strip()).text.removeprefix("/").removeprefix("u/").removeprefix("@")
