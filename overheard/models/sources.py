"""Where posts come from."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from overheard.models.base import Base, owner
from overheard.vocabulary import Platform, SourceState


class Credential(Base):
    """What opens one account at a platform for us. Encrypted; the key is not in the database."""

    __tablename__ = "credentials"
    __table_args__ = (UniqueConstraint("mode", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    mode: Mapped[str]
    name: Mapped[str]
    """Whose account it is, as the platform says it: a workspace, a user name."""
    sealed: Mapped[bytes]
    changed_at: Mapped[datetime]


class Source(Base):
    """One community that we watch or have imported, and how far it has been read."""

    __tablename__ = "sources"
    __table_args__ = (UniqueConstraint("platform", "community"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    platform: Mapped[Platform]
    community: Mapped[str]
    created_at: Mapped[datetime]
    cursor: Mapped[str | None]
    """Opaque to all but the source's collector."""
    read_at: Mapped[datetime | None]
    """When a pass last came to its end."""

    mode: Mapped[str | None]
    """How it is read: a name in the collectors' table. None: its posts came in by file or by hand."""
    address: Mapped[str | None]
    """What the collector asks the platform for: a channel's id, a feed's URL. Opaque to all others."""
    options: Mapped[dict[str, str] | None] = mapped_column(sa.JSON)
    credential_id: Mapped[int | None] = mapped_column(ForeignKey("credentials.id"), index=True)
    state: Mapped[SourceState | None]
    """None as long as it is not read live."""
    terms: Mapped[dict[str, str | int | bool | None] | None] = mapped_column(sa.JSON)
    """What the collector says may be done with its posts: `overheard.listening.terms.Terms`."""
    retention_hours: Mapped[int | None]
    """The operator's own word; none leaves it to the terms."""
    may_train: Mapped[bool | None]
    """Whether a model may learn from its posts, as the operator says; none leaves it to the terms."""
    permitted_by: Mapped[str | None]
    """Who said that we are allowed to read it, and when."""
    permitted_at: Mapped[datetime | None]

    interval: Mapped[float | None]
    """Seconds between two passes, as the traffic asks for."""
    next_run_at: Mapped[datetime | None]
    not_before: Mapped[datetime | None]
    """The platform asked us to wait until then. Kept, so that a restart does not hammer."""
    failures: Mapped[int] = mapped_column(default=0, server_default="0")
    """Passes in a row that failed."""
    last_error: Mapped[str | None]
    last_error_at: Mapped[datetime | None]
    budget: Mapped[dict[str, float] | None] = mapped_column(sa.JSON)
    """What the platform last said of our request budget: `limit`, `remaining`, `resets_in` seconds."""

    credential: Mapped[Credential | None] = relationship(lazy="raise")

    @property
    def origin(self) -> str:
        """How dead letters name it."""
        return origin_of(self.platform, self.community)


def origin_of(platform: Platform, community: str) -> str:
    """How dead letters name a source."""
    return f"{platform.display}: {community}"


class Usage(Base):
    """What one source cost on one day (UTC)."""

    __tablename__ = "usage"
    __table_args__ = (UniqueConstraint("source_id", "day"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = owner("sources.id", index=False)
    day: Mapped[date]
    requests: Mapped[int]
    cost: Mapped[float]
    """US dollars, for platforms that take money."""


class Gap(Base):
    """A range of a source that is known to be missed."""

    __tablename__ = "gaps"
    __table_args__ = (UniqueConstraint("source_id", "first", "last"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = owner("sources.id", index=False)
    first: Mapped[str]
    last: Mapped[str]
    reason: Mapped[str]
    found_at: Mapped[datetime]
    repaired_at: Mapped[datetime | None]
    """When what was missed came in after all."""


class Revisit(Base):
    """An item that a collector must ask for again, because it could not be read when its turn came."""

    __tablename__ = "revisits"
    __table_args__ = (UniqueConstraint("source_id", "external_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = owner("sources.id", index=False)
    external_id: Mapped[str]
    first_asked_at: Mapped[datetime]


class Delivery(Base):
    """What a platform pushed to us: on disk before it is acknowledged, and taken in by the next pass."""

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("credential_id", "delivery_id"),
        Index(None, "credential_id", "address", "taken_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    credential_id: Mapped[int] = owner("credentials.id", index=False)
    delivery_id: Mapped[str]
    """The platform's own number of the event: it comes again when an acknowledgement was lost."""
    address: Mapped[str]
    """The source's address."""
    raw: Mapped[bytes]
    """Emptied when it has been taken in; the row stays for a while, so that a late second delivery is known."""
    received_at: Mapped[datetime]
    taken_at: Mapped[datetime | None]


class FileImport(Base):
    """One file being read, and how far. The cursor of an import."""

    __tablename__ = "imports"
    __table_args__ = (UniqueConstraint("sha256", "options"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str]
    options: Mapped[str]
    """How the file was read (column map and the like): the same bytes read another way are another import."""
    file_name: Mapped[str]
    started_at: Mapped[datetime]
    records_read: Mapped[int] = mapped_column(default=0)
    finished_at: Mapped[datetime | None]


class DeadLetter(Base):
    """An item that could not be taken in, kept whole with the reason, so that nothing is lost."""

    __tablename__ = "dead_letters"
    __table_args__ = (UniqueConstraint("origin", "locator", "raw_sha256"), Index(None, "platform", "external_id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    origin: Mapped[str]
    """The file or collector it came from."""
    locator: Mapped[str]
    """Where in the origin it stands: "line 17", "item 4711"."""
    reason: Mapped[str]
    raw: Mapped[bytes]
    raw_sha256: Mapped[str]
    at: Mapped[datetime]
    platform: Mapped[Platform | None]
    external_id: Mapped[str | None]
    """Platform and id where they could be read, so that an erasure finds it."""
