"""Needs as spans of a post. All texts are invented."""

import pytest

from classifier.evidence import Evidence
from classifier.need import MAX_WORDS, find_need
from classifier.need_measure import leads_with_needs, measure_needs, stems
from classifier.rows import LabelledRow
from classifier.text import PostText, split_sentences
from overheard.errors import InvalidInput
from overheard.vocabulary import Intent


def need_of(title: str, body: str = "") -> str | None:
    post = PostText.of(title, body)
    span = find_need(post, ())
    return post.part(span) if span else None


@pytest.mark.parametrize(
    ("title", "need"),
    [
        ("Looking for an email marketing tool for a small shop", "email marketing tool for a small shop"),
        ("Any good plumber in Leeds?", "plumber in Leeds"),
        ("[Hiring] Logo designer for a bakery, budget $300", "Logo designer for a bakery"),
        ("Best accounting software for a two-person bakery?", "accounting software for a two-person bakery"),
        ("What do you use for invoicing customers abroad?", "invoicing customers abroad"),
        ("Which booking system would you take for a yoga studio?", "booking system"),
        ("Self-hosted alternative to Kneadly?", "Self-hosted alternative to Kneadly"),
        ("Ovenly vs Kneadly for a small bakery", "Ovenly vs Kneadly for a small bakery"),
        ("Is Ovenly worth it?", "Ovenly"),
        ("Is there an app that splits bills between flatmates?", "app that splits bills between flatmates"),
        ("Does anyone know of a good tax adviser for farms? Thanks!", "tax adviser for farms"),
        ("How do you handle late supplier invoices?", "late supplier invoices"),
        ("Recommendations for a quiet dishwasher please", "quiet dishwasher"),
        ("Ask HN: Bread baking courses?", "Bread baking courses"),
        ("Is there anybody who knows a good tax adviser near the mill?", "tax adviser near the mill"),
        ("Tired of copying orders by hand", "copying orders by hand"),
        ("We\N{RIGHT SINGLE QUOTATION MARK}re looking to hire a Shopify developer", "Shopify developer"),
    ],
)
def test_the_need_is_what_stands_behind_the_cue_without_its_article(title: str, need: str) -> None:
    assert need_of(title) == need


def test_a_title_that_says_nothing_gives_way_to_the_body() -> None:
    assert need_of("Help please!", "We run a mill. Looking for a label printer that takes wet paper.") == (
        "label printer that takes wet paper"
    )


def test_of_two_asks_in_the_body_the_one_that_carried_the_score_is_told() -> None:
    post = PostText.of("", "Looking for a walnut bread recipe. Looking for a second hand dough mixer.")
    sentence = split_sentences(post)[1]
    span = find_need(post, [Evidence(sentence.field, sentence.start, sentence.end, 0.5)])
    assert span is not None
    assert post.part(span) == "second hand dough mixer"


LONG = "Looking for a very long winded piece of software with every feature for bakeries and mills and farms " * 3


@pytest.mark.parametrize("text", [LONG, "Need " + "flour, " * 90, "Oats. Barley. Rye. Wheat.", "rye " * 500])
def test_a_need_is_short_and_within_one_sentence(text: str) -> None:
    post = PostText.of("", text)
    span = find_need(post, ())
    assert span is not None
    assert len(post.part(span).split()) <= MAX_WORDS
    assert any(one.start <= span.start and span.end <= one.end for one in split_sentences(post))


@pytest.mark.parametrize("text", ["", "\x00\x00", "Help please!", "🍞🥐", "?!", "   ", "it is what it is", "a" * 3000])
def test_where_nothing_is_said_nothing_is_needed(text: str) -> None:
    assert need_of(text) is None
    assert need_of("", text) is None


def test_code_and_quotes_before_a_need_do_not_move_it() -> None:
    body = "```\nlooking for x\n```\n> looking for a fork\n\nLooking for a dough scraper."
    span = find_need(PostText.of("", body), ())
    assert span is not None
    assert body[span.start : span.end] == "dough scraper"


def row(text: str, need: str, label: Intent = Intent.RECOMMENDATION) -> LabelledRow:
    return LabelledRow("1", "reddit", PostText.of(text, ""), label, unsure=False, draw="cue", need=need)


def test_needs_are_measured_by_the_content_words_they_share_with_the_annotators() -> None:
    rows = [
        row("Looking for cheap dough mixers", "cheap dough mixer"),
        row("Bread.", "oven"),
        row("A.", "", Intent.PAIN),
    ]
    leads = leads_with_needs(rows)
    figures = {one.name: one for one in measure_needs(leads, [() for _ in leads])}
    assert figures["need"].found == 1.0
    assert figures["need"].met == 0.5
    assert figures["need"].recall == 0.5
    assert figures["whole post"].precision == pytest.approx((3 / 4) / 2)
    assert stems("Hosting the mixers") == stems("host mixer")
    with pytest.raises(InvalidInput, match="whose need was written down"):
        leads_with_needs([row("Hm.", "", Intent.PAIN)])
