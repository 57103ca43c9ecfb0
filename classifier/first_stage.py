"""The first stage: it dismisses what is surely no lead, for a hundredth of what reading costs.

A line through hashed words and pairs of words, taught by the model it stands before (`classifier.first_stage_train`).
It keeps no word: a weight belongs to a number that many words share.
"""

import math
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from classifier.text import PostText
from overheard.errors import ModelError

WEIGHTS_FILE = "first_stage.safetensors"
SCHEME_FILE = "first_stage.json"

_WEIGHT = "weight"
_TERM = re.compile(r"\w+|[?!$€£%:#]")
# Odd numbers that spread 32 bits: one for the place of a word in a pair, one for words of the title.
_SECOND, _TITLE = np.uint32(2654435761), np.uint32(2246822519)

_SHORT = 20

Buckets = npt.NDArray[np.uint32]
Weights = npt.NDArray[np.float32]


class FirstStageScheme(BaseModel):
    """`first_stage.json`: all that is not a weight."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1]
    taught_by: str
    """Version of the model that taught it: it stands before no other."""
    bias: float
    slope: float = Field(gt=0)
    intercept: float
    floor: float = Field(ge=0, lt=1)
    """Posts with a lower score are dismissed."""


def is_short(post: PostText) -> bool:
    """Whether reading a post costs so little, and its words tell so little, that it is never dismissed.

    Posts under 20 words are a sixth of those dismissed otherwise and a fiftieth of what that saves; of 189 invented
    one-line asks eleven were among them.
    """
    return len(post.whole.split()) < _SHORT


def hashed_terms(post: PostText, buckets: int) -> Buckets:
    """The numbers, below `buckets`, of a post's words and of its pairs of words, those of the title once more apart.

    Equal on every machine: CRC-32, and arithmetic in 32 bits.
    """
    title, body = _hashes(post.readable("title")), _hashes(post.readable("body"))
    whole = np.concatenate([title, body])
    terms = [whole, _pairs(whole), title * _TITLE, _pairs(title) * _TITLE]
    length = np.array([zlib.crc32(b"length %d" % len(whole).bit_length())], dtype=np.uint32)
    return np.concatenate([*terms, length]) % np.uint32(buckets)


def _hashes(text: str) -> Buckets:
    return np.array([zlib.crc32(term.encode()) for term in _TERM.findall(text.lower())], dtype=np.uint32)


def _pairs(hashes: Buckets) -> Buckets:
    return hashes[:-1] ^ (hashes[1:] * _SECOND)


@dataclass(frozen=True)
class FirstStage:
    """A scheme with its weights, one a bucket."""

    scheme: FirstStageScheme
    weights: Weights

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """The first stage in a model's folder, or None: a model works without."""
        if not (folder / SCHEME_FILE).exists():
            return None
        path = folder / WEIGHTS_FILE
        try:
            scheme = FirstStageScheme.model_validate_json((folder / SCHEME_FILE).read_bytes())
            weights = load_file(path)[_WEIGHT].astype(np.float32)
        except (OSError, SafetensorError, ValidationError, KeyError, ValueError) as error:
            raise ModelError(f"{path} is not a first stage of Overheard: {error}") from error
        if weights.ndim != 1 or not len(weights) or not np.isfinite(weights).all():
            raise ModelError(f"{path} is not a first stage of Overheard: its weights are not a row of numbers.")
        return cls(scheme, weights)

    def score(self, post: PostText) -> float:
        """How likely the post is a lead, as far as its words tell."""
        terms = hashed_terms(post, len(self.weights))
        line = float(self.weights[terms].sum(dtype=np.float64)) / math.sqrt(len(terms)) + self.scheme.bias
        return 1 / (1 + math.exp(-(self.scheme.slope * line + self.scheme.intercept)))

    def dismiss(self, post: PostText) -> float | None:
        """The score of a post that need not be read; None for one that has to be."""
        if is_short(post):
            return None
        score = self.score(post)
        return score if score < self.scheme.floor else None

    def files(self) -> dict[str, bytes]:
        """What `load` reads, by name; equal stages give equal bytes."""
        return {
            WEIGHTS_FILE: save({_WEIGHT: self.weights.astype(np.float16)}),
            SCHEME_FILE: (self.scheme.model_dump_json(indent=2) + "\n").encode(),
        }
