"""The seam to somebody's CRM: a client finds our record, writes it, and tells where records stand."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from overheard.crm.records import Pushed, Record, RecordGone, RecordRefused, RemoteStage
from overheard.errors import CollectorError

_UNAUTHORIZED = 401
_TOO_MANY = 429
_REFUSALS = frozenset({400, 409, 413, 422})
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class There:
    """Our record as it stands in the CRM."""

    id: str
    stage: str
    contact_id: str | None = None
    note_id: str | None = None


class Crm(ABC):
    """A client of one account, for one pass. A failure is a `CollectorError`, or `RecordRefused`: of one record."""

    def __init__(self, address: str, secrets: Mapping[str, str], timeout: float) -> None:
        """Nothing is asked for yet."""
        self.address, self.secrets, self.timeout = address, secrets, timeout

    def push(self, record: Record) -> Pushed:
        """Let the CRM's record be like this. It is found by our name for it, so pushed twice it is still one."""
        there = self.find(record)
        if there is None and record.remote_id is not None:
            raise RecordGone("The record was deleted in the CRM.")
        is_moved = there is not None and there.stage != record.known_stage
        if there is None:
            record = replace(record, stage=record.stage or record.first_stage)
        elif is_moved:
            record = replace(record, stage=None)
        written = self.write(record, there)
        stage = record.stage or written.stage
        return Pushed(written.id, stage, is_moved, there is None, written.contact_id, written.note_id)

    def forget(self, record: Record) -> None:
        """Take back what was told: the record stays without words, its note and contact go. Done twice it is done."""
        there = self.find(record)
        if there is not None:
            self.write(replace(record, person=None), there)
        self.take_back(record, there)

    @abstractmethod
    def stages(self) -> Sequence[RemoteStage]:
        """All stages, in their order. It is the proof that the token is good."""

    @abstractmethod
    def prepare(self) -> None:
        """Make ready what we need there: a field for our name of a record."""

    @abstractmethod
    def find(self, record: Record) -> There | None:
        """Our record, by its id or by our name for it."""

    @abstractmethod
    def write(self, record: Record, there: There | None) -> There:
        """Make or change it, with its contact and note. No stage: as it is."""

    @abstractmethod
    def take_back(self, record: Record, there: There | None) -> None:
        """Delete what names or quotes somebody beside the record itself."""

    @abstractmethod
    def delete(self, remote_id: str) -> None:
        """Delete a record. Only a test's."""

    @abstractmethod
    def read(self, remote_ids: Sequence[str]) -> dict[str, str]:
        """The stages of at most a hundred records; those that are gone are left out."""


def failure(crm: str, status: int, said: str, *, retry_after: float | None = None) -> Exception:
    """What an answer that is not good means. `said`: what the CRM says is wrong, without what we sent."""
    said = " ".join(said.split())[:_LONGEST]
    if status in _REFUSALS:
        return RecordRefused(f"{crm} does not take this record ({status}): {said}")
    if status == _TOO_MANY:
        return CollectorError(f"{crm} asks us to wait: too many requests.", retry_after=retry_after)
    if status == _UNAUTHORIZED:
        return CollectorError(
            f"{crm} does not know this token (any more): give the connection a new one.", permanent=True
        )
    return CollectorError(f"{crm} answered with {status}: {said}", retry_after=retry_after)


def seconds(header: str | None) -> float | None:
    """A `Retry-After` in seconds."""
    return float(header) if header is not None and header.strip().isdecimal() else None
