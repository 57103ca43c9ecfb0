"""What the operator's page shows: jobs and who does them, versions, disk, sizes, the last backup."""

import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version

import sqlalchemy as sa
from alembic.migration import MigrationContext
from sqlalchemy.orm import Session

from overheard.listening import dead_letters
from overheard.listening.source_health import Concern, SourceHealth
from overheard.modelling import drift
from overheard.models import Embedding
from overheard.operations import jobs
from overheard.operations.checks import OF_THE_DATABASE, OF_THE_MACHINE, OF_THE_TABLES, last_backup, room
from overheard.operations.findings import Finding, Installation, State, examine, look
from overheard.operations.jobs import JobGroup, Worker
from overheard.operations.sizes import DatabaseSize, TableSize, database_size, table_sizes
from overheard.operations.work_checks import OF_THE_WORK

_IN_TROUBLE = (Concern.NEEDS_OPERATOR, Concern.FAILING, Concern.LATE, Concern.DEAD_LETTERS, Concern.GAPS)


@dataclass(frozen=True, slots=True)
class Overview:
    """All of it, as of one moment."""

    has_jobs: bool
    """PostgreSQL; on SQLite one process does it all, without jobs."""
    groups: Sequence[JobGroup]
    workers: Sequence[Worker]
    dead_letters: int
    sources: Sequence[SourceHealth]
    """Those in trouble."""
    versions: dict[str, str]
    database: DatabaseSize
    tables: Sequence[TableSize]
    disk_free: int
    disk: int
    backup_at: datetime | None


def overview(session: Session, installation: Installation) -> Overview:
    """Gathered without reading the posts."""
    free, disk = room(installation.settings.home)
    database = database_size(session)
    return Overview(
        has_jobs=jobs.has_jobs(session),
        groups=jobs.groups(session),
        workers=jobs.workers(session),
        dead_letters=dead_letters.count(session),
        sources=[one for one in installation.health if one.concern in _IN_TROUBLE],
        versions=_versions(session, database),
        database=database,
        tables=table_sizes(session),
        disk_free=free,
        disk=disk,
        backup_at=last_backup(session, installation.settings),
    )


def look_over(installation: Installation) -> Iterator[Finding]:
    """All but the model and the platforms. Where the database is not well, nothing in it is looked at."""
    is_readable = True
    for finding in examine(installation, OF_THE_DATABASE):
        is_readable = is_readable and not spoils_all(finding)
        yield finding
        if finding.what == "database" and not is_readable:
            break  # its tables would say the same again
    yield from examine(installation, OF_THE_MACHINE)
    if is_readable:
        yield from examine(installation, {**OF_THE_TABLES, **OF_THE_WORK})
    else:
        yield look("work", "Not looked at, as the database is not well.", "See to that first.")


def spoils_all(finding: Finding) -> bool:
    """Whether nothing in the database can be told before this is mended."""
    return finding.what in OF_THE_DATABASE and finding.state is State.BROKEN


def not_well(installation: Installation) -> list[Finding]:
    """What no page can leave out; the worst first."""
    found = look_over(installation)
    return sorted((one for one in found if one.state is not State.OK), key=lambda one: one.state is not State.BROKEN)


def _versions(session: Session, database: DatabaseSize) -> dict[str, str]:
    model = drift.judging(session)
    space = session.scalar(sa.select(Embedding.space).order_by(Embedding.id.desc()).limit(1))
    return {
        "Overheard": version("overheard"),
        "Python": platform.python_version(),
        "database": database.version,
        "migration": MigrationContext.configure(session.connection()).get_current_revision() or "none",
        "model": model[0] if model else "the one that is shipped",
        "encoder": space or "not used yet",
    }
