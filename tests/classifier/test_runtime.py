"""The runtime that judges posts, beside the torch encoder that it must equal."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from classifier.adapters import Adapters
from classifier.encoder import Encoder
from classifier.encoder_files import MAX_TOKENS, find_encoder
from classifier.ranges import measure_ranges, read_ranges, write_ranges
from classifier.runtime import Runtime, choose_precision, has_bfloat16
from overheard.errors import ModelError

SENTENCES = (
    "What do you use for invoices?",
    "We moved off the old tool in spring, and nobody misses it.",
    "It costs $40 a month per seat, which for nine people is absurd…",
    "Anyone else?",
    "Der Zug fährt um 9.",
    "🙂🙂 naïve café, 東京 and a very-long-hyphenated-word",
)
# Of real lengths: a line, a paragraph, a page, and more than the encoder reads.
TEXTS = [
    "",
    "a",
    *(" ".join(SENTENCES[(start + n) % 6] for n in range(count)) for start, count in enumerate((1, 2, 4, 8, 16, 40))),
]


def test_it_gives_what_torch_gives_at_every_layer() -> None:
    folder = find_encoder(None)
    layers = (0, 1, 2, 3, 4, 5, 6)
    ours, reference = Runtime(folder).encode_layers(TEXTS, layers), Encoder(folder).encode_layers(TEXTS, layers)
    assert ours.shape == reference.shape == (len(TEXTS), 7, 384)
    assert np.abs(ours - reference).max() < 1e-5


def test_it_gives_the_states_of_tokens_that_torch_gives_and_the_characters_they_stand_for() -> None:
    folder = find_encoder(None)
    for ours, reference, text in zip(
        Runtime(folder, depth=5).read(TEXTS, (2, 5)), Encoder(folder).read(TEXTS, (2, 5)), TEXTS, strict=True
    ):
        assert ours.states.shape == (len(ours.offsets), 2, 384)
        assert np.abs(ours.states - reference.states).max() < 1e-4
        assert np.abs(ours.vectors - reference.vectors).max() < 1e-5
        mean = ours.states.mean(axis=0)
        assert np.abs(mean / np.linalg.norm(mean, axis=1, keepdims=True) - ours.vectors).max() < 1e-5
        assert np.array_equal(ours.offsets, reference.offsets)
        assert all(text[start:end].strip() == text[start:end] for start, end in ours.offsets)


def test_a_text_has_the_same_vectors_in_any_company_to_the_last_bit(tiny_runtime: Runtime) -> None:
    together = tiny_runtime.encode_layers(TEXTS, (1, 2))
    backwards = tiny_runtime.encode_layers(TEXTS[::-1], (1, 2))[::-1]
    alone = np.vstack([tiny_runtime.encode_layers([text], (1, 2)) for text in TEXTS])
    assert np.array_equal(together, backwards)
    assert np.array_equal(together, alone)


def test_one_core_and_all_give_the_same(tiny_encoder_folder: Path, tiny_runtime: Runtime) -> None:
    one = Runtime(tiny_encoder_folder, cores=1)
    assert np.array_equal(one.encode_layers(TEXTS, (1, 2)), tiny_runtime.encode_layers(TEXTS, (1, 2)))


def test_a_runtime_cut_short_gives_what_the_whole_one_gives_at_that_layer(
    tiny_encoder_folder: Path, tiny_runtime: Runtime
) -> None:
    short = Runtime(tiny_encoder_folder, depth=1)
    assert (short.layers, tiny_runtime.layers) == (1, 2)
    assert np.array_equal(short.encode_layers(TEXTS, (1,)), tiny_runtime.encode_layers(TEXTS, (1,)))


def test_a_runtime_that_gives_some_layers_gives_what_the_whole_one_gives_there(
    tiny_encoder_folder: Path, tiny_runtime: Runtime
) -> None:
    last = Runtime(tiny_encoder_folder, layers=(2,))
    assert np.abs(last.encode_layers(TEXTS, (2,)) - tiny_runtime.encode_layers(TEXTS, (2,))).max() < 1e-6
    both = Runtime(tiny_encoder_folder, layers=(2, 0))
    assert np.abs(both.encode_layers(TEXTS, (0, 2)) - tiny_runtime.encode_layers(TEXTS, (0, 2))).max() < 1e-6
    (ours, *_), (whole, *_) = both.read(TEXTS[3:], (0, 2)), tiny_runtime.read(TEXTS[3:], (0, 2))
    assert np.abs(ours.states - whole.states).max() < 1e-5


def test_native_precision_is_single_precision_where_the_processor_has_no_other(tiny_encoder_folder: Path) -> None:
    native = Runtime(tiny_encoder_folder, precision="native").encode_layers(TEXTS, (2,))
    same = np.array_equal(native, Runtime(tiny_encoder_folder).encode_layers(TEXTS, (2,)))
    assert same != has_bfloat16()


def test_in_bfloat16_a_vector_hardly_differs(tiny_encoder_folder: Path, tiny_runtime: Runtime) -> None:
    rough = Runtime(tiny_encoder_folder, precision="bf16").encode_layers(TEXTS[:4], (2,))
    fine = tiny_runtime.encode_layers(TEXTS[:4], (2,))
    assert (rough * fine).sum(axis=-1).min() > 0.999


def test_in_eight_bits_a_vector_differs_little_and_the_linear_layers_reckon_in_them(
    tiny_encoder_folder: Path, tiny_runtime: Runtime, tmp_path: Path
) -> None:
    ranges = measure_ranges(TEXTS, tiny_encoder_folder, tmp_path, depth=2)
    write_ranges(ranges, tmp_path)
    assert read_ranges(tmp_path) == ranges
    rough = Runtime(tiny_encoder_folder, precision="i8", ranges=ranges).encode_layers(TEXTS, (2,))
    fine = tiny_runtime.encode_layers(TEXTS, (2,))
    assert not np.array_equal(rough, fine)
    assert (rough * fine).sum(axis=-1).min() > 0.99
    (tmp_path / "adapters.safetensors").write_bytes(b"others")
    assert read_ranges(tmp_path) is None  # they would be wrong for these


def test_without_ranges_eight_bits_are_refused_and_never_chosen(tiny_encoder_folder: Path) -> None:
    with pytest.raises(ModelError, match=r"no ranges\.json beside the model"):
        Runtime(tiny_encoder_folder, precision="i8")
    assert choose_precision("native", ranges=None) in {"f32", "bf16"}


def test_untouched_layers_are_left_unread_where_the_changed_ones_are_enough(tiny_encoder_folder: Path) -> None:
    name = "encoder.layer.1.output.dense.weight"
    adapters = Adapters({name: np.full((1, 32), 0.1, np.float32)}, {name: np.full((16, 1), 0.1, np.float32)})
    runtime = Runtime(tiny_encoder_folder, adapters=adapters, layers=(2, 3))
    assert runtime.later == (2,)
    whole = runtime.encode_layers(TEXTS, (2, 3))
    assert whole.any(axis=2).all()
    left = [vectors[1, 0] > 0 for vectors in whole]
    assert 0 < sum(left) < len(TEXTS)
    part = runtime.encode_layers(TEXTS, (2, 3), enough=lambda vectors: vectors[1, 0] > 0)
    assert np.array_equal(part[:, 1], whole[:, 1])
    assert [not vectors[0].any() for vectors in part] == left
    assert np.array_equal(part[np.invert(left)], whole[np.invert(left)])
    states = [reading.states[:, 0].any() for reading in runtime.read(TEXTS, (2, 3), enough=lambda _: True)]
    assert not any(states)


def test_what_lies_behind_the_last_token_does_not_count(tiny_runtime: Runtime) -> None:
    head = "ab " * MAX_TOKENS
    vectors = tiny_runtime.encode_layers([head + "one end", head + "another"], (2,))
    assert np.array_equal(vectors[0], vectors[1])


def test_no_texts_give_no_vectors(tiny_runtime: Runtime) -> None:
    assert tiny_runtime.encode_layers([], (0, 2)).shape == (0, 2, 16)
    assert tiny_runtime.read([], (0, 2)) == []


def test_a_verdict_with_evidence_needs_neither_torch_nor_transformers_and_tells_nobody() -> None:
    """In a process of its own, as the tests themselves import torch."""
    script = """
import sys
from classifier.model import load_model
from classifier.text import PostText
(verdict,) = load_model(None, None).predict([PostText("Looking for a CRM", "What do you use? Any recommendations?")])
assert verdict.is_lead and verdict.evidence
print([name for name in ("torch", "transformers", "sklearn", "scipy", "openvino_telemetry") if name in sys.modules])
"""
    command = [sys.executable, "-c", script]
    assert subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout.strip() == "[]"
