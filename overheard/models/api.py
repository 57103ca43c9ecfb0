"""What the API remembers of its callers."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from overheard.models.base import Base


class StoredAnswer(Base):
    """What a write was answered with, so that the same request sent again is answered and not done again.

    Only who sent the request can read it: the body is sealed with what they alone have.
    """

    __tablename__ = "stored_answers"

    id: Mapped[int] = mapped_column(primary_key=True)
    key_hash: Mapped[str] = mapped_column(unique=True)
    """Of the caller's token together with the key they chose."""
    request_hash: Mapped[str]
    at: Mapped[datetime] = mapped_column(index=True)
    status: Mapped[int | None]
    """None only within the transaction that does the work."""
    media_type: Mapped[str | None]
    sealed: Mapped[bytes | None]
    """None also where something was erased since: the answer may tell of it."""
