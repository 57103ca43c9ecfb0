"""All that Overheard raises on purpose.

OverheardError
├── NotFound            no such lead, post, campaign, source, user
├── WrongStage          this step is not open from this stage, or somebody was faster
├── InvalidInput        a value, a file or a row that cannot be taken as it is
│   └── InvalidQuery    a keyword query that cannot be read; carries the position
├── CollectorError      the platform said no; permanent or not, and when to come back
├── ReplyRefused        guardrails refused a reply; each says which, why, and what would make it pass
└── ModelError          no usable model, or a file that is not ours

The class docstring is the default message. Raise near the fact, catch at a door.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


class OverheardError(Exception):
    """Something went wrong that we know of."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or type(self).__doc__)


class NotFound(OverheardError):
    """There is no such thing here."""


class WrongStage(OverheardError):
    """This step is not open from the stage the lead is in, or somebody was faster."""


class InvalidInput(OverheardError):
    """This cannot be taken as it is."""


class InvalidQuery(InvalidInput):
    """This keyword query cannot be read."""

    def __init__(self, message: str, *, position: int, suggestion: str | None = None) -> None:
        """`position`: index of the character, from 0, at which reading failed. `suggestion`: what to write instead."""
        super().__init__(f"{message} (at character {position + 1})" + (f". {suggestion}" if suggestion else ""))
        self.message = message
        self.position = position
        self.suggestion = suggestion


class CollectorError(OverheardError):
    """The platform did not answer as it should."""

    def __init__(self, message: str, *, permanent: bool = False, retry_after: float | None = None) -> None:
        """`permanent`: trying again is useless. `retry_after`: seconds, when the platform said when."""
        super().__init__(message)
        self.permanent = permanent
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Refusal:
    """What one guardrail has against a reply."""

    guardrail: str
    why: str
    remedy: str
    """What would make it pass."""
    may_override: bool = False
    """Whether the person who writes may set it aside for this reply."""
    is_warning: bool = False
    """It is shown and stops nothing."""
    not_before: datetime | None = None
    """From when on it would pass by itself."""


class ReplyRefused(OverheardError):
    """A guardrail refused this reply."""

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        super().__init__(" ".join(f"{refusal.why} {refusal.remedy}" for refusal in refusals))
        self.refusals = tuple(refusals)


class ModelError(OverheardError):
    """There is no usable model."""
