"""A challenger judges live posts beside the champion. What it says stands apart, and no queue shows it."""

import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from classifier.backlog import BATCH, text_hashes_now
from classifier.run import Judge
from classifier.text import PostText
from overheard.db import Sessions, upsert
from overheard.errors import OverheardError
from overheard.modelling import versions
from overheard.models import ModelVersion, Post, ShadowPrediction
from overheard.settings import Settings

logger = logging.getLogger(__name__)


class Shadow:
    """Loads the shadow when there is one, and lets go of it when there is none."""

    def __init__(self, sessions: Sessions, settings: Settings, load: Callable[[Path], Judge]) -> None:
        self._sessions, self._settings, self._load = sessions, settings, load
        self._name: str | None = None
        self._judge: Judge | None = None

    def judge_batch(self, *, clock: Callable[[], datetime]) -> int:
        """Judge the newest posts that came in since it began and that it has not judged; how many. The champion's turn
        comes first, so this is one batch.
        """
        with self._sessions() as session:
            version = versions.shadow(session)
            judge = self._loaded(version)
            if version is None or judge is None:
                return 0
            batch = session.execute(_next_posts(version)).all()
        if not batch:
            return 0
        verdicts = judge.predict([PostText.of(post.title, post.body) for post in batch])
        with self._sessions.begin() as session:
            current = text_hashes_now(session, [post.id for post in batch])
            rows = [
                {
                    "post_id": post.id,
                    "version_id": version.id,
                    "score": verdict.score,
                    "intent": verdict.intent,
                    "evidence": [[one.field, one.start, one.end, round(one.weight, 4)] for one in verdict.evidence],
                    "is_judged": verdict.is_judged,
                    "at": clock(),
                }
                for post, verdict in zip(batch, verdicts, strict=True)
                if current.get(post.id) == post.text_hash
            ]
            if rows:
                session.execute(upsert(session, ShadowPrediction).on_conflict_do_nothing(), rows)
        return len(rows)

    def _loaded(self, version: ModelVersion | None) -> Judge | None:
        """The shadow's judge. One that cannot be loaded is told of once."""
        name = version.name if version else None
        if name != self._name:
            self._name, self._judge = name, None
            if version:
                try:
                    self._judge = self._load(versions.folder_of(self._settings, version))
                except OverheardError:
                    logger.exception("The shadow %s cannot be used", name, extra={"action": "not_loaded"})
        return self._judge


def _next_posts(version: ModelVersion) -> sa.Select[int, str, str, str]:
    judged = sa.exists().where(ShadowPrediction.post_id == Post.id, ShadowPrediction.version_id == version.id)
    return (
        sa.select(Post.id, Post.title, Post.body, Post.text_hash)
        .where(Post.collected_at >= version.shadow_since, ~judged)
        .order_by(Post.id.desc())
        .limit(BATCH)
    )
