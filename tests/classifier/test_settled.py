"""The one rule beside the model. All texts are invented, and none is among the pairs of the checklist."""

import pytest

from classifier.model import IntentModel
from classifier.settled import find_settled
from classifier.text import PostText, Sentence
from overheard.vocabulary import Intent

ASK = "We are after a caterer for sixty guests in Bergen. Whom can you name?"


@pytest.mark.parametrize(
    "line",
    [
        "EDIT: found one, thank you!",
        "Edit - it's sorted now",
        "**UPDATE:** solved, thanks to all who wrote",
        "update 2: hired somebody, closing this",
        "Edit: we've decided, thanks",
        "[Solved]",
        "SOLVED: the bakery next door does it",
        "(edit: no longer needed)",
        "Edit: bought a second hand one. Thanks!",
    ],
)
def test_a_line_that_says_the_need_is_met_settles_it(line: str) -> None:
    body = f"{ASK}\n\n{line}"
    assert find_settled(PostText("", body)) == Sentence("body", len(ASK) + 2, len(body))


@pytest.mark.parametrize(
    "line",
    [
        "EDIT: still not found, please keep writing",
        "EDIT: found a typo, sorry",
        "Edit: found one but it is too dear",
        "Edit: found Borg & Co, is it any good?",
        "Update: sixty guests have become eighty",
        "Edit: solved the layout of this post so that it reads better",
        "The old caterer was found wanting.",
        "How did you get this solved?",
        "Not solved yet!",
        "edit: thanks for the gold",
        "I have decided to ask here first, thanks",
        "> EDIT: found one, thank you!",
    ],
)
def test_anything_less_plain_is_left_to_the_model(line: str) -> None:
    assert find_settled(PostText.of("", f"{ASK}\n\n{line}")) is None


def test_a_settled_post_is_no_lead_and_the_verdict_shows_the_line(model: IntentModel) -> None:
    before, after = model.predict([PostText("", ASK), PostText("", f"{ASK}\n\nEDIT: found one, thank you!")])
    assert before.is_lead
    assert (after.score, after.is_lead, after.is_judged, after.intent) == (0.0, False, True, Intent.DISCUSSION)
    line = after.evidence[0]
    assert (line.field, line.weight) == ("body", 0.0)
    assert f"{ASK}\n\nEDIT: found one, thank you!"[line.start : line.end] == "EDIT: found one, thank you!"
