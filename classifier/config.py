"""The training configuration: a TOML file, each value written out."""

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from overheard.errors import InvalidInput

SHIPPED = Path(__file__).parent / "configs" / "intent.toml"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Features(_Section):
    """What the networks see."""

    layers: tuple[int, ...] = Field(min_length=1)


class Network(_Section):
    """Their shape."""

    members: int = Field(gt=0)
    hidden: int = Field(gt=0)


class Fit(_Section):
    """How they learn."""

    epochs: int = Field(gt=0)
    batch_size: int = Field(gt=0)
    learning_rate: float = Field(gt=0)
    weight_decay: float = Field(ge=0)
    input_dropout: float = Field(ge=0, lt=1)
    hidden_dropout: float = Field(ge=0, lt=1)
    lead_loss: float = Field(ge=0)
    unsure_weight: float = Field(gt=0)


class Auxiliary(_Section):
    """Labelled rows beside those of the training file; a relative path starts at the configuration's folder."""

    path: Path
    weight: float = Field(gt=0)


class Calibration(_Section):
    """How scores become probabilities."""

    folds: int = Field(ge=2)
    natural_lead_share: float = Field(gt=0, lt=1)


class EvidenceSearch(_Section):
    """When evidence is looked for."""

    floor: float = Field(ge=0, le=1)


class TrainConfig(_Section):
    """The whole file. Its comments say what each value means."""

    name: str = Field(pattern=r"^[a-z0-9-]+$")
    seed: int = Field(ge=0)
    features: Features
    network: Network
    fit: Fit
    auxiliary: Auxiliary | None = None
    calibration: Calibration
    evidence: EvidenceSearch


def read_config(path: Path) -> TrainConfig:
    """The configuration in a file."""
    try:
        settings = TrainConfig.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"The configuration {path} cannot be read: {error}.") from error
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise InvalidInput(f"The configuration {path} does not fit: {problems}.") from error
    if settings.auxiliary is None:
        return settings
    auxiliary = settings.auxiliary.model_copy(update={"path": path.parent / settings.auxiliary.path})
    return settings.model_copy(update={"auxiliary": auxiliary})
