"""Model versions for tests: rows with files that are only named like a model's, and a judge that finds words."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from classifier.evidence import Evidence
from classifier.model import Verdict
from classifier.text import PostText
from overheard.db import Sessions
from overheard.modelling import versions
from overheard.modelling.vocabulary import ModelState
from overheard.models import Lead, ModelVersion, Post, Prediction, Signal
from overheard.settings import Settings
from overheard.vocabulary import Intent


def settings_in(folder: Path) -> Settings:
    """Settings whose home is in a folder, whatever the environment says."""
    return Settings(home=folder / "home", _env_file=None)  # type: ignore[call-arg] # pydantic-settings' own switch


def make_version(
    session: Session,
    settings: Settings,
    name: str,
    *,
    now: datetime,
    state: ModelState = ModelState.CHALLENGER,
    threshold: float = 0.5,
    report: dict[str, float] | None = None,
) -> ModelVersion:
    """A version whose files are there."""
    version = versions.add(
        session, name, state=state, threshold=threshold, parent=None, dataset_id=None, report=report or {}, now=now
    )
    if state is ModelState.SHADOW:
        version.shadow_since = now
    folder = versions.folder_of(settings, version)
    folder.mkdir(parents=True, exist_ok=True)
    for file in (versions.SCHEME_FILE, versions.WEIGHTS_FILE):
        (folder / file).write_bytes(b"{}")
    return version


def said_by(sessions: Sessions, version: str, score: float) -> list[int]:
    """How many posts there are, how many predictions and signals a version made, and how many leads have a score."""
    with sessions() as session:
        return [
            session.scalar(sa.select(sa.func.count()).select_from(table).where(condition)) or 0
            for table, condition in (
                (Post, sa.true()),
                (Prediction, Prediction.model_version == version),
                (Lead, Lead.score == score),
                (Signal, Signal.model_version == version),
            )
        ]


class WordJudge:
    """Scores a post by the words in it, as a model of that version would."""

    threshold = 0.5

    def __init__(self, version: str, **scores: float) -> None:
        self.version = version
        self._scores = scores
        self.judged: list[str] = []

    def predict(self, posts: Sequence[PostText]) -> list[Verdict]:
        self.judged += [post.title for post in posts]
        return [self._judge(post) for post in posts]

    def _judge(self, post: PostText) -> Verdict:
        word = next((word for word in self._scores if word in post.body), None)
        score = self._scores[word] if word else 0.1
        intent = Intent.PURCHASE if score >= self.threshold else Intent.DISCUSSION
        start = post.body.find(word) if word else 0
        evidence = (Evidence("body", start, start + len(word), 0.5),) if word else ()
        return Verdict(score, score >= self.threshold, intent, {intent: score}, evidence)
