"""What is not shown, and how we learn of it: blind samples, and posts that a campaign's daily budget held back."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from overheard.models.base import Base, owner
from overheard.vocabulary import SampleAnswer, Stratum


class StratumDay(Base):
    """The posts of one day that stood alike to a campaign: how many there were, and how many of them were drawn.

    Written when the day's sample is drawn, so it says how the campaign stood then.
    """

    __tablename__ = "stratum_days"
    __table_args__ = (UniqueConstraint("campaign_id", "day", "stratum"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = owner("campaigns.id", index=False)
    day: Mapped[date]
    """On which the posts were collected, in UTC."""
    stratum: Mapped[Stratum]
    size: Mapped[int]
    drawn: Mapped[int]
    threshold: Mapped[float]
    """The score from which the campaign was shown posts."""

    @property
    def propensity(self) -> float:
        """How likely each of its posts was to be drawn."""
        return self.drawn / self.size


_IS_OPEN = sa.text("answered_at IS NULL")


class Sample(Base):
    """A post that was drawn to be shown blind, and what a person said about it."""

    __tablename__ = "samples"
    __table_args__ = (
        UniqueConstraint("stratum_day_id", "post_id"),
        Index("ix_samples_open", "id", sqlite_where=_IS_OPEN, postgresql_where=_IS_OPEN),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    stratum_day_id: Mapped[int] = owner("stratum_days.id", index=False)
    post_id: Mapped[int] = owner("posts.id")
    drawn_at: Mapped[datetime]
    answer: Mapped[SampleAnswer | None]
    answered_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    answered_at: Mapped[datetime | None]
    text_hash: Mapped[str | None]
    """Of the text that the answer is about."""

    stratum_day: Mapped[StratumDay] = relationship(lazy="raise")


class HeldPost(Base):
    """A post that would have become a lead, and did not because the campaign's budget of that day was used up."""

    __tablename__ = "held_posts"
    __table_args__ = (UniqueConstraint("campaign_id", "post_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = owner("campaigns.id", index=False)
    post_id: Mapped[int] = owner("posts.id")
    held_on: Mapped[date]
    released_at: Mapped[datetime | None]
    released_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
