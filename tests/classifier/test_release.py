"""A release is what was trained, and its ONNX file says what torch says."""

from pathlib import Path

import numpy as np
import pytest

from classifier.adapters import ADAPTERS_FILE, Adapters, adapters_bytes
from classifier.encoder_files import Vectors
from classifier.head import INTENTS, SCHEME_FILE, WEIGHTS_FILE, Head, Scheme, head_bytes, scheme_bytes
from classifier.release import TOLERANCE, checked_onnx, read_tokens, write_release
from classifier.text import PostText
from overheard.errors import InvalidInput, ModelError


@pytest.fixture(params=["frozen", "tuned"])
def tiny_model_folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Random weights on two layers of the tiny encoder; tuned, on its second layer changed by adapters too."""
    random = np.random.default_rng(1)
    layers = (1, 2) if request.param == "frozen" else (1, 2, 3)

    def some(*shape: int, wide: float = 1.0) -> Vectors:
        return random.normal(scale=wide, size=shape).astype(np.float32)

    size = 16 * len(layers)
    head = Head(
        mean=some(size, wide=0.1),
        scale=np.full(size, 0.2, dtype=np.float32),
        hidden_weight=some(3, size, 8, wide=0.1),
        hidden_bias=some(3, 8),
        output_weight=some(3, 8, 9, wide=0.3),
        output_bias=some(3, 9),
    )
    scheme = Scheme(
        format=1,
        name="tiny",
        encoder="0",
        layers=layers,
        intents=INTENTS,
        slope=1.5,
        intercept=-0.25,
        threshold=0.5,
        evidence_floor=0.5,
    )
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / WEIGHTS_FILE).write_bytes(head_bytes(head))
    (folder / SCHEME_FILE).write_bytes(scheme_bytes(scheme))
    if request.param == "tuned":
        name = "encoder.layer.1.output.dense.weight"
        (folder / ADAPTERS_FILE).write_bytes(adapters_bytes(Adapters({name: some(2, 32)}, {name: some(16, 2)})))
    return folder


def test_the_onnx_file_scores_as_torch_does_and_a_damaged_one_is_not_written(
    tiny_model_folder: Path, tiny_encoder_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    onnx_graph = pytest.importorskip("classifier.onnx_graph")
    texts = [PostText("which crm?", "we are three people"), PostText("", "a"), PostText("a b c", "word " * 300)]
    content, far = checked_onnx(tiny_model_folder, tiny_encoder_folder, texts)
    assert far <= TOLERANCE
    found = onnx_graph.scores(content, [read_tokens(tiny_encoder_folder, text) for text in texts])
    assert len({round(score, 4) for score in found}) == 3  # they differ, so that equality says something

    with monkeypatch.context() as patch:
        patch.setattr(onnx_graph, "IS_LEAD", ~onnx_graph.IS_LEAD)  # as if the two sides were mistaken
        with pytest.raises(ModelError, match="away from torch"):
            checked_onnx(tiny_model_folder, tiny_encoder_folder, texts)


def test_a_release_holds_the_files_and_takes_no_folder_that_is_there(tiny_model_folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "release"
    assert write_release(tiny_model_folder, output, encoder_path=None) is None
    names = {path.name for path in tiny_model_folder.iterdir()}
    assert {path.name: path.read_bytes() for path in output.iterdir()} == {
        name: (tiny_model_folder / name).read_bytes() for name in names
    }
    with pytest.raises(InvalidInput, match="is there already"):
        write_release(tiny_model_folder, output, encoder_path=None)
