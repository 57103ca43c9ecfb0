"""Low-rank changes to an encoder's weights (LoRA; Hu et al., 2021, arXiv:2106.09685).

They are what fine-tuning learned, at a hundredth of the encoder's size. Layers changed by them stand beside those they
were made of, and both are read: tuned layers know better what an ask is, untouched ones err less on what is new.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from classifier.encoder_files import Vectors
from overheard.errors import ModelError

ADAPTERS_FILE = "adapters.safetensors"

_LAYER = "encoder.layer."
_DOWN, _UP = ".down", ".up"


@dataclass(frozen=True)
class Adapters:
    """By a weight's name in the encoder's file its change, a product: `up` (outputs, rank) by `down` (rank, inputs)."""

    down: dict[str, Vectors]
    up: dict[str, Vectors]

    @property
    def first_layer(self) -> int:
        """How many layers stay as they are, below the changed ones."""
        return min(map(_number, self.down))

    @property
    def depth(self) -> int:
        """How many layers there are with the changed ones."""
        return max(map(_number, self.down)) + 1

    def merge(self, name: str, weight: Vectors) -> Vectors:
        """The weight with its change."""
        if name not in self.down:
            return weight
        try:
            changed: Vectors = weight + self.up[name] @ self.down[name]
        except ValueError as error:
            raise ModelError(f"The adapters were made for another encoder: {name} has another shape.") from error
        return changed


def _number(name: str) -> int:
    return int(name.removeprefix(_LAYER).partition(".")[0])


def adapters_bytes(adapters: Adapters) -> bytes:
    """A safetensors file; equal adapters give equal bytes."""
    return save(
        {name + _DOWN: array for name, array in adapters.down.items()}
        | {name + _UP: array for name, array in adapters.up.items()}
    )


def read_adapters(folder: Path) -> Adapters | None:
    """Those in a model's folder, if it has any."""
    path = folder / ADAPTERS_FILE
    if not path.exists():
        return None
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error
    down = {name.removesuffix(_DOWN): array for name, array in tensors.items() if name.endswith(_DOWN)}
    up = {name.removesuffix(_UP): array for name, array in tensors.items() if name.endswith(_UP)}
    if (
        not down
        or down.keys() != up.keys()
        or len(down) + len(up) != len(tensors)
        or not all(re.match(rf"{re.escape(_LAYER)}\d+\.", name) for name in down)
    ):
        raise ModelError(f"{path} does not hold adapters of Overheard.")
    return Adapters(down, up)
