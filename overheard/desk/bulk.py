"""One decision about several leads; each gets its label and its event. Only putting out goes in bulk, never replies."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from overheard.errors import InvalidInput, NotFound, WrongStage
from overheard.labelling.labels import Seen
from overheard.leads import funnel
from overheard.models import User
from overheard.vocabulary import DisqualifyReason

MAX_LEADS = 100


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of each."""

    done: list[int]
    refused: dict[int, str]
    """Why not, by lead: somebody was faster, or looks at it."""


def disqualify(
    session: Session,
    lead_ids: Iterable[int],
    *,
    reason: DisqualifyReason,
    actor: User,
    now: datetime,
    note: str | None = None,
    key: str | None = None,
) -> Outcome:
    """Put several leads out for one reason. One that cannot be is left as it is and stops none of the others."""
    seen = Seen(because="bulk")

    def put_out(lead_id: int) -> object:
        return funnel.disqualify(session, lead_id, reason=reason, note=note, actor=actor, now=now, seen=seen, key=key)

    return _each(lead_ids, put_out)


def undo(session: Session, lead_ids: Iterable[int], *, actor: User, now: datetime) -> Outcome:
    """Take back the actor's own last step on each of these: a bulk decision is taken back as it was made, in one go."""
    return _each(lead_ids, lambda lead_id: funnel.undo(session, lead_id, actor=actor, now=now))


def _each(lead_ids: Iterable[int], act: Callable[[int], object]) -> Outcome:
    wanted = sorted(set(lead_ids))
    if not 1 <= len(wanted) <= MAX_LEADS:
        raise InvalidInput(f"Name 1 to {MAX_LEADS} leads, not {len(wanted)}.")
    outcome = Outcome([], {})
    for lead_id in wanted:
        try:
            act(lead_id)
        except (WrongStage, NotFound) as refusal:  # raised before anything is written
            outcome.refused[lead_id] = str(refusal)
        else:
            outcome.done.append(lead_id)
    return outcome
