"""What a challenger learns from and what it is measured with: labels on three sides, and a snapshot of them.

An example is drawn to its side once. What is frozen stays frozen: no version ever learns from it, so each champion and
each challenger can be measured with it. Kin (same author, conversation, or nearly the same text) are on one side, and
posts that were drawn once count as kin though nobody's word about them stands any more.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from random import Random

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.labelling.examples import Example, unlabelled
from overheard.labelling.judged import batches
from overheard.labelling.splits import kin
from overheard.labelling.threads import threads_of
from overheard.modelling.files import dataset_file, dataset_lines, write_whole
from overheard.models import Dataset, DatasetExample, Post
from overheard.settings import Settings


class Side(StrEnum):
    """What an example is for."""

    TRAIN = "train"
    RECENT = "recent"
    """Decisions newer than all that is learned from: the challenger is measured with them, the next one may learn."""
    FROZEN = "frozen"


def divide(
    session: Session, examples: Sequence[Example], *, frozen_share: float, recent_share: float, seed: int
) -> dict[Side, list[Example]]:
    """The examples by side. Some are on none: those that are kin of frozen ones and of ones that were learned from."""
    frozen, trained = _drawn(session, Side.FROZEN), _drawn(session, Side.TRAIN)
    labelled = {one.post_id for one in examples}
    drawn = _without_label(session, (frozen | trained) - labelled)
    sides: dict[Side, list[Example]] = {side: [] for side in Side}
    fresh: list[list[Example]] = []
    for everyone in kin(sorted([*examples, *drawn], key=lambda one: one.post_id)):
        ids = {one.post_id for one in everyone}
        group = [one for one in everyone if one.post_id in labelled]
        if not group:
            continue
        if ids & frozen:
            # Nothing more is learned from kin of what is frozen, and what was learned from once can never be frozen.
            new = [] if ids & trained else [one for one in group if one.post_id not in frozen]
            spoilt = _spoilt(everyone, frozen, trained) if ids & trained else set()
            sides[Side.FROZEN] += [one for one in group if one.post_id in frozen - spoilt] + new
        elif ids & trained:
            sides[Side.TRAIN] += group
        elif Random(f"{seed} {min(ids)}").random() < frozen_share:  # noqa: S311 - no secret
            sides[Side.FROZEN] += group
        else:
            fresh.append(group)
    room = round(len(examples) * recent_share)
    for group in sorted(fresh, key=_newest, reverse=True):
        is_recent = len(sides[Side.RECENT]) + len(group) <= room
        sides[Side.RECENT if is_recent else Side.TRAIN] += group
    return {side: sorted(some, key=lambda one: one.post_id) for side, some in sides.items()}


def snapshot(
    session: Session, settings: Settings, sides: dict[Side, list[Example]], *, of: int, now: datetime
) -> Dataset:
    """Keep which labels stood on which side, as rows and as a file; equal ones are kept once.

    `of`: how many there were when learning began; fewer are left where some were erased meanwhile.
    """
    rows = [
        DatasetExample(
            post_id=one.post_id,
            text_hash=one.text_hash,
            is_lead=bool(one.is_lead),
            intent=one.intent,
            weight=one.weight,
            origin=one.shown_because,
            side=side.value,
        )
        for side, some in sides.items()
        for one in some
    ]
    rows.sort(key=lambda row: row.post_id)
    content = dataset_lines(rows)
    checksum = hashlib.sha256(content).hexdigest()
    known = session.scalars(sa.select(Dataset).where(Dataset.checksum == checksum)).one_or_none()
    if known:
        return known
    dataset = Dataset(checksum=checksum, created_at=now, examples=of, lines=len(rows))
    session.add(dataset)
    session.flush()
    for row in rows:
        row.dataset_id = dataset.id
    session.add_all(rows)
    session.flush()
    write_whole(dataset_file(settings, checksum), content)
    return dataset


def _drawn(session: Session, side: Side) -> set[int]:
    statement = sa.select(DatasetExample.post_id).where(DatasetExample.side == side.value)
    return set(session.scalars(statement.distinct()))


def _spoilt(group: Sequence[Example], frozen: set[int], trained: set[int]) -> set[int]:
    """Frozen ones that turned out to be kin of what was learned from: by an edit, or as a conversation's beginning came
    in late. Nothing is measured with them any more.
    """
    found: set[int] = set()
    for old in kin([one for one in group if one.post_id in frozen | trained]):
        ids = {one.post_id for one in old}
        found |= ids & frozen if ids & trained else set()
    return found


def _without_label(session: Session, post_ids: set[int]) -> list[Example]:
    """Posts that were drawn to a side and are no examples now: a label was withdrawn, or people disagree."""
    found: list[Post] = []
    for ids in batches(sorted(post_ids)):
        found += session.scalars(sa.select(Post).where(Post.id.in_(ids)))
    threads = threads_of(session, found)
    return [unlabelled(post, "", threads) for post in found]


def _newest(group: Sequence[Example]) -> tuple[datetime, int]:
    return max((one.labelled_at, one.post_id) for one in group)
