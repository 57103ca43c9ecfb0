"""Model versions, and what one of them says unseen."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from overheard.modelling.vocabulary import ModelState
from overheard.models.base import Base, owner
from overheard.models.people import User
from overheard.vocabulary import Intent

_IS_CHAMPION = sa.text("state = 'champion' AND campaign_id IS NULL")
_IS_OWN_CHAMPION = sa.text("state = 'champion' AND campaign_id IS NOT NULL")
_IS_SHADOW = sa.text("state = 'shadow'")


class ModelVersion(Base):
    """A trained model. Its files stand in the home folder, in `models/` under its name.

    As long as there is none, the model that is shipped is in use.
    """

    __tablename__ = "model_versions"
    __table_args__ = (
        Index(
            "ix_model_versions_champion", "state", unique=True, sqlite_where=_IS_CHAMPION, postgresql_where=_IS_CHAMPION
        ),
        Index(
            "ix_model_versions_own_champion",
            "campaign_id",
            unique=True,
            sqlite_where=_IS_OWN_CHAMPION,
            postgresql_where=_IS_OWN_CHAMPION,
        ),
        Index("ix_model_versions_shadow", "state", unique=True, sqlite_where=_IS_SHADOW, postgresql_where=_IS_SHADOW),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    """With a fingerprint of the weights: predictions carry it as their `model_version`."""
    parent: Mapped[str | None]
    """The version that it was made from or compared with."""
    dataset_id: Mapped[int | None] = mapped_column(ForeignKey("datasets.id"))
    created_at: Mapped[datetime]
    threshold: Mapped[float]
    """The score from which it calls a post a lead, for campaigns that set none."""
    report: Mapped[dict[str, Any]] = mapped_column(sa.JSON)
    """How it was measured, as `report.json` beside its files."""
    state: Mapped[ModelState]
    activated_at: Mapped[datetime | None]
    activated_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    replaced_id: Mapped[int | None] = mapped_column(ForeignKey("model_versions.id"))
    """Whose place it took when it was activated: where a roll back leads."""
    shadow_since: Mapped[datetime | None]
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaigns.id"))
    """Whose own head it is. None: it judges for all."""
    reader: Mapped[str | None]
    """What its head looks at: encoder, changed layers and which layers. An own head needs a champion of its reader."""

    activated_by: Mapped[User | None] = relationship(lazy="raise")


class CampaignScore(Base):
    """What a campaign's own head said about a post, beside what the model said for all."""

    __tablename__ = "campaign_scores"

    post_id: Mapped[int] = mapped_column(ForeignKey("posts.id", ondelete="CASCADE"), primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("model_versions.id", ondelete="CASCADE"), primary_key=True)
    score: Mapped[float]


class ShadowPrediction(Base):
    """What the shadow said about a post. Apart from the predictions, so that nothing that reads those can show it."""

    __tablename__ = "shadow_predictions"
    __table_args__ = (UniqueConstraint("post_id", "version_id"), Index(None, "version_id", "at"))

    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = owner("posts.id", index=False)
    version_id: Mapped[int] = owner("model_versions.id", index=False)
    score: Mapped[float]
    intent: Mapped[Intent]
    evidence: Mapped[list[list[str | int | float]]] = mapped_column(sa.JSON)
    """As in `Prediction`."""
    is_judged: Mapped[bool]
    at: Mapped[datetime]
