"""Measure a model on labelled posts. What is right is what the labels say; `docs/model.md` tells who made them."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from classifier.examples import Labels
from classifier.metrics import (
    average_precision,
    expected_calibration_error,
    intervals,
    precision_at_recall,
    precision_recall_f1,
    recall_at_precision,
)
from classifier.model import IntentModel, Verdict
from classifier.rows import LabelledRow, read_labelled
from overheard.vocabulary import Intent


@dataclass(frozen=True)
class LeadFigures:
    """How well leads are told from others. `ece`: expected calibration error, ten bins."""

    n: int
    n_leads: int
    precision: float
    recall: float
    f1: float
    average_precision: float
    ece: float
    recall_at_60: float
    """With at least 60 % of what is flagged right: the marketer's end."""
    precision_at_60: float
    """With at least 60 % of the leads found: the SDR's end."""
    intervals: dict[str, tuple[float, float]]
    """Of the first five figures the middle 95 % of the bootstrap samples, where any were drawn."""


@dataclass(frozen=True)
class LabelFigures:
    """How well one intent is told from the eight others."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Evaluation:
    """All figures of one model on one set of rows."""

    model: str
    threshold: float
    leads: LeadFigures
    macro_f1: float
    """The mean F1 of the intents that the rows have."""
    per_label: dict[str, LabelFigures]
    per_platform: dict[str, LeadFigures]
    without_unsure: LeadFigures
    without_pain: LeadFigures
    without_unsure_and_pain: LeadFigures

    def as_json(self) -> dict[str, object]:
        """For a JSON document; the figures of all leads stand at the top."""
        document = asdict(self)
        return {"model": document.pop("model"), **document.pop("leads"), **document}


_SAMPLES = 2000
INTERVALS = ("precision", "recall", "f1", "average_precision", "ece")

Judged: TypeAlias = Sequence[tuple[LabelledRow, Verdict]]


def evaluate(model: IntentModel, rows: Sequence[LabelledRow], *, samples: int = 0) -> Evaluation:
    """Predict each row and compare; intervals from so many bootstrap samples, if any."""
    judged = list(zip(rows, model.predict([row.post for row in rows], explain=False), strict=True))

    def among(keep: Callable[[LabelledRow], bool]) -> LeadFigures:
        return _lead_figures([pair for pair in judged if keep(pair[0])], samples)

    per_label = {intent.value: _label_figures(judged, intent) for intent in Intent}
    return Evaluation(
        model=model.version,
        threshold=model.threshold,
        leads=_lead_figures(judged, samples),
        macro_f1=float(np.mean([figures.f1 for figures in per_label.values() if figures.support] or [0.0])),
        per_label=per_label,
        per_platform={
            platform: _lead_figures([pair for pair in judged if pair[0].platform == platform], samples)
            for platform in sorted({row.platform for row in rows})
        },
        without_unsure=among(lambda row: not row.unsure),
        without_pain=among(lambda row: row.label != Intent.PAIN),
        without_unsure_and_pain=among(lambda row: not row.unsure and row.label != Intent.PAIN),
    )


def evaluate_file(model: IntentModel, data: Path) -> Evaluation:
    """The figures on a file of labelled posts."""
    return evaluate(model, read_labelled(data), samples=_SAMPLES)


def _lead_figures(judged: Judged, samples: int) -> LeadFigures:
    truth = np.array([row.label.is_lead for row, _ in judged], dtype=bool)
    said = np.array([verdict.is_lead for _, verdict in judged], dtype=bool)
    scores = np.array([verdict.score for _, verdict in judged], dtype=float)

    def figures(rows: Labels) -> tuple[float, ...]:
        right = precision_recall_f1(said[rows], truth[rows])
        ece = expected_calibration_error(scores[rows], truth[rows])
        return (*right, average_precision(scores[rows], truth[rows]), ece)

    precision, recall, f1, ap, ece = figures(np.arange(len(judged)))
    return LeadFigures(
        n=len(judged),
        n_leads=int(truth.sum()),
        precision=precision,
        recall=recall,
        f1=f1,
        average_precision=ap,
        ece=ece,
        recall_at_60=recall_at_precision(scores, truth, 0.6),
        precision_at_60=precision_at_recall(scores, truth, 0.6),
        intervals=dict(zip(INTERVALS, intervals(figures, len(judged), samples=samples), strict=True))
        if judged and samples
        else {},
    )


def _label_figures(judged: Judged, intent: Intent) -> LabelFigures:
    truth = np.array([row.label == intent for row, _ in judged], dtype=bool)
    said = np.array([verdict.intent == intent for _, verdict in judged], dtype=bool)
    return LabelFigures(*precision_recall_f1(said, truth), support=int(truth.sum()))
