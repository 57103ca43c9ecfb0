"""How values are said to a person."""

from datetime import date, datetime, timedelta

import pytest

from api import words
from overheard.vocabulary import DisqualifyReason, LeadAction


@pytest.mark.parametrize(
    ("passed", "told"),
    [
        (timedelta(seconds=-5), "just now"),
        (timedelta(seconds=40), "just now"),
        (timedelta(minutes=5), "5 min ago"),
        (timedelta(hours=23), "23 h ago"),
        (timedelta(hours=30), "yesterday"),
        (timedelta(days=400), "400 days ago"),
    ],
)
def test_an_age_is_told_in_its_largest_unit(now: datetime, passed: timedelta, told: str) -> None:
    assert words.age(now - passed, now) == told


@pytest.mark.parametrize(
    ("on", "told"),
    [
        (date(2026, 11, 20), "Today"),
        (date(2026, 11, 19), "Yesterday"),
        (date(2026, 11, 16), "Monday"),
        (date(2026, 11, 3), "3 November"),
        (date(2025, 11, 3), "3 November 2025"),
        (date(2026, 11, 21), "21 November"),
    ],
)
def test_a_day_is_told_as_a_person_would(now: datetime, on: date, told: str) -> None:
    assert words.day(on, now) == told


def test_a_score_never_claims_certainty() -> None:
    assert [words.percent(score) for score in (0.0, 0.004, 0.5, 0.876, 0.999, 1.0)] == [
        "1",
        "1",
        "50",
        "88",
        "99",
        "99",
    ]


def test_a_score_is_told_as_odds() -> None:
    assert words.odds(0.82) == "About 8 in 10 posts like this are leads"
    assert words.odds(0.99).startswith("Nearly all")
    assert words.odds(0.01).startswith("Hardly any")


def test_a_name_cannot_turn_the_text_around_it() -> None:
    assert words.plain("ev\u202eil\x00\n\u2069 ") == "evil"


@pytest.mark.parametrize(
    "address", [None, "", "javascript:alert(1)", "JAVASCRIPT:alert(1)", "data:text/html,x", " https://x", "//x"]
)
def test_an_address_that_runs_something_is_no_link(address: str | None) -> None:
    assert words.safe_link(address) is None


def test_every_reason_and_every_step_has_words() -> None:
    assert words.reason_name(DisqualifyReason.NOT_OUR_ICP) == "not our ICP"
    assert all(words.step_name(action) for action in LeadAction)
