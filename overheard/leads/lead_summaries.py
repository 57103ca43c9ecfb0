"""A lead in few words, as it may leave: in alerts, webhooks, feeds and exports."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.desk import review_queue
from overheard.desk.review_queue import Filters
from overheard.keywords.queries import read_span
from overheard.leads import do_not_contact
from overheard.listening.terms import may_pass_on
from overheard.models import Campaign, Lead, Post, Prediction, Signal, Source, User
from overheard.vocabulary import Platform

_LONGEST_NEED = 300
_BATCH = 200


@dataclass(frozen=True, slots=True)
class LeadSummary:
    """What is told of a lead. Texts are strangers'."""

    lead: Lead
    campaign: str
    community: str
    posted_at: datetime
    permalink: str | None
    need: str
    """What they need, in their own words; empty where it is not known."""
    author: str | None
    assignee: str | None
    title: str
    text: str
    """Both are empty where the terms of the source do not let its texts leave."""


def summaries(session: Session, lead_ids: Sequence[int]) -> list[LeadSummary]:
    """Those of these leads that are still there, the strongest first."""
    signal = (Signal.lead_id == Lead.id) & (Signal.post_id == Lead.top_post_id)
    judged = (Prediction.post_id == Signal.post_id) & (Prediction.model_version == Signal.model_version)
    statement = (
        sa.select(Lead, Campaign.name, Post, Source, User.name, Prediction)
        .join(Campaign, Campaign.id == Lead.campaign_id)
        .join(Post, Post.id == Lead.top_post_id)
        .join(Source, Source.id == Post.source_id)
        .join(Signal, signal)
        .outerjoin(Prediction, judged)
        .outerjoin(User, User.id == Lead.assignee_id)
        .where(Lead.id.in_(lead_ids))
        .order_by(Lead.score.desc(), Lead.id)
    )
    rows = session.execute(statement).all()
    return [
        LeadSummary(
            lead=lead,
            campaign=campaign,
            community=source.community,
            posted_at=post.posted_at or post.collected_at,
            permalink=post.permalink,
            need=_need(post, prediction),
            author=post.author_name or post.author,
            assignee=assignee,
            title=post.title if may_pass_on(source) else "",
            text=post.body if may_pass_on(source) else "",
        )
        for lead, campaign, post, source, assignee, prediction in rows
    ]


def _need(post: Post, prediction: Prediction | None) -> str:
    told = prediction.explanation if prediction else None
    if not told or not told["need"]:
        return ""
    field, start, end = read_span(told["need"])
    words = " ".join((post.title if field == "title" else post.body)[start:end].split())
    return words if len(words) <= _LONGEST_NEED else words[: _LONGEST_NEED - 1] + "…"


def in_queue_order(
    session: Session, filters: Filters, *, key: str, at_most: int | None = None
) -> Iterator[LeadSummary]:
    """The leads that the filters show, a few at a time, newest day first and the strongest of a day first.

    People who do not want to hear from us are left out; `key`: the secret by which they are known again.
    """
    order = (Lead.signalled_on, Lead.rank, Lead.id)
    left, after = at_most, None
    while left is None or left > 0:
        statement = sa.select(*order).where(Lead.id.in_(review_queue.shown(filters)))
        if after is not None:
            place = (sa.literal(after.signalled_on), sa.literal(after.rank), after.id)
            statement = statement.where(sa.tuple_(*order) < sa.tuple_(*place))
        rows = session.execute(statement.order_by(*(one.desc() for one in order)).limit(_BATCH)).all()
        if not rows:
            return
        after = rows[-1]
        found = {told.lead.id: told for told in summaries(session, [row.id for row in rows])}
        willing = _willing(session, [found[row.id] for row in rows if row.id in found], key)
        yield from willing[:left]
        session.expunge_all()  # rows that were written are not kept
        left = None if left is None else left - len(willing)


def _willing(session: Session, told: list[LeadSummary], key: str) -> list[LeadSummary]:
    names = [{(one.lead.platform, name) for name in (one.lead.author, one.author) if name} for one in told]
    unwilling = do_not_contact.listed(session, key, set[tuple[Platform, str]]().union(*names))
    return [one for one, its in zip(told, names, strict=True) if not its & unwilling]
