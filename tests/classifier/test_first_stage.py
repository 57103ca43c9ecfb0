"""The first stage: what it reads of a post, what teaching gives, and what becomes of a post that it dismisses."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from classifier import first_stage_train
from classifier.first_stage import SCHEME_FILE, WEIGHTS_FILE, FirstStage, hashed_terms
from classifier.first_stage_train import FirstStageConfig, fit_first_stage, read_config, teach
from classifier.labels import write_held_out
from classifier.model import SHIPPED, IntentModel
from classifier.rows import LabelledRow
from classifier.text import PostText
from overheard.errors import InvalidInput, ModelError
from overheard.vocabulary import Intent
from tests.classifier.plain_texts import ASKS

LONG = (
    "I think the {} was fine, and so it goes; we were there until late, and all of us went home by the river, slowly."
)
CHAT = [PostText("", LONG.format(word)) for word in ("weather", "game", "talk", "walk")]
SETTINGS = FirstStageConfig(seed=1, buckets=2048, strength=10.0, folds=3, missed=0.05)


def taught_by(model: IntentModel, posts: list[PostText]) -> FirstStage:
    """A stage that knows asks from chat, by scores that are as sure as can be."""
    scores = np.array([0.95 if post in ASKS else 0.02 for post in posts])
    return fit_first_stage(posts, scores, model, SETTINGS)[0]


@pytest.fixture(scope="module")
def posts() -> list[PostText]:
    return [*ASKS, *(PostText("", f"{chat.body} Number {number}.") for number in range(10) for chat in CHAT)]


@pytest.fixture(scope="module")
def stage(model: IntentModel, posts: list[PostText]) -> FirstStage:
    return taught_by(model, posts)


@pytest.fixture(scope="module")
def cascade(model: IntentModel, stage: FirstStage, tmp_path_factory: pytest.TempPathFactory) -> IntentModel:
    """The shipped model behind this stage."""
    folder = tmp_path_factory.mktemp("model")
    for name in ("model.json", "model.safetensors", "adapters.safetensors"):
        (folder / name).write_bytes((SHIPPED / name).read_bytes())
    write(stage, folder)
    return IntentModel.load(folder, model._encoder)  # noqa: SLF001 - loading the real one again takes a second


def write(stage: FirstStage, folder: Path) -> None:
    for name, content in stage.files().items():
        (folder / name).write_bytes(content)


def test_terms_are_the_same_numbers_on_every_machine_and_tell_the_title_apart() -> None:
    post = PostText("Which CRM?", "We are nine people.")
    terms = hashed_terms(post, 2**18)
    assert hashlib.sha256(terms.tobytes()).hexdigest()[:16] == "e2c477c2c76f3015"
    assert terms.max() < 2**18
    assert set(terms) != set(hashed_terms(PostText("", "Which CRM? We are nine people."), 2**18))
    assert len(hashed_terms(PostText("", ""), 2**18)) == 1


def test_a_stage_tells_what_it_was_taught(stage: FirstStage, posts: list[PostText]) -> None:
    scores = [stage.score(post) for post in posts]
    asks, chat = scores[: len(ASKS)], scores[len(ASKS) :]
    assert min(asks) > max(chat)
    assert 0 < stage.scheme.floor < 0.99
    assert all(0 <= score <= 1 for score in scores)


def test_equal_posts_and_scores_give_equal_bytes(model: IntentModel, stage: FirstStage, posts: list[PostText]) -> None:
    assert taught_by(model, posts).files() == stage.files()


def test_what_is_written_is_what_is_read(stage: FirstStage, posts: list[PostText], tmp_path: Path) -> None:
    write(stage, tmp_path)
    again = FirstStage.load(tmp_path)
    assert again is not None
    assert [again.score(post) for post in posts] == [stage.score(post) for post in posts]
    assert FirstStage.load(SHIPPED.parent) is None


def test_what_is_dismissed_keeps_the_score_of_the_stage_and_the_rest_is_judged_as_without(
    cascade: IntentModel, model: IntentModel, stage: FirstStage
) -> None:
    asked = PostText("Looking for a bookkeeper in Leeds", "Who do you use?")
    dismissed, judged = cascade.predict([CHAT[0], asked])
    assert (dismissed.is_dismissed, dismissed.is_judged, dismissed.is_lead) == (True, True, False)
    assert dismissed.score == stage.score(CHAT[0]) < cascade.threshold
    assert (dismissed.intent, dismissed.evidence, dismissed.language) == (Intent.DISCUSSION, (), "en")
    assert not judged.is_dismissed
    alone = IntentModel.load(SHIPPED, model._encoder, first_stage=False)  # noqa: SLF001 - as above
    assert judged == alone.predict([asked])[0]
    assert not alone.predict([CHAT[0]])[0].is_dismissed
    assert cascade.version != alone.version == cascade.version_alone


def test_a_short_post_is_read_whatever_its_words_say(stage: FirstStage) -> None:
    long, short = CHAT[0], PostText("", "I think the weather was fine, and so it goes.")
    assert stage.score(short) < stage.scheme.floor
    assert stage.dismiss(short) is None
    assert stage.dismiss(long) == stage.score(long)


def test_a_stage_stands_before_no_other_model_than_the_one_that_taught_it(
    model: IntentModel, stage: FirstStage, tmp_path: Path
) -> None:
    for name in ("model.json", "model.safetensors"):
        (tmp_path / name).write_bytes((SHIPPED / name).read_bytes())
    other = stage.scheme.model_copy(update={"taught_by": "intent-another"})
    write(FirstStage(other, stage.weights), tmp_path)
    with pytest.raises(ModelError, match=r"intent-another.*overheard first-stage"):
        IntentModel.load(tmp_path, model._encoder)  # noqa: SLF001 - as above
    assert IntentModel.load(tmp_path, model._encoder, first_stage=False).version  # noqa: SLF001 - as above


def test_files_that_are_no_first_stage_are_refused(stage: FirstStage, tmp_path: Path) -> None:
    write(stage, tmp_path)
    weights = load_file(tmp_path / WEIGHTS_FILE)["weight"]
    for damaged in ({"other": weights}, {"weight": weights[None]}, {"weight": weights * np.float16("nan")}):
        save_file(damaged, tmp_path / WEIGHTS_FILE)
        with pytest.raises(ModelError, match="not a first stage"):
            FirstStage.load(tmp_path)
    write(stage, tmp_path)
    scheme = json.loads((tmp_path / SCHEME_FILE).read_text())
    for change in ({"format": 2}, {"floor": 1.5}, {"surprise": 1}):
        (tmp_path / SCHEME_FILE).write_text(json.dumps(scheme | change))
        with pytest.raises(ModelError, match="not a first stage"):
            FirstStage.load(tmp_path)


def test_teaching_leaves_out_what_evaluation_is_for(
    model: IntentModel, posts: list[PostText], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [json.dumps({"id": f"p{n}", "title": post.title, "body": post.body}) for n, post in enumerate(posts)]
    (tmp_path / "posts.jsonl").write_text("\n".join(lines))
    kept = [
        LabelledRow(f"p{number}", "reddit", posts[number], Intent.PAIN, unsure=False, draw="x") for number in (0, 5)
    ]
    write_held_out(kept, tmp_path / "kept.sha256")
    monkeypatch.setattr("classifier.labels.HELD_OUT", tmp_path / "kept.sha256")
    (tmp_path / "settings.toml").write_text(first_stage_train.SHIPPED.read_text().replace("folds = 5", "folds = 2"))
    figures = teach(model, [tmp_path / "posts.jsonl"], tmp_path, tmp_path / "settings.toml")
    assert figures.posts == len(posts) - 2
    assert FirstStage.load(tmp_path) is not None


def test_too_few_posts_teach_nothing(model: IntentModel) -> None:
    with pytest.raises(InvalidInput, match="Too few posts"):
        fit_first_stage(CHAT, np.zeros(len(CHAT)), model, SETTINGS)


def test_a_configuration_must_say_everything(tmp_path: Path) -> None:
    assert read_config(first_stage_train.SHIPPED).folds > 1
    (tmp_path / "c.toml").write_text(first_stage_train.SHIPPED.read_text().replace("folds = 5", ""))
    with pytest.raises(InvalidInput, match="folds"):
        read_config(tmp_path / "c.toml")
