"""What travels between us and a CRM, and the errors of the way. Clients of CRMs stand in `collectors/crm/`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from overheard.errors import OverheardError
from overheard.notifications.outbound_vocabulary import CrmPlatform

OPEN, WON, LOST = "open", "won", "lost"


@dataclass(frozen=True, slots=True)
class RemoteStage:
    """A stage of somebody's pipeline."""

    id: str
    name: str
    kind: str
    """`open`, `won` or `lost`."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who wrote the post, where they are told of."""

    name: str
    email: str | None = None
    phone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A lead as a CRM keeps it: a deal or an opportunity."""

    key: str
    """Our name for it, by which it is found there: the same for ever."""
    name: str
    text: str
    """What is to be known of it, in lines."""
    first_stage: str
    """Where a new one begins."""
    stage: str | None
    """Where it stands now by our word; None: we have nothing to say."""
    known_stage: str | None = None
    """Where it stood when it was seen last. If it stands elsewhere, somebody there moved it, and it stays there."""
    person: Person | None = None
    remote_id: str | None = None
    contact_id: str | None = None
    note_id: str | None = None


@dataclass(frozen=True, slots=True)
class Pushed:
    """The record as it stands there now."""

    remote_id: str
    stage: str
    is_moved: bool
    """Somebody there had moved it since, so our word about its stage was not said."""
    is_new: bool = False
    contact_id: str | None = None
    note_id: str | None = None


class RecordRefused(OverheardError):
    """The CRM does not take this record as it is; the next may be taken."""


class RecordGone(OverheardError):
    """The record was deleted in the CRM."""


class CrmDoor(Protocol):
    """Asks a CRM at once, for somebody who waits."""

    def stages(self, platform: CrmPlatform, address: str, secrets: Mapping[str, str]) -> Sequence[RemoteStage]:
        """Try a token, make ready what we need there, and tell the pipeline's stages."""

    def test(self, platform: CrmPlatform, address: str, secrets: Mapping[str, str], stage: str) -> None:
        """Make an invented record there, and take it away."""
