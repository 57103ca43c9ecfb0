"""Rows for tests. All people and texts are invented."""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from collectors import collector_class
from overheard.leads.qualify import qualify
from overheard.listening import sources
from overheard.listening.intake import take_in
from overheard.listening.posts import NewPost
from overheard.marketing import campaigns
from overheard.marketing.relevance import offer_hash
from overheard.models import Campaign, Embedding, Lead, Post, PostRelevance, Prediction, Source, User
from overheard.users import accounts
from overheard.vectors import pack
from overheard.vocabulary import Intent, Platform, Role

MODEL = "tiny-1"
SPACE = "plane-1"
POSTED = datetime(2026, 11, 19, 8, 0, tzinfo=UTC)

_numbers = count(1)


@dataclass(frozen=True)
class Cast:
    """Who is in the tests."""

    alice: User
    mara: User
    sam: User
    sue: User
    eli: User


def make_cast(session: Session, *, now: datetime) -> Cast:
    """Alice the admin, Mara the marketer, Sam and Sue the SDRs, Eli the ML engineer; they have no passwords."""
    roles = {"alice": Role.ADMIN, "mara": Role.MARKETER, "sam": Role.SDR, "sue": Role.SDR, "eli": Role.ML_ENGINEER}
    return Cast(
        **{
            name: accounts.add_user(session, email=f"{name}@example.org", name=name.title(), role=role, now=now)
            for name, role in roles.items()
        }
    )


def watch_source(
    session: Session,
    *,
    now: datetime,
    mode: str = "hackernews",
    platform: Platform = Platform.HACKERNEWS,
    community: str = "Hacker News",
    address: str = "",
    options: dict[str, str] | None = None,
    credential_id: int | None = None,
) -> Source:
    """A source that is read live, as `overheard sources add` makes it."""
    return sources.add(
        session,
        mode=mode,
        platform=platform,
        community=community,
        address=address,
        terms=collector_class(mode).terms,
        options=options,
        credential_id=credential_id,
        permitted_by="alice@example.org",
        now=now,
    )


def new_post(
    *,
    external_id: str | None = None,
    title: str = "Which CRM for a bakery?",
    body: str = "We are three people. Looking for a simple CRM.",
    platform: Platform = Platform.REDDIT,
    community: str = "r/bakers",
    author: str | None = "flour_power",
    posted_at: datetime | None = POSTED,
    as_of: datetime | None = None,
    permalink: str | None = "https://example.org/bakers/1",
) -> NewPost:
    """A post as a collector would hand it over."""
    return NewPost(
        platform=platform,
        external_id=external_id or f"t3_{next(_numbers)}",
        community=community,
        title=title,
        body=body,
        author=author,
        permalink=permalink,
        posted_at=posted_at,
        as_of=as_of,
    )


def make_campaign(
    session: Session,
    *,
    now: datetime,
    name: str = "Rye CRM",
    queries: dict[str, str] | None = None,
    threshold: float | None = 0.5,
) -> Campaign:
    """A campaign that listens to all sources; its one query meets every post unless others are given."""
    return campaigns.create(
        session,
        name=name,
        offer="A small CRM for small shops.",
        queries=queries or {"everything": "*"},
        threshold=threshold,
        daily_budget=None,
        now=now,
    )


def store(session: Session, *posts: NewPost, now: datetime) -> list[Post]:
    """Take posts in as a collector does, and give their rows back in the same order."""
    take_in(session, posts, origin="test", now=now)
    rows = {
        (row.platform, row.external_id): row
        for row in session.scalars(sa.select(Post).where(Post.external_id.in_([post.external_id for post in posts])))
    }
    return [rows[post.key] for post in posts]


def predict(
    session: Session,
    post: Post,
    *,
    now: datetime,
    score: float = 0.9,
    intent: Intent = Intent.RECOMMENDATION,
    evidence: list[list[str | int | float]] | None = None,
    explanation: dict[str, Any] | None = None,
) -> Prediction:
    """The machine's word about a stored post."""
    prediction = Prediction(
        post_id=post.id,
        model_version=MODEL,
        score=score,
        intent=intent,
        probabilities={intent.value: score},
        evidence=evidence if evidence is not None else [["title", 0, len(post.title), score]],
        explanation=explanation,
        at=now,
    )
    session.add(prediction)
    session.flush()
    return prediction


def place(session: Session, post: Post, *towards: float, space: str = SPACE) -> None:
    """A stored post in the space of meaning, in a direction that is easy to reckon with."""
    vector = np.array([towards], dtype=np.float32)
    session.add(Embedding(post_id=post.id, space=space, vector=pack(vector / np.linalg.norm(vector))[0]))
    session.flush()


def measure(
    session: Session,
    post: Post,
    campaign: Campaign,
    relevance: float,
    *,
    now: datetime,
    sentence: list[str | int] | None = None,
) -> None:
    """How close a stored post is to a campaign's offer as it stands."""
    session.add(
        PostRelevance(
            post_id=post.id,
            campaign_id=campaign.id,
            space=SPACE,
            offer_hash=offer_hash(campaign.offer),
            relevance=relevance,
            sentence=sentence,
            at=now,
        )
    )
    session.flush()


def make_lead(
    session: Session,
    *,
    now: datetime,
    campaign: Campaign | None = None,
    post: NewPost | None = None,
    score: float = 0.9,
    intent: Intent = Intent.RECOMMENDATION,
    explanation: dict[str, Any] | None = None,
) -> Lead:
    """A lead as the system makes it: post taken in, matched, predicted, qualified."""
    campaign = campaign or session.scalars(sa.select(Campaign)).first() or make_campaign(session, now=now)
    row = store(session, post or new_post(author=f"author{next(_numbers)}"), now=now)[0]
    predict(session, row, now=now, score=score, intent=intent, explanation=explanation)
    qualify(session, model_version=MODEL, threshold=0.5, now=now)
    return session.scalars(sa.select(Lead).where(Lead.campaign_id == campaign.id, Lead.top_post_id == row.id)).one()
