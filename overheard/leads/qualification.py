"""What a campaign asks of its leads, what is known of each, and how far that fits.

Fit is the share of what is known that speaks for them: a question that nobody has answered, and one of which it cannot
be said, make nobody fit less.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.errors import InvalidInput, NotFound, WrongStage
from overheard.leads.funnel import add_word, get
from overheard.leads.leads import AnyLead
from overheard.marketing import campaigns
from overheard.models import FormerAnswer, Lead, QualifyingAnswer, QualifyingQuestion, User
from overheard.vocabulary import LeadAction, Topic

MAX_QUESTION = 300
MAX_QUESTIONS = 20
MAX_ANSWER = 2_000
MAX_WEIGHT = 5
_FITS = {True: " (fits)", False: " (does not fit)", None: ""}


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a lead meets what its campaign looks for."""

    fitting: int
    known: int
    """Answered, and it can be said whether it fits."""
    open: int
    share: float | None = field(default=None, compare=False)
    """Of what is known, how much fits, each question by its weight; None while nothing is known."""

    @property
    def sentence(self) -> str:
        """As it is shown."""
        if not self.known:
            return f"fit unknown, {self.open} open"
        return f"fits {self.fitting} of {self.known} known, {self.open} open"


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and what is known of one lead."""

    question: QualifyingQuestion
    answer: QualifyingAnswer | None


# --- the campaign asks ---------------------------------------------------------------------------------------------


def add_question(
    session: Session, campaign_id: int, *, topic: Topic, question: str, weight: int = 1
) -> QualifyingQuestion:
    """Another question to the leads of a campaign; its weight is how much the answer counts in the fit."""
    campaigns.get(session, campaign_id)
    text = " ".join(question.split())
    if not 1 <= len(text) <= MAX_QUESTION:
        raise InvalidInput(f"A question has 1 to {MAX_QUESTION} characters; this one has {len(text)}.")
    present = questions(session, [campaign_id]).get(campaign_id, [])
    if len(present) >= MAX_QUESTIONS:
        raise InvalidInput(f"A campaign asks at most {MAX_QUESTIONS} questions: retire one first.")
    if text.casefold() in (one.question.casefold() for one in present):
        raise InvalidInput("The campaign asks this already.")
    row = QualifyingQuestion(campaign_id=campaign_id, topic=topic, question=text, weight=checked_weight(weight))
    session.add(row)
    session.flush()
    return row


def weigh_question(session: Session, question_id: int, weight: int) -> QualifyingQuestion:
    """Let its answer count more, or less."""
    row = session.get(QualifyingQuestion, question_id)
    if row is None:
        raise NotFound(f"There is no question {question_id}.")
    row.weight = checked_weight(weight)
    return row


def checked_weight(weight: int) -> int:
    """From 1 to 5: `InvalidInput` otherwise."""
    if not 1 <= weight <= MAX_WEIGHT:
        raise InvalidInput(f"A question weighs 1 to {MAX_WEIGHT}, not {weight}.")
    return weight


def retire_question(session: Session, question_id: int, *, now: datetime) -> QualifyingQuestion:
    """Ask it no more. What was answered is kept, and counts no more."""
    row = session.get(QualifyingQuestion, question_id)
    if row is None:
        raise NotFound(f"There is no question {question_id}.")
    row.retired_at = row.retired_at or now
    return row


def questions(session: Session, campaign_ids: Collection[int]) -> dict[int, list[QualifyingQuestion]]:
    """What some campaigns ask, by campaign, in the order in which it was added."""
    statement = sa.select(QualifyingQuestion).where(
        QualifyingQuestion.campaign_id.in_(campaign_ids), QualifyingQuestion.retired_at.is_(None)
    )
    found: dict[int, list[QualifyingQuestion]] = {}
    for question in session.scalars(statement.order_by(QualifyingQuestion.id)):
        found.setdefault(question.campaign_id, []).append(question)
    return found


# --- the lead answers ----------------------------------------------------------------------------------------------


def answer(
    session: Session, lead_id: int, question_id: int, *, text: str, fits: bool | None, actor: User, now: datetime
) -> QualifyingAnswer | None:
    """Write down what is known, and whether it fits (None: it cannot be said). An empty text takes the answer back."""
    lead, question, text = get(session, lead_id), session.get(QualifyingQuestion, question_id), text.strip()
    if question is None or question.retired_at is not None or question.campaign_id != lead.campaign_id:
        raise NotFound(f"The campaign of lead {lead_id} asks no question {question_id}.")
    if len(text) > MAX_ANSWER:
        raise InvalidInput(f"An answer has at most {MAX_ANSWER} characters; this one has {len(text)}.")
    if not text and fits is not None:
        raise InvalidInput("Say what is known: without an answer nothing fits or does not.")
    row = _answer_to(session, lead_id, question_id)
    if (row.answer, row.fits) == (text, fits) if row else not text:
        return row
    former = FormerAnswer(lead_id=lead_id, question_id=question_id, changed_by_id=actor.id, changed_at=now)
    if row is not None:
        former.answer, former.fits, former.actor_id, former.at = row.answer, row.fits, row.actor_id, row.at
    session.add(former)
    said = _Said(text, fits, actor.id, now)
    return _write(session, lead, question, row, said, actor=actor, now=now)


def last_change(session: Session, lead_id: int, question_id: int) -> FormerAnswer | None:
    """The last change of an answer that was not undone, and what stood there before."""
    changes = sa.select(FormerAnswer).filter_by(lead_id=lead_id, question_id=question_id)
    return session.scalars(changes.order_by(FormerAnswer.id.desc()).limit(1)).first()


def undo_answer(
    session: Session, lead_id: int, question_id: int, change_id: int, *, actor: User, now: datetime
) -> QualifyingAnswer | None:
    """Put back what stood there before a change, which must be the last one and one's own; again goes further back."""
    lead, question = get(session, lead_id), session.get(QualifyingQuestion, question_id)
    last = last_change(session, lead_id, question_id)
    is_ours = question is not None and last is not None and (last.id, last.changed_by_id) == (change_id, actor.id)
    gone = sa.delete(FormerAnswer).where(FormerAnswer.id == change_id, sa.literal(is_ours)).returning(FormerAnswer.id)
    if question is None or last is None or session.execute(gone).one_or_none() is None:
        raise WrongStage("The answer was changed since: look at what stands there now.")
    said = _Said(last.answer or "", last.fits, last.actor_id or actor.id, last.at or now)
    return _write(session, lead, question, _answer_to(session, lead_id, question_id), said, actor=actor, now=now)


@dataclass(frozen=True, slots=True)
class _Said:
    answer: str
    """Empty: the question is open."""
    fits: bool | None
    actor_id: int
    at: datetime


def _answer_to(session: Session, lead_id: int, question_id: int) -> QualifyingAnswer | None:
    answers = sa.select(QualifyingAnswer).filter_by(lead_id=lead_id, question_id=question_id)
    return session.scalars(answers).one_or_none()


def _write(
    session: Session,
    lead: Lead,
    question: QualifyingQuestion,
    row: QualifyingAnswer | None,
    said: _Said,
    *,
    actor: User,
    now: datetime,
) -> QualifyingAnswer | None:
    told = f"{said.answer}{_FITS[said.fits]}" if said.answer else "Open again."
    if said.answer:
        row = row or QualifyingAnswer(lead_id=lead.id, question_id=question.id)
        row.answer, row.fits, row.actor_id, row.at = said.answer, said.fits, said.actor_id, said.at
        session.add(row)
    elif row is not None:
        session.delete(row)
        row = None
    session.flush()
    add_word(session, lead, LeadAction.FIT, actor=actor, now=now, note=f"{question.question} {told}")
    return row


def asked(session: Session, lead: Lead) -> list[Asked]:
    """The campaign's questions, each with what is known of this lead."""
    statement = sa.select(QualifyingAnswer).where(QualifyingAnswer.lead_id == lead.id)
    answers = {row.question_id: row for row in session.scalars(statement)}
    of_campaign = questions(session, [lead.campaign_id]).get(lead.campaign_id, [])
    return [Asked(question, answers.get(question.id)) for question in of_campaign]


def fit_of(session: Session, leads: Iterable[AnyLead]) -> dict[int, Fit]:
    """The fit of some leads; those of campaigns that ask nothing have none."""
    by_campaign: dict[int, list[int]] = {}
    for lead in leads:
        by_campaign.setdefault(lead.campaign_id, []).append(lead.id)
    asked_by = questions(session, list(by_campaign))
    lead_ids = [lead_id for campaign_id in asked_by for lead_id in by_campaign[campaign_id]]
    statement = (
        sa.select(QualifyingAnswer.lead_id, QualifyingAnswer.fits, QualifyingQuestion.weight)
        .join(QualifyingQuestion, QualifyingQuestion.id == QualifyingAnswer.question_id)
        .where(QualifyingAnswer.lead_id.in_(lead_ids), QualifyingQuestion.retired_at.is_(None))
    )
    said: dict[int, list[tuple[bool, int]]] = {}
    for lead_id, fits, weight in session.execute(statement):
        if fits is not None:
            said.setdefault(lead_id, []).append((fits, weight))
    return {
        lead_id: _fit(said.get(lead_id, []), len(asked_by[campaign_id]))
        for campaign_id in asked_by
        for lead_id in by_campaign[campaign_id]
    }


def _fit(said: list[tuple[bool, int]], asked_of_all: int) -> Fit:
    """`said`: of each question that is answered, whether the answer fits, and its weight."""
    speaks = sum(weight for fits, weight in said if fits)
    share = speaks / sum(weight for _, weight in said) if said else None
    return Fit(sum(fits for fits, _ in said), len(said), asked_of_all - len(said), share)
