"""Drift, against worlds in which it is known whether anything moved."""

from datetime import datetime, timedelta
from random import Random

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.leads import funnel
from overheard.measuring.intervals import Direction
from overheard.modelling import drift
from overheard.modelling.drift import Drift, stability_index
from overheard.models import Notice, Source
from overheard.vocabulary import DisqualifyReason
from tests.factories import MODEL, Cast, make_campaign, make_lead, new_post, predict, store

DAY = timedelta(days=1)


def _post(session: Session, community: str, score: float, body: str, *, at: datetime) -> None:
    post = new_post(community=community, author=None, title="", body=body)
    predict(session, store(session, post, now=at)[0], now=at, score=score)


def test_a_place_whose_scores_moved_is_told_once_and_its_new_words_are_shown(
    session: Session, cast: Cast, now: datetime
) -> None:
    """120 posts before and 120 since: one place as ever, one where every third post is a lead of a new kind."""
    chance = Random(1)  # noqa: S311 - no secret
    for number in range(120):
        for at in (now - 14 * DAY, now - DAY):
            is_new = at > now - 7 * DAY and number % 3 == 0
            _post(session, "r/steady", chance.betavariate(0.3, 3), f"A plain day in shop {number}.", at=at)
            body = f"Which zorbomat reads invoices without any manual typing, shop {number}?" if is_new else "A day."
            score = 0.95 if is_new else chance.betavariate(0.3, 3)
            _post(session, "r/moved", score, f"{body} {number}", at=at)
    _post(session, "r/small", 0.9, "One post.", at=now - DAY)

    moved, steady, small = drift.places(session, model_version=MODEL, threshold=0.5, now=now)
    assert [(one.community, one.drift) for one in (moved, steady, small)] == [
        ("r/moved", Drift.MUCH),
        ("r/steady", Drift.STEADY),
        ("r/small", Drift.TOO_FEW),
    ]
    assert moved.leads.part >= 40
    assert moved.trend.direction is Direction.UP
    assert drift.places(session, model_version="other", threshold=0.5, now=now) == []

    said = drift.words(session, moved.source_id, now=now)
    assert "zorbomat" in [one.term for one in said.terms]
    assert all("zorbomat" in post.body for post in said.examples)
    assert len(said.examples) == 5

    for _ in range(2):
        assert drift.tell(session, model_version=MODEL, threshold=0.5, now=now) == 1
    told = session.execute(sa.select(Notice.user_id, Notice.text, Notice.link)).all()
    assert {row.user_id for row in told} == {cast.alice.id, cast.eli.id}
    assert len(told) == 2
    assert told[0].text.startswith("Reddit, r/moved: the scores of the last 7 days")
    source = session.scalars(sa.select(Source).where(Source.community == "r/moved")).one()
    assert told[0].link == f"/models/drift/{source.id}"
    assert "zorbomat" not in told[0].text  # a notice outlives an erasure


def test_without_drift_the_index_stays_below_its_bound() -> None:
    chance = Random(7)  # noqa: S311 - no secret

    def bins(posts: int) -> list[int]:
        drawn = [min(int(chance.betavariate(0.5, 3) * 10), 9) for _ in range(posts)]
        return [drawn.count(place) for place in range(10)]

    for before, recent in ((400, 100), (4000, 1000)):
        bound = drift._BY_CHANCE * (1 / before + 1 / recent)  # noqa: SLF001 - the constant that is under test
        beyond = sum(stability_index(bins(before), bins(recent)) > bound for _ in range(200))
        assert beyond <= 3


def test_half_of_a_bin_moved_is_reckoned_by_hand() -> None:
    # (0.5 - 0.25) ln(0.5 / 0.25) + (0.5 - 0.75) ln(0.5 / 0.75), but for the halves that are added
    assert stability_index([2500, 7500], [5000, 5000]) == pytest.approx(0.2747, abs=1e-3)


def test_calibration_compares_what_was_shown_with_what_people_said(session: Session, cast: Cast, now: datetime) -> None:
    make_campaign(session, now=now)
    for number in range(30):
        lead = make_lead(session, now=now, score=0.9)
        if number % 2:
            funnel.promote(session, lead.id, actor=cast.sam, now=now)
        else:
            funnel.disqualify(session, lead.id, reason=DisqualifyReason.NO_NEED, actor=cast.sam, now=now)
    [week] = drift.calibration(session, model_version=MODEL, now=now + DAY)
    assert (week.begins.weekday(), week.leads.part, week.leads.whole) == (0, 15, 30)
    assert week.score == pytest.approx(0.9)
    assert week.is_off
    assert drift.calibration(session, model_version="other", now=now) == []
