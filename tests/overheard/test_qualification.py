from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from overheard.errors import InvalidInput, NotFound, WrongStage
from overheard.leads import funnel, qualification
from overheard.leads.qualification import Fit
from overheard.models import Lead, QualifyingQuestion
from overheard.vocabulary import LeadAction, Topic
from tests.factories import Cast, make_campaign, make_lead


@pytest.fixture
def lead(session: Session, now: datetime) -> Lead:
    return make_lead(session, now=now)


@pytest.fixture
def questions(session: Session, lead: Lead) -> list[QualifyingQuestion]:
    asked = {Topic.NEED: "Do they lose track of offers?", Topic.BUDGET: "Can they pay 50 a month?"}
    asked |= {Topic.AUTHORITY: "Does the writer decide?", Topic.AREA: "Are they in Europe?"}
    return [
        qualification.add_question(session, lead.campaign_id, topic=topic, question=text)
        for topic, text in asked.items()
    ]


def test_fit_is_the_share_of_what_is_known_that_speaks_for_them(
    session: Session, cast: Cast, now: datetime, lead: Lead, questions: list[QualifyingQuestion]
) -> None:
    assert qualification.fit_of(session, [lead])[lead.id] == Fit(0, 0, 4)
    for question, fits in zip(questions, (True, True, False, None), strict=True):
        qualification.answer(session, lead.id, question.id, text="They say so.", fits=fits, actor=cast.sam, now=now)
    fit = qualification.fit_of(session, [lead])[lead.id]
    assert (fit, fit.share, fit.sentence) == (Fit(2, 3, 1), 2 / 3, "fits 2 of 3 known, 1 open")


@pytest.mark.usefixtures("questions")
def test_while_nothing_is_known_nobody_fits_badly(session: Session, lead: Lead) -> None:
    fit = qualification.fit_of(session, [lead])[lead.id]
    assert (fit.share, fit.sentence) == (None, "fit unknown, 4 open")


def test_a_campaign_that_asks_nothing_has_no_fit(session: Session, lead: Lead) -> None:
    assert qualification.fit_of(session, [lead]) == {}


def test_an_answer_is_changed_and_taken_back(
    session: Session, cast: Cast, now: datetime, lead: Lead, questions: list[QualifyingQuestion]
) -> None:
    one = questions[0].id
    qualification.answer(session, lead.id, one, text="No.", fits=False, actor=cast.sam, now=now)
    qualification.answer(session, lead.id, one, text=" Yes. ", fits=True, actor=cast.sue, now=now)
    first = qualification.asked(session, lead)[0]
    assert first.answer is not None
    assert (first.answer.answer, first.answer.fits, first.answer.actor_id) == ("Yes.", True, cast.sue.id)
    qualification.answer(session, lead.id, one, text="", fits=None, actor=cast.sue, now=now)
    assert qualification.asked(session, lead)[0].answer is None
    said = questions[0].question
    told = [event.note for event in funnel.timeline(session, lead.id) if event.action is LeadAction.FIT]
    assert told == [f"{said} No. (does not fit)", f"{said} Yes. (fits)", f"{said} Open again."]


def test_undoing_restores_what_was_said_before_by_whom_and_when_as_far_back_as_it_goes(
    session: Session, cast: Cast, now: datetime, lead: Lead, questions: list[QualifyingQuestion]
) -> None:
    one, later = questions[0].id, now + timedelta(hours=1)
    qualification.answer(session, lead.id, one, text="No.", fits=False, actor=cast.sam, now=now)
    qualification.answer(session, lead.id, one, text="No.", fits=False, actor=cast.sue, now=later)  # is no news
    qualification.answer(session, lead.id, one, text="Yes.", fits=True, actor=cast.sam, now=later)
    qualification.answer(session, lead.id, one, text="", fits=None, actor=cast.sam, now=later)
    stands = []
    while (change := qualification.last_change(session, lead.id, one)) is not None:
        with pytest.raises(WrongStage, match="changed since"):
            qualification.undo_answer(session, lead.id, one, change.id, actor=cast.sue, now=later)
        row = qualification.undo_answer(session, lead.id, one, change.id, actor=cast.sam, now=later)
        stands.append(row and (row.answer, row.fits, row.actor_id, row.at))
        with pytest.raises(WrongStage, match="changed since"):
            qualification.undo_answer(session, lead.id, one, change.id, actor=cast.sam, now=later)
    assert stands == [("Yes.", True, cast.sam.id, later), ("No.", False, cast.sam.id, now), None]
    assert qualification.asked(session, lead)[0].answer is None


def test_a_retired_question_is_asked_no_more_and_counts_no_more(
    session: Session, cast: Cast, now: datetime, lead: Lead, questions: list[QualifyingQuestion]
) -> None:
    qualification.answer(session, lead.id, questions[0].id, text="No.", fits=False, actor=cast.sam, now=now)
    qualification.retire_question(session, questions[0].id, now=now)
    assert qualification.fit_of(session, [lead])[lead.id] == Fit(0, 0, 3)
    assert [one.question.id for one in qualification.asked(session, lead)] == [one.id for one in questions[1:]]
    with pytest.raises(NotFound, match="asks no question"):
        qualification.answer(session, lead.id, questions[0].id, text="x", fits=None, actor=cast.sam, now=now)


def test_a_question_of_another_campaign_is_none_of_this_leads(
    session: Session, cast: Cast, now: datetime, lead: Lead
) -> None:
    other = make_campaign(session, now=now, name="Barley CRM")
    question = qualification.add_question(session, other.id, topic=Topic.NEED, question="Why?")
    with pytest.raises(NotFound, match="asks no question"):
        qualification.answer(session, lead.id, question.id, text="x", fits=True, actor=cast.sam, now=now)


def test_what_cannot_be_asked_or_answered_is_refused(
    session: Session, cast: Cast, now: datetime, lead: Lead, questions: list[QualifyingQuestion]
) -> None:
    for text in (" ", "x" * 301, "are they in  EUROPE?"):
        with pytest.raises(InvalidInput):
            qualification.add_question(session, lead.campaign_id, topic=Topic.AREA, question=text)
    with pytest.raises(InvalidInput, match="Say what is known"):
        qualification.answer(session, lead.id, questions[0].id, text=" ", fits=True, actor=cast.sam, now=now)
    with pytest.raises(InvalidInput, match="at most 2000"):
        qualification.answer(session, lead.id, questions[0].id, text="x" * 2001, fits=None, actor=cast.sam, now=now)
    with pytest.raises(NotFound):
        qualification.retire_question(session, 4711, now=now)
