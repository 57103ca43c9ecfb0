"""A challenger's files: its weights, its first stage and its model card."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from classifier import first_stage, first_stage_train
from classifier.adapters import ADAPTERS_FILE, Adapters, adapters_bytes
from classifier.first_stage import FirstStage
from classifier.first_stage_train import ENOUGH, fit_first_stage, put_ranges, read_config
from classifier.gate import markdown
from classifier.head import SCHEME_FILE, WEIGHTS_FILE, Head, Scheme, encoder_of, head_bytes, scheme_bytes
from classifier.model import load_model, version_of
from classifier.ranges import RANGES_FILE
from classifier.registry import copy_files
from classifier.text import PostText
from overheard.errors import InvalidInput
from overheard.listening.terms import may_train
from overheard.models import Post, Source
from overheard.settings import Settings


def write(folder: Path, champion: Path, head: Head, scheme: Scheme, adapters: Adapters | None = None) -> None:
    """The challenger's own weights in a folder; without `adapters`, the champion's changed layers and first stage.

    That stage was taught by the champion. A head that is drawn to the champion's, on the same layers, knows as surely
    what is none; the gate measures both without it. Other layers need a stage of their own (`teach_first_stage`).
    """
    copied = folder.with_name("copied")
    written = {WEIGHTS_FILE: head_bytes(head), SCHEME_FILE: scheme_bytes(scheme)}
    if adapters:
        written[ADAPTERS_FILE] = adapters_bytes(adapters)
    copy_files(champion, copied, written)
    stage = FirstStage.load(copied)
    for name in (first_stage.WEIGHTS_FILE, first_stage.SCHEME_FILE):
        (copied / name).unlink(missing_ok=True)
    if stage and not adapters:
        write_stage(copied, stage)
    copied.rename(folder)


def write_stage(folder: Path, stage: FirstStage) -> None:
    """Put a first stage before the model in a folder, as taught by it."""
    own = stage.scheme.model_copy(update={"taught_by": version_of(folder)})
    for name, content in replace(stage, scheme=own).files().items():
        (folder / name).write_bytes(content)


def newest_posts(session: Session, most: int) -> list[PostText]:
    """The newest stored posts of sources that allow training, as they came: what a first stage is taught with."""
    allowed = [source.id for source in session.scalars(sa.select(Source)) if may_train(source)]
    statement = sa.select(Post.title, Post.body).where(Post.source_id.in_(allowed)).order_by(Post.id.desc()).limit(most)
    return list(dict.fromkeys(PostText.of(title, body) for title, body in session.execute(statement)))


def measure(folder: Path, posts: list[PostText], settings: Settings) -> None:
    """Give the model in a folder ranges of its own for reading in eight bits; those of other layers say nothing of it.

    Without posts it has none, and is read in bfloat16 or single precision.
    """
    (folder / RANGES_FILE).unlink(missing_ok=True)
    if posts:
        put_ranges(posts[:ENOUGH], folder, encoder_of(folder, settings.encoder_path))


def teach_first_stage(folder: Path, posts: list[PostText], settings: Settings) -> str:
    """Teach one by what the model in a folder says of posts; what came of it, as the report tells it."""
    model = load_model(folder, settings.encoder_path, precision=settings.precision, first_stage=False)
    try:
        stage, figures = fit_first_stage(posts, model.scores(posts), model, read_config(first_stage_train.SHIPPED))
    except InvalidInput as error:
        return f"none: {error}"
    write_stage(folder, stage)
    return (
        f"taught anew with {figures.posts} posts: it dismisses {figures.dismissed:.0%} of such posts, and "
        f"{figures.missed:.1%} of those that the challenger takes for leads"
    )


def page(version: str, parent: str, report: dict[str, Any]) -> str:
    """The model card."""
    learned = report["learned_from"]
    how = (
        "retraining with the encoder: its upper layers and the head"
        if report["tuned"]
        else "light retraining: the encoder and what it changed in it stayed, the head"
    )
    return (
        f"# Model card: {version}\n\nMade from {parent} by {how} learned from {learned['examples']} labelled posts, "
        f"{learned['leads']} of them leads (seed {report['seed']}). First stage: {report['first_stage']}. What "
        f"{parent} learned before, and its limits, stand in docs/model.md.\n\n"
    ) + markdown(report)
