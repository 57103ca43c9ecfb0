"""What we wrote to people, what came back, and who does not want to hear from us."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from overheard.models.base import Base, owner
from overheard.models.people import User
from overheard.vocabulary import AnswerKind, Platform, ReplyState, SendingWay


class ConnectedAccount(Base):
    """An SDR's own account at a platform, by which we send what they approved. Encrypted as credentials are."""

    __tablename__ = "connected_accounts"
    __table_args__ = (UniqueConstraint("user_id", "platform", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = owner("users.id", index=False)
    platform: Mapped[Platform]
    address: Mapped[str]
    """Where the platform is, for those that stand in many places: a Mastodon server, a forum, a Slack workspace."""
    name: Mapped[str]
    """Whose account it is, as the platform says it."""
    sealed: Mapped[bytes]
    connected_at: Mapped[datetime]
    paused_at: Mapped[datetime | None]
    paused_because: Mapped[str | None]
    """The platform showed that it does not like what comes from here; a person looks, and lets it go on."""
    answers_cursor: Mapped[str | None]
    """How far this account's inbox has been read; opaque to all but its sender."""

    user: Mapped[User] = relationship(lazy="raise")


_IS_LIVE = sa.text("state NOT IN ('failed', 'discarded')")
_IS_OPEN = sa.text("state IN ('draft', 'approved', 'sending', 'ambiguous')")
_IS_SENDING = sa.text("state = 'sending'")


class Reply(Base):
    """What an SDR writes to one person under one post. `overheard.replying.replies` is the only writer of `state`.

    The database itself holds the three rules that two people or two workers could break by being quick: one live reply
    to a post, one open reply to a person, one sending at a time from an account.
    """

    __tablename__ = "replies"
    __table_args__ = (
        Index(None, "state", "approved_at"),
        Index(None, "platform", "recipient"),
        Index(None, "recipient_hash"),
        Index("uq_replies_live", "platform", "target", unique=True, sqlite_where=_IS_LIVE, postgresql_where=_IS_LIVE),
        Index("uq_replies_open", "recipient_hash", unique=True, sqlite_where=_IS_OPEN, postgresql_where=_IS_OPEN),
        Index("uq_replies_sending", "account_id", unique=True, sqlite_where=_IS_SENDING, postgresql_where=_IS_SENDING),
        UniqueConstraint("key"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    lead_id: Mapped[int | None] = mapped_column(ForeignKey("leads.id", ondelete="SET NULL"), index=True)
    """None: the lead went with its last post. What we wrote stays, without anything of theirs."""
    post_id: Mapped[int | None] = mapped_column(ForeignKey("posts.id", ondelete="SET NULL"), index=True)
    """What it answers; none: that was erased."""
    platform: Mapped[Platform]
    community: Mapped[str]
    target: Mapped[str]
    """The post's id at its platform: kept, so that no second reply goes to it even if the post is gone here."""
    recipient: Mapped[str | None]
    """The writer's key at the platform; none: that was erased."""
    recipient_hash: Mapped[str]
    """The same as a keyed hash, which survives an erasure, so that nobody is written to twice."""
    author_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    state: Mapped[ReplyState]
    way: Mapped[SendingWay]
    account_id: Mapped[int | None] = mapped_column(ForeignKey("connected_accounts.id", ondelete="SET NULL"), index=True)
    text: Mapped[str]
    sketch: Mapped[bytes]
    """MinHash of the text, by which near-copies are found."""
    key: Mapped[str]
    """A random word that goes along where the platform takes one, and by which the reply is found again there."""
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    approved_at: Mapped[datetime | None]
    approved_text_hash: Mapped[str | None]
    target_hash: Mapped[str | None]
    """Of the post's text as it was when the reply was approved: an edited post wants another look."""
    overrides: Mapped[list[str]] = mapped_column(sa.JSON, default=list)
    """Guardrails that the SDR set aside for this reply, as far as they may."""
    sending_until: Mapped[datetime | None]
    """The sending worker's lease. One that died leaves it behind, and the reply becomes ambiguous."""
    sent_at: Mapped[datetime | None]
    remote_id: Mapped[str | None]
    permalink: Mapped[str | None]
    error: Mapped[str | None]
    checked_at: Mapped[datetime | None]
    """When we last looked whether it still stands there."""
    removed_at: Mapped[datetime | None]
    """When we saw that it was taken away there."""
    score: Mapped[int | None]
    """What its votes came to when we last looked, where the platform has votes."""

    author: Mapped[User] = relationship(lazy="raise")


class Answer(Base):
    """What came back to a reply of ours. The machine proposes what it means, a person says it."""

    __tablename__ = "answers"
    __table_args__ = (UniqueConstraint("platform", "external_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    reply_id: Mapped[int] = owner("replies.id")
    platform: Mapped[Platform]
    external_id: Mapped[str]
    author: Mapped[str | None]
    is_recipient: Mapped[bool]
    """Whether the person whom we answered wrote it, and not a bystander."""
    text: Mapped[str]
    permalink: Mapped[str | None]
    posted_at: Mapped[datetime | None]
    collected_at: Mapped[datetime]
    proposed: Mapped[AnswerKind | None]
    proposed_score: Mapped[float | None]
    confirmed: Mapped[AnswerKind | None]
    confirmed_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    confirmed_at: Mapped[datetime | None]


class DoNotContact(Base):
    """Somebody who does not want to hear from us: a keyed hash of platform and handle, which survives an erasure."""

    __tablename__ = "do_not_contact"

    id: Mapped[int] = mapped_column(primary_key=True)
    handle_hash: Mapped[str] = mapped_column(unique=True)
    reason: Mapped[str]
    at: Mapped[datetime]
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    is_unheard: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    """Whether nothing that they write is taken in either."""


class Snippet(Base):
    """A piece of text that SDRs write often, with placeholders in braces that must be filled."""

    __tablename__ = "snippets"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    """Whose it is; none: everybody's."""
    name: Mapped[str]
    text: Mapped[str]
    objection: Mapped[str | None]
    """What people say to which this is an answer ("too expensive"); none: it is no answer to an objection."""
    changed_at: Mapped[datetime]


class CommunityRules(Base):
    """What a community asks of those who write there, as we last read it."""

    __tablename__ = "community_rules"

    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"), unique=True)
    text: Mapped[str]
    flags: Mapped[list[str]] = mapped_column(sa.JSON)
    """What they forbid, as far as it was understood: `no_promotion`, `no_ai`, `no_bots`."""
    fetched_at: Mapped[datetime]


class ReplyStop(Base):
    """Nothing is sent while this row stands and was not lifted: the kill switch."""

    __tablename__ = "reply_stops"

    id: Mapped[int] = mapped_column(primary_key=True)
    because: Mapped[str]
    at: Mapped[datetime]
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    lifted_at: Mapped[datetime | None]
