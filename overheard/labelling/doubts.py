"""Labels in doubt, kept until a person has looked at them again."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.db import upsert
from overheard.labelling.examples import Example
from overheard.models import LabelDoubt


class Doubt(NamedTuple):
    """What is doubted, and what is proposed instead."""

    example: Example
    proposed: str
    loss: float


def said_of(example: Example) -> str:
    """The label in a word."""
    return example.intent.value if example.intent else "lead" if example.is_lead else "no lead"


def replace(session: Session, doubts: Iterable[Doubt], *, now: datetime) -> int:
    """Let these be the open doubts; how many are. What a person looked at again is not asked about once more, unless
    its text or its label has changed since.
    """
    session.execute(sa.delete(LabelDoubt).where(LabelDoubt.settled_at.is_(None)))
    settled = {
        (post_id, text_hash, said)
        for post_id, text_hash, said in session.execute(
            sa.select(LabelDoubt.post_id, LabelDoubt.text_hash, LabelDoubt.said)
        )
    }
    rows = [
        {
            "post_id": one.example.post_id,
            "text_hash": one.example.text_hash,
            "said": said_of(one.example),
            "proposed": one.proposed,
            "loss": one.loss,
            "at": now,
            "settled_at": None,
        }
        for one in doubts
        if (one.example.post_id, one.example.text_hash, said_of(one.example)) not in settled
        and said_of(one.example) != one.proposed
    ]
    if rows:
        insert = upsert(session, LabelDoubt)
        changed = {name: insert.excluded[name] for name in rows[0] if name != "post_id"}
        session.execute(insert.on_conflict_do_update(index_elements=["post_id"], set_=changed), rows)
    return len(rows)
