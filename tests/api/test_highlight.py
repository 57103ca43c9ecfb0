"""Marked texts: nothing is lost, nothing is added, whatever the spans are."""

from hypothesis import given
from hypothesis import strategies as st

from api.highlight import Segment, excerpt, in_field, segments

RANGES = st.lists(st.tuples(st.integers(-50, 120), st.integers(-50, 120)), max_size=12)


@given(text=st.text(max_size=80), evidence=RANGES, matches=RANGES)
def test_the_segments_of_a_text_are_the_text(
    text: str, evidence: list[tuple[int, int]], matches: list[tuple[int, int]]
) -> None:
    assert "".join(part.text for part in segments(text, evidence, matches)) == text


@given(text=st.text(max_size=80), evidence=RANGES, matches=RANGES)
def test_a_character_is_marked_when_a_span_covers_it(
    text: str, evidence: list[tuple[int, int]], matches: list[tuple[int, int]]
) -> None:
    position = 0
    for part in segments(text, evidence, matches):
        for _ in part.text:
            assert part.is_evidence == any(start <= position < end for start, end in evidence)
            assert part.is_match == any(start <= position < end for start, end in matches)
            position += 1


def test_overlapping_evidence_and_match_share_a_segment() -> None:
    assert segments("we need a crm", [(3, 13)], [(10, 13)]) == [
        Segment("we "),
        Segment("need a ", is_evidence=True),
        Segment("crm", is_evidence=True, is_match=True),
    ]


@given(text=st.text(alphabet="ab ", min_size=0, max_size=3000), evidence=RANGES)
def test_an_excerpt_is_made_of_pieces_of_the_text_in_their_order(text: str, evidence: list[tuple[int, int]]) -> None:
    position = 0
    for part in excerpt(text, evidence, [], limit=200):
        if part.is_gap:
            continue
        position = text.index(part.text, position)
    assert sum(len(part.text) for part in excerpt(text, evidence, [], limit=200)) < 200 + 4 * 200


def test_an_excerpt_shows_the_evidence_deep_in_a_huge_post() -> None:
    text = "filler " * 5000 + "we are looking for a crm" + " filler" * 700
    start = text.index("we are")
    parts = excerpt(text, [(start, start + 24)], [])
    assert [part.text for part in parts if part.is_evidence] == ["we are looking for a crm"]
    assert (parts[0].is_gap, parts[-1].is_gap) == (True, True)
    assert sum(len(part.text) for part in parts) < 1000


def test_a_post_met_ten_thousand_times_is_cut_at_once() -> None:
    text = "a b " * 10_000
    matches = [(index, index + 1) for index in range(0, len(text), 4)]
    assert len(segments(text, [], matches)) == 20_000


def test_spans_are_told_apart_by_their_field() -> None:
    assert in_field([("title", 0, 3), ("body", 4, 5)], "body") == [(4, 5)]
