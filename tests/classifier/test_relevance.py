"""How well posts fit offers. All texts are invented."""

import dataclasses
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from classifier.encoder import Encoder
from classifier.encoder_files import CHECKSUM, Vectors, find_encoder
from classifier.labels import HELD_OUT
from classifier.relevance import SCHEME_FILE, SHIPPED, WEIGHTS_FILE, Offer, Relevance, Scheme
from classifier.relevance_measure import figures, keyword_hits, leads_of, measure, read_offers
from classifier.relevance_train import train, write
from classifier.rows import LabelledRow
from classifier.text import PostText
from overheard.errors import InvalidInput, ModelError
from overheard.vocabulary import Intent

BOOKKEEPER = Offer("We do the books, the taxes and the payroll of small shops and craftsmen.")
BAKERY = PostText(
    "Who does your bookkeeping?",
    "I run a bakery with three people. Receipts pile up and I fear the tax office. We also painted the front blue.",
)
HEADPHONES = PostText("Headphones for the train?", "Mine broke. Over-ear, closed, up to 150 dollars. What do you wear?")


class Counting:
    """An encoder that remembers what it was given."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder, self.texts = encoder, list[str]()
        self.layers, self.dimensions = encoder.layers, encoder.dimensions

    def encode_layers(self, texts: Sequence[str], layers: Sequence[int]) -> Vectors:
        self.texts += texts
        return self._encoder.encode_layers(texts, layers)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    """The real one, with all its layers."""
    return Encoder(find_encoder(None))


@pytest.fixture(scope="module")
def relevance(encoder: Encoder) -> Relevance:
    """What is shipped."""
    return Relevance.load(SHIPPED, encoder)


def lead(
    number: int, category: str, text: str, need: str = "", *, label: Intent = Intent.RECOMMENDATION
) -> LabelledRow:
    return LabelledRow(f"r{number}", "reddit", PostText(text, ""), label, False, "cue", category, need)


ROWS = [
    *(lead(n, "payments-commerce", f"Which card reader for stall number {n}?", "card reader") for n in range(12)),
    *(lead(n, "education-books", f"A good book about bees, part {n}?", "book about bees") for n in range(12, 24)),
    lead(24, "", "We painted the front blue.", label=Intent.DISCUSSION),
]


def test_a_post_fits_the_offer_that_meets_its_need_and_no_other(relevance: Relevance) -> None:
    bakery, headphones = relevance.scores([BAKERY, HEADPHONES], BOOKKEEPER)
    assert bakery >= relevance.threshold > headphones


def test_every_shipped_offer_is_met_by_a_plain_wish_for_it_before_all_others(relevance: Relevance) -> None:
    offers = read_offers()
    wishes = {
        "finance-accounting-legal": "Looking for an accountant who does taxes for a two-person shop",
        "payments-commerce": "Which payment processor takes the lowest card fees for an online store?",
        "security-privacy": "Which password manager do you use at work?",
        "education-books": "What is the best book to begin with statistics?",
        "hosting-infra": "Cheap VPS for three small web sites, any suggestions?",
    }
    posts = [PostText(wish, "") for wish in wishes.values()]
    scores = {name: relevance.scores(posts, offer) for name, offer in offers.items()}
    assert [max(scores, key=lambda name: scores[name][place]) for place in range(len(posts))] == list(wishes)


def test_the_sentence_closest_to_the_offer_is_a_span_of_the_post(relevance: Relevance) -> None:
    fit = relevance.explain(BAKERY, BOOKKEEPER)
    assert fit.sentence is not None
    text = BAKERY.title if fit.sentence.field == "title" else BAKERY.body
    shown = text[fit.sentence.start : fit.sentence.end]
    assert shown in {"Who does your bookkeeping?", "Receipts pile up and I fear the tax office."}
    assert fit.relevance == pytest.approx(relevance.scores([BAKERY], BOOKKEEPER)[0], abs=1e-5)


@pytest.mark.parametrize("post", [PostText("", ""), PostText("???", "🎉 … !")])
def test_a_post_without_a_word_fits_nothing(relevance: Relevance, post: PostText) -> None:
    assert relevance.scores([post], BOOKKEEPER) == [0.0]
    assert relevance.explain(post, BOOKKEEPER).sentence is None


def test_a_post_fits_as_well_alone_as_among_others(relevance: Relevance) -> None:
    together = relevance.scores([BAKERY, PostText("", ""), HEADPHONES], BOOKKEEPER)
    alone = [relevance.scores([post], BOOKKEEPER)[0] for post in (BAKERY, PostText("", ""), HEADPHONES)]
    assert together == pytest.approx(alone, abs=1e-5)


def test_an_offer_is_encoded_once_and_anew_when_it_changes(encoder: Encoder) -> None:
    counting = Counting(encoder)
    relevance = Relevance.load(SHIPPED, counting)
    for _ in range(3):
        relevance.scores([BAKERY], BOOKKEEPER)
    assert counting.texts.count(BOOKKEEPER.text) == 1
    changed = dataclasses.replace(BOOKKEEPER, text="We sell headphones.")
    relevance.scores([BAKERY], changed)
    assert counting.texts.count(changed.text) >= 1


def test_an_offer_of_signs_alone_is_no_error(relevance: Relevance) -> None:
    assert 0 <= relevance.scores([BAKERY], Offer("..."))[0] <= 1


def test_an_offer_of_a_thousand_commas_costs_no_more_than_a_long_one() -> None:
    assert len(Offer("a, " * 1_000).phrases) == 64


def test_a_post_that_was_placed_before_has_the_same_relevance(relevance: Relevance) -> None:
    posts = [BAKERY, PostText("", ""), HEADPHONES]
    assert relevance.scores_of(relevance.place(posts), BOOKKEEPER) == relevance.scores(posts, BOOKKEEPER)


def test_an_encoder_that_was_cut_shorter_is_refused_and_not_believed() -> None:
    with pytest.raises(ModelError, match="needs layer 6 of the encoder; the one at hand keeps 5"):
        Relevance.load(SHIPPED, Encoder(find_encoder(None), depth=5))


def test_what_is_shipped_was_learned_with_the_encoder_that_is_looked_for() -> None:
    assert Scheme.model_validate_json((SHIPPED / SCHEME_FILE).read_bytes()).encoder == CHECKSUM


def test_a_folder_without_relevance_is_named(encoder: Encoder, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=str(tmp_path)):
        Relevance.load(tmp_path, encoder)


def test_every_category_of_the_guideline_has_an_offer_with_keywords() -> None:
    offers = read_offers()
    assert len(offers) == 18
    for offer in offers.values():
        assert 40 <= len(offer.text.split()) <= 80
        assert 10 <= len(offer.keywords) <= 20


def test_keywords_are_whole_words_and_each_counts_once() -> None:
    offers = {"books": Offer("Books.", ("book", "reading list"))}
    rows = [lead(1, "books", "Book, book and a reading list"), lead(2, "books", "Facebook")]
    assert keyword_hits(rows, offers).tolist() == [[2.0], [0.0]]


def test_figures_tell_a_perfect_order_from_keywords_that_meet_nothing() -> None:
    offers = {"bees": Offer("Bees.", ("hive",))}
    rows = [lead(1, "bees", "Who sells honey?"), lead(2, "other", "A card reader?")]
    scores = np.array([[0.9], [0.1]])
    (found,) = figures(rows, offers, scores)
    assert (found.leads, found.by_keywords, found.by_meaning, found.recall_at_top) == (1, 0.5, 1.0, 1.0)


def test_rows_without_leads_and_leads_without_category_are_refused() -> None:
    with pytest.raises(InvalidInput, match="None of these rows is a lead"):
        leads_of(ROWS[-1:])
    with pytest.raises(InvalidInput, match="The lead r7 has no category"):
        leads_of([lead(7, "", "Which card reader?")])


def test_learning_twice_gives_the_same_bytes_and_what_was_written_can_be_loaded(
    tiny_encoder: Encoder, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        write(train(ROWS, tiny_encoder, layer=2), tmp_path / name)
    for file in (SCHEME_FILE, WEIGHTS_FILE):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    assert load_file(tmp_path / "a" / WEIGHTS_FILE)["crowd"].shape == (18, 16)
    found = measure(Relevance.load(tmp_path / "a", tiny_encoder), ROWS)
    assert {one.category: one.leads for one in found} == {"payments-commerce": 12, "education-books": 12}


def test_learning_refuses_rows_that_are_kept_for_evaluation(tiny_encoder: Encoder) -> None:
    assert HELD_OUT.is_file()
    with pytest.raises(ModelError, match="kept for evaluation"):
        train([dataclasses.replace(ROWS[0], draw="random"), *ROWS[1:]], tiny_encoder, layer=2)


def test_learning_from_too_few_leads_is_refused(tiny_encoder: Encoder) -> None:
    with pytest.raises(InvalidInput, match="3 leads are too few"):
        train(ROWS[:3], tiny_encoder, layer=2)


def test_importing_relevance_loads_no_torch_and_no_training() -> None:
    code = "import classifier.relevance, sys; print([n for n in ('torch', 'sklearn', 'scipy') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
