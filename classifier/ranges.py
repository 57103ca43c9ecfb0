"""Between which numbers the inputs of an encoder's linear layers lie: reading in whole numbers of eight bits needs it.

They are measured once, on posts that nobody labelled (`measure_ranges`), and stand beside the model.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import safe_open

from classifier.adapters import ADAPTERS_FILE, read_adapters
from classifier.encoder_files import CONFIG, WEIGHTS, read_tokenizer
from classifier.runtime_graph import Shape, build_watched
from classifier.runtime_openvino import Core
from overheard.errors import ModelError

RANGES_FILE = "ranges.json"

Ranges: TypeAlias = dict[str, tuple[float, float]]
"""By the place of a linear layer in the encoder its input's lowest and highest number."""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1]
    adapters: str
    ranges: Ranges


def measure_ranges(texts: Sequence[str], encoder: Path, folder: Path, *, depth: int) -> Ranges:
    """What the layers of the model in a folder are given while they read some texts, in single precision.

    Of each end the median over the texts: a few numbers of a few texts are cut off, and all others are told apart more
    finely for it.
    """
    shape = Shape.model_validate_json((encoder / CONFIG).read_bytes())
    tokenizer = read_tokenizer(encoder, positions=shape.max_position_embeddings)
    with safe_open(encoder / WEIGHTS, "numpy") as file:
        graph, places = build_watched(shape, file.get_tensor, depth=depth, adapters=read_adapters(folder))
    request = Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}).create_infer_request()
    found = np.zeros((len(texts), len(places), 2))
    for index, encoding in enumerate(tokenizer.encode_batch(list(texts))):
        request.infer([np.array([encoding.ids], dtype=np.int32)])
        found[index] = request.get_output_tensor(0).data
    ends = np.median(found, axis=0)
    return {place: (float(low), float(high)) for place, (low, high) in zip(places, ends.round(4), strict=True)}


def write_ranges(ranges: Ranges, folder: Path) -> None:
    """Put them beside the model in a folder."""
    content = _File(format=1, adapters=_adapters(folder), ranges=ranges).model_dump_json(indent=1)
    (folder / RANGES_FILE).write_text(content + "\n", encoding="ascii")


def read_ranges(folder: Path) -> Ranges | None:
    """Those in a model's folder; None where there are none, or none of its adapters, which move the numbers."""
    path = folder / RANGES_FILE
    if not path.exists():
        return None
    try:
        file = _File.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise ModelError(f"{path} does not hold ranges of Overheard: {error}") from error
    return file.ranges if file.adapters == _adapters(folder) else None


def _adapters(folder: Path) -> str:
    path = folder / ADAPTERS_FILE
    return hashlib.sha256(path.read_bytes() if path.exists() else b"").hexdigest()[:16]
