"""How well a post fits an offer: closeness in meaning, as a calibrated probability.

It is asked of posts that may be leads, and answers "if this is a need, is it one that this offer meets?". Three things
make the encoder's vectors fit for that, each measured in `docs/model.md`: posts and offers are centred apart, as they
are written in two styles; a post is moved to where its need lies, by a matrix learned from leads; and what is close to
every offer (the crowd) is close to none.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load_file

from classifier.encoder_files import TextEncoder, Vectors, find_encoder
from classifier.runtime import Precision, Runtime
from classifier.text import PostText, Sentence, has_word, split_sentences
from overheard.errors import ModelError

SHIPPED = Path(__file__).parent / "artefact"
SCHEME_FILE = "relevance.json"
WEIGHTS_FILE = "relevance.safetensors"

# An offer of the crowd that says much the same as the one asked about is no rival of it. No two of
# the 18 shipped come closer than 0.21; each and the same text without its keywords are at 0.85 and more.
_RESEMBLES = 0.4
# How much the closest of the crowd counts against the mean of it.
_SHARPNESS = 10.0
_OFFERS_KEPT = 256
# Each costs a short reading; the shipped offers have 16 to 18.
_MAX_PHRASES = 64
_UNREADABLE = "What relevance needs cannot be read from"

_PHRASE_END = re.compile(r"[,;:.!?\n]+(?:\s+|$)")


@dataclass(frozen=True)
class Offer:
    """What somebody sells, and words for it. Without keywords the phrases of the text stand for them."""

    text: str
    keywords: tuple[str, ...] = ()

    @property
    def phrases(self) -> tuple[str, ...]:
        """Short things to be close to, beside the text as a whole."""
        phrases = self.keywords or tuple(part for part in _PHRASE_END.split(self.text) if part.strip())
        return phrases[:_MAX_PHRASES] or (self.text,)


@dataclass(frozen=True)
class Fit:
    """How likely a post's need is one that the offer meets, and the sentence that is closest to the offer."""

    relevance: float
    sentence: Sentence | None


class Scheme(BaseModel):
    """`relevance.json`: `relevance = 1 / (1 + exp(-(slope * closeness + crowd * crowd_closeness + intercept)))`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1]
    encoder: str
    layer: int = Field(gt=0)
    slope: float = Field(gt=0)
    crowd: float
    intercept: float
    threshold: float = Field(gt=0, lt=1)


@dataclass(frozen=True)
class Space:
    """Where posts and offers are compared."""

    post_mean: Vectors
    post_map: Vectors
    text_mean: Vectors
    phrase_mean: Vectors
    crowd: Vectors

    def place_posts(self, vectors: Vectors) -> Vectors:
        """Each post between where it is and where its need is expected."""
        centred: Vectors = vectors - self.post_mean
        needed: Vectors = centred @ self.post_map
        return unit(unit(centred) + unit(needed))

    def place_offer(self, text: Vectors, phrases: Vectors) -> Vectors:
        """An offer between its text and its phrases."""
        middle: Vectors = phrases.mean(axis=0)
        return unit(unit(text - self.text_mean) + unit(middle - self.phrase_mean))

    def closeness(self, placed: Vectors, offer: Vectors) -> tuple[Vectors, Vectors]:
        """Of each placed post to the offer, and to the crowd of other offers."""
        rivals = self.crowd[self.crowd @ offer < _RESEMBLES]
        others = np.exp(_SHARPNESS * (placed @ rivals.T)).mean(axis=1) if len(rivals) else np.ones(len(placed))
        return placed @ offer, (np.log(others) / _SHARPNESS).astype(np.float32)


class Relevance:
    """Says how well posts fit offers. Each offer is encoded once and kept."""

    def __init__(self, scheme: Scheme, space: Space, encoder: TextEncoder) -> None:
        if scheme.layer > encoder.layers:
            raise ModelError(
                f"Relevance needs layer {scheme.layer} of the encoder; the one at hand keeps {encoder.layers}."
            )
        self._scheme, self._space, self._encoder = scheme, space, encoder
        self._offer = lru_cache(_OFFERS_KEPT)(self._place_offer)

    @classmethod
    def load(cls, folder: Path, encoder: TextEncoder) -> Self:
        """What was trained, from a folder; numbers in safetensors and JSON, so that loading runs no code."""
        scheme = _read_scheme(folder)
        try:
            arrays = load_file(folder / WEIGHTS_FILE)
            space = Space(**{field.name: arrays[field.name] for field in fields(Space)})
        except (OSError, SafetensorError, KeyError) as error:
            raise ModelError(f"{_UNREADABLE} {folder}: {error}") from error
        return cls(scheme, space, encoder)

    @property
    def threshold(self) -> float:
        """The relevance from which about every second lead of the training posts was one for the offer."""
        return self._scheme.threshold

    def place(self, posts: Sequence[PostText]) -> Vectors:
        """Where each post stands, in order; nowhere (all zeros) for one without a letter or digit."""
        worded = [index for index, post in enumerate(posts) if has_word(post.whole)]
        placed = np.zeros((len(posts), self._encoder.dimensions), dtype=np.float32)
        if worded:
            placed[worded] = self._placed([posts[index].whole for index in worded])
        return placed

    def scores_of(self, placed: Vectors, offer: Offer) -> list[float]:
        """The relevance of posts that were placed before; 0 for one that stands nowhere."""
        closeness, crowd = self._space.closeness(placed, self._offer(offer))
        log_odds = self._scheme.slope * closeness + self._scheme.crowd * crowd + self._scheme.intercept
        found: list[float] = np.where(placed.any(axis=1), 1 / (1 + np.exp(-log_odds)), 0.0).tolist()
        return found

    def scores(self, posts: Sequence[PostText], offer: Offer) -> list[float]:
        """The relevance of each post, in order; 0 for one without a letter or digit."""
        return self.scores_of(self.place(posts), offer)

    def closest(self, post: PostText, offers: Sequence[Offer]) -> list[Sentence | None]:
        """The sentence that is closest to each offer; each sentence of the post costs one more reading."""
        sentences = [one for one in split_sentences(post) if has_word(post.part(one))]
        if not sentences:
            return [None] * len(offers)
        placed = self._placed([post.part(one) for one in sentences])
        return [sentences[int((placed @ self._offer(offer)).argmax())] for offer in offers]

    def explain(self, post: PostText, offer: Offer) -> Fit:
        """The relevance with the sentence that is closest to the offer."""
        return Fit(self.scores([post], offer)[0], self.closest(post, [offer])[0])

    def _placed(self, texts: Sequence[str]) -> Vectors:
        return self._space.place_posts(encode(self._encoder, texts, self._scheme.layer))

    def _place_offer(self, offer: Offer) -> Vectors:
        vectors = encode(self._encoder, (offer.text, *offer.phrases), self._scheme.layer)
        return self._space.place_offer(vectors[0], vectors[1:])


def space_version(folder: Path) -> str:
    """The fingerprint of what is in a folder: what was placed by another one cannot be compared."""
    try:
        parts = (folder / WEIGHTS_FILE).read_bytes() + (folder / SCHEME_FILE).read_bytes()
    except OSError as error:
        raise ModelError(f"{_UNREADABLE} {folder}: {error}") from error
    return f"meaning-{hashlib.sha256(parts).hexdigest()[:12]}"


def _read_scheme(folder: Path) -> Scheme:
    try:
        return Scheme.model_validate_json((folder / SCHEME_FILE).read_bytes())
    except (OSError, ValidationError) as error:
        raise ModelError(f"{_UNREADABLE} {folder}: {error}") from error


def load_relevance(encoder_path: Path | None, precision: Precision = "f32") -> Relevance:
    """What is shipped, on the encoder that is found. Eight bits, for which this encoder has no ranges, are `native`."""
    scheme = _read_scheme(SHIPPED)
    chosen: Precision = "native" if precision == "i8" else precision
    return Relevance.load(SHIPPED, Runtime(find_encoder(encoder_path), depth=scheme.layer, precision=chosen))


def encode(encoder: TextEncoder, texts: Sequence[str], layer: int) -> Vectors:
    """One vector a text, from one layer."""
    return encoder.encode_layers(texts, (layer,))[:, 0]


def unit(vectors: Vectors) -> Vectors:
    """The same directions at length one."""
    scaled: Vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
    return scaled.astype(np.float32)
