"""Teach the first stage what the model says of posts that nobody labelled. Equal input gives equal bytes."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from classifier.adapters import read_adapters
from classifier.config import read_toml
from classifier.first_stage import FirstStage, FirstStageScheme, hashed_terms, is_short
from classifier.head import Doubles
from classifier.labels import is_held_out
from classifier.model import IntentModel, depth_of
from classifier.ranges import measure_ranges, write_ranges
from classifier.rows import PostRow, read_posts
from classifier.text import PostText
from overheard.errors import InvalidInput

SHIPPED = Path(__file__).parent / "configs" / "first_stage.toml"

ENOUGH = 300
"""Posts on which ranges are measured: their medians hardly move with more."""
_SEED = 20261122


class FirstStageConfig(BaseModel):
    """The configuration file. Its comments say what each value means."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(ge=0)
    buckets: int = Field(gt=0)
    strength: float = Field(gt=0)
    folds: int = Field(ge=2)
    missed: float = Field(gt=0, lt=1)


@dataclass(frozen=True)
class Figures:
    """What the first stage does to posts that it was not taught with."""

    posts: int
    flagged: int
    """Posts that the model takes for leads."""
    dismissed: float
    """Share of all posts."""
    missed: float
    """Share of the flagged ones."""


def read_config(path: Path) -> FirstStageConfig:
    """The configuration in a file."""
    return read_toml(path, FirstStageConfig)


def teach(model: IntentModel, unlabelled: Sequence[Path], output: Path, config: Path | None = None) -> Figures:
    """Judge the posts of some files with the model, teach a first stage, and write it beside the model.

    Rows that evaluation is for are left out: files of posts as they come hold them too.
    """
    settings = read_config(config or SHIPPED)
    posts = _posts(unlabelled)
    scores = model.scores(posts)
    stage, figures = fit_first_stage(posts, scores, model, settings)
    try:
        for name, content in stage.files().items():
            (output / name).write_bytes(content)
    except OSError as error:
        raise InvalidInput(f"The first stage cannot be written to {output}: {error.strerror}.") from error
    return figures


def teach_ranges(unlabelled: Sequence[Path], folder: Path, encoder: Path) -> None:
    """Measure on some of the same posts what reading in eight bits needs, and write it beside the model in a folder."""
    posts = _posts(unlabelled)
    some = random.Random(_SEED).sample(posts, min(ENOUGH, len(posts)))  # noqa: S311 - no secret
    put_ranges(some, folder, encoder)


def put_ranges(posts: Sequence[PostText], folder: Path, encoder: Path) -> None:
    """Measure on these posts what reading in eight bits needs, and write it beside the model in a folder."""
    depth = depth_of(folder, read_adapters(folder))
    write_ranges(measure_ranges([post.whole for post in posts], encoder, folder, depth=depth), folder)


def _posts(unlabelled: Sequence[Path]) -> list[PostText]:
    rows = [row for path in unlabelled for row in read_posts(path) if isinstance(row, PostRow)]
    return list(dict.fromkeys(row.post for row in rows if not is_held_out(row.id)))


def fit_first_stage(
    posts: Sequence[PostText], scores: Doubles, model: IntentModel, settings: FirstStageConfig
) -> tuple[FirstStage, Figures]:
    """Learn the scores; calibration and floor are of scores that each post got from a line it had not taught."""
    flagged = scores >= model.threshold
    groups = np.unique([_alike(post) for post in posts], return_inverse=True)[1]
    if flagged.sum() < settings.folds or groups.max() + 1 < settings.folds:
        raise InvalidInput(f"Too few posts to teach a first stage with: {len(posts)}, {flagged.sum()} of them flagged.")
    terms = _matrix(posts, settings.buckets)
    unseen = np.zeros(len(posts))
    for taught, others in GroupKFold(settings.folds, shuffle=True, random_state=settings.seed).split(
        terms, None, groups
    ):
        unseen[others] = _fit(terms[taught], scores[taught], settings.strength).decision_function(terms[others])
    platt = _fit(unseen[:, None], scores, 1e6)
    slope, intercept = float(platt.coef_[0, 0]), float(platt.intercept_[0])
    calibrated = 1 / (1 + np.exp(-(slope * unseen + intercept)))
    # Never as high as the threshold, so that no dismissed post could be a lead.
    floor = min(float(np.quantile(calibrated[flagged], settings.missed, method="lower")), 0.99 * model.threshold)
    line = _fit(terms, scores, settings.strength)
    scheme = FirstStageScheme(
        format=1,
        taught_by=model.version_alone,
        bias=float(line.intercept_[0]),
        slope=slope,
        intercept=intercept,
        floor=floor,
    )
    dismissed = (calibrated < floor) & ~np.array([is_short(post) for post in posts])
    stage = FirstStage(scheme, line.coef_[0].astype(np.float16).astype(np.float32))
    return stage, Figures(len(posts), int(flagged.sum()), float(dismissed.mean()), float(dismissed[flagged].mean()))


def _alike(post: PostText) -> str:
    """Posts with the same beginning are of one hand, and stay together."""
    return " ".join(post.whole.lower().split())[:60]


def _matrix(posts: Sequence[PostText], buckets: int) -> sparse.csr_matrix:
    columns = [hashed_terms(post, buckets) for post in posts]
    lengths = np.array([len(column) for column in columns])
    places = np.concatenate([[0], np.cumsum(lengths)])
    values = np.repeat(1 / np.sqrt(lengths), lengths)
    return sparse.csr_matrix((values, np.concatenate(columns).astype(np.int64), places), (len(posts), buckets))


def _fit(inputs: sparse.csr_matrix | Doubles, scores: Doubles, strength: float) -> LogisticRegression:
    """A line through probabilities: each row counts as a lead as much as the model says, and as none for the rest."""
    twice = sparse.vstack([inputs, inputs]) if sparse.issparse(inputs) else np.vstack([inputs, inputs])
    answers = np.repeat([True, False], len(scores))
    return LogisticRegression(C=strength, max_iter=1000).fit(
        twice, answers, sample_weight=np.concatenate([scores, 1 - scores])
    )
