"""What all tables share."""

import enum
from datetime import datetime
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, MappedColumn, mapped_column

from overheard import vocabulary
from overheard.db import UtcDateTime
from overheard.modelling import vocabulary as modelling_vocabulary
from overheard.notifications import outbound_vocabulary
from overheard.privacy import vocabulary as privacy_vocabulary


def _words(kind: type[enum.StrEnum]) -> sa.Enum:
    """Enums are kept as their words: readable in any tool, and a new member needs no migration."""
    return sa.Enum(kind, native_enum=False, length=32, values_callable=lambda members: [m.value for m in members])


class Base(DeclarativeBase):
    """The form of every table."""

    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: sa.Text(),
        datetime: UtcDateTime(),
        **{
            kind: _words(kind)
            for words in (vocabulary, outbound_vocabulary, modelling_vocabulary, privacy_vocabulary)
            for kind in vars(words).values()
            if isinstance(kind, type) and issubclass(kind, enum.StrEnum) and kind is not enum.StrEnum
        },
    }


def owner(column: str, *, index: bool = True) -> MappedColumn[int]:
    """A foreign key whose row goes when its owner goes: this is how an erasure takes all that was derived with it."""
    return mapped_column(ForeignKey(column, ondelete="CASCADE"), index=index)
