"""The ledger: which erasures there were, in files beside the database, so that an older backup does not undo them.

A line for each: its receipt's number, when, what kind, and a keyed hash of whom or what. The tables are the truth, and
the files follow: one in the home folder, and one in each folder to which backups were written. Files of several
machines may be put together; what is not ours, or was written with another key, is told and left alone.
"""

import json
import logging
import os
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.errors import InvalidInput
from overheard.models import Erasure
from overheard.operations import backup_list
from overheard.privacy.vocabulary import SubjectKind
from overheard.settings import Settings
from overheard.vocabulary import Platform

logger = logging.getLogger(__name__)

NAME = "erasures.jsonl"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line."""

    receipt: str
    at: str
    kind: str
    platform: str
    subject: str
    key: str
    """Tells whether the subject's hash was made with the key that is in use."""
    for_good: bool
    tombstones: list[str]


def keep(session: Session, settings: Settings) -> list[Path]:
    """Let every ledger hold every erasure; which could not be written. Doing so again changes nothing."""
    rows = session.scalars(sa.select(Erasure).order_by(Erasure.id)).all()
    failed = []
    # Beside backups an empty one too: where none stands, it was lost.
    for folder in dict.fromkeys([*([settings.home.resolve()] if rows else []), *backup_list.folders(session)]):
        try:
            if folder.is_dir():  # else its disk is away: the next time
                _add(folder / NAME, [_entry(row) for row in rows])
        except (OSError, InvalidInput):
            logger.exception("The ledger of erasures could not be written.", extra={"action": "ledger_failed"})
            failed.append(folder / NAME)
    return failed


def _entry(row: Erasure) -> Entry:
    return Entry(
        receipt=row.receipt,
        at=row.at.isoformat(),
        kind=row.kind.value,
        platform=row.platform.value,
        subject=row.subject_hash,
        key=row.key_check,
        for_good=row.is_for_good,
        tombstones=row.tombstones,
    )


def _add(path: Path, entries: list[Entry]) -> None:
    """Written whole, so that a crash leaves no half of a line. What stands there and is not known here stays."""
    there = read(path) if path.exists() else []
    all_of_them = {entry.receipt: entry for entry in [*entries, *there]}
    if path.exists() and len(all_of_them) == len(there):
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    with draft.open("w", encoding="ascii") as file:
        file.writelines(json.dumps(asdict(entry)) + "\n" for entry in all_of_them.values())
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def read(path: Path) -> list[Entry]:
    """The lines of a ledger; `InvalidInput` for a file that is none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        entries = [Entry(**json.loads(line)) for line in lines if line.strip()]
        for entry in entries:
            _ = SubjectKind(entry.kind), Platform(entry.platform), datetime.fromisoformat(entry.at)
    except (ValueError, TypeError) as error:
        raise InvalidInput(f"{path} is no ledger of erasures, or damaged: {error}.") from error
    return entries
