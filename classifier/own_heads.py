"""Campaigns' own heads, and the posts that were judged before such a head was put to use.

What comes in is judged by the shared head and the own ones in one reading (`IntentModel.predict`). Here stored posts
that are relevant to the campaign are read once more, the newest first, behind all that nobody has judged.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol, runtime_checkable

import sqlalchemy as sa
from sqlalchemy.orm import Session

from classifier.backlog import text_hashes_now
from classifier.text import PostText
from overheard.db import Sessions, alone, upsert
from overheard.leads.qualify import QUALIFYING, qualify, take_up
from overheard.marketing.relevance import is_relevant
from overheard.modelling.versions import own_heads
from overheard.models import Campaign, CampaignScore, ModelVersion, Post, Prediction

BATCH = 128
"""Posts read between two commits."""


@runtime_checkable
class ManyHeaded(Protocol):
    """A judge that takes campaigns' own heads beside its shared one; `classifier.model.IntentModel` is one."""

    @property
    def version(self) -> str: ...
    @property
    def threshold(self) -> float: ...

    @property
    def heads(self) -> Collection[int]:
        """The own heads (numbers of their versions) that it has taken."""
        ...

    @property
    def read_from(self) -> float:
        """The shared score from which own heads have a say."""
        ...

    def take_heads(self, folders: Mapping[int, Path]) -> None:
        """Let these own heads judge, and no others."""
        ...

    def own_scores(self, posts: Sequence[PostText]) -> list[dict[int, float]]:
        """What each own head says of posts."""
        ...


def store_own(session: Session, scores: Mapping[int, Mapping[int, float]]) -> None:
    """Keep what own heads said, by post."""
    rows = [
        {"post_id": post_id, "version_id": version_id, "score": score}
        for post_id, by_head in scores.items()
        for version_id, score in by_head.items()
    ]
    if rows:
        session.execute(upsert(session, CampaignScore).on_conflict_do_nothing(), rows)


def catch_up(
    sessions: Sessions,
    model: ManyHeaded,
    *,
    clock: Callable[[], datetime],
    key: str | None,
    is_current: Callable[[Session], bool],
    at_most: int | None,
) -> tuple[int, bool]:
    """Let own heads read what was judged before; how many leads are new, and whether all is read.

    Each batch is one short transaction. Killed and run again, it goes on. `at_most`: so many posts; default: all.
    """
    leads, left = 0, at_most
    with sessions() as session:
        heads = [head for head in own_heads(session) if head.id in model.heads]
    for head in heads:
        before: int | None = None
        while True:
            with sessions() as session:
                batch = session.execute(_unread(session, model, head, before)).all() if is_current(session) else []
            if not batch:
                break
            if left is not None and left <= 0:
                return leads, False
            scores = model.own_scores([PostText.of(row.title, row.body) for row in batch])
            with sessions.begin() as session:
                alone(session, QUALIFYING)  # before any row is locked
                ids = _keep(session, batch, scores)
                leads += qualify(
                    session,
                    model_version=model.version,
                    threshold=model.threshold,
                    now=clock(),
                    among=ids,
                    key=key,
                    more_to_come=True,
                )
            before = batch[-1].id
            left = None if left is None else left - len(batch)
    return leads, True


def settle(sessions: Sessions, model_version: str, threshold: float) -> None:
    """Let leads have the scores that hold now, where an own head was put to use or taken back."""
    ever = sa.select(ModelVersion.id).where(ModelVersion.campaign_id.is_not(None)).limit(1)
    with sessions() as session:
        is_needed = session.scalar(ever) is not None
    while is_needed:
        with sessions.begin() as session:
            is_needed = take_up(session, model_version=model_version, threshold=threshold) > 0


def _unread(
    session: Session, model: ManyHeaded, head: ModelVersion, before: int | None
) -> sa.Select[int, str, str, str]:
    is_read = sa.exists().where(CampaignScore.post_id == Post.id, CampaignScore.version_id == head.id)
    return (
        sa.select(Post.id, Post.title, Post.body, Post.text_hash)
        .join(Prediction, Prediction.post_id == Post.id)
        .join(Campaign, Campaign.id == head.campaign_id)
        .where(
            Prediction.model_version == model.version,
            Prediction.is_judged,
            Prediction.score >= model.read_from,
            is_relevant(session, Post.id),
            ~is_read,
            sa.true() if before is None else Post.id < before,
        )
        .order_by(Post.id.desc())
        .limit(BATCH)
    )


def _keep(
    session: Session, batch: Sequence[sa.Row[int, str, str, str]], scores: Sequence[dict[int, float]]
) -> list[int]:
    """Of posts that are still what was read."""
    current = text_hashes_now(session, [row.id for row in batch])
    said = {row.id: of_it for row, of_it in zip(batch, scores, strict=True) if current.get(row.id) == row.text_hash}
    store_own(session, said)
    return list(said)
