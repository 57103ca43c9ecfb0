"""The configuration of retraining and of its gate: a TOML file, each value written out."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from classifier.config import Section, read_toml

SHIPPED = Path(__file__).parent / "configs" / "retrain.toml"


class Sides(Section):
    """Which labels are learned from, and which are kept for measuring."""

    least_labels: int = Field(ge=1)
    frozen_share: float = Field(gt=0, lt=1)
    recent_share: float = Field(ge=0, lt=1)


class Adaptation(Section):
    """How the champion's head learns."""

    prior: float = Field(ge=0)
    epochs: int = Field(gt=0)
    most_steps: int = Field(gt=0)
    batch_size: int = Field(gt=0)
    learning_rate: float = Field(gt=0)
    input_dropout: float = Field(ge=0, lt=1)
    hidden_dropout: float = Field(ge=0, lt=1)
    folds: int = Field(ge=2)
    calibration_prior: float = Field(ge=0)


class OwnHead(Section):
    """How a campaign's own head learns."""

    others: float = Field(ge=0, le=1)


class Retuning(Section):
    """How the encoder's upper layers learn too; dropout and the calibration's prior are those of `Adaptation`."""

    device: Literal["auto", "cpu", "cuda"]
    frozen_layers: int = Field(ge=0)
    rank: int = Field(gt=0)
    epochs: int = Field(gt=0)
    batch_size: int = Field(gt=0)
    learning_rate: float = Field(gt=0)
    head_learning_rate: float = Field(gt=0)
    prior: float = Field(ge=0)
    checkpoint_every: int = Field(gt=0)
    calibration_share: float = Field(gt=0, lt=1)
    first_stage_posts: int = Field(ge=0)


class Losses(Section):
    """How much worse a figure may get."""

    f1: float = Field(ge=0)
    precision_at_queue: float = Field(ge=0)
    ece: float = Field(ge=0)


class Gate(Section):
    """When a challenger takes the champion's place."""

    least_examples: int = Field(ge=1)
    least_leads: int = Field(ge=1)
    queue_size: int = Field(ge=1)
    samples: int = Field(ge=100)
    least_chance: float = Field(gt=0, lt=1)
    most_lost: Losses
    most_lost_recently: float = Field(ge=0)
    part_least: int = Field(ge=1)
    most_lost_in_a_part: float = Field(ge=0)


class RetrainConfig(Section):
    """The whole file. Its comments say what each value means."""

    seed: int = Field(ge=0)
    sides: Sides
    adaptation: Adaptation
    own_head: OwnHead
    tuning: Retuning | None = None
    """Without it the encoder stays, and the head alone learns."""
    gate: Gate


def read_config(path: Path | None = None) -> RetrainConfig:
    """The configuration in a file; default: the shipped one."""
    return read_toml(path or SHIPPED, RetrainConfig)
