"""Files in the home folder that were made from labelled posts, and how an erasure reaches them.

The tables are the truth: rows go with their posts, and files follow the rows.
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.models import CachedVector, Dataset, DatasetExample, Post
from overheard.settings import Settings

_VECTORS, _DATASETS = "vectors", "datasets"
_AT_ONCE = 1000


def vector_file(settings: Settings, reader: str, text_hash: str) -> Path:
    """Where the vector of a text is kept."""
    return settings.home / _VECTORS / reader / f"{text_hash}.npy"


def dataset_file(settings: Settings, checksum: str) -> Path:
    """Where a dataset is kept as JSON Lines."""
    return settings.home / _DATASETS / f"{checksum}.jsonl"


def checkpoint_file(settings: Settings) -> Path:
    """Where a retraining with the encoder keeps how far it is."""
    return settings.home / "retraining" / "checkpoint.safetensors"


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that is never there in part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_bytes(content)
    draft.rename(path)


def dataset_lines(examples: Iterable[DatasetExample]) -> bytes:
    """The file of a dataset: ids, hashes and labels, never a text."""
    return b"".join(json.dumps(_line(one), sort_keys=True).encode() + b"\n" for one in examples)


def _line(one: DatasetExample) -> dict[str, Any]:
    return {
        "post_id": one.post_id,
        "text_hash": one.text_hash,
        "is_lead": one.is_lead,
        "intent": one.intent,
        "weight": one.weight,
        "origin": one.origin,
        "side": one.side,
    }


def follow_erasures(session: Session, settings: Settings) -> int:
    """Remove what files still hold of posts that were erased, or whose text is another one now; how many rows."""
    return _forget_vectors(session, settings) + _forget_examples(session, settings)


def erased_examples(session: Session) -> dict[int, int]:
    """By dataset how many of its examples were erased since, where any were. Its versions learned from them."""
    statement = (
        sa.select(Dataset.id, Dataset.examples - sa.func.count(DatasetExample.id))
        .outerjoin(DatasetExample, DatasetExample.dataset_id == Dataset.id)
        .group_by(Dataset.id, Dataset.examples)
    )
    return {dataset_id: gone for dataset_id, gone in session.execute(statement) if gone}


def _forget_vectors(session: Session, settings: Settings) -> int:
    statement = (
        sa.select(CachedVector.id, CachedVector.reader, CachedVector.text_hash)
        .outerjoin(Post, Post.id == CachedVector.post_id)
        .where(sa.or_(Post.id.is_(None), Post.text_hash != CachedVector.text_hash))
        .limit(_AT_ONCE)
    )
    forgotten = 0
    while rows := session.execute(statement).all():
        for _, reader, text_hash in rows:
            vector_file(settings, reader, text_hash).unlink(missing_ok=True)
        session.execute(sa.delete(CachedVector).where(CachedVector.id.in_([row.id for row in rows])))
        forgotten += len(rows)
    return forgotten


def _forget_examples(session: Session, settings: Settings) -> int:
    left = (
        sa.select(sa.func.count()).where(DatasetExample.dataset_id == Dataset.id).correlate(Dataset).scalar_subquery()
    )
    forgotten = 0
    for dataset in session.scalars(sa.select(Dataset).where(left < Dataset.lines)).all():
        of_it = sa.select(DatasetExample).where(DatasetExample.dataset_id == dataset.id)
        examples = session.scalars(of_it.order_by(DatasetExample.post_id)).all()
        write_whole(dataset_file(settings, dataset.checksum), dataset_lines(examples))
        forgotten += dataset.lines - len(examples)
        dataset.lines = len(examples)
    session.flush()
    return forgotten
