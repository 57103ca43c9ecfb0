"""What people decided about posts that mean nearly the same: part of the explanation of a flagged post."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.models import Embedding, Label, Lead, Post
from overheard.vectors import unpack
from overheard.vocabulary import DisqualifyReason

HOW_MANY = 3
LEAST_SIMILARITY = 0.6
"""What is less alike has another need; docs/model.md says how this was chosen."""

# Decided posts that are compared, the newest first: four megabytes of vectors, some milliseconds.
_NEWEST = 5_000


@dataclass(frozen=True, slots=True)
class SimilarPost:
    """A post that somebody has decided on."""

    post: Post
    lead_id: int
    is_lead: bool | None
    """What the decision says about the post's intent."""
    reason: DisqualifyReason | None
    """Why it was put out; none: it was promoted."""
    similarity: float
    """The cosine of the angle between the two in the space where needs are compared."""


def similar_posts(session: Session, lead: Lead) -> list[SimilarPost]:
    """The decided posts nearest to the lead's strongest one, the nearest first; none of the same author."""
    own = session.scalars(sa.select(Embedding).where(Embedding.post_id == lead.top_post_id)).one_or_none()
    if own is None:
        return []
    author = (Lead.platform == lead.platform) & (Lead.author == lead.author)
    statement = (
        sa.select(Label.id, Label.post_id, Embedding.vector)
        .join(Lead, Lead.id == Label.lead_id)
        .join(Post, Post.id == Label.post_id)
        .join(Embedding, Embedding.post_id == Label.post_id)
        .where(
            Label.withdrawn_at.is_(None),
            Label.text_hash == Post.text_hash,  # not of a text that was edited since
            Label.post_id != lead.top_post_id,
            Embedding.space == own.space,
            ~author,
        )
        .order_by(Label.id.desc())
        .limit(_NEWEST)
    )
    newest = {post_id: (label_id, vector) for label_id, post_id, vector in reversed(session.execute(statement).all())}
    if not newest:
        return []
    similarities = unpack([vector for _, vector in newest.values()]) @ unpack([own.vector])[0]
    found = zip(similarities.tolist(), (label_id for label_id, _ in newest.values()), strict=True)
    nearest = sorted(found, reverse=True)[:HOW_MANY]
    return _with_decisions(session, {label_id: alike for alike, label_id in nearest if alike >= LEAST_SIMILARITY})


def _with_decisions(session: Session, alike: dict[int, float]) -> list[SimilarPost]:
    rows = session.execute(
        sa.select(Label, Post).join(Post, Post.id == Label.post_id).where(Label.id.in_(list(alike)))
    ).all()
    found = [SimilarPost(post, label.lead_id, label.is_lead, label.reason, alike[label.id]) for label, post in rows]
    return sorted(found, key=lambda similar: -similar.similarity)
