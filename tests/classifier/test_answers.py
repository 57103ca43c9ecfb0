"""What answers mean, as a proposal: measured on invented answers, on the half that the rules have not seen."""

import pytest

from classifier.answers import judge
from overheard.vocabulary import AnswerKind
from tests.classifier.answer_texts import ANSWERS

UNSEEN = [(text, kind) for text, kind, was_seen in ANSWERS if not was_seen]


def test_there_are_two_hundred_answers_and_each_half_holds_all_kinds() -> None:
    assert len(ANSWERS) >= 200
    assert {kind for _, kind in UNSEEN} == set(AnswerKind)


def test_nine_in_ten_unseen_answers_are_understood() -> None:
    right = sum(judge(text)[0] is kind for text, kind in UNSEEN)
    assert right / len(UNSEEN) >= 0.9


def test_of_those_who_say_stop_few_are_overlooked_and_hardly_anybody_else_is_taken_for_one() -> None:
    said = [judge(text)[0] for text, kind in UNSEEN if kind is AnswerKind.STOP]
    others = [judge(text)[0] for text, kind in UNSEEN if kind is not AnswerKind.STOP]
    assert said.count(AnswerKind.STOP) / len(said) >= 0.84
    assert others.count(AnswerKind.STOP) / len(others) <= 0.02


@pytest.mark.parametrize("text", ["", "\U0001f44d", "?" * 10_000, "stop " * 5_000, "a" * 40_000])
def test_no_text_breaks_it_and_none_takes_long(text: str) -> None:
    kind, score = judge(text)
    assert kind in AnswerKind
    assert 0 <= score <= 1
