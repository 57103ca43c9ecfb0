"""What stands around a lead's replies on its page: what was written, what came back, and what helps to write."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from overheard.errors import NotFound, Refusal
from overheard.measuring.reply_totals import minutes_to_first_reply
from overheard.models import (
    Answer,
    Campaign,
    CommunityRules,
    ConnectedAccount,
    Lead,
    Post,
    Reply,
    Snippet,
    Source,
    User,
)
from overheard.replying import community_rules, guardrails, reply_stops, snippets
from overheard.replying.guardrails import Guard, Moment, affiliation_line
from overheard.replying.replies import WRITABLE
from overheard.replying.reply_states import OPEN, case_of
from overheard.vocabulary import ReplyState

_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Written:
    """A reply, and what came back to it."""

    reply: Reply
    answers: Sequence[Answer]


@dataclass(frozen=True, slots=True)
class Place:
    """The community that would read the reply."""

    source: Source
    rules: CommunityRules | None
    this_week: Sequence[Reply]
    """What we wrote there, newest first."""
    removed: Sequence[Reply]
    """What was taken away there, newest first."""


@dataclass(frozen=True, slots=True)
class Composer:
    """All that the composer shows without asking anybody."""

    lead: Lead
    post: Post | None
    """What a new reply would answer."""
    written: Sequence[Written]
    mine: Reply | None
    """The viewer's own reply that is not out yet."""
    refusals: Sequence[Refusal]
    """What speaks against it as it stands, warnings too."""
    may_begin: bool
    is_promoted: bool
    place: Place | None
    snippets: Sequence[Snippet]
    accounts: Sequence[ConnectedAccount]
    line: str
    """By which the viewer says for whom they work."""
    minutes_to_first_reply: float | None
    is_stopped: bool


def composer(session: Session, lead: Lead, *, viewer: User, guard: Guard, now: datetime) -> Composer:
    """What the lead's page shows of replying."""
    written = _written(session, lead.id)
    mine = next((one.reply for one in written if one.reply.author_id == viewer.id and one.reply.state in OPEN), None)
    is_open = lead.stage in WRITABLE and lead.merged_into_id is None
    post_id = mine.post_id if mine else lead.top_post_id
    post = session.get(Post, post_id) if post_id else None
    is_draft = mine is not None and mine.state is ReplyState.DRAFT
    return Composer(
        lead=lead,
        post=post,
        written=written,
        mine=mine,
        refusals=check(session, mine, viewer=viewer, guard=guard, now=now) if mine and is_draft else [],
        may_begin=is_open and not any(one.reply.state in OPEN for one in written),
        is_promoted=lead.stage in WRITABLE,
        place=place_of(session, post, now) if post else None,
        snippets=snippets.of_user(session, viewer) if is_draft else [],
        accounts=_accounts(session, mine, viewer) if mine and is_draft else [],
        line=affiliation_line(guard, viewer, session.get(Campaign, lead.campaign_id)),
        minutes_to_first_reply=minutes_to_first_reply(session, lead.id),
        is_stopped=guard.settings.stopped or bool(reply_stops.standing(session)),
    )


def check(session: Session, reply: Reply, *, viewer: User, guard: Guard, now: datetime) -> list[Refusal]:
    """What speaks against a draft as it stands; what stops it comes first."""
    case = case_of(session, reply, guard=guard, moment=Moment.APPROVE, author=viewer, now=now)
    return sorted(guardrails.inspect(case), key=lambda refusal: refusal.is_warning)


def source_of(session: Session, lead_id: int) -> int:
    """The source of the post that a lead is about."""
    statement = sa.select(Post.source_id).join(Lead, Lead.top_post_id == Post.id).where(Lead.id == lead_id)
    source_id = session.scalar(statement)
    if source_id is None:
        raise NotFound(f"There is no lead {lead_id}. Its post may have been deleted at the source.")
    return source_id


def _written(session: Session, lead_id: int) -> list[Written]:
    """What was written to a lead, oldest first; what was discarded is nothing."""
    statement = sa.select(Reply).where(Reply.lead_id == lead_id, Reply.state != ReplyState.DISCARDED)
    replies = session.scalars(statement.options(joinedload(Reply.author)).order_by(Reply.id)).all()
    answers = session.scalars(
        sa.select(Answer).where(Answer.reply_id.in_([reply.id for reply in replies])).order_by(Answer.id)
    ).all()
    return [Written(reply, [one for one in answers if one.reply_id == reply.id]) for reply in replies]


def place_of(session: Session, post: Post, now: datetime) -> Place:
    """The community a post stands in, and what became of us there."""
    source = session.get_one(Source, post.source_id)
    there = (
        sa.select(Reply)
        .where(Reply.platform == post.platform, Reply.community == source.community, Reply.state == ReplyState.SENT)
        .options(joinedload(Reply.author))
        .order_by(Reply.id.desc())
    )
    return Place(
        source=source,
        rules=community_rules.of(session, source.id),
        this_week=session.scalars(there.where(Reply.sent_at > now - _WEEK).limit(10)).all(),
        removed=session.scalars(there.where(Reply.removed_at.is_not(None)).limit(5)).all(),
    )


def _accounts(session: Session, reply: Reply, viewer: User) -> Sequence[ConnectedAccount]:
    """The viewer's own accounts there, by which they could send it."""
    return session.scalars(
        sa.select(ConnectedAccount).where(
            ConnectedAccount.user_id == viewer.id,
            ConnectedAccount.platform == reply.platform,
            ConnectedAccount.paused_at.is_(None),
        )
    ).all()
