"""Train the intent model. Equal data, configuration and machine give the same bytes."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.model_selection import StratifiedKFold

from classifier import config as configuration
from classifier import first_stage
from classifier.calibration import calibrate_scores, natural_weights
from classifier.card import CARD_FILE, Figures, write_card
from classifier.config import TrainConfig
from classifier.encoder import Encoder
from classifier.encoder_files import CHECKSUM, find_encoder
from classifier.examples import Examples, make_examples
from classifier.fit import fit_head
from classifier.head import (
    INTENTS,
    IS_LEAD,
    SCHEME_FILE,
    WEIGHTS_FILE,
    Doubles,
    Head,
    Scheme,
    head_bytes,
    lead_log_odds,
    scheme_bytes,
)
from classifier.labels import refuse_held_out
from classifier.metrics import Flags, average_precision, expected_calibration_error, precision_recall_f1
from classifier.model import calibrate
from classifier.rows import LabelledRow, read_labelled
from overheard.errors import InvalidInput


@dataclass(frozen=True)
class Trained:
    """A model that is not yet written, and its figures from cross-validation."""

    scheme: Scheme
    head: Head
    figures: Figures


def train(data: Path, output: Path, config: Path | None = None, *, encoder_path: Path | None = None) -> Figures:
    """Train on a file of labelled posts and write the model's folder; its figures are those of its model card."""
    settings = configuration.read_config(config or configuration.SHIPPED)
    rows = read_labelled(data)
    auxiliary = read_labelled(settings.auxiliary.path) if settings.auxiliary else []
    refuse_held_out([*rows, *auxiliary])
    encoder = Encoder(find_encoder(encoder_path), depth=max(settings.features.layers))
    trained = train_model(rows, encoder, settings, auxiliary=auxiliary, encoder_checksum=CHECKSUM)
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
    examples = make_examples(rows, auxiliary, encoder, settings)

    unseen = _scores_unseen(examples, len(rows), settings)
    truth = IS_LEAD[examples.labels[: len(rows)]]
    log_odds = lead_log_odds(unseen)
    weights = natural_weights(log_odds, truth, settings.calibration.natural_lead_share)
    calibrated = calibrate_scores(log_odds, truth, weights)
    scheme = Scheme(
        format=1,
        name=settings.name,
        encoder=encoder_checksum,
        layers=settings.features.layers,
        intents=INTENTS,
        slope=calibrated.slope,
        intercept=calibrated.intercept,
        threshold=calibrated.threshold,
        evidence_floor=settings.evidence.floor,
    )
    head = fit_head(examples, settings.network, settings.fit, seed=settings.seed)
    return Trained(scheme, head, _figures(unseen, scheme, truth, weights, len(auxiliary)))


def write_model(trained: Trained, output: Path, settings: TrainConfig, *, data_checksum: str) -> None:
    """Weights, scheme and model card into a folder. A first stage that stood there was taught by another model."""
    try:
        output.mkdir(parents=True, exist_ok=True)
        (output / WEIGHTS_FILE).write_bytes(head_bytes(trained.head))
        (output / SCHEME_FILE).write_bytes(scheme_bytes(trained.scheme))
        for name in (first_stage.WEIGHTS_FILE, first_stage.SCHEME_FILE):
            (output / name).unlink(missing_ok=True)
        write_card(output / CARD_FILE, trained.scheme, trained.figures, settings, data_checksum=data_checksum)
    except OSError as error:
        raise InvalidInput(f"The model cannot be written to {output}: {error.strerror}.") from error


def _scores_unseen(examples: Examples, posts: int, settings: TrainConfig) -> Doubles:
    vectors, labels = examples.vectors[:posts], examples.labels[:posts]
    folds = StratifiedKFold(settings.calibration.folds, shuffle=True, random_state=settings.seed)
    if np.bincount(labels, minlength=len(INTENTS)).max() < settings.calibration.folds or len(set(IS_LEAD[labels])) == 1:
        raise InvalidInput(f"Too few rows to train on, or all leads or none: {len(labels)}.")
    result = np.zeros((len(labels), len(INTENTS)))
    for _, unseen in folds.split(vectors, labels):
        head = fit_head(examples.without(unseen), settings.network, settings.fit, seed=settings.seed)
        result[unseen] = head.log_probabilities(vectors[unseen])
    return result


def _figures(unseen: Doubles, scheme: Scheme, truth: Flags, weights: Doubles, invented: int) -> Figures:
    scores = calibrate(unseen, slope=scheme.slope, intercept=scheme.intercept)[:, IS_LEAD].sum(axis=1)
    precision, recall, f1 = precision_recall_f1(scores >= scheme.threshold, truth, weights)
    return Figures(
        rows=len(truth),
        invented=invented,
        leads=int(truth.sum()),
        precision=precision,
        recall=recall,
        f1=f1,
        average_precision=average_precision(scores, truth, weights),
        ece=expected_calibration_error(scores, truth, weights),
    )
