"""What `/v1` says to an operator."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Self

from pydantic import BaseModel, Field

from overheard.listening.dead_letters import Retried
from overheard.models import DeadLetter
from overheard.operations.findings import Finding, State
from overheard.operations.jobs import Job
from overheard.operations.overview import Overview
from overheard.vocabulary import Platform


class FindingBody(BaseModel):
    """Something that is not well."""

    what: str
    state: State
    says: str
    do: str

    @classmethod
    def of(cls, finding: Finding) -> Self:
        """As it was found."""
        return cls(**asdict(finding))


class JobGroupBody(BaseModel):
    """The jobs of one task in one state."""

    queue: str
    task: str
    state: str = Field(description="todo, doing, failed; and what Procrastinate has besides.")
    number: int
    since: datetime | None = Field(description="When the one that is longest in this state came into it.")


class WorkerBody(BaseModel):
    """A worker; a process is one for each queue that it serves."""

    id: int
    seen_at: datetime
    running: int


class TableBody(BaseModel):
    """A table with its indexes."""

    name: str
    rows: int = Field(description="About; on SQLite the highest number given so far.")
    bytes: int | None = Field(description="Null on SQLite.")


class OperationsBody(BaseModel):
    """How the installation is doing."""

    findings: list[FindingBody]
    has_jobs: bool = Field(description="On SQLite one process does it all, without jobs.")
    jobs: list[JobGroupBody]
    workers: list[WorkerBody]
    dead_letters: int
    sources_in_trouble: list[int]
    versions: dict[str, str]
    database_bytes: int
    database_free_bytes: int
    tables: list[TableBody]
    disk_free_bytes: int
    disk_bytes: int
    backup_at: datetime | None

    @classmethod
    def of(cls, seen: Overview, findings: Sequence[FindingBody]) -> Self:
        """As it was gathered."""
        return cls(
            findings=list(findings),
            has_jobs=seen.has_jobs,
            jobs=[JobGroupBody(**asdict(group)) for group in seen.groups],
            workers=[WorkerBody(**asdict(worker)) for worker in seen.workers],
            dead_letters=seen.dead_letters,
            sources_in_trouble=[one.source.id for one in seen.sources],
            versions=seen.versions,
            database_bytes=seen.database.bytes,
            database_free_bytes=seen.database.free,
            tables=[TableBody(**asdict(table)) for table in seen.tables],
            disk_free_bytes=seen.disk_free,
            disk_bytes=seen.disk,
            backup_at=seen.backup_at,
        )


class JobBody(BaseModel):
    """One job. What it was given is not told."""

    id: int
    task: str
    queue: str
    state: str
    attempts: int
    changed_at: datetime | None
    scheduled_at: datetime | None

    @classmethod
    def of(cls, job: Job) -> Self:
        """As it stands."""
        return cls(**{name: getattr(job, name) for name in cls.model_fields})


class DeadLetterBody(BaseModel):
    """An item that could not be taken in."""

    id: int
    at: datetime
    origin: str
    locator: str
    reason: str
    platform: Platform | None
    external_id: str | None

    @classmethod
    def of(cls, letter: DeadLetter) -> Self:
        """From the row, without the item itself."""
        return cls(**{name: getattr(letter, name) for name in cls.model_fields})


class RetriedBody(BaseModel):
    """What came of it."""

    outcome: Retried = Field(description="Unreadable and unknown ones stay where they were.")
