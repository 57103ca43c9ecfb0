"""What was known about a qualifying question before somebody wrote something else there."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from overheard.models.base import Base, owner


class FormerAnswer(Base):
    """One change of an answer: what stood there before it, and who changed it. It goes when the change is undone."""

    __tablename__ = "former_answers"
    __table_args__ = (Index("ix_former_answers_lead_id_question_id", "lead_id", "question_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    lead_id: Mapped[int] = owner("leads.id", index=False)
    question_id: Mapped[int] = owner("qualifying_questions.id")
    answer: Mapped[str | None]
    """None: the question was open."""
    fits: Mapped[bool | None]
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    """Who had said so, and when."""
    at: Mapped[datetime | None]
    changed_by_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    changed_at: Mapped[datetime]
