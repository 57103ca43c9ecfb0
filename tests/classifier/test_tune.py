"""Fine-tuning by adapters, on an encoder of two layers."""

import json
from pathlib import Path

import numpy as np
import pytest

from classifier import config as configuration
from classifier.adapters import ADAPTERS_FILE, Adapters, adapters_bytes, read_adapters
from classifier.calibration import Calibrated
from classifier.config import TrainConfig, Tuning, Variations, read_config
from classifier.encoder import Encoder
from classifier.evaluate import evaluate
from classifier.examples import make_examples, texts_and_targets
from classifier.fit import HeadFitter
from classifier.head import beside, head_bytes, normalise
from classifier.model import IntentModel
from classifier.runtime import Runtime
from classifier.text import PostText
from classifier.train import make_scheme, train_model, write_model
from classifier.tune import Tuner
from overheard.errors import InvalidInput, ModelError
from tests.classifier.test_train import invented_rows

TUNING = Tuning(frozen_layers=0, rank=4, scale=2.0, epochs=1, batch_size=16, learning_rate=0.01, weight_decay=0.01)


@pytest.fixture(scope="module")
def settings() -> TrainConfig:
    shipped = read_config(configuration.SHIPPED)
    return shipped.model_copy(
        update={
            "features": shipped.features.model_copy(update={"layers": (1, 2)}),
            "network": shipped.network.model_copy(update={"members": 2, "hidden": 16}),
            "calibration": shipped.calibration.model_copy(update={"folds": 2}),
            "tuning": TUNING,
            "variations": None,
        }
    )


def tuner(encoder: Encoder, settings: TrainConfig) -> Tuner:
    texts, targets = texts_and_targets(invented_rows(), [], settings)
    assert settings.tuning
    return Tuner(texts, targets, encoder, settings, settings.tuning)


def test_some_steps_of_tuning_twice_give_equal_bytes(tiny_encoder: Encoder, settings: TrainConfig) -> None:
    found = []
    for _ in range(2):
        learned, _ = tuner(tiny_encoder, settings).learn(np.arange(60), np.arange(0))
        assert learned.adapters
        found.append(adapters_bytes(learned.adapters) + head_bytes(learned.head))
    assert found[0] == found[1]


def test_training_that_learned_nothing_is_told(settings: TrainConfig) -> None:
    with pytest.raises(InvalidInput, match="Nothing was learned"):
        make_scheme(settings, Calibrated(slope=-0.1, intercept=0.0, threshold=0.5), encoder_checksum="")


def test_what_was_tuned_knows_what_it_learned_and_is_refused_without_its_adapters(
    tmp_path: Path, tiny_encoder: Encoder, tiny_encoder_folder: Path, settings: TrainConfig
) -> None:
    longer = settings.model_copy(update={"tuning": TUNING.model_copy(update={"epochs": 6})})
    trained = train_model(invented_rows(), tiny_encoder, longer, encoder_checksum="0" * 64)
    assert trained.scheme.layers == (1, 2, 3, 4)
    write_model(trained, tmp_path, longer, data_checksum="1" * 64)
    assert "adapters of rank 4" in (tmp_path / "MODEL_CARD.md").read_text()
    model = IntentModel.load(tmp_path, Runtime(tiny_encoder_folder, adapters=read_adapters(tmp_path)))
    assert evaluate(model, invented_rows()).leads.average_precision > 0.8
    (verdict,) = model.predict([PostText("Anybody know a good plumber?", "Ours has left.")])
    assert all(0 <= span.start < span.end for span in verdict.evidence)
    with pytest.raises(ModelError, match="another encoder"):
        IntentModel.load(tmp_path, Runtime(tiny_encoder_folder))


def test_the_runtime_says_of_a_tuned_encoder_what_torch_said_while_it_learned(
    tiny_encoder: Encoder, tiny_encoder_folder: Path, settings: TrainConfig
) -> None:
    rows = np.arange(180)
    learned, said = tuner(tiny_encoder, settings).learn(rows, rows)
    assert learned.adapters
    assert (learned.adapters.first_layer, learned.adapters.depth) == (0, 2)
    assert max(np.abs(up).max() for up in learned.adapters.up.values()) > 0.01
    texts = [row.post.whole for row in invented_rows()]
    layers = (0, 1, 2, 3, 4)
    runtime = Runtime(tiny_encoder_folder, adapters=learned.adapters).encode_layers(texts, layers)
    torch = Encoder(tiny_encoder_folder, adapters=learned.adapters).encode_layers(texts, layers)
    assert np.abs(runtime - torch).max() < 1e-5
    assert np.array_equal(runtime[:, :3], Runtime(tiny_encoder_folder).encode_layers(texts, (0, 1, 2)))
    alone = Runtime(tiny_encoder_folder, adapters=learned.adapters, layers=(3, 4)).encode_layers(texts, (3, 4))
    assert np.abs(alone - torch[:, 3:]).max() < 1e-5
    # The states below the tuned layers are kept in half precision while it learns.
    assert np.abs(learned.head.log_probabilities(runtime[:, 3:].reshape(180, -1)) - said).max() < 0.02


def test_a_head_beside_another_says_the_mean_of_both(tiny_encoder: Encoder, settings: TrainConfig) -> None:
    texts, targets = texts_and_targets(invented_rows(), [], settings)
    fitter = HeadFitter(make_examples(texts, targets, tiny_encoder, settings), settings)
    rows = np.arange(180)
    (first, first_said), (second, second_said) = fitter.learn(rows[:90], rows), fitter.learn(rows[90:], rows)
    vectors = tiny_encoder.encode_layers(texts, (1, 2)).reshape(180, -1)
    both = beside(first.head, second.head).log_probabilities(np.hstack([vectors, vectors]))
    assert np.abs(both - normalise((first_said + second_said) / 2)).max() < 1e-4


def test_only_layers_that_are_read_and_not_frozen_change(tiny_encoder: Encoder, settings: TrainConfig) -> None:
    upper = settings.model_copy(
        update={
            "features": settings.features.model_copy(update={"layers": (2,)}),
            "tuning": TUNING.model_copy(update={"frozen_layers": 1}),
        }
    )
    learned, _ = tuner(tiny_encoder, upper).learn(np.arange(60), np.arange(0))
    assert learned.adapters
    assert {name.rsplit(".layer.")[1][0] for name in learned.adapters.down} == {"1"}
    assert len(learned.adapters.down) == 6


def test_a_layer_that_is_frozen_cannot_be_read(tmp_path: Path) -> None:
    text = configuration.SHIPPED.read_text().replace("frozen_layers = 2", "frozen_layers = 4")
    (tmp_path / "config.toml").write_text(text)
    with pytest.raises(InvalidInput, match="lie above"):
        read_config(tmp_path / "config.toml")


def test_adapters_survive_their_file_and_a_damaged_or_foreign_one_is_told(
    tmp_path: Path, tiny_encoder_folder: Path
) -> None:
    assert read_adapters(tmp_path) is None
    name = "encoder.layer.0.attention.self.query.weight"
    adapters = Adapters({name: np.ones((2, 16), np.float32)}, {name: np.ones((16, 2), np.float32)})
    path = tmp_path / ADAPTERS_FILE
    path.write_bytes(adapters_bytes(adapters))
    again = read_adapters(tmp_path)
    assert again
    assert np.array_equal(again.down[name], adapters.down[name])
    changed = again.merge(name, np.zeros((16, 16), np.float32))
    assert np.array_equal(changed, np.full((16, 16), 2.0))
    foreign = Adapters({name: np.ones((2, 24), np.float32)}, {name: np.ones((24, 2), np.float32)})
    for reader in (Runtime, Encoder):
        with pytest.raises(ModelError, match="another encoder"):
            reader(tiny_encoder_folder, adapters=foreign)
    path.write_bytes(adapters_bytes(Adapters({name: np.ones((2, 16), np.float32)}, {})))
    with pytest.raises(ModelError, match="does not hold adapters"):
        read_adapters(tmp_path)
    path.write_bytes(b"no tensors")
    with pytest.raises(ModelError, match="cannot be read"):
        read_adapters(tmp_path)


def test_variations_are_made_of_posts_and_never_judged_by_what_learned_from_their_post(settings: TrainConfig) -> None:
    fillers = {"greetings": ["Hello all"], "stories": ["Once upon a time."], "closers": ["Cheers"]}
    varied = Variations(path=Path("unused"), weight=0.5, share_of_leads=1.0, share_of_others=0.0)
    rows = invented_rows(30)
    leads = [place for place, row in enumerate(rows) if row.label.is_lead]
    with_variations = settings.model_copy(update={"variations": varied})
    with pytest.raises(InvalidInput, match="greetings"):
        texts_and_targets(rows, [], with_variations)
    path = configuration.SHIPPED.parent / ".." / "labels" / "fillers.json"
    assert set(fillers) == set(json.loads(path.read_text()))
    texts, targets = texts_and_targets(
        rows, rows[:2], with_variations.model_copy(update={"variations": varied.model_copy(update={"path": path})})
    )
    assert targets.origins.tolist() == [*range(30), *leads, -1, -1]
    assert targets.weights[30 : 30 + len(leads)].tolist() == [0.5] * len(leads)
    assert targets.labels[30 : 30 + len(leads)].tolist() == targets.labels[leads].tolist()
    for place, text in zip(leads, texts[30:], strict=False):
        assert rows[place].post.title in text
        assert text != texts[place]
