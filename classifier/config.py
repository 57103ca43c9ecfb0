"""The training configuration: a TOML file, each value written out."""

import tomllib
from pathlib import Path
from typing import Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from classifier.encoder_files import EncoderSource
from overheard.errors import InvalidInput

SHIPPED = Path(__file__).parent / "configs" / "intent.toml"


_Form = TypeVar("_Form", bound=BaseModel)


class Section(BaseModel):
    """A part of a configuration: what it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Features(Section):
    """What the networks see."""

    layers: tuple[int, ...] = Field(min_length=1)


class Network(Section):
    """Their shape."""

    members: int = Field(gt=0)
    hidden: int = Field(gt=0)


class Fit(Section):
    """How they learn."""

    epochs: int = Field(gt=0)
    batch_size: int = Field(gt=0)
    learning_rate: float = Field(gt=0)
    weight_decay: float = Field(ge=0)
    input_dropout: float = Field(ge=0, lt=1)
    hidden_dropout: float = Field(ge=0, lt=1)
    lead_loss: float = Field(ge=0)
    unsure_weight: float = Field(gt=0)


class Tuning(Section):
    """How the encoder's upper layers change; `fit` says how the head learns beside them, but for epochs and batches."""

    frozen_layers: int = Field(ge=0)
    rank: int = Field(gt=0)
    scale: float = Field(gt=0)
    epochs: int = Field(gt=0)
    batch_size: int = Field(gt=0)
    learning_rate: float = Field(gt=0)
    weight_decay: float = Field(ge=0)


class Auxiliary(Section):
    """Labelled rows beside those of the training file; a relative path starts at the configuration's folder."""

    path: Path
    weight: float = Field(gt=0)


class Variations(Section):
    """Training posts once more, with other words around them; a relative path starts at the configuration's folder."""

    path: Path
    weight: float = Field(gt=0)
    share_of_leads: float = Field(ge=0, le=1)
    share_of_others: float = Field(ge=0, le=1)


class Further(Section):
    """Labels beside those of the training file, without texts; a relative path starts at the configuration's folder."""

    path: Path


class Calibration(Section):
    """How scores become probabilities."""

    folds: int = Field(ge=2)
    natural_lead_share: float = Field(gt=0, lt=1)


class EvidenceSearch(Section):
    """When evidence is looked for."""

    floor: float = Field(ge=0, le=1)


class TrainConfig(Section):
    """The whole file. Its comments say what each value means."""

    name: str = Field(pattern=r"^[a-z0-9-]+$")
    seed: int = Field(ge=0)
    encoder: EncoderSource | None = None
    """Default: the one that Overheard comes with."""
    features: Features
    network: Network
    fit: Fit
    tuning: Tuning | None = None
    further: Further | None = None
    auxiliary: Auxiliary | None = None
    variations: Variations | None = None
    calibration: Calibration
    evidence: EvidenceSearch

    @model_validator(mode="after")
    def _see_what_is_tuned(self) -> Self:
        if self.tuning and min(self.features.layers) <= self.tuning.frozen_layers:
            raise ValueError("features.layers must all lie above tuning.frozen_layers")
        return self


def read_config(path: Path) -> TrainConfig:
    """The configuration in a file."""
    settings = read_toml(path, TrainConfig)
    named = {name: getattr(settings, name) for name in ("further", "auxiliary", "variations")}
    found: dict[str, BaseModel] = {
        name: section.model_copy(update={"path": path.parent / section.path})
        for name, section in named.items()
        if section
    }
    if settings.encoder and settings.encoder.folder:
        found["encoder"] = EncoderSource(folder=(path.parent / settings.encoder.folder).resolve())
    return settings.model_copy(update=found)


def read_toml(path: Path, form: type[_Form]) -> _Form:
    """What a TOML file says, in this form and no other."""
    try:
        return form.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"The configuration {path} cannot be read: {error}.") from error
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise InvalidInput(f"The configuration {path} does not fit: {problems}.") from error
