"""Train the intent model. Equal data, configuration and machine give the same bytes."""

import hashlib
import multiprocessing
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from sklearn.model_selection import StratifiedKFold

from classifier import config as configuration
from classifier import first_stage
from classifier.adapters import ADAPTERS_FILE, adapters_bytes
from classifier.calibration import Calibrated, calibrate_scores, natural_weights
from classifier.card import CARD_FILE, Figures, write_card
from classifier.config import TrainConfig
from classifier.encoder import Encoder
from classifier.encoder_files import checksum_of, fetch, find_encoder
from classifier.examples import Labels, Learned, make_examples, texts_and_targets
from classifier.fit import HeadFitter
from classifier.head import (
    INTENTS,
    IS_LEAD,
    SCHEME_FILE,
    WEIGHTS_FILE,
    Doubles,
    Scheme,
    beside,
    head_bytes,
    lead_log_odds,
    normalise,
    scheme_bytes,
)
from classifier.labels import join_posts, refuse_held_out
from classifier.metrics import Flags, average_precision, expected_calibration_error, intervals, precision_recall_f1
from classifier.model import calibrate
from classifier.rows import LabelledRow, read_labelled
from classifier.tune import Tuner
from overheard.errors import InvalidInput

# Bootstrap samples for the model card's intervals: fewer than for figures that are compared, as the rows are many.
_SAMPLES = 500


@dataclass(frozen=True)
class Trained:
    """A model that is not yet written, and its figures from cross-validation."""

    scheme: Scheme
    learned: Learned
    figures: Figures


class _Learner(Protocol):
    def learn(self, rows: Labels, asked: Labels) -> tuple[Learned, Doubles]: ...


class _Both:
    """Heads on the encoder as it is and on its tuned layers, side by side: their faults differ."""

    def __init__(self, untuned: _Learner, tuned: _Learner) -> None:
        self._learners = (untuned, tuned)

    def learn(self, rows: Labels, asked: Labels) -> tuple[Learned, Doubles]:
        (untuned, said), (tuned, tuned_said) = (learner.learn(rows, asked) for learner in self._learners)
        return Learned(beside(untuned.head, tuned.head), tuned.adapters), normalise((said + tuned_said) / 2)


def train(
    data: Path,
    output: Path,
    config: Path | None = None,
    *,
    posts: Path | None = None,
    encoder_path: Path | None = None,
) -> Figures:
    """Train on a file of labelled posts and write the model's folder; its figures are those of its model card.

    `posts`: the file with the texts that the configuration's further labels speak of; without it they are left out.
    """
    settings = configuration.read_config(config or configuration.SHIPPED)
    rows = read_labelled(data)
    if settings.further and posts:
        rows += join_posts(settings.further.path, posts)
    auxiliary = read_labelled(settings.auxiliary.path) if settings.auxiliary else []
    refuse_held_out([*rows, *auxiliary])
    folder = fetch(settings.encoder) if settings.encoder else find_encoder(encoder_path)
    encoder = Encoder(folder, depth=max(settings.features.layers))
    trained = train_model(rows, encoder, settings, auxiliary=auxiliary, encoder_checksum=checksum_of(folder))
    write_model(trained, output, settings, data_checksum=hashlib.sha256(data.read_bytes()).hexdigest())
    return trained.figures


def train_model(
    rows: list[LabelledRow],
    encoder: Encoder,
    settings: TrainConfig,
    *,
    auxiliary: Sequence[LabelledRow] = (),
    encoder_checksum: str,
) -> Trained:
    """Fit on all rows; calibrate on scores that each row got from networks which had not seen it."""
    if max(settings.features.layers) > encoder.layers:
        raise InvalidInput(f"The configuration asks for layer {max(settings.features.layers)} of {encoder.layers}.")
    texts, targets = texts_and_targets(rows, auxiliary, settings)
    labels = targets.labels[: len(rows)]
    _refuse_too_few(labels, settings)
    learner: _Learner = HeadFitter(make_examples(texts, targets, encoder, settings), settings)
    if settings.tuning:
        learner = _Both(learner, Tuner(texts, targets, encoder, settings, settings.tuning))
    learned, unseen = _learn(learner, labels, targets.origins, settings)
    truth = IS_LEAD[labels]
    log_odds = lead_log_odds(unseen)
    weights = natural_weights(log_odds, truth, settings.calibration.natural_lead_share)
    calibrated = calibrate_scores(log_odds, truth, weights)
    scheme = make_scheme(settings, calibrated, encoder_checksum=encoder_checksum)
    return Trained(
        scheme,
        learned,
        _figures(
            unseen, scheme, truth, weights, varied=len(texts) - len(rows) - len(auxiliary), invented=len(auxiliary)
        ),
    )


def make_scheme(settings: TrainConfig, calibrated: Calibrated, *, encoder_checksum: str) -> Scheme:
    """What the configuration and the calibration decide."""
    if calibrated.slope <= 0:
        raise InvalidInput("Nothing was learned that tells leads from others on posts not seen. Train on more rows.")
    return Scheme(
        format=1,
        name=settings.name,
        encoder=encoder_checksum,
        encoder_source=settings.encoder,
        layers=_layers(settings),
        intents=INTENTS,
        slope=calibrated.slope,
        intercept=calibrated.intercept,
        threshold=calibrated.threshold,
        evidence_floor=settings.evidence.floor,
    )


def write_model(trained: Trained, output: Path, settings: TrainConfig, *, data_checksum: str) -> None:
    """Weights, scheme and model card into a folder. A first stage that stood there was taught by another model."""
    try:
        output.mkdir(parents=True, exist_ok=True)
        (output / WEIGHTS_FILE).write_bytes(head_bytes(trained.learned.head))
        (output / ADAPTERS_FILE).unlink(missing_ok=True)
        if trained.learned.adapters:
            (output / ADAPTERS_FILE).write_bytes(adapters_bytes(trained.learned.adapters))
        (output / SCHEME_FILE).write_bytes(scheme_bytes(trained.scheme))
        for name in (first_stage.WEIGHTS_FILE, first_stage.SCHEME_FILE):
            (output / name).unlink(missing_ok=True)
        write_card(output / CARD_FILE, trained.scheme, trained.figures, settings, data_checksum=data_checksum)
    except OSError as error:
        raise InvalidInput(f"The model cannot be written to {output}: {error.strerror}.") from error


def _layers(settings: TrainConfig) -> tuple[int, ...]:
    """Where the encoder with what was learned keeps the layers asked for: changed ones stand behind the others."""
    layers = settings.features.layers
    if settings.tuning is None:
        return layers
    return (*layers, *(max(layers) + layer - settings.tuning.frozen_layers for layer in layers))


def _refuse_too_few(labels: Labels, settings: TrainConfig) -> None:
    if np.bincount(labels, minlength=len(INTENTS)).max() < settings.calibration.folds or len(set(IS_LEAD[labels])) == 1:
        raise InvalidInput(f"Too few rows to train on, or all leads or none: {len(labels)}.")


def _learn(learner: _Learner, labels: Labels, origins: Labels, settings: TrainConfig) -> tuple[Learned, Doubles]:
    """What all texts teach, and of each post the log probabilities by what all others teach.

    One job a core, each in a process of its own with a single thread: sums are then added in one order on any machine
    of the kind. The processes are forked, so the texts' states are in memory once.
    """
    folds = StratifiedKFold(settings.calibration.folds, shuffle=True, random_state=settings.seed)
    asked = [np.arange(0), *(unseen for _, unseen in folds.split(labels, labels))]
    jobs = [(np.flatnonzero(~np.isin(origins, unseen)), unseen) for unseen in asked]
    with multiprocessing.get_context("fork").Pool(os.cpu_count(), _inherit, (learner,)) as pool:
        (learned, _), *rest = pool.starmap(_learn_one, jobs, chunksize=1)
    result = np.zeros((len(labels), len(INTENTS)))
    for unseen, (_, said) in zip(asked[1:], rest, strict=True):
        result[unseen] = said
    return learned, result


_inherited: list[_Learner] = []


def _inherit(learner: _Learner) -> None:
    torch.set_num_threads(1)
    _inherited.append(learner)


def _learn_one(rows: Labels, asked: Labels) -> tuple[Learned, Doubles]:
    return _inherited[0].learn(rows, asked)


def _figures(unseen: Doubles, scheme: Scheme, truth: Flags, weights: Doubles, *, varied: int, invented: int) -> Figures:
    scores = calibrate(unseen, slope=scheme.slope, intercept=scheme.intercept)[:, IS_LEAD].sum(axis=1)

    def of(rows: Labels) -> tuple[float, ...]:
        said, true, weight = scores[rows] >= scheme.threshold, truth[rows], weights[rows]
        ranked = average_precision(scores[rows], true, weight)
        return (
            *precision_recall_f1(said, true, weight),
            ranked,
            expected_calibration_error(scores[rows], true, weight),
        )

    precision, recall, f1, ap, ece = of(np.arange(len(truth)))
    return Figures(
        rows=len(truth),
        varied=varied,
        invented=invented,
        leads=int(truth.sum()),
        precision=precision,
        recall=recall,
        f1=f1,
        average_precision=ap,
        ece=ece,
        intervals=tuple(intervals(of, len(truth), samples=_SAMPLES)),
    )
