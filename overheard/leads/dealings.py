"""What we know of an author besides the post that lies before us: what they said earlier, and our own dealings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from overheard.db import rows
from overheard.desk.similar_posts import SimilarPost, similar_posts
from overheard.leads.leads import LeadRow
from overheard.models import Campaign, Lead, Post, Reply, Source, User
from overheard.vocabulary import Platform, ReplyState, Stage

MAX_EARLIER_POSTS = 5


Handle = tuple[Platform, str]


class OtherLead(NamedTuple):
    """The same person in another campaign."""

    lead_id: int
    campaign_name: str
    stage: Stage
    since: datetime


class EarlierReply(NamedTuple):
    """What we wrote to the same person, in whatever campaign, under whatever name."""

    by: str
    at: datetime
    community: str


class Dealings(NamedTuple):
    """What we had to do with an author."""

    leads: tuple[OtherLead, ...]
    replies: tuple[EarlierReply, ...]
    """The newest first."""

    def __bool__(self) -> bool:
        return bool(self.leads or self.replies)


NONE = Dealings((), ())


@dataclass(frozen=True, slots=True)
class EarlierPost:
    """Something else that the author said."""

    post: Post
    community: str


@dataclass(frozen=True, slots=True)
class Background:
    """What is looked up for the one lead that somebody reads just now."""

    earlier: list[EarlierPost]
    """The newest first."""
    similar: list[SimilarPost]


def has_dealings() -> sa.ColumnElement[bool]:
    """The condition that there is something to tell about a lead's author: nearly all are new to us."""
    other = aliased(Lead)
    same = sa.exists().where(other.platform == Lead.platform, other.author == Lead.author, other.id != Lead.id)
    merged = sa.exists().where(other.merged_into_id == Lead.id)
    written = sa.exists().where(
        Reply.platform == Lead.platform, Reply.recipient == Lead.author, Reply.state == ReplyState.SENT
    )
    return sa.or_(same, merged, written)


def dealings_of(session: Session, leads: Sequence[LeadRow]) -> dict[int, Dealings]:
    """Our dealings with the authors of these leads, by lead, in three statements however many they are."""
    if not leads:
        return {}
    handles = _handles(session, {(lead.platform, lead.author) for lead in leads})
    everyone = set().union(*handles.values())
    platforms, authors = {platform for platform, _ in everyone}, {author for _, author in everyone}
    others = _leads(session, (Lead.platform.in_(platforms), Lead.author.in_(authors)))
    replies = _replies(session, (Reply.platform.in_(platforms), Reply.recipient.in_(authors)))
    found = {}
    for lead in leads:
        theirs = handles[lead.platform, lead.author]
        elsewhere = [other for handle in theirs for other in others.get(handle, ()) if other.lead_id != lead.id]
        written = [reply for handle in theirs for reply in replies.get(handle, ())]
        elsewhere.sort(key=lambda other: (other.since, other.lead_id), reverse=True)
        written.sort(key=lambda reply: reply.at, reverse=True)
        found[lead.id] = Dealings(tuple(elsewhere), tuple(written))
    return found


def _handles(session: Session, people: set[Handle]) -> dict[Handle, set[Handle]]:
    """Under which names each of these is known: their own, and those of leads that are merged with one of theirs."""
    theirs, kin = aliased(Lead), aliased(Lead)
    stays = sa.func.coalesce(theirs.merged_into_id, theirs.id)
    statement = (
        sa.select(theirs.platform, theirs.author, kin.platform, kin.author)
        .join(kin, sa.or_(kin.id == stays, kin.merged_into_id == stays))
        .where(theirs.platform.in_({platform for platform, _ in people}))
        .where(theirs.author.in_({author for _, author in people}))
    )
    found = {person: {person} for person in people}
    for platform, author, *other in rows(session, statement):
        if (platform, author) in found:
            found[platform, author].add((other[0], other[1]))
    return found


def background(session: Session, lead: Lead) -> Background:
    """What the author said earlier, and what was decided on posts like this one."""
    statement = (
        sa.select(Post, Source.community)
        .join(Source, Source.id == Post.source_id)
        .where(Post.platform == lead.platform, Post.author == lead.author)
        .order_by(Post.posted_at.desc().nulls_last(), Post.id.desc())
        .limit(MAX_EARLIER_POSTS + 1)
    )
    if lead.top_post_id is not None:
        statement = statement.where(Post.id != lead.top_post_id)
    earlier = [EarlierPost(post, community) for post, community in session.execute(statement)]
    return Background(earlier[:MAX_EARLIER_POSTS], similar_posts(session, lead))


def _leads(session: Session, conditions: tuple[sa.ColumnElement[bool], ...]) -> dict[Handle, list[OtherLead]]:
    statement = (
        sa.select(Lead.platform, Lead.author, Lead.id, Campaign.name, Lead.stage, Lead.stage_changed_at)
        .join(Campaign, Campaign.id == Lead.campaign_id)
        .where(*conditions, Lead.merged_into_id.is_(None))
    )
    found: dict[Handle, list[OtherLead]] = {}
    for platform, author, *other in rows(session, statement):
        found.setdefault((platform, author), []).append(OtherLead(*other))
    return found


def _replies(session: Session, conditions: tuple[sa.ColumnElement[bool], ...]) -> dict[Handle, list[EarlierReply]]:
    statement = (
        sa.select(Reply.platform, Reply.recipient, User.name, Reply.sent_at, Reply.community)
        .join(User, User.id == Reply.author_id)
        .where(*conditions, Reply.state == ReplyState.SENT, Reply.sent_at.is_not(None))
    )
    found: dict[Handle, list[EarlierReply]] = {}
    for platform, recipient, *reply in rows(session, statement):
        found.setdefault((platform, recipient), []).append(EarlierReply(*reply))
    return found
