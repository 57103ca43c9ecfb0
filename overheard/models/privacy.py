"""What was erased on request, and which backups may still hold it."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from overheard.models.base import Base
from overheard.privacy.vocabulary import SubjectKind
from overheard.vocabulary import Platform


class Erasure(Base):
    """The receipt of something that was erased on request: what kind of thing, and how much. It names nobody.

    It is written first and the erasing follows in batches, so that whoever dies in between is made up for.
    """

    __tablename__ = "erasures"
    __table_args__ = (
        # Asked with every batch of posts that comes in: whether their source is being erased.
        Index(
            "ix_erasures_under_way",
            "kind",
            sqlite_where=sa.text("subject IS NOT NULL"),
            postgresql_where=sa.text("subject IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    receipt: Mapped[str] = mapped_column(unique=True)
    """Its number, for letters: the same in the ledger beside the database."""
    at: Mapped[datetime]
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    """None: somebody at the command line."""
    kind: Mapped[SubjectKind]
    platform: Mapped[Platform]
    subject_hash: Mapped[str]
    """A keyed hash of whom or what it was about: who has the name and the key can tell that it was them."""
    key_check: Mapped[str]
    """Tells whether another key is in use by now."""
    tombstones: Mapped[list[str]] = mapped_column(sa.JSON)
    """Of the posts that went, as `tombstones` keeps them: they stay away after an older backup is restored too."""
    reason: Mapped[str]
    is_for_good: Mapped[bool]
    """Whether nothing that the author writes is taken in from then on."""
    counts: Mapped[dict[str, int]] = mapped_column(sa.JSON)
    """How many rows of which table went or were emptied."""
    learned: Mapped[list[str]] = mapped_column(sa.JSON)
    """Model versions that had learned from something that was erased."""
    backups: Mapped[int]
    """How many backups, known here, still held it."""
    backups_until: Mapped[datetime | None]
    """When the last of these is removed; none: there are none, or nobody said when."""
    replayed_at: Mapped[datetime | None]
    """When it was done again, on an older backup that was restored."""
    subject: Mapped[dict[str, Any] | None] = mapped_column(sa.JSON(none_as_null=True))
    """Whom or what, in clear: as long as it is under way and no longer."""
    finished_at: Mapped[datetime | None]
    """When the last batch went."""


class Backup(Base):
    """A backup that was written: as long as it is there, it holds what was erased since."""

    __tablename__ = "backups"

    id: Mapped[int] = mapped_column(primary_key=True)
    path: Mapped[str] = mapped_column(unique=True)
    at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    """When `--keep` removes it; none: nobody said."""
    gone_at: Mapped[datetime | None]
    """When it was seen to be there no more."""
