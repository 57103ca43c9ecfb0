"""A release: a version's files in a folder of their own, and on request the whole model as ONNX, checked."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from classifier.adapters import read_adapters
from classifier.encoder import Encoder
from classifier.encoder_files import CONFIG, read_tokenizer
from classifier.head import Doubles, encoder_of
from classifier.model import IntentModel, depth_of
from classifier.registry import REPORT_FILE, copy_files, present
from classifier.runtime_graph import Shape
from classifier.text import PostText
from overheard.errors import InvalidInput, ModelError

ONNX_FILE = "model.onnx"
TOLERANCE = 1e-4
"""How far a score may be from torch's."""

_MISSING = "ONNX needs packages of its own: pip install -c constraints.txt -e '.[onnx]'"
_TRIED = tuple(
    PostText(title, body)
    for title, body in (
        ("Which CRM for a bakery?", "We are three people and lose track of orders. Looking for something simple."),
        ("", "need a plumber"),
        ("Show HN: I built a note app", "It is free. Tell me what you think of it!"),
        ("Alternative to Mailbird?", "It crashes every day since the update. " * 40),
        ("What do you think of remote work", "I have read a lot about it lately, and my team is split."),
        ("Ünïcode, 漢字 and 🙂", "Does anybody know a tool that reads all of it? Budget is $50 a month."),
    )
)


def write_release(folder: Path, output: Path, *, encoder_path: Path | None, onnx: bool = False) -> float | None:
    """Copy the model in a folder to another one; with `onnx` also as one file, and how far its scores are from torch's.

    Where they are farther than `TOLERANCE`, nothing is written.
    """
    if output.exists():
        raise InvalidInput(f"{output} is there already: name a folder that is not.")
    more: dict[str, bytes] = {name: (folder / name).read_bytes() for name in present(folder, [REPORT_FILE])}
    far = None
    if onnx:
        encoder = encoder_of(folder, encoder_path)
        more[ONNX_FILE], far = checked_onnx(folder, encoder)
    copy_files(folder, output, more)
    return far


def checked_onnx(folder: Path, encoder: Path, texts: Sequence[PostText] = _TRIED) -> tuple[bytes, float]:
    """The model as ONNX, and how far its scores of some texts are from torch's."""
    try:
        from classifier.onnx_graph import model_bytes, scores
    except ModuleNotFoundError as error:
        raise ModelError(_MISSING) from error
    content = model_bytes(folder, encoder)
    found = scores(content, [read_tokens(encoder, text) for text in texts])
    far = float(np.abs(found - _by_torch(folder, encoder, texts)).max())
    if not far <= TOLERANCE:
        raise ModelError(f"The ONNX file would score a text {far:.2g} away from torch; at most {TOLERANCE} is allowed.")
    return content, far


def read_tokens(encoder: Path, text: PostText) -> list[int]:
    """The token ids of a text, as the ONNX file takes them."""
    shape = Shape.model_validate_json((encoder / CONFIG).read_bytes())
    ids: list[int] = read_tokenizer(encoder, positions=shape.max_position_embeddings).encode(text.whole).ids
    return ids


def _by_torch(folder: Path, encoder: Path, texts: Sequence[PostText]) -> Doubles:
    adapters = read_adapters(folder)
    torch_encoder = Encoder(encoder, depth=depth_of(folder, adapters), adapters=adapters)
    return IntentModel.load(folder, torch_encoder, first_stage=False).scores(texts)
