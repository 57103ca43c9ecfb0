import json
import random
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zstandard

from classifier import config as configuration
from classifier.adapters import ADAPTERS_FILE, read_adapters
from classifier.config import Auxiliary, TrainConfig, read_config
from classifier.encoder import Encoder
from classifier.encoder_files import CHECKSUM, EncoderSource
from classifier.evaluate import evaluate
from classifier.examples import make_examples, texts_and_targets
from classifier.head import SCHEME_FILE, WEIGHTS_FILE
from classifier.labels import FOLDER, HELD_OUT, join_posts, refuse_held_out, write_held_out, write_labels
from classifier.model import SHIPPED, IntentModel
from classifier.rows import LabelledRow, read_labelled
from classifier.text import PostText
from classifier.train import train, train_model, write_model
from overheard.errors import InvalidInput, ModelError
from overheard.vocabulary import Intent
from tests.classifier import plain_texts

NAMES = ["model.json", "model.safetensors", "MODEL_CARD.md"]


def invented_rows(count: int = 180) -> list[LabelledRow]:
    dice = random.Random(3)  # noqa: S311 - no secret
    phrases = {intent: f"{intent.value[:4]} {intent.value[::-1]}" for intent in Intent}
    rows = []
    for number in range(count):
        label = dice.choice(list(Intent))
        filler = " ".join(dice.choice(["cat", "mat", "hat", "sun"]) for _ in range(dice.randrange(3, 9)))
        post = PostText(f"{phrases[label]} {filler}", filler)
        rows.append(LabelledRow(f"p{number}", "reddit", post, label, unsure=number % 9 == 0, draw="cue"))
    return rows


@pytest.fixture(scope="module")
def tiny_config() -> TrainConfig:
    shipped = read_config(configuration.SHIPPED)
    layers = shipped.features.model_copy(update={"layers": (1, 2)})
    network = shipped.network.model_copy(update={"members": 2, "hidden": 16})
    calibration = shipped.calibration.model_copy(update={"folds": 3})
    sections = {"features": layers, "network": network, "calibration": calibration}
    return shipped.model_copy(update=sections | {"tuning": None, "variations": None})


def train_into(folder: Path, encoder: Encoder, settings: TrainConfig) -> None:
    trained = train_model(invented_rows(), encoder, settings, auxiliary=invented_rows(90), encoder_checksum="0" * 64)
    write_model(trained, folder, settings, data_checksum="1" * 64)


def test_equal_training_gives_equal_bytes_and_another_seed_others(
    tmp_path: Path, tiny_encoder: Encoder, tiny_config: TrainConfig
) -> None:
    for name in ("first", "second"):
        train_into(tmp_path / name, tiny_encoder, tiny_config)
    train_into(tmp_path / "third", tiny_encoder, tiny_config.model_copy(update={"seed": 1}))
    for name in NAMES:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
    versions = [IntentModel.load(tmp_path / name, tiny_encoder).version for name in ("first", "second", "third")]
    assert versions[0] == versions[1] != versions[2]


def test_what_was_trained_can_be_loaded_and_knows_what_it_learned(
    tmp_path: Path, tiny_encoder: Encoder, tiny_config: TrainConfig
) -> None:
    train_into(tmp_path, tiny_encoder, tiny_config)
    model = IntentModel.load(tmp_path, tiny_encoder)
    evaluation = evaluate(model, invented_rows())
    assert evaluation.leads.average_precision > 0.8
    document = evaluation.as_json()
    json.dumps(document)
    assert {"precision", "recall", "f1", "average_precision", "ece", "threshold", "n", "n_leads"} <= document.keys()
    assert sum(figures.support for figures in evaluation.per_label.values()) == evaluation.leads.n == 180
    assert evaluation.without_unsure.n == 160


@pytest.mark.parametrize(
    ("readme", "told"),
    [
        ("---\nlanguage: en\nlicense: mit\n---\n# Mine\n", "under the licence `mit`, as its README says"),
        ("# Mine\nlicense: mit\n", "licence was not found beside it"),
        (None, "licence was not found beside it"),
    ],
)
def test_the_card_names_the_encoder_in_use_and_its_licence(
    tmp_path: Path, tiny_encoder: Encoder, tiny_config: TrainConfig, readme: str | None, told: str
) -> None:
    scheme = train_model(invented_rows(), tiny_encoder, tiny_config, encoder_checksum="0" * 64)
    folder = tmp_path / "mine"
    folder.mkdir()
    if readme:
        (folder / "README.md").write_text(readme)
    for source, name in (
        (EncoderSource(folder=folder), str(folder)),
        (EncoderSource(repository="rye/small", revision="abc"), "rye/small at revision abc"),
    ):
        named = replace(scheme, scheme=scheme.scheme.model_copy(update={"encoder_source": source}))
        write_model(named, tmp_path / "model", tiny_config, data_checksum="1" * 64)
        card = (tmp_path / "model" / "MODEL_CARD.md").read_text()
        assert f"A sentence encoder ({name}, " in card
        assert "MiniLM" not in card
        assert "Apache" not in card
        assert told in card or source.folder is None


def test_training_refuses_rows_kept_for_evaluation(tmp_path: Path) -> None:
    row = invented_rows(1)[0]
    fingerprints = tmp_path / "kept.sha256"
    write_held_out([row], fingerprints)
    with pytest.raises(ModelError, match=r"1 of these rows are kept for evaluation.*p0"):
        refuse_held_out([row], fingerprints)
    refuse_held_out([row])


def test_training_refuses_a_random_draw_before_anything_is_loaded(tmp_path: Path) -> None:
    data = tmp_path / "data.jsonl"
    data.write_text('{"id": "a", "title": "x", "label": "pain", "draw": "random"}\n')
    with pytest.raises(ModelError, match="kept for evaluation"):
        train(data, tmp_path / "out", encoder_path=tmp_path / "nowhere")
    assert not (tmp_path / "out").exists()


def test_too_few_rows_are_told(tiny_encoder: Encoder, tiny_config: TrainConfig) -> None:
    with pytest.raises(InvalidInput, match="Too few rows"):
        train_model(invented_rows(2), tiny_encoder, tiny_config, encoder_checksum="")


def test_auxiliary_rows_stand_behind_the_posts_and_count_as_the_configuration_says(
    tiny_encoder: Encoder, tiny_config: TrainConfig
) -> None:
    fit = tiny_config.fit.model_copy(update={"unsure_weight": 0.25})
    auxiliary = Auxiliary(path=Path("any"), weight=0.5)
    settings = tiny_config.model_copy(update={"fit": fit, "auxiliary": auxiliary})
    texts, targets = texts_and_targets(invented_rows(3), invented_rows(2), settings)
    examples = make_examples(texts, targets, tiny_encoder, settings)
    assert examples.weights.tolist() == [0.25, 1, 1, 0.5, 0.5]
    assert examples.origins.tolist() == [0, 1, 2, -1, -1]
    assert np.abs(examples.vectors[3:] - examples.vectors[:2]).max() < 1e-5
    some = examples.only(np.array([1, 3, 4]))
    assert some.weights.tolist() == [1, 0.5, 0.5]
    assert np.array_equal(some.vectors, examples.vectors[[1, 3, 4]])


def test_the_auxiliary_section_may_be_left_out(tmp_path: Path) -> None:
    shipped = configuration.SHIPPED.read_text()
    before, _, after = shipped.partition("[auxiliary]")
    path = tmp_path / "config.toml"
    path.write_text(f"{before}[calibration]{after.partition('[calibration]')[2]}")
    assert read_config(path).auxiliary is None
    path.write_text(shipped)
    auxiliary = read_config(path).auxiliary
    assert auxiliary is not None
    assert auxiliary.path.resolve() == tmp_path.parent / "labels" / "invented.jsonl"


def test_what_was_invented_for_training_is_short_of_all_intents_and_not_what_the_tests_ask() -> None:
    settings = read_config(configuration.SHIPPED)
    assert settings.auxiliary
    invented = read_labelled(settings.auxiliary.path)
    assert {row.label for row in invented} == set(Intent)
    texts = [plain(row.post.whole) for row in invented]
    assert len(set(texts)) == len(texts)
    assert not set(texts) & {plain(post.title) for post in plain_texts.ASKS + plain_texts.TWINS}


def plain(text: str) -> str:
    return re.sub(r"\W+", " ", text.lower()).strip()


def test_a_configuration_must_say_everything_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    shipped = configuration.SHIPPED.read_text()
    for text, problem in [
        (shipped.replace("epochs = 30", ""), r"fit\.epochs"),
        (shipped + "\n[extra]\n", "extra"),
        ("a = [", "cannot be read"),
    ]:
        path.write_text(text)
        with pytest.raises(InvalidInput, match=problem):
            read_config(path)


def test_shipped_labels_hold_no_text() -> None:
    for name in ("train.jsonl", "pool.jsonl"):
        lines = [json.loads(line) for line in (FOLDER / name).read_text().splitlines()]
        assert len(lines) > 2000
        assert {tuple(line) for line in lines} == {("id", "label", "unsure")}
        assert {line["label"] for line in lines} == set(Intent)
        assert all(" " not in line["id"] for line in lines)


def test_labels_without_texts_find_their_posts_and_miss_none(tmp_path: Path) -> None:
    labels, posts = tmp_path / "labels.jsonl", tmp_path / "posts.jsonl.zst"
    rows = invented_rows(3)
    write_labels(rows[1:], labels)
    lines = [
        json.dumps({"id": row.id, "platform": "slack", "title": row.post.title, "body": row.post.body}) for row in rows
    ]
    posts.write_bytes(zstandard.compress("\n".join(lines).encode()))
    joined = join_posts(labels, posts)
    assert [(row.id, row.post, row.label, row.platform) for row in joined] == [
        (row.id, row.post, row.label, "slack") for row in rows[1:]
    ]
    posts.write_bytes(zstandard.compress(lines[1].encode()))
    with pytest.raises(InvalidInput, match=r"lacks 1 of the 2 posts .*: p2"):
        join_posts(labels, posts)


def test_labels_are_written_without_their_posts(tmp_path: Path) -> None:
    write_labels(invented_rows(2), tmp_path / "labels.jsonl")
    assert "cat" not in (tmp_path / "labels.jsonl").read_text()
    assert [row.label for row in read_labelled(tmp_path / "labels.jsonl")] == [row.label for row in invented_rows(2)]


def test_shipped_training_labels_and_held_out_rows_do_not_overlap() -> None:
    for name in ("train.jsonl", "pool.jsonl"):
        refuse_held_out(read_labelled(FOLDER / name))
    assert len(HELD_OUT.read_text().split()) == 400


def test_the_shipped_model_is_small_complete_and_was_trained_as_the_shipped_configuration_says() -> None:
    beside = ["relevance.json", "relevance.safetensors"]  # which `overheard relevance` writes
    beside += ["first_stage.json", "first_stage.safetensors", "ranges.json"]  # and these `overheard first-stage`
    assert sorted(path.name for path in SHIPPED.iterdir()) == sorted([*NAMES, ADAPTERS_FILE, *beside])
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) <= 5 * 2**20
    scheme = json.loads((SHIPPED / SCHEME_FILE).read_text())
    settings = read_config(configuration.SHIPPED)
    assert scheme["encoder"] == CHECKSUM
    assert settings.tuning
    assert tuple(scheme["layers"][:2]) == settings.features.layers
    adapters = read_adapters(SHIPPED)
    assert adapters
    assert (adapters.first_layer, adapters.depth) == (settings.tuning.frozen_layers, max(settings.features.layers))
    assert (SHIPPED / WEIGHTS_FILE).stat().st_size > 100_000
