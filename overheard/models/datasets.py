"""What model versions were trained on and measured with, and which texts a vector is kept of. No text stands here."""

from datetime import datetime

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from overheard.models.base import Base, owner
from overheard.vocabulary import Intent


class Dataset(Base):
    """The labels as they were when a challenger was made. The same rows stand in a file in the home folder."""

    __tablename__ = "datasets"

    id: Mapped[int] = mapped_column(primary_key=True)
    checksum: Mapped[str] = mapped_column(unique=True)
    """Of all rows: equal rows are one dataset."""
    created_at: Mapped[datetime]
    examples: Mapped[int]
    """How many it had. Fewer are left where some were erased."""
    lines: Mapped[int]
    """How many stand in its file."""


class DatasetExample(Base):
    """A labelled post in a dataset, without its text. It goes with the post."""

    __tablename__ = "dataset_examples"
    __table_args__ = (UniqueConstraint("dataset_id", "post_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    dataset_id: Mapped[int] = owner("datasets.id", index=False)
    post_id: Mapped[int] = owner("posts.id")
    text_hash: Mapped[str]
    is_lead: Mapped[bool]
    intent: Mapped[Intent | None]
    weight: Mapped[float]
    origin: Mapped[str]
    """Why the post was shown to whoever labelled it."""
    side: Mapped[str]
    """`train`, `recent` or `frozen`."""


class Retraining(Base):
    """One run of retraining: how far it is, and how it ended. It runs in a process of its own; this is what is seen."""

    __tablename__ = "retrainings"

    id: Mapped[int] = mapped_column(primary_key=True)
    begun_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    """When it was last heard of. One that was killed is heard of no more."""
    ended_at: Mapped[datetime | None]
    phase: Mapped[str]
    """What it is doing, or did last, as people read it."""
    done: Mapped[int]
    total: Mapped[int]
    """Steps of the phase; 0 where they are not counted."""
    version: Mapped[str | None]
    """The challenger that came of it."""
    is_accepted: Mapped[bool | None]
    """Whether the gate let it through."""
    error: Mapped[str | None]
    """Why nothing came of it."""


class CachedVector(Base):
    """A file with what the heads of some models see of a post's text."""

    __tablename__ = "cached_vectors"
    __table_args__ = (UniqueConstraint("reader", "text_hash"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    reader: Mapped[str]
    """The encoder with its changed layers, and which layers are read."""
    text_hash: Mapped[str]
    post_id: Mapped[int | None] = mapped_column(ForeignKey("posts.id", ondelete="SET NULL"), index=True)
    """None: the post is gone, and its file has to follow."""
