"""Vectors as they are stored: of length one, in half precision."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Vectors: TypeAlias = npt.NDArray[np.float32]

# Half of what single precision takes; a closeness changes by less than 0.001. Spelled so that the bytes mean the same
# on every machine.
_STORED = "<f2"


def pack(vectors: Vectors) -> list[bytes]:
    """One row, one value of a column."""
    return [row.tobytes() for row in vectors.astype(_STORED)]


def unpack(stored: Sequence[bytes]) -> Vectors:
    """Back from `pack`."""
    return np.frombuffer(b"".join(stored), _STORED).reshape(len(stored), -1).astype(np.float32)
