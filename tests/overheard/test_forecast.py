"""What a threshold or a query will bring, from what was measured."""

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.keywords import queries
from overheard.leads.funnel import disqualify, promote
from overheard.leads.qualify import qualify
from overheard.marketing import campaigns
from overheard.measuring import forecast
from overheard.measuring.forecast import Basis
from overheard.models import Lead
from overheard.vocabulary import DisqualifyReason
from tests.factories import MODEL, POSTED, Cast, make_campaign, new_post, predict, store


def test_decisions_tell_how_many_are_good_and_scores_where_nobody_decided(
    session: Session, cast: Cast, now: datetime
) -> None:
    campaign = make_campaign(session, now=now, queries={"crm": "crm"})
    for number in range(60):  # ten days of four over the threshold and two below
        at = POSTED - timedelta(days=10) + timedelta(days=10) * number / 59
        post = new_post(title="crm", body="", author=f"writer {number}", posted_at=at)
        predict(session, store(session, post, now=now)[0], now=now, score=0.4 if number % 3 == 0 else 0.9)
    oven = store(session, new_post(title="oven", body=""), now=now)[0]
    predict(session, oven, now=now)
    qualify(session, model_version=MODEL, threshold=0.5, now=now)

    undecided = forecast.of_threshold(session, campaign, 0.5, now)
    assert (undecided.basis, undecided.posts) == (Basis.SCORES, 4.0)
    assert undecided.good == pytest.approx(3.6)
    for lead in session.scalars(sa.select(Lead).order_by(Lead.id).limit(24)).all():
        if lead.id % 4:
            promote(session, lead.id, actor=cast.sam, now=now)
        else:
            disqualify(session, lead.id, reason=DisqualifyReason.NOT_OUR_ICP, actor=cast.sam, now=now)
    current, looser = forecast.choices(session, campaign, now)
    assert (current.is_current, current.forecast.basis) == (True, Basis.DECISIONS)
    assert current.forecast.good == pytest.approx(3.0)
    assert current.forecast.low < 3 < current.forecast.high
    assert (looser.forecast.threshold, looser.forecast.basis) == (0.4, Basis.BOTH)
    assert looser.forecast.posts == 6.0
    assert looser.forecast.good == pytest.approx(3.8)
    assert looser.forecast.found == 1

    campaigns.set_daily_budget(session, campaign.id, 3)
    flood = queries.save_query(session, campaign.id, name="all", expression="crm", now=now)
    assert "about 4 posts a day" in (forecast.warning(session, flood, now) or "")
    campaigns.set_daily_budget(session, campaign.id, 4)
    assert forecast.warning(session, flood, now) is None
    assert forecast.of_posts(session, campaign, [oven.id], now).posts == 1


def test_of_a_campaign_that_met_nothing_nothing_is_said(session: Session, now: datetime) -> None:
    campaign = make_campaign(session, now=now, queries={"crm": "crm"})
    assert forecast.choices(session, campaign, now) == []
