"""What we know of an author besides the post that lies before us: what they said earlier, and our own dealings."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.models import Campaign, Lead, Post, Reply, Source, User
from overheard.similar_posts import SimilarPost, similar_posts
from overheard.vocabulary import Platform, ReplyState, Stage

MAX_EARLIER_POSTS = 5


@dataclass(frozen=True, slots=True)
class OtherLead:
    """The same author in another campaign."""

    lead_id: int
    campaign_name: str
    stage: Stage
    since: datetime


@dataclass(frozen=True, slots=True)
class EarlierReply:
    """What we wrote to the same author, in whatever campaign."""

    by: str
    at: datetime
    community: str


@dataclass(frozen=True, slots=True)
class Dealings:
    """What we had to do with an author."""

    leads: list[OtherLead] = field(default_factory=list)
    replies: list[EarlierReply] = field(default_factory=list)
    """The newest first."""

    def __bool__(self) -> bool:
        return bool(self.leads or self.replies)


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


def dealings_of(session: Session, leads: Sequence[Lead]) -> dict[int, Dealings]:
    """Our dealings with the authors of these leads, by lead, in two statements however many they are."""
    people = {(lead.platform, lead.author): Dealings() for lead in leads}
    if people:
        platforms, authors = {platform for platform, _ in people}, {author for _, author in people}
        _add_leads(session, people, (Lead.platform.in_(platforms), Lead.author.in_(authors)))
        _add_replies(session, people, (Reply.platform.in_(platforms), Reply.recipient.in_(authors)))
    found = {}
    for lead in leads:
        known = people[lead.platform, lead.author]
        others = [other for other in known.leads if other.lead_id != lead.id]
        found[lead.id] = Dealings(others, known.replies)
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


def _add_leads(
    session: Session, people: dict[tuple[Platform, str], Dealings], conditions: tuple[sa.ColumnElement[bool], ...]
) -> None:
    statement = (
        sa.select(Lead.platform, Lead.author, Lead.id, Campaign.name, Lead.stage, Lead.stage_changed_at)
        .join(Campaign, Campaign.id == Lead.campaign_id)
        .where(*conditions)
        .order_by(Lead.stage_changed_at.desc(), Lead.id)
    )
    for platform, author, lead_id, campaign_name, stage, since in session.execute(statement):
        if (platform, author) in people:
            people[platform, author].leads.append(OtherLead(lead_id, campaign_name, stage, since))


def _add_replies(
    session: Session, people: dict[tuple[Platform, str], Dealings], conditions: tuple[sa.ColumnElement[bool], ...]
) -> None:
    statement = (
        sa.select(Reply.platform, Reply.recipient, User.name, Reply.sent_at, Reply.community)
        .join(User, User.id == Reply.author_id)
        .where(*conditions, Reply.state == ReplyState.SENT, Reply.sent_at.is_not(None))
        .order_by(Reply.sent_at.desc(), Reply.id.desc())
    )
    for platform, recipient, by, at, community in session.execute(statement):
        if recipient is not None and at is not None and (platform, recipient) in people:
            people[platform, recipient].replies.append(EarlierReply(by, at, community))
