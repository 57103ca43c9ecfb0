"""Buying signals as spans of a post. All texts are invented."""

import pytest

from classifier.signals import MAX_OF_A_KIND, find_signals
from classifier.text import PostText
from overheard.vocabulary import SignalKind


def signals_of(text: str) -> list[tuple[str, str]]:
    post = PostText.of("", text)
    return [(signal.kind.value, post.part(signal.span)) for signal in find_signals(post)]


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("Need a baker, budget $2k.", "budget", "$2k"),
        ("Our budget is around 500 euros.", "budget", "around 500 euros"),
        ("Looking for an oven timer under $50/month.", "budget", "under $50/month"),
        ("I can spend £30 a month on it.", "budget", "£30 a month"),
        ("Happy to pay $20-30 per user for that.", "budget", "$20-30 per user"),
        ("Best mixer on a tight budget?", "budget", "tight budget"),
        ("We need the menus by Friday.", "deadline", "by Friday"),
        ("Looking for a plumber ASAP!", "deadline", "ASAP"),
        ("I have to decide before the 15th.", "deadline", "before the 15th"),
        ("We want to switch by the end of the month.", "deadline", "by the end of the month"),
        ("Switching from Kneadly after the last price rise.", "competitor", "Kneadly"),
        ("Any alternative to Doughbase?", "competitor", "Doughbase"),
        ("We are currently using mailchimp for it.", "competitor", "mailchimp"),
        ("Ovenly vs Kneadly for a bakery", "competitor", "Ovenly"),
        ("We're 12 people and all of them bake.", "team_size", "12 people"),
        ("A shift planner for a team of 9", "team_size", "team of 9"),
        ("I'm a solo founder with no time.", "team_size", "solo founder"),
        ("I run a small team of four bakers.", "team_size", "small team of four"),
        ("We have about 40 employees in two shops.", "team_size", "about 40 employees"),
        ("Any good plumber in Leeds?", "location", "Leeds"),
        ("We are a UK based mill.", "location", "UK"),
        ("I'm based in Lower Dunwich and need flour.", "location", "Lower Dunwich"),
        ("Looking for a caterer near Austin, TX.", "location", "Austin"),
    ],
)
def test_a_signal_is_found_where_it_is_said(text: str, kind: str, words: str) -> None:
    assert (kind, words) in signals_of(text)


@pytest.mark.parametrize(
    "text",
    [
        "We made $5k MRR with bread in a month.",
        "I sold it for under $100.",
        "It costs $9.",
        "My boss finished the report by Friday.",
        "This urgent matter was settled by others.",
        "I keep the orders in Excel.",
        "We opened in March and closed in May.",
        "People who switched from Kneadly like it.",
        "We use AI and an API.",
        "Alternatives To Expensive Bread For Busy People",
        "5 people wrote to me.",
        "A team player in every sense.",
        "I sell flour to companies with 50 employees.",
        "An urgent care centre is what I need.",
    ],
)
def test_what_only_looks_like_a_signal_is_none(text: str) -> None:
    assert signals_of(text) == []


def test_the_same_words_count_once_and_a_list_is_cut() -> None:
    assert signals_of("Leaving Kneadly. Tired of Kneadly.") == [("competitor", "Kneadly")]
    names = " ".join(f"Instead of Bake{letter}ly." for letter in "abcdefgh")
    assert len(signals_of(names)) == MAX_OF_A_KIND


HOSTILE = {
    "empty": "",
    "nul": "\x00" * 50,
    "emoji": "🍞🥐" * 200,
    "one word": "a" * 100_000,
    "capitals": "A" * 100_000,
    "cues": "looking for " * 50_000,
    "money": "$1 " * 50_000,
    "budgets": "budget " * 50_000,
    "counts": "1 person " * 20_000,
    "names": "Ab vs " * 20_000,
    "blanks": "budget" + " " * 100_000 + "$1",
    "megabyte": "Looking for a mixer under $50 by Friday in Leeds. " * 20_000,
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_texts_end_and_every_signal_points_into_the_post(kind: str) -> None:
    for post in (PostText.of("", HOSTILE[kind]), PostText.of(HOSTILE[kind], "")):
        for signal in find_signals(post):
            original = post.title if signal.span.field == "title" else post.body
            assert original[signal.span.start : signal.span.end] == post.part(signal.span) != ""
        assert len(find_signals(post)) <= MAX_OF_A_KIND * len(SignalKind)
