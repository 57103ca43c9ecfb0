"""What explains a flagged post, from the model to the row and the file. All texts are invented."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from classifier.explanation import explain_post
from classifier.model import IntentModel, Verdict
from classifier.run import classify_pending
from classifier.text import PostText, Span
from overheard.db import Sessions
from overheard.listening.posts import store_posts
from overheard.models import Prediction
from overheard.vocabulary import Intent
from tests.factories import POSTED, new_post, store

TITLE = "Looking for an email marketing tool for a small shop"
BODY = "We are switching from Kneadly. Budget under $50/month, we're 9 people in Leeds and need it by Friday."


def test_a_flagged_post_is_explained_in_its_own_words(model: IntentModel) -> None:
    (verdict,) = model.predict([PostText.of(TITLE, BODY)])
    told = verdict.explanation
    assert told is not None
    assert told.need == Span("title", 15, len(TITLE))
    assert {(signal.kind.value, BODY[signal.span.start : signal.span.end]) for signal in told.signals} == {
        ("budget", "under $50/month"),
        ("deadline", "by Friday"),
        ("competitor", "Kneadly"),
        ("team_size", "9 people"),
        ("location", "Leeds"),
    }


def test_what_is_settled_not_judged_or_no_lead_is_not_explained(model: IntentModel) -> None:
    posts = [
        PostText.of(TITLE, f"{BODY}\n\nEDIT: found one, thank you!"),
        PostText.of(
            "Suche ein Werkzeug", "Wir sind ein kleiner Laden und suchen ein Werkzeug für unsere Rundschreiben."
        ),
        PostText.of("", "Bread was cheaper last year."),
        PostText.of("", "🍞"),
    ]
    assert [verdict.explanation for verdict in model.predict(posts)] == [None] * 4
    assert model.predict([PostText.of(TITLE, BODY)], explain=False)[0].explanation is None


class ExplainingJudge:
    """Calls every post a lead, and explains it."""

    version = "explaining-1"
    threshold = 0.5

    def predict(self, posts: Sequence[PostText]) -> list[Verdict]:
        return [
            Verdict(0.9, True, Intent.PURCHASE, {Intent.PURCHASE: 0.9}, (), explanation=explain_post(post, ()))
            for post in posts
        ]


def test_an_explanation_is_stored_as_offsets_and_an_edit_makes_a_new_one(sessions: Sessions, now: datetime) -> None:
    body = "```\nlooking for x\n```\nLooking for a dough mixer in Leeds."
    with sessions.begin() as session:
        store(session, new_post(external_id="t3_e", title="", body=body), now=now)
    classify_pending(sessions, ExplainingJudge(), clock=lambda: now)
    with sessions.begin() as session:
        stored = session.scalars(sa.select(Prediction.explanation)).one()
        assert stored == {"need": ["body", 36, 56], "signals": [["location", "body", 51, 56]]}
        assert body[36:56] == "dough mixer in Leeds"
        edit = new_post(external_id="t3_e", title="", body="Any oven?", as_of=POSTED + timedelta(hours=1))
        store_posts(session, [edit], now=now)
    classify_pending(sessions, ExplainingJudge(), clock=lambda: now)
    with sessions() as session:
        assert session.scalars(sa.select(Prediction.explanation)).all() == [{"need": ["body", 4, 8], "signals": []}]
