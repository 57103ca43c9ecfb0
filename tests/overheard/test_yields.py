"""What queries, terms and communities bring, counted over real rows; and how sure the shares are."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from overheard.keywords.queries import save_query
from overheard.leads import funnel
from overheard.leads.qualify import qualify
from overheard.measuring.cohorts import Asked, Period, Tally, last_weeks, read_cohorts
from overheard.measuring.intervals import Direction, Share, trend
from overheard.measuring.yields import campaign_yields
from overheard.models import Lead
from overheard.vocabulary import DisqualifyReason
from tests.factories import MODEL, Cast, make_campaign, make_lead, measure, new_post, predict, store


def _lead(session: Session, body: str, now: datetime, community: str = "r/bakers") -> Lead:
    return make_lead(session, now=now, post=new_post(title="", body=body, author=body, community=community))


def test_a_share_has_the_interval_that_the_tables_of_wilson_give() -> None:
    assert Share(3, 40).interval() == pytest.approx((0.0258, 0.1986), abs=5e-4)
    assert Share(0, 10).interval() == pytest.approx((0.0, 0.2775), abs=5e-4)
    assert Share(10, 10).interval() == pytest.approx((0.7225, 1.0), abs=5e-4)
    assert Share(0, 0).interval() == (0.0, 1.0)


def test_a_trend_is_told_only_where_its_interval_leaves_no_doubt() -> None:
    # The interval is the one of Newcombe 1998, table II, method 10, for 56/70 against 48/80.
    change = trend(Share(56, 70), Share(48, 80))
    assert (change.low, change.high) == pytest.approx((0.0524, 0.3339), abs=5e-4)
    assert change.direction is Direction.UP
    assert trend(Share(48, 80), Share(56, 70)).direction is Direction.DOWN
    assert trend(Share(3, 9), Share(1, 8)).direction is Direction.TOO_FEW
    assert trend(Share(500, 1000), Share(503, 1000)).direction is Direction.STEADY
    assert trend(Share(0, 0), Share(503, 1000)).direction is Direction.TOO_FEW


def test_how_far_leads_came_is_read_from_their_steps_and_not_from_where_they_stand(
    session: Session, cast: Cast, now: datetime
) -> None:
    make_campaign(session, now=now, queries={"crm": "crm", "simple": '"a simple" crm'})
    leads = [_lead(session, f"Looking for {'a simple' if n < 3 else 'any'} CRM, number {n}.", now) for n in range(6)]
    lost, put_out, taken_back, handed_back, disqualified, _waits = (lead.id for lead in leads)
    for lead_id in (lost, put_out, taken_back, handed_back):
        funnel.promote(session, lead_id, actor=cast.sam, now=now)
    funnel.record_reply(session, lost, actor=cast.sam, now=now)
    funnel.make_prospect(session, lost, actor=cast.sam, now=now)
    funnel.lose(session, lost, note="Too dear.", actor=cast.sam, now=now)
    funnel.record_reply(session, put_out, actor=cast.sam, now=now)
    funnel.undo(session, put_out, actor=cast.sam, now=now)
    funnel.disqualify(session, put_out, reason=DisqualifyReason.NO_NEED, actor=cast.sam, now=now)
    funnel.undo(session, taken_back, actor=cast.sam, now=now)
    funnel.push_back(session, handed_back, note="Not yet.", actor=cast.sam, now=now)
    funnel.disqualify(session, disqualified, reason=DisqualifyReason.NO_NEED, actor=cast.sam, now=now)

    asked = Asked(last_weeks(now), campaign_id=leads[0].campaign_id)
    found = campaign_yields(session, asked)

    assert found.whole.matches == 6
    assert found.whole.tally == Tally(leads=6, promoted=3, replied=1, prospects=1, waiting=2)
    assert found.whole.promoted == Share(3, 4)
    by_name = {one.name: one for one in found.queries}
    assert by_name["crm"].tally == found.whole.tally
    assert by_name["simple"].tally == Tally(leads=3, promoted=2, replied=1, prospects=1, waiting=1)
    assert (by_name["crm"].alone, by_name["simple"].alone, found.shared) == (3, 0, 3)
    assert [(one.name, one.matches, one.tally.promoted) for one in by_name["simple"].terms] == [
        ("a simple", 3, 2),
        ("crm", 3, 2),
    ]
    assert [(one.name, one.matches) for one in found.communities] == [("r/bakers (Reddit)", 6)]
    assert read_cohorts(session, asked)[1].tally == Tally()


def test_terms_that_only_bring_noise_are_named_and_leads_found_by_meaning_are_told_apart(
    session: Session, cast: Cast, now: datetime
) -> None:
    campaign = make_campaign(session, now=now, queries={"asks": "crm"}, threshold=0.5)
    good = [_lead(session, f"We need a CRM for shop {n}.", now) for n in range(12)]
    for lead in good[:10]:
        funnel.promote(session, lead.id, actor=cast.sam, now=now)
    save_query(session, campaign.id, name="jobs", expression='"crm admin"', now=now)
    store(session, *(new_post(title="", body=f"CRM admin wanted {n}", author=f"firm{n}") for n in range(40)), now=now)
    close = store(session, new_post(title="", body="A list of my customers, please", author="close"), now=now)[0]
    measure(session, close, campaign, 0.9, now=now)
    predict(session, close, now=now)
    qualify(session, model_version=MODEL, threshold=0.5, now=now)

    found = campaign_yields(session, Asked(last_weeks(now), campaign_id=campaign.id))

    assert [(term.query, term.name, term.matches) for term in found.noise] == [("jobs", "crm admin", 40)]
    assert found.noise[0].yielded == Share(0, 40)
    assert found.by_meaning.leads == 1
    assert (found.whole.matches, found.whole.tally.leads, found.sampled) == (52, 13, None)
    assert [one.matches for one in found.queries] == [52, 40]  # those that two queries met count for both


def test_only_what_came_in_within_the_period_counts_and_the_trend_is_against_the_days_before(
    session: Session, cast: Cast, now: datetime
) -> None:
    campaign = make_campaign(session, now=now, queries={"asks": "crm"})
    for ago, promoted in ((80, 5), (40, 1), (20, 9)):
        then = now - timedelta(days=ago)
        leads = [_lead(session, f"A CRM, {ago}, {n}", then) for n in range(10)]
        for number, lead in enumerate(leads):
            if number < promoted:
                funnel.promote(session, lead.id, actor=cast.sam, now=then)
            else:
                funnel.disqualify(session, lead.id, reason=DisqualifyReason.STALE, actor=cast.sam, now=then)
    today = now.date()
    asked = Asked(Period(today - timedelta(days=29), today), campaign_id=campaign.id)
    (asks,) = campaign_yields(session, asked).queries
    assert (asks.matches, asks.matches_before) == (10, 10)
    assert (asks.promoted, asks.before.promoted, asks.trend.direction) == (Share(9, 10), 1, Direction.UP)
    (term,) = asks.terms
    assert (term.name, term.promoted, term.trend.direction) == ("crm", Share(9, 10), Direction.UP)
    now_cohort, _ = read_cohorts(session, asked)
    assert {
        now_cohort.asked.period.weeks[week]: tally.leads for week, tally in now_cohort.tallies(now_cohort.week).items()
    } == {date(2026, 10, 26): 10}
    elsewhere = replace(asked, community="r/butchers")
    assert campaign_yields(session, elsewhere).whole.tally == Tally()
