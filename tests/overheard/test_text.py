import pytest
from hypothesis import given
from hypothesis import strategies as st

from overheard.text import cap, clean, normalise, text_hash


def test_nul_and_lone_surrogates_never_reach_the_database() -> None:
    assert clean("a\x00b\ud800c") == "ab\ufffd\ufffd\ufffdc"


def test_a_clean_text_stays_as_it_was_written() -> None:
    text = "Größe 👩‍👩‍👧 שלום \u202eabc"
    assert clean(text) is text


@given(st.text(st.characters(exclude_categories=[])))
def test_every_text_can_be_encoded_after_cleaning(text: str) -> None:
    clean(text).encode()
    assert "\x00" not in clean(text)


def test_a_text_at_the_limit_is_whole_and_one_over_it_keeps_head_and_tail() -> None:
    assert cap("x" * 100, 100) == ("x" * 100, False)
    capped, was_cut = cap("head" + "x" * 200 + "tail", 100)
    assert was_cut
    assert len(capped) == 100
    assert capped.startswith("head")
    assert capped.endswith("tail")


def test_title_and_body_cannot_be_confused_in_the_hash() -> None:
    assert text_hash("a", "bc") != text_hash("ab", "c")


@pytest.mark.parametrize(
    ("written", "normal"),
    [("CRM", "crm"), ("\uff23\uff32\uff2d", "crm"), ("Café", "cafe"), ("c\u200brm", "crm"), ("Straße", "strasse")],
)
def test_case_width_accents_and_invisible_characters_do_not_matter(written: str, normal: str) -> None:
    assert normalise(written).text == normal


@given(st.text())
def test_every_normalised_character_points_to_where_it_came_from(text: str) -> None:
    normalised = normalise(text)
    for index in range(len(normalised.text)):
        start, end = normalised.span(index, index + 1)
        assert 0 <= start < end <= len(text)
