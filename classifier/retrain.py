"""From decisions to a challenger, and through the gate: what `overheard retrain` does.

The challenger starts from the champion's head and keeps its encoder; it learns from the labels that are on the
training side, and takes the champion's place only if the gate lets it.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from classifier import first_stage
from classifier.adapt import UNKNOWN, Adapted, Labelled, adapt
from classifier.card import CARD_FILE
from classifier.datasets import Side, divide, snapshot
from classifier.encoder_files import Vectors
from classifier.first_stage import FirstStage
from classifier.gate import Scored, Thresholds, judge, markdown
from classifier.head import (
    INTENTS,
    SCHEME_FILE,
    WEIGHTS_FILE,
    Doubles,
    Head,
    Scheme,
    head_bytes,
    lead_log_odds,
    read_head,
    read_scheme,
    scheme_bytes,
)
from classifier.model import version_of
from classifier.registry import activate, champion, copy_files, register
from classifier.retrain_config import RetrainConfig
from classifier.vector_cache import Encode, VectorCache, make_encode, reader_of
from overheard.db import Sessions
from overheard.errors import InvalidInput, WrongStage
from overheard.labelling.examples import Example, training_examples
from overheard.labelling.judged import batches
from overheard.modelling.files import follow_erasures
from overheard.modelling.versions import refuse_pinned
from overheard.modelling.vocabulary import ModelState
from overheard.models import Campaign, Post
from overheard.settings import Settings

Sides = dict[Side, list[Example]]


@dataclass(frozen=True)
class Retrained:
    """What came of it."""

    version: str
    """The challenger's name."""
    report: dict[str, Any]
    page: str
    """The report as Markdown."""
    is_active: bool = False
    """Whether it took the champion's place."""


def retrain(
    sessions: Sessions,
    settings: Settings,
    config: RetrainConfig,
    *,
    clock: Callable[[], datetime],
    dry_run: bool = False,
    load: Callable[[Path, Settings], Encode] = make_encode,
    on_read: Callable[[int, int], None] = lambda _done, _of: None,
) -> Retrained:
    """Make a challenger, measure it, register it, and activate it if the gate accepts it.

    `dry_run`: measure only. `on_read` is told how many of the posts that nobody read yet have been read.
    """
    with sessions.begin() as session:
        if not dry_run:
            refuse_pinned(settings)
        follow_erasures(session, settings)
        folder = champion(session, settings)
        sides = _sides(session, config)
        campaigns = {row.id: row.name for row in session.scalars(sa.select(Campaign))}
    everything = [one for some in sides.values() for one in some]
    cache = VectorCache(settings, reader_of(folder, settings))
    _fill(cache, sessions, everything, lambda: load(folder, settings), on_read)
    vectors = {side: cache.read([one.text_hash for one in some]) for side, some in sides.items()}

    head, scheme = read_head(folder), read_scheme(folder)
    learned = _labelled(sides[Side.TRAIN], vectors[Side.TRAIN])
    adapted = adapt(head, scheme, learned, config.adaptation, seed=config.seed)
    scored = {
        side: _scored(sides[side], vectors[side], (head, scheme), adapted, campaigns)
        for side in (Side.FROZEN, Side.RECENT)
    }
    thresholds = Thresholds(scheme.threshold, adapted.scheme.threshold)
    report = {
        **judge(scored[Side.FROZEN], scored[Side.RECENT], thresholds, config.gate, seed=config.seed),
        "learned_from": {"examples": len(sides[Side.TRAIN]), "leads": int(learned.is_lead.sum())},
        "seed": config.seed,
    }
    with tempfile.TemporaryDirectory() as made:
        challenger = Path(made) / "challenger"
        _write(challenger, folder, adapted)
        version = version_of(challenger)
        result = Retrained(version, report, _page(version, version_of(folder), report))
        if dry_run:
            return result
        (challenger / CARD_FILE).write_text(result.page, encoding="utf-8")
        return _take_in(sessions, settings, challenger, folder, sides, result=result, now=clock())


def _sides(session: Session, config: RetrainConfig) -> Sides:
    examples = training_examples(session)
    if len(examples) < config.sides.least_labels:
        raise InvalidInput(
            f"There are {len(examples)} labelled posts to learn from; the configuration asks for "
            f"{config.sides.least_labels}. Decide on more leads, or label some: docs/labels.md."
        )
    sides = divide(
        session,
        examples,
        frozen_share=config.sides.frozen_share,
        recent_share=config.sides.recent_share,
        seed=config.seed,
    )
    if len({one.is_lead for one in sides[Side.TRAIN]}) == 1 or not sides[Side.TRAIN]:
        raise InvalidInput("The labels to learn from are all leads, or none is. Decide on posts of both kinds.")
    return sides


def _fill(
    cache: VectorCache,
    sessions: Sessions,
    examples: Sequence[Example],
    load: Callable[[], Encode],
    on_read: Callable[[int, int], None],
) -> None:
    missing, done = len(cache.missing(examples)), 0

    def progress(some: int) -> None:
        nonlocal done
        done += some
        on_read(done, missing)

    cache.fill(sessions, examples, load, on_progress=progress)


def _labelled(examples: Sequence[Example], vectors: Vectors) -> Labelled:
    return Labelled(
        vectors,
        is_lead=np.array([bool(one.is_lead) for one in examples]),
        intents=np.array([UNKNOWN if one.intent is None else INTENTS.index(one.intent) for one in examples]),
        weights=np.array([one.weight for one in examples], dtype=np.float32),
        groups=np.array([crc32(_author(one).encode()) for one in examples], dtype=np.int64),
    )


def _author(example: Example) -> str:
    return f"{example.platform} {example.author}" if example.author else example.thread


def _scored(
    examples: Sequence[Example],
    vectors: Vectors,
    before: tuple[Head, Scheme],
    adapted: Adapted,
    campaigns: dict[int, str],
) -> Scored:
    return Scored(
        is_lead=np.array([bool(one.is_lead) for one in examples], dtype=bool),
        champion=_scores(*before, vectors),
        challenger=_scores(adapted.head, adapted.scheme, vectors),
        authors=np.array([_author(one) for one in examples], dtype=np.str_),
        parts={
            "platform": [one.platform.display for one in examples],
            "campaign": [campaigns.get(one.campaign_id or 0, "none") for one in examples],
        },
    )


def _scores(head: Head, scheme: Scheme, vectors: Vectors) -> Doubles:
    if not len(vectors):
        return np.zeros(0)
    line = scheme.slope * lead_log_odds(head.log_probabilities(vectors)) + scheme.intercept
    scores: Doubles = 1 / (1 + np.exp(-line))
    return scores


# --- the challenger's files ----------------------------------------------------------------------------------------


def _write(folder: Path, champion_folder: Path, adapted: Adapted) -> None:
    """Its own head; the champion's changed layers and first stage, which stands before it from now on.

    The first stage was taught by the champion. The challenger's head is drawn to the champion's, so what the one is
    surely not is surely not for the other; the gate measures both without it.
    """
    copied = folder.with_name("copied")
    copy_files(
        champion_folder, copied, {WEIGHTS_FILE: head_bytes(adapted.head), SCHEME_FILE: scheme_bytes(adapted.scheme)}
    )
    stage = FirstStage.load(copied)
    for name in (first_stage.WEIGHTS_FILE, first_stage.SCHEME_FILE):
        (copied / name).unlink(missing_ok=True)
    if stage:
        own = stage.scheme.model_copy(update={"taught_by": version_of(copied)})
        for name, content in replace(stage, scheme=own).files().items():
            (copied / name).write_bytes(content)
    copied.rename(folder)


def _page(version: str, parent: str, report: dict[str, Any]) -> str:
    learned = report["learned_from"]
    return (
        f"# Model card: {version}\n\nMade by light retraining from {parent}: the encoder and what it changed in it "
        f"stayed, the head learned from {learned['examples']} labelled posts, {learned['leads']} of them leads (seed "
        f"{report['seed']}). What {parent} learned before, and its limits, stand in docs/model.md.\n\n"
    ) + markdown(report)


def _take_in(
    sessions: Sessions,
    settings: Settings,
    challenger: Path,
    champion_folder: Path,
    sides: Sides,
    *,
    result: Retrained,
    now: datetime,
) -> Retrained:
    parent = version_of(champion_folder)
    with sessions.begin() as session:
        if version_of(champion(session, settings)) != parent:
            raise WrongStage("Another version was activated meanwhile. Retrain again, from that one.")
        # What was erased while the model learned is in no snapshot; that it was learned from can be told.
        learned_from = sum(map(len, sides.values()))
        dataset = snapshot(session, settings, _still_there(session, sides), of=learned_from, now=now)
        version = register(
            session, settings, challenger, parent=parent, dataset_id=dataset.id, report=result.report, now=now
        )
        if not result.report["accepted"] or version.state is ModelState.CHAMPION:
            return result
        activate(session, settings, result.version, actor=None, now=now)
    return replace(result, is_active=True)


def _still_there(session: Session, sides: Sides) -> Sides:
    current: dict[int, str] = {}
    for ids in batches(sorted(one.post_id for some in sides.values() for one in some)):
        rows = session.execute(sa.select(Post.id, Post.text_hash).where(Post.id.in_(ids)).with_for_update())
        current |= {post_id: text_hash for post_id, text_hash in rows}  # noqa: C416 - dict() of rows confuses mypy
    return {side: [one for one in some if current.get(one.post_id) == one.text_hash] for side, some in sides.items()}
