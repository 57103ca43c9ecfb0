"""The model card: what a person should know before trusting the model, written by the code that trained it."""

import re
from dataclasses import dataclass
from pathlib import Path

from classifier.config import TrainConfig, Tuning
from classifier.encoder_files import EncoderSource
from classifier.head import Scheme

CARD_FILE = "MODEL_CARD.md"

_TEXT = """\
# Model card: {name}

Says of a post which of nine intents it has and, as one calibrated score, how likely its writer is to be a lead:
somebody with a need that a product or a service could meet.

## What it is

A sentence encoder ({named}, `model.safetensors` SHA-256 `{encoder}`), {tuning}. The mean over the tokens at
layers {layers} goes to {members} networks of one hidden layer ({hidden} units) whose answers are averaged. The score is
the sum over the lead intents, calibrated by Platt's method. A post is a lead from a score of {threshold} on.

## What it was trained on

{rows} posts, {leads} of them leads (file SHA-256 `{data}`; with the
labels of `classifier/labels/pool.jsonl` where the texts were given), {varied} of them once more with invented words
around them, and {invented} invented short ones; seed {seed}. The labels of the posts were made by careful model
annotators reading each post under a written guideline. **They are not human gold**, and every figure here is agreement
with them.

## How good it is

By {folds}-fold cross-validation on the training rows, weighted so that {share} of them are leads as in a random draw.
Threshold and calibration were chosen on the same rows, so expect a little less on new ones; `docs/model.md` has figures
on held-out posts.

| | precision | recall | F1 | average precision | expected calibration error |
|---|--:|--:|--:|--:|--:|
| | {precision:.3f} | {recall:.3f} | {f1:.3f} | {average_precision:.3f} | {ece:.3f} |
| 95 % by bootstrap | {intervals} |

## What it may be used for

It puts posts before a person who reads them and answers in their own words. It is meant for English posts of
communities in which people ask one another for products and services.

{licence} The posts are public ones, collected by others, mostly without a stated
licence: no text of theirs is shipped, only numbers learned from many, and labels by id.

## What it is not for

* It reads English, and the first 256 tokens of a post. In other languages its score means little.
* `pain` (a need told without asking for a product) is the intent it misses most.
* It judges a text, not a person. It must not decide about anyone by itself: a person reads each lead.
"""


@dataclass(frozen=True)
class Figures:
    """How good a model was on rows it had not seen, weighted to a random draw."""

    rows: int
    varied: int
    invented: int
    leads: int
    precision: float
    recall: float
    f1: float
    average_precision: float
    ece: float
    intervals: tuple[tuple[float, float], ...]
    """Of the last five, the middle 95 % of the bootstrap samples."""


def _told(tuning: Tuning | None) -> str:
    if tuning is None:
        return "frozen"
    changed = f"changed by adapters of rank {tuning.rank}"
    return (
        f"frozen, and its layers from {tuning.frozen_layers + 1} on once more, {changed}, each kind with its networks"
    )


def _named(source: EncoderSource | None) -> str:
    if source is None:
        return "all-MiniLM-L6-v2"
    return str(source.folder) if source.folder else f"{source.repository} at revision {source.revision}"


def _licence(source: EncoderSource | None) -> str:
    """Under which terms the encoder stands, as far as its folder tells: in the head of a README, as the hub has it."""
    if source is None:
        return "The encoder is under the Apache License 2.0."
    readme = source.folder / "README.md" if source.folder else None
    head = readme.read_text(encoding="utf-8", errors="replace").split("---") if readme and readme.is_file() else []
    told = re.search(r"^license:\s*(\S.*)$", head[1] if len(head) > 2 else "", re.MULTILINE)  # noqa: PLR2004 - before, head, rest
    if told is None:
        return "The encoder's licence was not found beside it: look it up before you give the model to others."
    return f"The encoder is under the licence `{told[1].strip()}`, as its README says."


def write_card(path: Path, scheme: Scheme, figures: Figures, settings: TrainConfig, *, data_checksum: str) -> None:
    """No date in it: equal training gives an equal card."""
    text = _TEXT.format(
        name=scheme.name,
        named=_named(scheme.encoder_source),
        licence=_licence(scheme.encoder_source),
        encoder=scheme.encoder,
        tuning=_told(settings.tuning),
        layers=" and ".join(map(str, settings.features.layers)),
        members=settings.network.members,
        hidden=settings.network.hidden,
        threshold=scheme.threshold,
        data=data_checksum,
        seed=settings.seed,
        folds=settings.calibration.folds,
        share=f"{settings.calibration.natural_lead_share:.0%}",
        **vars(figures) | {"intervals": " | ".join(f"{low:.3f} to {high:.3f}" for low, high in figures.intervals)},
    )
    path.write_text(text, encoding="utf-8")
