"""The receipts of what was erased on request, and of what is being erased."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.errors import NotFound
from overheard.models import Erasure
from overheard.privacy.vocabulary import SubjectKind


def page(session: Session, *, before: int | None = None, limit: int | None = None) -> Sequence[Erasure]:
    """The newest first, those older than the one with the id `before`; default: all."""
    newest_first = sa.select(Erasure).order_by(Erasure.id.desc()).limit(limit)
    return session.scalars(newest_first if before is None else newest_first.where(Erasure.id < before)).all()


def get(session: Session, number: str) -> Erasure:
    """The receipt of this number; `NotFound` if there is none."""
    found = session.scalars(sa.select(Erasure).where(Erasure.receipt == number)).first()
    if found is None:
        raise NotFound(f"There is no receipt {number[:40]!r}. All there are: overheard erasures")
    return found


def under_way(session: Session, kind: SubjectKind, digest: str) -> Erasure | None:
    """The receipt of what is being erased just now, by the keyed hash of whom or what it is about."""
    same = (Erasure.kind == kind) & (Erasure.subject_hash == digest)
    return session.scalars(sa.select(Erasure).where(Erasure.subject.is_not(None), same)).first()


def as_json(one: Erasure) -> dict[str, Any]:
    """A receipt as JSON: all that is known of it but the ids that stay away."""
    return {
        "receipt": one.receipt,
        "at": one.at.isoformat(),
        "by": f"user {one.actor_id}" if one.actor_id else "command line",
        "kind": one.kind.value,
        "platform": one.platform.value,
        "subject_hash": one.subject_hash,
        "reason": one.reason,
        "for_good": one.is_for_good,
        "counts": one.counts,
        "model_versions_that_learned_from_it": one.learned,
        "backups_that_still_hold_it": one.backups,
        "backups_until": one.backups_until.isoformat() if one.backups_until else None,
        "finished_at": one.finished_at.isoformat() if one.finished_at else None,
        "erased_again_at": one.replayed_at.isoformat() if one.replayed_at else None,
    }
