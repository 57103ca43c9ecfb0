"""Who does not want to hear from us. Only a keyed hash of each handle is kept: it survives an erasure and names nobody.

It is asked before a lead is made, when a draft is begun, when a reply is approved and before it is sent.
"""

import csv
import hmac
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.db import upsert
from overheard.errors import InvalidInput
from overheard.models import DoNotContact, User
from overheard.text import normalise
from overheard.users import audit
from overheard.vocabulary import AuditAction, Platform

_MAX_REASON = 200

Person = tuple[Platform, str]
"""A platform and a handle at it."""


def hash_of(key: str, platform: Platform, handle: str) -> str:
    """A handle as it is kept: the same for everybody who knows the key, and of no use to others."""
    said = f"do not contact\x00{platform.value}\x00{_normalised(handle)}"
    return hmac.digest(key.encode(), said.encode(), "sha256").hex()


def key_check(key: str) -> str:
    """Tells one key from another, and nothing of it."""
    return hmac.digest(key.encode(), b"which key is in use", "sha256").hex()[:16]


_hash_of = lru_cache(maxsize=4_096)(hash_of)  # every page of the queue asks about all who are on it


def forget_handles() -> None:
    """Those whose hashes are kept in memory: no name outlives its erasure there for long."""
    _hash_of.cache_clear()


def add(
    session: Session, key: str, platform: Platform, handle: str, *, reason: str, actor: User | None, now: datetime
) -> None:
    """Write somebody down; once more does nothing."""
    if not _normalised(handle):
        raise InvalidInput("Say who is not to be contacted: the handle is empty.")
    if add_hashes(session, [hash_of(key, platform, handle)], reason=reason, actor=actor, now=now):
        # Not who it is: that must not be known from here.
        audit.record(session, actor, AuditAction.DO_NOT_CONTACT_ADDED, f"somebody at {platform.display}", now=now)


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


def leave_unheard(session: Session, digest: str, *, actor: User | None, now: datetime) -> None:
    """Take in nothing more that this person writes, and let nobody write to them."""
    row = {"handle_hash": digest, "reason": "Erased for good.", "at": now, "is_unheard": True}
    statement = upsert(session, DoNotContact).values(row | {"actor_id": actor.id if actor else None})
    session.execute(statement.on_conflict_do_update(index_elements=["handle_hash"], set_={"is_unheard": True}))


def unheard(session: Session, key: Callable[[], str], people: Iterable[Person]) -> set[Person]:
    """Of which of these people nothing is taken in. The key is asked for only where there is anybody at all."""
    hashes = set(session.scalars(sa.select(DoNotContact.handle_hash).where(DoNotContact.is_unheard)))
    return {person for person in people if hash_of(key(), *person) in hashes} if hashes else set()


def take_off(session: Session, *, actor: User, at: datetime, now: datetime) -> None:
    """What an SDR wrote down by mistake, in one step that they take back."""
    mistaken = sa.delete(DoNotContact).where(DoNotContact.actor_id == actor.id, DoNotContact.at == at)
    if taken := session.scalars(mistaken.returning(DoNotContact.id)).all():
        names = f"{len(taken)} name{'s' if len(taken) > 1 else ''} of somebody"
        audit.record(session, actor, AuditAction.DO_NOT_CONTACT_REMOVED, names, "written down by mistake", now=now)


def is_listed(session: Session, key: str, platform: Platform, *handles: str | None) -> bool:
    """Whether somebody, by any of the names they are known by, does not want to hear from us."""
    return bool(listed(session, key, [(platform, handle) for handle in handles if handle]))


def listed(session: Session, key: str, handles: Iterable[Person]) -> set[Person]:
    """Which of these people do not want to hear from us."""
    by_hash: dict[str, set[Person]] = {}
    for platform, handle in handles:
        by_hash.setdefault(_hash_of(key, platform, handle), set()).add((platform, handle))
    if not by_hash:
        return set()
    found = session.scalars(sa.select(DoNotContact.handle_hash).where(DoNotContact.handle_hash.in_(by_hash)))
    return {person for digest in found for person in by_hash[digest]}


# --- as a file -----------------------------------------------------------------------------------------------------

COLUMNS = ("hash", "reason", "at", "unheard", "key")
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of a file."""

    added: int
    known: int
    bad: list[str]
    """Rows that could not be taken, each with its line and what is wrong."""


def import_rows(session: Session, key: str, lines: Iterable[str], *, actor: User | None, now: datetime) -> Imported:
    """Take in a CSV file with the columns `hash`, or `platform` and `handle`; a column `reason` is kept, and `unheard`
    says `yes` of those of whom nothing is taken in.

    Hashes are those of an export made with the same key, which its column `key` tells: with another one they stand for
    nobody.
    """
    reader = csv.DictReader(lines)
    columns = {(name or "").strip().lower() for name in reader.fieldnames or ()}
    if "hash" not in columns and not {"platform", "handle"} <= columns:
        raise InvalidInput("The file needs a first line with the column `hash`, or with `platform` and `handle`.")
    added, known, bad = 0, 0, []
    for row in reader:
        said = {(name or "").strip().lower(): (value or "").strip() for name, value in row.items() if name is not None}
        try:
            digest = _digest(key, said)
        except InvalidInput as error:
            bad.append(f"line {reader.line_num}: {error}")
            continue
        is_new = add_hashes(session, [digest], reason=said.get("reason") or "Imported.", actor=actor, now=now)
        if said.get("unheard", "").lower() == "yes":
            leave_unheard(session, digest, actor=actor, now=now)
        added, known = added + is_new, known + 1 - is_new
    audit.record(session, actor, AuditAction.DO_NOT_CONTACT_IMPORTED, f"{added} people", now=now)
    return Imported(added, known, bad)


def _digest(key: str, row: dict[str, str]) -> str:
    if digest := row.get("hash", "").lower():
        if not _HASH.fullmatch(digest):
            raise InvalidInput("a hash is 64 digits of 0 to 9 and a to f.")
        if row.get("key", key_check(key)) != key_check(key):
            raise InvalidInput("made with another secret key, so here it is nobody's: import platforms and handles.")
        return digest
    try:
        platform = Platform(row.get("platform", "").lower())
    except ValueError:
        raise InvalidInput(f"{row.get('platform', '')!r} is no platform; they are {', '.join(Platform)}.") from None
    if not _normalised(row.get("handle", "")):
        raise InvalidInput("the handle is empty.")
    return hash_of(key, platform, row["handle"])


def export_rows(session: Session, key: str) -> Iterator[tuple[str, str, str, str, str]]:
    """The list as rows of `COLUMNS`. It says nobody's name, and is of use only with the same key."""
    for entry in entries(session):
        yield entry.handle_hash, entry.reason, entry.at.isoformat(), "yes" if entry.is_unheard else "", key_check(key)


def count(session: Session) -> int:
    """How many are on the list."""
    return session.scalar(sa.select(sa.func.count()).select_from(DoNotContact)) or 0


def entries(session: Session) -> list[DoNotContact]:
    """The whole list, newest first."""
    return list(session.scalars(sa.select(DoNotContact).order_by(DoNotContact.id.desc())))


def _normalised(handle: str) -> str:
    return normalise(handle.strip()).text.removeprefix("/").removeprefix("u/").removeprefix("@")
