"""The trained part: several small networks from the encoder's vectors to the nine intents, and their file format."""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from classifier.encoder_files import EncoderSource, Vectors, find_encoder
from overheard.errors import ModelError
from overheard.vocabulary import Intent

WEIGHTS_FILE = "model.safetensors"
SCHEME_FILE = "model.json"
INTENTS = tuple(Intent)
IS_LEAD = np.array([intent.is_lead for intent in INTENTS])

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Head:
    """Networks of one hidden layer side by side (axis 0); their answers are averaged."""

    mean: Vectors
    scale: Vectors
    hidden_weight: Vectors
    hidden_bias: Vectors
    output_weight: Vectors
    output_bias: Vectors

    def log_probabilities(self, vectors: Vectors) -> Doubles:
        """Per post (row) the log probability of each intent, before calibration."""
        inputs = (vectors - self.mean) / self.scale
        hidden = np.maximum(inputs @ self.hidden_weight + self.hidden_bias[:, None], 0.0)
        outputs = (hidden @ self.output_weight + self.output_bias[:, None]).mean(axis=0, dtype=np.float64)
        return normalise(outputs)


def beside(first: Head, second: Head) -> Head:
    """The networks of two heads, which see different vectors of one text, as one head that sees both.

    Each network's weights for the vectors that it does not see are zero. Heads of equally many networks count the same.
    """
    inputs = (len(first.mean), len(second.mean))
    blind = [((0, 0), (0, inputs[1]), (0, 0)), ((0, 0), (inputs[0], 0), (0, 0))]
    hidden = [np.pad(head.hidden_weight, zeros) for head, zeros in zip((first, second), blind, strict=True)]
    return Head(
        mean=np.concatenate([first.mean, second.mean]),
        scale=np.concatenate([first.scale, second.scale]),
        hidden_weight=np.concatenate(hidden),
        hidden_bias=np.concatenate([first.hidden_bias, second.hidden_bias]),
        output_weight=np.concatenate([first.output_weight, second.output_weight]),
        output_bias=np.concatenate([first.output_bias, second.output_bias]),
    )


def blind_to(head: Head, inputs: npt.NDArray[np.bool_]) -> Head | None:
    """The networks that do not see these inputs, as a head of their own; None if there are none."""
    blind = ~head.hidden_weight[:, inputs].any(axis=(1, 2))
    if not blind.any():
        return None
    return replace(
        head,
        hidden_weight=head.hidden_weight[blind],
        hidden_bias=head.hidden_bias[blind],
        output_weight=head.output_weight[blind],
        output_bias=head.output_bias[blind],
    )


class Scheme(BaseModel):
    """`model.json`: all of a model that is not a weight."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1]
    name: str = Field(pattern=r"^[a-z0-9-]+$")
    encoder: str
    """SHA-256 of the encoder's weights: what it is judged with."""
    encoder_source: EncoderSource | None = None
    """Where that one is found; None: it is the one that Overheard comes with."""
    layers: tuple[int, ...]
    intents: tuple[Intent, ...]
    slope: float = Field(gt=0)
    intercept: float
    threshold: float = Field(gt=0, lt=1)
    evidence_floor: float = Field(ge=0, le=1)


def normalise(outputs: Doubles) -> Doubles:
    """Log probabilities: those of a row sum to one."""
    log_probabilities: Doubles = outputs - _log_sum(outputs)[:, None]
    return log_probabilities


def lead_log_odds(log_probabilities: Doubles) -> Doubles:
    """Per row the log odds of "some kind of lead" against "none"."""
    return _log_sum(log_probabilities[:, IS_LEAD]) - _log_sum(log_probabilities[:, ~IS_LEAD])


def scores_of(head: Head, scheme: Scheme, vectors: Vectors) -> Doubles:
    """Calibrated, of posts as the head sees them."""
    if not len(vectors):
        return np.zeros(0)
    line = scheme.slope * lead_log_odds(head.log_probabilities(vectors)) + scheme.intercept
    scores: Doubles = 1 / (1 + np.exp(-line))
    return scores


def head_bytes(head: Head) -> bytes:
    """The weights as a safetensors file; equal weights give equal bytes."""
    return save({field.name: np.ascontiguousarray(getattr(head, field.name)) for field in fields(head)})


def scheme_bytes(scheme: Scheme) -> bytes:
    """The scheme as a JSON file."""
    return (scheme.model_dump_json(indent=2, exclude_none=True) + "\n").encode()


def read_head(folder: Path) -> Head:
    """The weights in a model's folder."""
    path = folder / WEIGHTS_FILE
    try:
        tensors = load_file(path)
        head = Head(**tensors)
    except (OSError, SafetensorError, TypeError, ValueError) as error:
        raise ModelError(f"{path} is not a model of Overheard: {error}") from error
    if any(tensor.dtype != np.float32 for tensor in tensors.values()):
        raise ModelError(f"{path} is not a model of Overheard: weights are not float32.")
    _check_shapes(head, path)
    return head


def read_scheme(folder: Path) -> Scheme:
    """The scheme in a model's folder; a format or an intent that this version does not know is refused."""
    path = folder / SCHEME_FILE
    try:
        scheme = Scheme.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}. Train a model, or use the one shipped.") from error
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise ModelError(f"{path} is not a model that this version can use: {problems}.") from error
    if scheme.intents != INTENTS:
        raise ModelError(f"{path} was trained on other intents: {', '.join(scheme.intents)}.")
    return scheme


def encoder_of(folder: Path, encoder_path: Path | None) -> Path:
    """The folder of the encoder that the model in a folder was trained on; another one is refused."""
    scheme = read_scheme(folder)
    return find_encoder(encoder_path, checksum=scheme.encoder, source=scheme.encoder_source)


def _check_shapes(head: Head, path: Path) -> None:
    members, inputs, hidden = head.hidden_weight.shape if head.hidden_weight.ndim == 3 else (0, 0, 0)  # noqa: PLR2004 members, inputs, hidden
    expected = {
        "mean": (inputs,),
        "scale": (inputs,),
        "hidden_bias": (members, hidden),
        "output_weight": (members, hidden, len(INTENTS)),
        "output_bias": (members, len(INTENTS)),
    }
    wrong = [name for name, shape in expected.items() if getattr(head, name).shape != shape]
    if wrong or not members:
        raise ModelError(f"{path} is not a model of Overheard: the shapes of its weights do not fit together.")


def _log_sum(values: Doubles) -> Doubles:
    highest = values.max(axis=-1)
    total: Doubles = highest + np.log(np.exp(values - highest[..., None]).sum(axis=-1))
    return total
