"""From decisions to a challenger, and through the gate: what `overheard retrain` does.

The challenger starts from the champion; it learns from the labels that are on the training side, and takes the
champion's place only if the gate lets it. By most configurations the encoder stays and the head alone learns.
"""

import hashlib
import logging
import tempfile
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import sqlalchemy as sa
import torch
from sqlalchemy.orm import Session

from classifier import challenger as files
from classifier.adapt import UNKNOWN, Adapted, Labelled, adapt, recalibrate
from classifier.adapters import Adapters, read_adapters
from classifier.card import CARD_FILE
from classifier.datasets import Side, divide, snapshot
from classifier.encoder_files import Vectors
from classifier.gate import Scored, Thresholds, judge
from classifier.head import INTENTS, Doubles, encoder_of, lead_log_odds, read_head, read_scheme, scores_of
from classifier.model import version_of
from classifier.registry import activate, champion, register
from classifier.retrain_config import RetrainConfig
from classifier.retrain_own import Own
from classifier.retune import Checkpoint, changed_layers, device_of, kept, retune
from classifier.text import PostText
from classifier.vector_cache import Encode, VectorCache, make_encode, reader_of
from overheard.db import Sessions
from overheard.errors import InvalidInput, WrongStage
from overheard.labelling.examples import Example, training_examples
from overheard.labelling.judged import batches
from overheard.modelling.files import checkpoint_file, follow_erasures
from overheard.modelling.retrainings import Told, UnderWay, alone
from overheard.modelling.versions import refuse_pinned
from overheard.modelling.vocabulary import ModelState
from overheard.models import Campaign, Post
from overheard.settings import Settings

logger = logging.getLogger(__name__)

_NOT_TRACKED = {"action": "not_tracked"}

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
    campaign: str | None = None,
    load: Callable[[Path, Settings], Encode] = make_encode,
    on_progress: Told = lambda _phase, _done, _of: None,
) -> Retrained:
    """Make a challenger, measure it, register it, and activate it if the gate accepts it.

    `dry_run`: measure only. `campaign`: a head for that campaign alone, measured with its own labels.
    `on_progress` is told how far it is; the table of retrainings is told too.
    """
    with alone(settings):
        run = None if dry_run else UnderWay(sessions, clock)

        def tell(phase: str, done: int, total: int) -> None:
            on_progress(phase, done, total)
            if run:
                run.tell(phase, done, total)

        with run.watched() if run else nullcontext(), tempfile.TemporaryDirectory() as made:
            wanted = _Retraining(sessions, settings, config, clock, load, tell, Path(made), campaign)
            result = wanted.run(dry_run=dry_run)
            if run:
                run.end(version=result.version, is_accepted=bool(result.report["accepted"]))
            return result


@dataclass(frozen=True)
class _Retraining:
    sessions: Sessions
    settings: Settings
    config: RetrainConfig
    clock: Callable[[], datetime]
    load: Callable[[Path, Settings], Encode]
    tell: Told
    made: Path
    """Where files are that are needed while it runs."""
    campaign: str | None
    """Whose own head is made; None: the one that judges for all."""

    def run(self, *, dry_run: bool) -> Retrained:
        config = self.config
        if self.campaign is not None and config.tuning:
            raise InvalidInput("A campaign's own head learns on the encoder as it is: leave out the section [tuning].")
        with self.sessions.begin() as session:
            if not dry_run:
                refuse_pinned(self.settings)
            follow_erasures(session, self.settings)
            folder = champion(session, self.settings)
            own = None if self.campaign is None else Own.of(session, self.settings, self.campaign, folder)
            sides, checkpoint = self._sides(session, folder)
            campaigns = {row.id: row.name for row in session.scalars(sa.select(Campaign))}
        by_which = own.measured(sides) if own else sides
        measured = (*by_which[Side.FROZEN], *by_which[Side.RECENT])
        before = self._vectors(folder, measured if config.tuning else [*measured, *sides[Side.TRAIN]])
        head, scheme = read_head(folder), read_scheme(folder)
        if config.tuning:
            adapted, adapters = self._tuned(folder, sides[Side.TRAIN], checkpoint)
        else:
            taught = own.weighed(sides[Side.TRAIN], config.own_head.others) if own else sides[Side.TRAIN]
            learned = as_labelled(taught, before.read(hashes_of(taught)))
            self.tell("learning on the processor", 0, 0)
            by = own.are_own(taught) if own else None
            adapted = adapt(head, scheme, learned, config.adaptation, seed=config.seed, calibrate_by=by)
            adapters = None
        challenger = self.made / "challenger"
        files.write(challenger, folder, adapted.head, adapted.scheme, adapters)
        after = self._vectors(challenger, measured) if adapters else before
        self.tell("measuring", 0, 0)
        if own:  # in use for the campaign, whether shared or its own
            head, scheme = read_head(own.folder), read_scheme(own.folder)
        scored = {}
        for side in (Side.FROZEN, Side.RECENT):
            hashes = hashes_of(by_which[side])
            both = (
                scores_of(head, scheme, before.read(hashes)),
                scores_of(adapted.head, adapted.scheme, after.read(hashes)),
            )
            scored[side] = _scored(by_which[side], both, campaigns)
        thresholds = Thresholds(scheme.threshold, adapted.scheme.threshold)
        if own and own.threshold is not None:
            thresholds = Thresholds(own.threshold, own.threshold)
        report = {
            **judge(scored[Side.FROZEN], scored[Side.RECENT], thresholds, config.gate, seed=config.seed),
            "learned_from": {
                "examples": len(sides[Side.TRAIN]),
                "leads": sum(bool(one.is_lead) for one in sides[Side.TRAIN]),
            },
            "seed": config.seed,
            "tuned": adapters is not None,
            **({"own_head_of": self.campaign} if own else {}),
            "first_stage": self._first_stage(challenger) if adapters else "the one of the version it was made from",
        }
        version, parent = version_of(challenger), version_of(folder)
        result = Retrained(version, report, files.page(version, parent, report))
        if not dry_run:
            (challenger / CARD_FILE).write_text(result.page, encoding="utf-8")
            result = _take_in(
                self.sessions, self.settings, challenger, folder, sides, result=result, now=self.clock(), own=own
            )
            self._track(result)
        if config.tuning:
            checkpoint.file.unlink(missing_ok=True)
        return result

    def _track(self, result: Retrained) -> None:
        """The copy in MLflow, where the settings name one; without it the version stands all the same."""
        uri = self.settings.mlflow_uri
        if uri is None:
            return
        try:
            from classifier.tracking import log_run, without_login

            config = self.config.model_dump(mode="json", exclude_none=True)
            log_run(
                uri.get_secret_value(),
                self.settings.home,
                name=result.version,
                config=config,
                report=result.report,
                card=result.page,
            )
        except ModuleNotFoundError:
            logger.warning("MLflow is not installed: pip install -c constraints.txt -e '.[mlflow]'", extra=_NOT_TRACKED)
        except Exception as error:  # noqa: BLE001 - the library raises whatever a store or a server says
            said = f"{type(error).__name__}: {without_login(str(error), uri.get_secret_value())}"
            logger.warning("The retraining could not be copied to MLflow: %s", said, extra=_NOT_TRACKED)

    def _sides(self, session: Session, folder: Path) -> tuple[Sides, Checkpoint]:
        """Which labels are learned from; where one that was killed goes on, those that it had begun with."""
        file = checkpoint_file(self.settings)
        begun = [self.clock()]
        if self.config.tuning and (told := kept(file)):
            begun.insert(0, datetime.fromisoformat(told["begun"]))
        for at in begun:
            examples = training_examples(session, before=at if self.config.tuning else None)
            sides = divided(session, examples, self.config)
            key = _key(self.config, folder, sides)
            if at is begun[-1] or (told and told["key"] == key):
                return sides, Checkpoint(file, key, at)
        raise AssertionError

    def _vectors(self, folder: Path, examples: Sequence[Example]) -> VectorCache:
        """What the model in a folder sees of some texts."""
        cache = VectorCache(self.settings, reader_of(folder, self.settings))
        missing, done = len(cache.missing(examples)), 0

        def progress(some: int) -> None:
            nonlocal done
            done += some
            self.tell("reading posts", done, missing)

        cache.fill(self.sessions, examples, lambda: self.load(folder, self.settings), on_progress=progress)
        return cache

    def _tuned(self, folder: Path, examples: list[Example], checkpoint: Checkpoint) -> tuple[Adapted, Adapters]:
        """The encoder's upper layers and the head learn, and some labels are left out to calibrate by."""
        tuning = self.config.tuning
        assert tuning is not None  # noqa: S101 - for the type checker
        left_out = [one for one in examples if _draw(one) < tuning.calibration_share]
        taught = [one for one in examples if _draw(one) >= tuning.calibration_share]
        if len({one.is_lead for one in taught}) == 1 or len({one.is_lead for one in left_out}) == 1:
            raise InvalidInput("The labels to learn from or to calibrate by are all of one kind. Label more posts.")
        head, scheme = read_head(folder), read_scheme(folder)
        where = "GPU" if device_of(tuning.device).type == "cuda" else "processor"
        start = (encoder_of(folder, self.settings.encoder_path), folder, head, scheme)
        unseen = np.zeros((len(taught), 0), dtype=np.float32)
        with torch.random.fork_rng():
            learned = retune(
                [PostText.of(one.title, one.body).whole for one in taught],
                as_labelled(taught, unseen),
                start,
                self.config,
                checkpoint,
                on_step=lambda done, total: self.tell(f"learning on the {where}", done, total),
            )
        adapters = learned.adapters
        assert adapters is not None  # noqa: S101 - for the type checker
        layers = changed_layers(scheme, read_adapters(folder), tuning)
        draft, scheme = self.made / "draft", scheme.model_copy(update={"layers": layers})
        files.write(draft, folder, learned.head, scheme, adapters)
        labelled = as_labelled(left_out, self._vectors(draft, left_out).read(hashes_of(left_out)))
        said = lead_log_odds(learned.head.log_probabilities(labelled.vectors))
        slope, intercept = recalibrate(said, labelled, scheme, self.config.adaptation.calibration_prior)
        return Adapted(learned.head, scheme.model_copy(update={"slope": slope, "intercept": intercept})), adapters

    def _first_stage(self, challenger: Path) -> str:
        tuning = self.config.tuning
        most = tuning.first_stage_posts if tuning else 0
        with self.sessions() as session:
            posts = files.newest_posts(session, most)
        self.tell("measuring ranges", 0, 0)
        files.measure(challenger, posts, self.settings)
        if not posts:
            return "none: every post is read"
        self.tell("teaching the first stage", 0, 0)
        return files.teach_first_stage(challenger, posts, self.settings)


def _key(config: RetrainConfig, folder: Path, sides: Sides) -> str:
    """Of all that the weights depend on."""
    told = hashlib.sha256(f"{config.model_dump_json()} {version_of(folder)} {read_scheme(folder).encoder}".encode())
    for side, some in sides.items():
        for one in some:
            told.update(f"{side} {one.post_id} {one.text_hash} {one.is_lead} {one.intent} {one.weight}\n".encode())
    return told.hexdigest()


def _draw(example: Example) -> float:
    """A number from 0 to 1 that all posts of an author share."""
    return crc32(f"calibration {_author(example)}".encode()) / 2**32


def hashes_of(examples: Sequence[Example]) -> list[str]:
    return [one.text_hash for one in examples]


def divided(session: Session, examples: Sequence[Example], config: RetrainConfig) -> Sides:
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


def as_labelled(examples: Sequence[Example], vectors: Vectors) -> Labelled:
    return Labelled(
        vectors,
        is_lead=np.array([bool(one.is_lead) for one in examples]),
        intents=np.array([UNKNOWN if one.intent is None else INTENTS.index(one.intent) for one in examples]),
        weights=np.array([one.weight for one in examples], dtype=np.float32),
        groups=np.array([crc32(_author(one).encode()) for one in examples], dtype=np.int64),
    )


def _author(example: Example) -> str:
    return f"{example.platform} {example.author}" if example.author else example.thread


def _scored(examples: Sequence[Example], both: tuple[Doubles, Doubles], campaigns: dict[int, str]) -> Scored:
    return Scored(
        is_lead=np.array([bool(one.is_lead) for one in examples], dtype=bool),
        champion=both[0],
        challenger=both[1],
        authors=np.array([_author(one) for one in examples], dtype=np.str_),
        parts={
            "platform": [one.platform.display for one in examples],
            "campaign": [campaigns.get(one.campaign_id or 0, "none") for one in examples],
        },
    )


def _take_in(
    sessions: Sessions,
    settings: Settings,
    challenger: Path,
    champion_folder: Path,
    sides: Sides,
    *,
    result: Retrained,
    now: datetime,
    own: Own | None,
) -> Retrained:
    parent = version_of(champion_folder)
    with sessions.begin() as session:
        if version_of(champion(session, settings)) != parent:
            raise WrongStage("Another version was activated meanwhile. Retrain again, from that one.")
        # What was erased while the model learned is in no snapshot; that it was learned from can be told.
        learned_from = sum(map(len, sides.values()))
        dataset = snapshot(session, settings, _still_there(session, sides), of=learned_from, now=now)
        version = register(
            session,
            settings,
            challenger,
            parent=parent,
            dataset_id=dataset.id,
            report=result.report,
            now=now,
            campaign_id=own.campaign_id if own else None,
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
