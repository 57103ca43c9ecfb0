"""What the machine and people said about posts, and people who may buy."""

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.orm import Mapped, mapped_column, relationship

from overheard.models.base import Base, owner
from overheard.models.campaigns import Campaign
from overheard.models.people import User
from overheard.vocabulary import ContactKind, DisqualifyReason, Intent, LeadAction, Platform, Stage, Topic


class Prediction(Base):
    """The machine's word about a post: one per model version."""

    __tablename__ = "predictions"
    __table_args__ = (UniqueConstraint("post_id", "model_version"), Index(None, "model_version", "score"))

    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = owner("posts.id", index=False)
    model_version: Mapped[str]
    score: Mapped[float]
    intent: Mapped[Intent]
    probabilities: Mapped[dict[str, float]] = mapped_column(sa.JSON)
    evidence: Mapped[list[list[str | int | float]]] = mapped_column(sa.JSON)
    """`[field, start, end, weight]`, character offsets into the post's title or body."""
    language: Mapped[str | None]
    """ISO 639 code; None where the text is too short or too mixed to tell, or was judged before languages were told."""
    is_judged: Mapped[bool] = mapped_column(default=True, server_default=sa.true())
    """Whether the model can read the language. If not, score 0 means nothing and no campaign's threshold is reached."""
    explanation: Mapped[dict[str, Any] | None] = mapped_column(sa.JSON(none_as_null=True))
    """`{"need": [field, start, end] | null, "signals": [[kind, field, start, end], ...]}` of a post that may be a lead:
    character offsets as in `evidence`. None for the others, and for what was judged before there were explanations."""
    at: Mapped[datetime]


_IS_CLAIMED = sa.text("claimed_until IS NOT NULL")  # few are, at any time
_IS_SNOOZED = sa.text("snoozed_until IS NOT NULL")


def _score_of(context: DefaultExecutionContext) -> float:
    score: float = context.get_current_parameters()["score"]  # type: ignore[no-untyped-call]
    return score


class Lead(Base):
    """One author in one campaign. `overheard.leads.funnel` is the only writer of `stage`."""

    __tablename__ = "leads"
    __table_args__ = (
        UniqueConstraint("campaign_id", "platform", "author"),
        Index("ix_leads_queue", "stage", "signalled_on", "rank", "id"),
        Index(None, "platform", "author"),
        Index(None, "claimed_until", sqlite_where=_IS_CLAIMED, postgresql_where=_IS_CLAIMED),
        Index(None, "snoozed_until", sqlite_where=_IS_SNOOZED, postgresql_where=_IS_SNOOZED),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = owner("campaigns.id", index=False)
    platform: Mapped[Platform]
    author: Mapped[str]
    """The author's key; a post whose author is unknown stands for itself."""
    stage: Mapped[Stage]
    stage_changed_at: Mapped[datetime]
    qualified_at: Mapped[datetime]
    top_post_id: Mapped[int | None] = mapped_column(ForeignKey("posts.id", ondelete="SET NULL"), index=True)
    """The strongest signal's post. This and the next three are copied from the signals, for the queue's index."""
    signalled_on: Mapped[date]
    score: Mapped[float]
    rank: Mapped[float] = mapped_column(default=_score_of, server_default="0")
    """By which the leads of a day stand in the queue: the score, or 1 for a lead that was drawn."""
    shown_because: Mapped[str] = mapped_column(default="top", server_default="top")
    """Whether it was drawn when it came in, and as what: `overheard.labelling.slots`."""
    propensity: Mapped[float | None]
    """How likely it was to be drawn; none: nothing was drawn when it came in."""
    drawn_score: Mapped[float | None]
    """The score by which that was reckoned."""
    intent: Mapped[Intent]
    assignee_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), index=True)
    """Whose lead it is; none: anybody's."""
    claimed_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    """Who looks at it just now, until `claimed_until`; nobody else is offered it meanwhile."""
    claimed_until: Mapped[datetime | None]
    snoozed_until: Mapped[datetime | None]
    """Not shown in the queue before."""
    follow_up_on: Mapped[date | None] = mapped_column(index=True)
    decision_maker: Mapped[str | None]
    """Who decides, where it is not the writer."""
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("leads.id"), index=True)
    """The lead of the same person that has taken over this one's posts; what this author says next goes there too."""

    campaign: Mapped[Campaign] = relationship(lazy="raise")


class Signal(Base):
    """A post that made (or strengthens) a lead."""

    __tablename__ = "signals"
    __table_args__ = (UniqueConstraint("lead_id", "post_id"), Index(None, "at"))

    id: Mapped[int] = mapped_column(primary_key=True)
    lead_id: Mapped[int] = owner("leads.id", index=False)
    post_id: Mapped[int] = owner("posts.id")
    score: Mapped[float]
    intent: Mapped[Intent]
    model_version: Mapped[str]
    signalled_on: Mapped[date]
    at: Mapped[datetime]


class LeadEvent(Base):
    """One step of a lead, or a word about it. Append-only: the migration's triggers refuse any change."""

    __tablename__ = "lead_events"

    id: Mapped[int] = mapped_column(primary_key=True)
    lead_id: Mapped[int] = owner("leads.id")
    action: Mapped[LeadAction]
    to_stage: Mapped[Stage]
    at: Mapped[datetime]
    from_stage: Mapped[Stage | None]
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    """None: the system itself."""
    reason: Mapped[DisqualifyReason | None]
    note: Mapped[str | None]
    model_version: Mapped[str | None]

    actor: Mapped[User | None] = relationship(lazy="raise")


class LeadTag(Base):
    """A word that somebody hung on a lead."""

    __tablename__ = "lead_tags"
    __table_args__ = (UniqueConstraint("lead_id", "tag"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    lead_id: Mapped[int] = owner("leads.id", index=False)
    tag: Mapped[str] = mapped_column(index=True)


class QualifyingQuestion(Base):
    """What a campaign wants to know of a lead before it counts as one that fits."""

    __tablename__ = "qualifying_questions"

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = owner("campaigns.id")
    topic: Mapped[Topic]
    question: Mapped[str]
    retired_at: Mapped[datetime | None]
    weight: Mapped[int] = mapped_column(default=1, server_default="1")
    """How much the answer counts in the fit."""


class QualifyingAnswer(Base):
    """What is known of a lead on one of these questions, and whether it speaks for them."""

    __tablename__ = "qualifying_answers"
    __table_args__ = (UniqueConstraint("lead_id", "question_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    lead_id: Mapped[int] = owner("leads.id", index=False)
    question_id: Mapped[int] = owner("qualifying_questions.id")
    answer: Mapped[str]
    fits: Mapped[bool | None]
    """Whether the answer meets what the campaign looks for; none: it cannot be said."""
    actor_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    at: Mapped[datetime]


class Contact(Base):
    """A way to reach a lead, and what a check of it said."""

    __tablename__ = "contacts"
    __table_args__ = (UniqueConstraint("lead_id", "kind", "value"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    lead_id: Mapped[int] = owner("leads.id", index=False)
    kind: Mapped[ContactKind]
    value: Mapped[str]
    is_reachable: Mapped[bool | None]
    """None: not checked yet, or it could not be told."""
    checked_at: Mapped[datetime | None]
    finding: Mapped[str | None]
    """What the check said, in plain words."""


class SavedView(Base):
    """Filters of the queue that somebody gave a name."""

    __tablename__ = "saved_views"
    __table_args__ = (UniqueConstraint("user_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = owner("users.id", index=False)
    name: Mapped[str]
    params: Mapped[str]
    """The queue's address behind the question mark."""
    is_shared: Mapped[bool] = mapped_column(default=False, server_default=sa.false())


class Label(Base):
    """The person's word about a post, and what they saw when they said it."""

    __tablename__ = "labels"

    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = owner("posts.id")
    lead_id: Mapped[int] = owner("leads.id")
    event_id: Mapped[int] = owner("lead_events.id")
    is_lead: Mapped[bool | None]
    """None: the person decided, but not about intent."""
    actor_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    at: Mapped[datetime]
    text_hash: Mapped[str]
    model_version: Mapped[str]
    score: Mapped[float]
    reason: Mapped[DisqualifyReason | None]
    position: Mapped[int | None]
    """Place on the queue page, from 1; none when it was not decided from the queue."""
    shown_because: Mapped[str] = mapped_column(default="top")
    propensity: Mapped[float | None]
    """How likely the post was to be shown, where it was drawn by chance."""
    view: Mapped[str | None]
    """Which filters of the queue it was decided under, as its address says them."""
    withdrawn_at: Mapped[datetime | None]
