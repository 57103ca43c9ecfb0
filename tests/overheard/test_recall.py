"""What a campaign misses: the estimate against worlds whose truth is known, and the sample it rests on."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from random import Random

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.errors import InvalidInput, NotFound, WrongStage
from overheard.labelling import samples
from overheard.labelling.estimates import quality
from overheard.labelling.samples import allocate
from overheard.leads import do_not_contact
from overheard.leads.funnel import disqualify, promote
from overheard.leads.qualify import qualify
from overheard.listening.intake import Erased, take_in
from overheard.marketing import campaigns
from overheard.measuring import recall
from overheard.measuring.intervals import Estimate, Share
from overheard.measuring.recall import Draws, found_among, missed_in, recall_of, total
from overheard.models import Campaign, Label, Lead, Sample, StratumDay
from overheard.vocabulary import DisqualifyReason, Platform, SampleAnswer, Stage, Stratum
from tests.factories import MODEL, Cast, make_campaign, new_post, predict, store

KEY = "key"
DAY = timedelta(days=1)

# Posts a day, and how many of them are leads: much is far from any threshold, and little of that is worth anything.
WORLD = {
    Stratum.NEAR: (20, 0.2),
    Stratum.FAR: (100, 0.03),
    Stratum.UNMATCHED_STRONG: (30, 0.1),
    Stratum.UNMATCHED_WEAK: (200, 0.02),
}


def drawn(
    dice: Random, world: Mapping[Stratum, tuple[int, float]], days: int, a_day: int
) -> tuple[int, list[list[Draws]]]:
    """How many leads there are in a world, and what samples say of it."""
    truth = 0
    draws: dict[Stratum, list[Draws]] = {stratum: [] for stratum in world}
    for _ in range(days):
        sizes = {stratum: dice.randint(posts // 2, posts * 3 // 2) for stratum, (posts, _) in world.items()}
        for stratum, number in allocate(sizes, a_day).items():
            are_leads = [dice.random() < world[stratum][1] for _ in range(sizes[stratum])]
            truth += sum(are_leads)
            answered = number - (dice.random() < 0.2)  # now and then nobody answers
            draws[stratum].append(Draws(sizes[stratum], number, answered, sum(are_leads[:answered])))
    return truth, list(draws.values())


@pytest.mark.parametrize("a_day", [5, 20])
def test_the_interval_of_recall_holds_the_truth_as_often_as_it_says(a_day: int) -> None:
    covered, worlds, off = 0, 400, 0.0
    for seed in range(worlds):
        dice = Random(seed)  # noqa: S311 - chance, not secrecy
        world = {one: (posts, share * dice.uniform(0.5, 1.5)) for one, (posts, share) in WORLD.items()}
        missed, draws = drawn(dice, world, 30, a_day)
        shown = [dice.random() < 0.6 for _ in range(600)]
        found = found_among(600, Share(sum(shown[:200]), 200))
        said = recall_of(found, total(missed_in(days) for days in draws))
        truth = sum(shown) / (sum(shown) + missed)
        covered += said.low <= truth <= said.high
        off += (said.value - truth) / worlds
    assert 0.87 <= covered / worlds <= 0.93
    assert abs(off) < 0.06  # a ratio of estimates leans a little upwards; more answers, less so


def test_what_was_read_whole_is_known_and_what_nobody_read_is_not() -> None:
    assert missed_in([Draws(3, 3, 3, 2)]) == Estimate(2.0, 2.0, 2.0)
    assert missed_in([Draws(40, 2, 0, 0)]) == Estimate(0.0, 0.0, 40.0)
    told = missed_in([Draws(100, 2, 2, 1), Draws(10, 2, 2, 0)])
    assert told.value == pytest.approx(110 * 50 / 110)  # each answer counts by the chance that its post had
    of_other_days = found_among(10, Share(15, 20))
    assert of_other_days.low < 7.5 < of_other_days.high, "more decisions than posts: they were not all of these"
    assert found_among(20, Share(15, 20)) == Estimate(15, 15, 15)
    nothing_decided = recall_of(found_among(10, Share(0, 0)), told)
    assert (nothing_decided.low, nothing_decided.high) == (0.0, 1.0)


def test_draws_go_where_they_make_the_estimate_surest_and_to_every_stratum() -> None:
    sizes = {Stratum.NEAR: 100, Stratum.FAR: 100, Stratum.UNMATCHED_WEAK: 100, Stratum.HELD_BACK: 0}
    numbers = allocate(sizes, 9)
    assert sum(numbers.values()) == 9
    assert numbers[Stratum.NEAR] > numbers[Stratum.FAR] > numbers[Stratum.UNMATCHED_WEAK] == 1
    assert allocate({Stratum.NEAR: 2, Stratum.FAR: 1}, 9) == {Stratum.NEAR: 2, Stratum.FAR: 1}


# --- rows ----------------------------------------------------------------------------------------------------------


def watching(session: Session, now: datetime, *, posts: int = 12, drawn: float = 0.0) -> Campaign:
    """A campaign for which a day's posts stand in every way, a dozen each; a share of its leads is drawn."""
    campaign = make_campaign(session, now=now, queries={"crm": "crm"})
    campaign.random_share = drawn
    kinds = {
        "shown": ("crm", 0.9),
        "near": ("crm", 0.4),
        "far": ("crm", 0.1),
        "strong": ("oven", 0.9),
        "weak": ("oven", 0.1),
    }
    for kind, (word, score) in kinds.items():
        written = [new_post(title=word, body="", author=f"{kind} {n}", external_id=f"{kind}{n}") for n in range(posts)]
        for row in store(session, *written, now=now):
            predict(session, row, now=now, score=score)
    unread = store(session, new_post(title="crm", author="unread"), now=now)[0]
    predict(session, unread, now=now, score=0).is_judged = False
    qualify(session, model_version=MODEL, threshold=0.5, now=now)
    return campaign


def draw(session: Session, now: datetime) -> samples.Drawn:
    return samples.draw(session, now, model_version=MODEL, threshold=0.5, key=KEY)


def test_a_day_is_drawn_once_from_all_that_was_not_shown(session: Session, now: datetime) -> None:
    campaign = watching(session, now)
    assert draw(session, now) == samples.Drawn()  # the day is not over
    assert draw(session, now + DAY) == samples.Drawn(samples=5, not_judged=1)
    first = session.scalars(sa.select(Sample.post_id).order_by(Sample.id)).all()
    assert draw(session, now + DAY) == samples.Drawn()
    sizes = {row.stratum: (row.size, row.drawn) for row in session.scalars(sa.select(StratumDay))}
    assert sizes[Stratum.SHOWN] == (12, 0)
    assert sizes[Stratum.NOT_JUDGED] == (1, 0)
    assert sizes[Stratum.NEAR] == (12, 2)
    assert {sizes[one] for one in (Stratum.FAR, Stratum.UNMATCHED_STRONG, Stratum.UNMATCHED_WEAK)} == {(12, 1)}
    session.execute(sa.delete(StratumDay))
    draw(session, now + DAY)
    assert session.scalars(sa.select(Sample.post_id).order_by(Sample.id)).all() == first  # it can be done again
    campaigns.set_samples_a_day(session, campaign.id, 0)
    assert draw(session, now + 2 * DAY) == samples.Drawn()
    with pytest.raises(InvalidInput, match="0 or 5 to 100"):
        campaigns.set_samples_a_day(session, campaign.id, 4)


def test_a_yes_said_blind_makes_a_lead_and_a_label_and_every_answer_is_taken_once(
    session: Session, cast: Cast, now: datetime
) -> None:
    campaign = watching(session, now)
    now += DAY
    draw(session, now)
    cards = samples.open_cards(session, now, limit=10)
    near = next(card for card in cards if card.post.author and card.post.author.startswith("near"))
    others = [card for card in cards if card is not near]
    samples.answer(session, near.sample_id, SampleAnswer.LEAD, actor=cast.sam, now=now, key=KEY)
    lead = session.scalars(sa.select(Lead).where(Lead.top_post_id == near.post.id)).one()
    assert (lead.stage, lead.author) == (Stage.MARKETING_QUALIFIED, near.post.author)
    label = session.scalars(sa.select(Label)).one()
    assert (label.is_lead, label.shown_because, label.propensity, label.post_id) == (
        True,
        "blind",
        2 / 12,
        near.post.id,
    )
    promote(session, lead.id, actor=cast.sue, now=now)
    disqualify(session, lead.id, reason=DisqualifyReason.NO_NEED, actor=cast.sue, now=now)
    assert session.get_one(Label, label.id).withdrawn_at is None  # Sam's word on the post is his
    with pytest.raises(WrongStage, match="answered already"):
        samples.answer(session, near.sample_id, SampleAnswer.NO, actor=cast.sue, now=now, key=KEY)

    samples.answer(session, others[0].sample_id, SampleAnswer.NO, actor=cast.sam, now=now, key=KEY)
    name = str(others[1].post.author)
    do_not_contact.add(session, KEY, Platform.REDDIT, name, reason="Asked.", actor=None, now=now)
    samples.answer(session, others[1].sample_id, SampleAnswer.LEAD, actor=cast.sam, now=now, key=KEY)
    assert session.scalars(sa.select(Lead).where(Lead.author == name)).all() == []
    gone = others[2]
    take_in(session, [Erased(Platform.REDDIT, gone.post.external_id)], origin="test", now=now)
    left = samples.open_cards(session, now, limit=10)
    assert [card.sample_id for card in left] == [card.sample_id for card in others[3:]]
    with pytest.raises(NotFound):
        samples.answer(session, gone.sample_id, SampleAnswer.NO, actor=cast.sam, now=now, key=KEY)
    assert samples.open_cards(session, now + 8 * DAY) == []
    taught = recall.taught(session, campaign, now)
    assert {one.post.id for one in taught} == {near.post.id, others[1].post.id}


def test_the_estimate_says_how_many_answers_it_needs_and_then_what_is_missed(
    session: Session, cast: Cast, now: datetime
) -> None:
    campaign = watching(session, now)
    said = recall.estimate(session, campaign, now)
    assert (said.can_tell, said.answers_lacking, said.decisions_lacking) == (False, 20, 10)
    for lead in session.scalars(sa.select(Lead).order_by(Lead.id)).all():
        if lead.id % 4:
            promote(session, lead.id, actor=cast.sam, now=now)
        else:
            disqualify(session, lead.id, reason=DisqualifyReason.NOT_A_BUYER, actor=cast.sam, now=now)
    campaigns.set_samples_a_day(session, campaign.id, 40)
    now += DAY
    draw(session, now)
    for card in samples.open_cards(session, now, limit=100):
        near = str(card.post.author).startswith("near")
        answer = SampleAnswer.LEAD if near else SampleAnswer.NO
        samples.answer(session, card.sample_id, answer, actor=cast.sam, now=now, key=KEY)
    said = recall.estimate(session, campaign, now)
    assert (said.can_tell, said.shown, said.decided, said.not_judged) == (True, 12, 12, 1)
    assert said.missed.value == pytest.approx(12)  # the near ones, and no others
    assert said.recall.value == pytest.approx(9 / 21)
    assert said.recall.low < said.recall.value <= said.recall.high
    assert not said.is_by_chance, "no lead was drawn"


def test_what_was_found_is_told_from_the_drawn_leads_and_not_from_what_people_looked_at_first(
    session: Session, cast: Cast, now: datetime
) -> None:
    campaign = watching(session, now, posts=60, drawn=0.5)
    campaigns.set_samples_a_day(session, campaign.id, 40)
    leads = session.scalars(sa.select(Lead).order_by(Lead.id)).all()
    drawn = [lead for lead in leads if lead.shown_because == "random"]
    for lead in leads:
        if lead not in drawn or lead.id % 2:
            promote(session, lead.id, actor=cast.sam, now=now)
        else:
            disqualify(session, lead.id, reason=DisqualifyReason.NO_NEED, actor=cast.sam, now=now)
    now += DAY
    draw(session, now)
    for card in samples.open_cards(session, now, limit=100):
        answer = SampleAnswer.LEAD if card.sample_id % 2 else SampleAnswer.NO
        samples.answer(session, card.sample_id, answer, actor=cast.sam, now=now, key=KEY)
    said = recall.estimate(session, campaign, now)
    assert (said.can_tell, said.is_by_chance, said.decided) == (True, True, len(drawn))
    assert said.found.value == pytest.approx(60 * sum(lead.id % 2 for lead in drawn) / len(drawn))
    assert quality(session, campaign, now).recall == said.recall, "one number, wherever it is told"
    assert said.found.high < sum(lead not in drawn or lead.id % 2 for lead in leads), "all decisions are biased upwards"
