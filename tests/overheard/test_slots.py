"""Slots of the queue, and what is estimated from them."""

import numpy as np
import pytest
from sqlalchemy.orm import Session

from overheard.desk.review_queue import Filters, page
from overheard.errors import InvalidInput
from overheard.labelling import slots
from overheard.labelling.drawn import Decided, share
from overheard.labelling.estimates import at_thresholds, calibration, quality
from overheard.labelling.labels import Seen
from overheard.leads import funnel
from overheard.models import Campaign, Label, Lead
from overheard.vocabulary import DisqualifyReason, Platform
from tests.conftest import NOW
from tests.factories import Cast, make_campaign, make_lead, new_post

_HELD, _DECISIONS, _RUNS = 5_000, 2_000, 150


def test_intervals_hold_the_truth_as_often_as_they_say_however_the_decisions_are_biased() -> None:
    """Invented queues of 5,000 leads with known truth, of which the first 2,000 are decided as they stand: those that
    were drawn, then by a score that is too sure of itself.
    """
    hits = dict.fromkeys(("precision", "from 0.8", "kept from 0.8", "calibration"), 0.0)
    naive = 0
    dice = np.random.default_rng(7)
    for _ in range(_RUNS):
        score = 0.5 + 0.5 * dice.beta(1.5, 1.5, _HELD)
        good = dice.random(_HELD) < score**3
        propensity = np.array(slots.propensity_of(score, 0.05, 0.1))
        drawn = dice.random(_HELD) < propensity
        looked_at = np.argsort(-np.where(drawn, 1.0, score))[:_DECISIONS]
        known = [at for at in looked_at if drawn[at]]
        decided = [Decided(float(score[at]), float(propensity[at]), bool(good[at])) for at in known]
        assert len(decided) == drawn.sum(), "what was drawn stands high and is decided"
        estimate = share(decided)
        hits["precision"] += estimate.low <= good.mean() <= estimate.high
        naive += estimate.low <= good[looked_at].mean() <= estimate.high
        told = next(one for one in at_thresholds(decided) if one.threshold == 0.8)
        hits["from 0.8"] += told.precision.low <= good[score >= 0.8].mean() <= told.precision.high
        hits["kept from 0.8"] += told.kept.low <= (score[good] >= 0.8).mean() <= told.kept.high
        bins = calibration(decided)
        inside = [
            one.share.low <= good[(one.low <= score) & (score < one.high)].mean() <= one.share.high for one in bins
        ]
        hits["calibration"] += sum(inside) / len(bins)
    # Each of 150 intervals holds the truth 90 times in 100: in 135 of them, give or take three deviations.
    assert all(135 - 11 <= number <= 135 + 11 for number in hits.values()), hits
    assert naive < 0.1 * _RUNS, "what was decided is not biased: this test could not fail"


def test_what_is_drawn_is_drawn_evenly_and_the_same_again() -> None:
    campaign = Campaign(id=1, random_share=0.1, uncertain_share=0.2)
    drawn = [slots.draw(campaign, Platform.REDDIT, f"author {at}", 0.5).because for at in range(2_000)]
    assert drawn == [slots.draw(campaign, Platform.REDDIT, f"author {at}", 0.5).because for at in range(2_000)]
    assert drawn.count("random") == pytest.approx(200, abs=45)
    assert drawn.count("uncertain") == pytest.approx(0.9 * 0.2 * 2_000, abs=55)
    assert slots.draw(campaign, Platform.REDDIT, "author 1", 1.0).propensity == 0.1


def test_what_all_say_is_no_certainty() -> None:
    assert (share([]).low, share([]).high) == (0, 1)
    alike = share([Decided(0.9, 0.1, is_lead=True)] * 20)
    assert (alike.value, alike.high) == (1, 1)
    assert 0.85 < alike.low < 0.9
    everything = share([Decided(0.9, 1.0, is_lead=at < 5) for at in range(10)])
    assert (everything.value, everything.low, everything.high) == (0.5, 0.5, 0.5)


def test_drawn_leads_stand_high_in_their_day_and_their_labels_say_so(session: Session, cast: Cast) -> None:
    campaign = make_campaign(session, now=NOW)
    early = make_lead(session, now=NOW, campaign=campaign)
    slots.set_shares(session, campaign.id, random=0.3, uncertain=0.4)
    for number in range(60):
        post = new_post(author=f"baker {number}", title=f"Which CRM for bakery {number}?")
        make_lead(session, now=NOW, campaign=campaign, post=post, score=0.51 + number / 130)
    slots.set_shares(session, campaign.id, random=0, uncertain=0)
    shown = [item.lead.id for item in page(session, Filters(), limit=100).items]
    leads = [session.get_one(Lead, lead_id) for lead_id in shown]
    by = {because: [lead for lead in leads if lead.shown_because == because] for because in ("random", "uncertain")}
    n_drawn = len(by["random"]) + len(by["uncertain"])
    assert all(by.values())
    assert {lead.shown_because for lead in leads[:n_drawn]} == {"random", "uncertain"}
    assert [lead.score for lead in leads[n_drawn:]] == sorted((lead.score for lead in leads[n_drawn:]), reverse=True)
    first = page(session, Filters(), limit=7)
    second = page(session, Filters(), after=first.next_place, limit=100)
    assert [item.lead.id for item in (*first.items, *second.items)] == shown
    assert early.propensity is None
    for place, lead in enumerate(leads[: n_drawn + 5], start=1):
        seen = Seen(position=place, view="campaign=1")
        if lead.score > 0.7:
            funnel.promote(session, lead.id, actor=cast.sam, now=NOW, seen=seen)
        else:
            reason = DisqualifyReason.NO_NEED
            funnel.disqualify(session, lead.id, reason=reason, actor=cast.sam, now=NOW, seen=seen)
    said = session.query(Label).order_by(Label.id).all()
    assert [label.shown_because for label in said] == [lead.shown_because for lead in leads[: n_drawn + 5]]
    assert {label.propensity is None for label in said[:n_drawn]} == {False}
    assert {(label.propensity, label.view) for label in said[n_drawn:]} == {(None, "campaign=1")}
    told = quality(session, campaign, NOW)
    assert (told.held, told.drawn, told.decided, told.can_tell) == (60, n_drawn, n_drawn, True)
    weights = {lead.score: 1 / (lead.propensity or 1) for lead in leads[:n_drawn]}
    good = sum(weight for score, weight in weights.items() if score > 0.7)
    assert told.precision.value == pytest.approx(good / sum(weights.values()))
    assert told.recall is None, "no blind samples were drawn"
    assert told.thresholds[0].threshold == 0
    assert told.thresholds[-1].precision.value == 1
    with pytest.raises(InvalidInput, match=r"between 0 and 0\.5"):
        slots.set_shares(session, campaign.id, random=0.6, uncertain=0)


def test_a_drawn_lead_keeps_its_place_when_its_author_writes_again(session: Session) -> None:
    campaign = make_campaign(session, now=NOW)
    slots.set_shares(session, campaign.id, random=0.5, uncertain=0.5)
    ranks = {}
    for author in map(str, range(8)):
        lead = make_lead(session, now=NOW, campaign=campaign, post=new_post(author=author), score=0.6)
        drawn = lead.shown_because != slots.TOP
        ranks[drawn] = lead.rank
        make_lead(session, now=NOW, campaign=campaign, post=new_post(author=author, body="Still looking."), score=0.8)
        session.refresh(lead)
        assert (lead.score, lead.drawn_score, lead.rank) == (0.8, 0.6, 1.0 if drawn else 0.8)
    assert ranks == {True: 1.0, False: 0.6}
