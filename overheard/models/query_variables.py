"""Lists of words that queries share."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from overheard.models.base import Base


class QueryVariable(Base):
    """What `${name}` stands for in every campaign's queries."""

    __tablename__ = "query_variables"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    text: Mapped[str]
    """An expression; of several lines each is one alternative."""
    changed_at: Mapped[datetime]
