"""After an older backup was restored: what was erased since is erased again, as the ledgers beside it tell."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.leads import do_not_contact
from overheard.models import Erasure
from overheard.privacy import ledger
from overheard.privacy.erasing import erase_subject
from overheard.privacy.subjects import Subject, by_hash
from overheard.privacy.vocabulary import SubjectKind
from overheard.vocabulary import Platform

_BECAUSE = "Done again, as an older backup was restored."


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of the ledgers."""

    ledgers: Sequence[Path]
    """Those that were found. None: what was erased since the backup is here again, and nobody can tell what it was."""
    done: int = 0
    """Erasures that the backup did not know, done again."""
    foreign: Sequence[str] = ()
    """Receipts of those that were written with another key: who has the names has to erase them again."""


def found_ledgers(*folders: Path) -> list[Path]:
    """The ledgers in some folders."""
    return list(dict.fromkeys(path.resolve() for folder in folders if (path := folder / ledger.NAME).is_file()))


def replay(session: Session, ledgers: Iterable[Path], *, secret: str, now: datetime) -> Replayed:
    """Do again what these ledgers know and this database does not. Doing so once more changes nothing."""
    ledgers = list(ledgers)
    known = set(session.scalars(sa.select(Erasure.receipt)))
    new = {entry.receipt: entry for path in ledgers for entry in ledger.read(path) if entry.receipt not in known}
    check = do_not_contact.key_check(secret)
    for entry in new.values():
        kind, platform = SubjectKind(entry.kind), Platform(entry.platform)
        found = by_hash(session, secret, kind, entry.subject) if entry.key == check else None
        # Of what is not told by the hash, the posts go that are known by their ids, and come no more.
        subject = found or Subject(kind, platform, "", digest=entry.subject)
        erase_subject(
            session, subject, secret=secret, reason=_BECAUSE, actor=None, for_good=entry.for_good, again=entry, now=now
        )
    foreign = [entry.receipt for entry in new.values() if entry.key != check]
    return Replayed(ledgers, len(new) - len(foreign), foreign)
