"""Labels by the guideline, made apart from the queue, and those that are worth a second look."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from overheard.models.base import Base, owner
from overheard.vocabulary import Intent

_STANDS = sa.text("withdrawn_at IS NULL")


class IntentLabel(Base):
    """One of the nine intents, said by a person who read the text alone. Append-only: a new word withdraws the old."""

    __tablename__ = "intent_labels"
    __table_args__ = (Index("ix_intent_labels_standing", "post_id", sqlite_where=_STANDS, postgresql_where=_STANDS),)

    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = owner("posts.id")
    intent: Mapped[Intent]
    is_unsure: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    """Whether a careful second reader could well decide otherwise between lead and no lead."""
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    origin: Mapped[str | None]
    """Who said it, where it came in from another tool and is nobody's here."""
    at: Mapped[datetime]
    text_hash: Mapped[str]
    shown_because: Mapped[str]
    """Which queue of the editor it was shown in, or that it was imported."""
    model_version: Mapped[str | None]
    score: Mapped[float | None]
    """What the model had said by then. It is not shown in the editor."""
    is_final: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    """Whether it settles what others disagreed on: then it alone counts."""
    withdrawn_at: Mapped[datetime | None]


class LabelDoubt(Base):
    """A labelled post whose label surprises a model that did not learn from it."""

    __tablename__ = "label_doubts"
    __table_args__ = (UniqueConstraint("post_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = owner("posts.id", index=False)
    text_hash: Mapped[str]
    said: Mapped[str]
    """An intent, or "lead" or "no lead", where only that was said."""
    proposed: Mapped[str]
    loss: Mapped[float]
    """How much the label surprises: minus the logarithm of its probability."""
    at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    """When a person looked at it again."""
