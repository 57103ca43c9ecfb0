"""Bringing the posts of a file in: streamed, and at any moment as far as the transaction that was last committed."""

import hashlib
import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from collectors.formats.known import recognise
from collectors.formats.own import FIELDS
from collectors.formats.records import ImportOptions, Outcome, Record, Skipped
from collectors.formats.streams import InputFile, open_input
from overheard.db import Sessions, upsert
from overheard.errors import InvalidInput
from overheard.listening.intake import Intake, take_in
from overheard.models import FileImport
from overheard.settings import Settings
from overheard.tracing import step

logger = logging.getLogger(__name__)

# Records of one transaction: a kill costs reading this many again, and a writer that waits, waits about 0.3 s.
BATCH = 1_000

_HASH_CHUNK = 2**20


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """How far it is. A file is read twice: once to see whether it is known, once for its records."""

    phase: Literal["checking", "reading"]
    bytes_done: int
    bytes_total: int
    records: int = 0


Progress = Callable[[ImportProgress], None]


@dataclass(slots=True)
class ImportSummary:
    """What an import did. Counts are of this run; `resumed_from` records had been read before it."""

    format: str
    resumed_from: int = 0
    records: int = 0
    intake: Intake = field(default_factory=Intake)
    skipped: Counter[str] = field(default_factory=Counter)
    """Records that are no person's posts, by reason."""
    already_imported: bool = False
    seconds: float = 0.0


@dataclass(slots=True)
class _Place:
    """The import's row, and how many records it has."""

    import_id: int
    origin: str
    records_read: int
    is_finished: bool


def import_file(
    sessions: Sessions,
    path: Path,
    *,
    clock: Callable[[], datetime],
    options: ImportOptions | None = None,
    progress: Progress = lambda _: None,
    batch: int = BATCH,
    settings: Settings | None = None,
) -> ImportSummary:
    """Bring in all posts of the file that are not in yet.

    After a kill the same call goes on where the last transaction ended; after the end it adds nothing, unless
    `options.again`. Records that cannot be read become dead letters, and `InvalidInput` is raised for a file that
    cannot: then all that could be read before the damage is in. `settings`: as `take_in` wants them.
    """
    options = options or ImportOptions()
    started = time.monotonic()
    with open_input(path) as file:
        format_ = recognise(file, options)
        sha256 = _sha256(file, progress)
        with sessions.begin() as session:
            place = _place(session, file, sha256, options, now=clock())
        summary = ImportSummary(format_.name, resumed_from=place.records_read, already_imported=place.is_finished)
        if not place.is_finished:
            run = _Import(sessions, file, place, summary, clock, progress, settings)
            run.read(format_.records(file, options), batch)
    summary.seconds = time.monotonic() - started
    return summary


def parse_columns(text: str) -> dict[str, str]:
    """A column map as it is typed: `title=Subject,body=Text`."""
    columns: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, header = (piece.strip() for piece in part.partition("="))
        if not equals or not header or name not in FIELDS:
            raise InvalidInput(
                f"{part!r} maps no column: write FIELD=HEADER, where FIELD is one of {', '.join(FIELDS)}."
            )
        columns[name] = header
    return columns


def _sha256(file: InputFile, progress: Progress) -> str:
    digest = hashlib.sha256()
    file.handle.seek(0)
    while chunk := file.handle.read(_HASH_CHUNK):
        digest.update(chunk)
        progress(ImportProgress("checking", file.position, file.size))
    return digest.hexdigest()


def _place(session: Session, file: InputFile, sha256: str, options: ImportOptions, *, now: datetime) -> _Place:
    """The import's row, made when there is none, rewound when the operator wants the file read again."""
    key = {"sha256": sha256, "options": _key(options)}
    new = upsert(session, FileImport).values(**key, file_name=file.path.name, started_at=now, records_read=0)
    session.execute(new.on_conflict_do_nothing())
    row = session.scalars(sa.select(FileImport).filter_by(**key).with_for_update()).one()
    if options.again and row.finished_at is not None:
        row.records_read, row.started_at, row.finished_at = 0, now, None
    return _Place(row.id, row.file_name, row.records_read, row.finished_at is not None)


def _key(options: ImportOptions) -> str:
    """What makes two readings of the same bytes two imports."""
    told = {
        "columns": dict(sorted(options.columns.items())),
        "platform": options.platform,
        "community": options.community,
        "workspace": options.workspace,
    }
    return json.dumps({name: value for name, value in told.items() if value})


@dataclass(frozen=True, slots=True)
class _Import:
    """One run over one file."""

    sessions: Sessions
    file: InputFile
    place: _Place
    summary: ImportSummary
    clock: Callable[[], datetime]
    progress: Progress
    settings: Settings | None

    def read(self, records: Iterator[Record], batch: int) -> None:
        """Take in what is not in yet, a batch a transaction."""
        for _ in islice(records, self.place.records_read):
            pass
        damage = None
        while damage is None:
            outcomes, damage = _next(records, batch)
            if not outcomes:
                break
            with self.sessions.begin() as session:
                self._take(session, outcomes)
            self.place.records_read += len(outcomes)
            self.progress(ImportProgress("reading", self.file.position, self.file.size, self.place.records_read))
        if damage is not None:
            logger.warning("met a damaged file", extra={"action": "import_damaged", "import_id": self.place.import_id})
            raise InvalidInput(f"{damage} The {self.place.records_read} records before it are in.") from damage
        with self.sessions.begin() as session:
            _move(session, self.place, finished_at=self.clock())
        logger.info("imported a file", extra={"action": "import_finished", "import_id": self.place.import_id})

    def _take(self, session: Session, outcomes: Sequence[Outcome]) -> None:
        skipped = [outcome for outcome in outcomes if isinstance(outcome, Skipped)]
        items = [outcome for outcome in outcomes if not isinstance(outcome, Skipped)]
        with step("take in", items=len(items)):
            intake = take_in(session, items, origin=self.place.origin, now=self.clock(), settings=self.settings)
        _move(session, self.place, records_read=self.place.records_read + len(outcomes))
        self.summary.intake.add(intake)
        self.summary.skipped.update(outcome.reason for outcome in skipped)
        self.summary.records += len(outcomes)


def _next(records: Iterator[Record], batch: int) -> tuple[list[Outcome], InvalidInput | None]:
    """The next records, as many as can be read, and the damage that kept the others."""
    outcomes: list[Outcome] = []
    try:
        for record in islice(records, batch):
            outcomes.append(record())  # noqa: PERF401 - what was read before damage must stay in the list
    except InvalidInput as damage:
        return outcomes, damage
    return outcomes, None


def _move(session: Session, place: _Place, **values: object) -> None:
    """Move the import on from where we know it to be; another process may be at the same file."""
    moved = session.execute(
        sa.update(FileImport)
        .where(FileImport.id == place.import_id, FileImport.records_read == place.records_read)
        .values(**values)
        .returning(FileImport.id)
    )
    if moved.first() is None:
        raise InvalidInput(f"{place.origin} is being imported by another process: wait for it, or end it.")
