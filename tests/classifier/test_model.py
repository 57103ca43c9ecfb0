import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from classifier.adapters import read_adapters
from classifier.encoder import Encoder
from classifier.encoder_files import Enough, Vectors, find_encoder
from classifier.evidence import SHOWN
from classifier.head import SCHEME_FILE, WEIGHTS_FILE
from classifier.model import SHIPPED, IntentModel, Verdict
from classifier.runtime import Runtime
from classifier.text import PostText
from overheard.errors import ModelError
from overheard.vocabulary import Intent
from tests.classifier import plain_texts
from tests.classifier.texts import ASKS_AND_TWINS

ASKS = [ask for ask, _ in ASKS_AND_TWINS]
TWINS = [twin for _, twin in ASKS_AND_TWINS]
ODD = [
    PostText("", ""),
    PostText("\x00\x01", "\ud800\udfff"),
    PostText("🙂🙂🙂", "🔥" * 500),
    PostText("\u202edesrever", "<script>alert(1)</script>"),
    PostText("x" * 1_000_000, "what do you use? " * 60_000),
    PostText("", bytes(range(256)).decode("latin-1") * 40),
    PostText("\x00", ""),
    PostText("", "\ud83d"),
    PostText("", "\x00" * 1_000_000 + "what do you use?"),
    PostText("", "\n" * 1_000_000),
]


@pytest.fixture(scope="module")
def asks(model: IntentModel) -> list[Verdict]:
    return model.predict(ASKS)


@pytest.fixture(scope="module")
def twins(model: IntentModel) -> list[Verdict]:
    return model.predict(TWINS)


def test_asks_score_above_their_near_twins(asks: list[Verdict], twins: list[Verdict]) -> None:
    told_apart = [ask.score > twin.score for ask, twin in zip(asks, twins, strict=True)]
    assert sum(told_apart) >= 19
    assert sum(ask.is_lead for ask in asks) >= 17
    assert sum(not twin.is_lead for twin in twins) >= 17


def test_plain_asks_of_one_line_are_told_from_their_near_twins(model: IntentModel) -> None:
    """The floors say how good it is, not how good it should be: docs/model.md, "Plain asks"."""
    asks = model.predict(plain_texts.ASKS, explain=False)
    twins = model.predict(plain_texts.TWINS, explain=False)
    assert len(asks) == len(twins) == 28
    assert sum(ask.score > twin.score for ask, twin in zip(asks, twins, strict=True)) >= 25
    assert sum(ask.is_lead for ask in asks) >= 20
    assert sum(not twin.is_lead for twin in twins) >= 22


def test_score_verdict_intent_and_probabilities_agree(
    model: IntentModel, asks: list[Verdict], twins: list[Verdict]
) -> None:
    for verdict in asks + twins:
        if verdict.is_dismissed:  # by the first stage, which tells no intents
            assert (verdict.probabilities, verdict.is_lead, verdict.intent) == ({}, False, Intent.DISCUSSION)
            assert 0 < verdict.score < model.threshold
            continue
        leads = sum(share for intent, share in verdict.probabilities.items() if intent.is_lead)
        assert verdict.score == pytest.approx(leads)
        assert sum(verdict.probabilities.values()) == pytest.approx(1)
        assert verdict.is_lead == (verdict.score >= model.threshold) == verdict.intent.is_lead
        same_side = [intent for intent in Intent if intent.is_lead == verdict.is_lead]
        assert verdict.intent == max(same_side, key=verdict.probabilities.__getitem__)


def test_the_same_posts_get_the_same_verdicts_again(model: IntentModel, asks: list[Verdict]) -> None:
    assert model.predict(ASKS) == asks


def test_a_score_does_not_depend_on_the_batch_or_the_company(
    model: IntentModel, asks: list[Verdict], twins: list[Verdict]
) -> None:
    together = [verdict.score for verdict in asks + twins]
    alone = [model.predict([post], explain=False)[0].score for post in ASKS + TWINS]
    backwards = [verdict.score for verdict in model.predict((ASKS + TWINS)[::-1], explain=False)][::-1]
    assert np.abs(np.array([alone, backwards]) - together).max() < 1e-5


def test_a_text_that_comes_twice_is_judged_once_and_answered_twice() -> None:
    class Counting(Runtime):
        texts = 0

        def encode_layers(
            self, texts: Sequence[str], layers: Sequence[int], *, enough: Enough | None = None
        ) -> Vectors:
            self.texts += len(texts)
            return super().encode_layers(texts, layers, enough=enough)

    runtime = Counting(find_encoder(None), depth=5, adapters=read_adapters(SHIPPED))
    counted = IntentModel.load(SHIPPED, runtime)
    verdicts = counted.predict([ASKS[0], TWINS[0], ASKS[0], ASKS[0]], explain=False)
    assert runtime.texts == 2
    assert verdicts[0] == verdicts[2] == verdicts[3] != verdicts[1]


def test_the_runtime_that_judges_scores_as_the_one_that_trains(model: IntentModel) -> None:
    reference = IntentModel.load(SHIPPED, Encoder(find_encoder(None), depth=5, adapters=read_adapters(SHIPPED)))
    posts = ASKS + TWINS + ODD
    assert np.abs(reference.scores(posts) - model.scores(posts)).max() < 1e-3


def test_a_post_is_read_no_further_where_the_changed_layers_say_half_of_what_evidence_is_looked_for_from(
    model: IntentModel,
) -> None:
    posts = plain_texts.ASKS + plain_texts.TWINS
    ours, whole = np.array([v.score for v in model.predict(posts, explain=False)]), model.scores(posts)
    same = np.abs(ours - whole) < 1e-6
    assert 5 <= np.invert(same).sum() <= 35
    assert (ours[~same] < 0.1).all()
    assert (whole[~same] < model.threshold).all()


def test_without_evidence_the_scores_are_the_same(model: IntentModel, asks: list[Verdict]) -> None:
    plain = model.predict(ASKS, explain=False)
    assert [verdict.score for verdict in plain] == [verdict.score for verdict in asks]
    assert all(verdict.evidence == () for verdict in plain)


def test_any_input_gets_a_defined_answer(model: IntentModel) -> None:
    verdicts = model.predict(ODD)
    assert all(0 <= verdict.score <= 1 for verdict in verdicts)
    assert all(span.start < 2400 for verdict in verdicts for span in verdict.evidence)  # no more is read of a megabyte
    for wordless in [*verdicts[:3], *verdicts[-4:]]:
        assert (wordless.score, wordless.intent, wordless.evidence) == (0.0, Intent.DISCUSSION, ())
    assert model.predict([]) == []


def test_evidence_lies_inside_the_text_and_every_lead_has_some(
    model: IntentModel, asks: list[Verdict], twins: list[Verdict]
) -> None:
    posts = [*ASKS, *TWINS, *ODD]
    for post, verdict in zip(posts, asks + twins + model.predict(ODD), strict=True):
        assert bool(verdict.evidence) or not verdict.is_lead
        assert len(verdict.evidence) <= SHOWN
        for span in verdict.evidence:
            text = post.title if span.field == "title" else post.body
            assert 0 <= span.start < span.end <= len(text)
            assert text[span.start : span.end].strip() == text[span.start : span.end]


def test_hiding_the_evidence_lowers_the_score_more_than_hiding_as_many_other_words(
    model: IntentModel, asks: list[Verdict]
) -> None:
    """Other words: taken one after the other from outside the evidence, or all there are."""
    hidden, others = [], []
    for post, verdict in zip(ASKS, asks, strict=True):
        span = verdict.evidence[0]
        spans = {(e.field, index) for e in verdict.evidence for index in range(e.start, e.end)}
        budget = span.end - span.start
        rest = [(f, i) for f in ("body", "title") for i in range(len(getattr(post, f))) if (f, i) not in spans]
        hidden.append(blank(post, {(span.field, index) for index in range(span.start, span.end)}))
        others.append(blank(post, set(rest[:budget])))
    without_evidence, without_others = (
        np.mean([verdict.score for verdict in model.predict(posts)]) for posts in (hidden, others)
    )
    whole = np.mean([verdict.score for verdict in asks])
    assert whole - without_evidence > 1.5 * (whole - without_others)


def blank(post: PostText, places: set[tuple[str, int]]) -> PostText:
    fields = {"title": post.title, "body": post.body}
    kept = {
        field: "".join(" " if (field, index) in places else letter for index, letter in enumerate(text))
        for field, text in fields.items()
    }
    return PostText(**kept)


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    for name in (SCHEME_FILE, WEIGHTS_FILE):
        (tmp_path / name).write_bytes((SHIPPED / name).read_bytes())
    return tmp_path


def change_scheme(folder: Path, **changes: object) -> None:
    scheme = json.loads((folder / SCHEME_FILE).read_text())
    (folder / SCHEME_FILE).write_text(json.dumps(scheme | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 2},
        {"format": "1.0"},
        {"threshold": 7},
        {"surprise": True},
        {"intents": ["recommendation"]},
        {"intents": ["angry"]},
        {"layers": [4]},
        {"layers": [4, 9]},
        {"name": "../x"},
    ],
)
def test_a_model_of_another_format_or_shape_is_refused(
    copied: Path, tiny_encoder: Encoder, changes: dict[str, object]
) -> None:
    change_scheme(copied, **changes)
    with pytest.raises(ModelError):
        IntentModel.load(copied, tiny_encoder)


def test_weights_that_are_not_ours_are_refused(copied: Path, tiny_encoder: Encoder) -> None:
    weights = load_file(copied / WEIGHTS_FILE)
    for damaged in (
        {**weights, "extra": weights["mean"]},
        {name: tensor for name, tensor in weights.items() if name != "mean"},
        {**weights, "output_bias": weights["output_bias"][:, :3].copy()},
        {**weights, "mean": weights["mean"].astype(np.float64)},
        {**weights, "hidden_weight": weights["hidden_weight"][0].copy()},
    ):
        save_file(damaged, copied / WEIGHTS_FILE)
        with pytest.raises(ModelError, match="not a model of Overheard"):
            IntentModel.load(copied, tiny_encoder)
    (copied / WEIGHTS_FILE).write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(ModelError, match="not a model of Overheard"):
        IntentModel.load(copied, tiny_encoder)


def test_a_folder_without_a_model_is_named(tmp_path: Path, tiny_encoder: Encoder) -> None:
    with pytest.raises(ModelError, match=str(tmp_path)):
        IntentModel.load(tmp_path, tiny_encoder)


def test_a_model_of_another_encoder_is_refused(tiny_encoder: Encoder) -> None:
    with pytest.raises(ModelError, match="another encoder"):
        IntentModel.load(SHIPPED, tiny_encoder)


def test_another_threshold_is_another_version(copied: Path, model: IntentModel) -> None:
    change_scheme(copied, threshold=0.9)
    changed = IntentModel.load(copied, model._encoder)  # noqa: SLF001 - loading the real one again takes a second
    assert changed.version != model.version
    assert changed.threshold == 0.9
    assert model.version.startswith("intent-")
