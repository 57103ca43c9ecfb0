"""Where the model is wrong, told from what people said."""

from sqlalchemy.orm import Session

from overheard.labelling.mistakes import Mistakes, judged, mistakes, worst
from overheard.labelling.splits import without_copies
from overheard.leads import funnel
from overheard.measuring.intervals import Share
from overheard.vocabulary import DisqualifyReason, Platform
from tests.conftest import NOW
from tests.factories import Cast, make_lead, new_post, watch_source

_LONG = "Eleven cafes send their orders by text and by voicemail, and every night one of them is lost somewhere. "


def test_what_is_missed_and_what_is_taken_for_a_lead_is_told_by_parts_at_a_threshold(
    session: Session, cast: Cast
) -> None:
    watch_source(session, now=NOW, platform=Platform.SLACK, community="#till")
    for number, (platform, score, good) in enumerate(
        [
            (Platform.REDDIT, 0.9, True),
            (Platform.REDDIT, 0.6, True),
            (Platform.REDDIT, 0.8, False),
            (Platform.SLACK, 0.6, False),
        ]
    ):
        community = "#till" if platform is Platform.SLACK else "r/bakers"
        post = new_post(author=f"writer {number}", title=f"{number} {_LONG}", platform=platform, community=community)
        lead = make_lead(session, now=NOW, post=post, score=score)
        if good:
            funnel.promote(session, lead.id, actor=cast.sam, now=NOW)
        else:
            funnel.disqualify(session, lead.id, reason=DisqualifyReason.NO_NEED, actor=cast.sam, now=NOW)
    found = judged(session)
    assert mistakes(found, 0.7, lambda one: one.example.platform) == {
        Platform.REDDIT: Mistakes(missed=Share(1, 2), fooled=Share(1, 1)),
        Platform.SLACK: Mistakes(missed=Share(0, 0), fooled=Share(0, 1)),
    }
    assert [(one.score, one.example.is_lead) for one in worst(found, 2)] == [(0.8, False)], "all nearly say the same"


def test_of_texts_that_nearly_say_the_same_the_first_is_shown() -> None:
    texts = [_LONG, f"Hello all. {_LONG}", "Something else.", _LONG.replace("Eleven", "Twelve"), "And a third one."]
    assert without_copies(texts, str, 2) == [_LONG, "Something else."]
    assert without_copies(texts, str, 9) == [_LONG, "Something else.", "And a third one."]
