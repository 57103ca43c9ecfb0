"""What `/v1` takes and gives about the lead desk: what people wrote down about a lead, its history, and the board."""

from datetime import date, datetime
from typing import Self

from pydantic import BaseModel, Field

from api.bodies import Body, LeadHead, lead_head
from api.deps import MAX_ID, Text
from api.words import first_words
from overheard.desk.board import BoardCard, Column
from overheard.leads.contacts import MAX_CONTACTS
from overheard.leads.lead_desk import LeadDesk
from overheard.leads.lead_history import Moment
from overheard.leads.lead_notes import MAX_TAG
from overheard.leads.people_links import Likeness
from overheard.leads.qualification import MAX_WEIGHT, Asked, Fit
from overheard.models import Contact, Lead, QualifyingQuestion, User
from overheard.vocabulary import ContactKind, LeadAction, Platform, Stage, Topic

_WEIGHT = f"How much the answer counts in a lead's fit, 1 to {MAX_WEIGHT}."

# --- what is taken -------------------------------------------------------------------------------------------------


class Note(Body):
    """Something written down."""

    note: Text = Field(min_length=1, max_length=2_000)


class NewTag(Body):
    """A word to hang on a lead; its case does not matter."""

    tag: Text = Field(min_length=1, max_length=MAX_TAG)


class NewFollowUp(Body):
    """The day on which to come back to a lead."""

    on: date | None = Field(description="Today or later; null: on none.")


class NewDecisionMaker(Body):
    """Who decides, where it is not the writer."""

    who: Text | None = Field(max_length=200, description="Null: not known.")


class NewAnswer(Body):
    """What is known of a lead on a question."""

    answer: Text = Field(max_length=2_000, description="Empty: take back what was answered.")
    fits: bool | None = Field(None, description="Whether it speaks for the lead; null: it cannot be said.")


class NewContact(Body):
    """A way to reach a lead."""

    kind: ContactKind
    value: Text = Field(min_length=1, max_length=500)


class Merging(Body):
    """Another lead of the same person, which this one takes over."""

    lead_id: int = Field(ge=1, le=MAX_ID)


class NewQuestion(Body):
    """What a campaign wants to know of its leads."""

    topic: Topic
    question: Text = Field(min_length=1, max_length=300)
    weight: int = Field(1, strict=True, ge=1, le=MAX_WEIGHT, description=_WEIGHT)


class QuestionChange(Body):
    """How much a question counts from now on, in the fit of all leads of its campaign."""

    weight: int = Field(strict=True, ge=1, le=MAX_WEIGHT, description=_WEIGHT)


# --- what is given -------------------------------------------------------------------------------------------------


class FitBody(BaseModel):
    """How well a lead meets what its campaign looks for."""

    fitting: int
    known: int = Field(description="Questions that are answered, and of which it can be said whether the answer fits.")
    open: int
    share: float | None = Field(description="`fitting` of `known`, each by its weight; null while nothing is known.")
    sentence: str

    @classmethod
    def of(cls, fit: Fit | None) -> Self | None:
        """A fit; null for a lead whose campaign asks nothing."""
        if fit is None:
            return None
        return cls(fitting=fit.fitting, known=fit.known, open=fit.open, share=fit.share, sentence=fit.sentence)


class QuestionBody(BaseModel):
    """What a campaign asks of its leads."""

    id: int
    topic: Topic
    question: str
    weight: int = Field(description=_WEIGHT)
    retired_at: datetime | None

    @classmethod
    def of(cls, row: QualifyingQuestion) -> Self:
        """A question."""
        return cls(id=row.id, topic=row.topic, question=row.question, weight=row.weight, retired_at=row.retired_at)


class AskedBody(BaseModel):
    """A question, and what is known."""

    question: QuestionBody
    answer: str | None = Field(description="Null: nobody has answered it.")
    fits: bool | None = Field(description="Null: not answered, or it cannot be said.")

    @classmethod
    def of(cls, one: Asked) -> Self:
        """A question with its answer."""
        known = one.answer
        return cls(
            question=QuestionBody.of(one.question),
            answer=known.answer if known else None,
            fits=known.fits if known else None,
        )


class ContactBody(BaseModel):
    """A way to reach a lead, and what a check of it said."""

    id: int
    kind: ContactKind
    value: str
    is_reachable: bool | None = Field(description="Null: not checked, or it could not be told.")
    finding: str | None
    checked_at: datetime | None

    @classmethod
    def of(cls, row: Contact) -> Self:
        """A contact."""
        return cls(
            id=row.id,
            kind=row.kind,
            value=row.value,
            is_reachable=row.is_reachable,
            finding=row.finding,
            checked_at=row.checked_at,
        )


class AssigneeBody(BaseModel):
    """Whose lead it is."""

    id: int
    name: str

    @classmethod
    def of(cls, user: User | None) -> Self | None:
        """A user, or nobody."""
        return cls(id=user.id, name=user.name) if user else None


class OtherLeadBody(BaseModel):
    """Another lead that is, or may be, the same person."""

    id: int
    platform: Platform
    author: str
    stage: Stage
    because: str | None = Field(description="Why it may be the same person; null: it was merged into this lead.")

    @classmethod
    def of(cls, lead: Lead, because: str | None = None) -> Self:
        """A lead."""
        return cls(id=lead.id, platform=lead.platform, author=lead.author, stage=lead.stage, because=because)

    @classmethod
    def like(cls, likeness: Likeness) -> Self:
        """A proposal."""
        return cls.of(likeness.lead, likeness.because)


class LeadDeskBody(BaseModel):
    """What people have brought together about a lead."""

    lead_id: int
    stage: Stage
    stage_sentence: str = Field(description="What the stage means.")
    assignee: AssigneeBody | None
    follow_up_on: date | None
    decision_maker: str | None
    tags: list[str]
    fit: FitBody | None = Field(description="Null: its campaign asks nothing.")
    questions: list[AskedBody]
    contacts: list[ContactBody] = Field(description=f"At most {MAX_CONTACTS} of each lead that is the same person.")
    overdue: str | None = Field(description="What has been waiting too long, in words.")
    merged_into: int | None = Field(description="The lead that has taken this one over.")
    took_over: list[OtherLeadBody]
    alike: list[OtherLeadBody] = Field(description="Leads of the campaign that may be the same person.")

    @classmethod
    def of(cls, lead: Lead, desk: LeadDesk) -> Self:
        """A desk."""
        return cls(
            lead_id=lead.id,
            stage=lead.stage,
            stage_sentence=lead.stage.sentence,
            assignee=AssigneeBody.of(desk.assignee),
            follow_up_on=lead.follow_up_on,
            decision_maker=lead.decision_maker,
            tags=desk.tags,
            fit=FitBody.of(desk.fit),
            questions=[AskedBody.of(one) for one in desk.asked],
            contacts=[ContactBody.of(row) for row in desk.contacts],
            overdue=desk.overdue,
            merged_into=lead.merged_into_id,
            took_over=[OtherLeadBody.of(other) for other in desk.taken_over],
            alike=[OtherLeadBody.like(one) for one in desk.likenesses],
        )


class MomentBody(BaseModel):
    """One line of a lead's history."""

    at: datetime
    kind: str = Field(description="`post`, `reply`, `answer`, or the action of an event.")
    lead_id: int | None = Field(description="On which lead an event or a reply stands; null for posts and answers.")
    by: str | None = Field(description="Who did or wrote it; null: Overheard itself, or not known.")
    from_stage: Stage | None
    to_stage: Stage | None
    text: str | None = Field(description="The note, the reply, the answer, or what the post is called.")

    @classmethod
    def of(cls, moment: Moment) -> Self:
        """A moment."""
        event, post, reply, answer = moment.event, moment.post, moment.reply, moment.answer
        by = text = lead_id = None
        if event is not None:
            by, text, lead_id = event.actor.name if event.actor else None, event.note, event.lead_id
        elif post is not None:
            by, text = post.author_name or post.author, first_words(post)
        elif reply is not None:
            by, text, lead_id = reply.author.name, reply.text, reply.lead_id
        elif answer is not None:
            by, text = answer.author, answer.text
        return cls(
            at=moment.at,
            kind=moment.kind,
            lead_id=lead_id,
            by=by,
            from_stage=event.from_stage if event else None,
            to_stage=event.to_stage if event else None,
            text=text,
        )


class HistoryBody(BaseModel):
    """Everything that happened around a lead, oldest first."""

    moments: list[MomentBody]


class BoardCardBody(LeadHead):
    """A lead on the board."""

    need: str = Field(description="What the writer needs, else what the post is called.")
    assignee: str | None
    fit: FitBody | None
    overdue: str | None

    @classmethod
    def on(cls, card: BoardCard, need: str) -> Self:
        """A card."""
        return cls(
            **dict(lead_head(card.item)),
            need=need,
            assignee=card.item.assignee,
            fit=FitBody.of(card.fit),
            overdue=card.overdue,
        )


class ColumnBody(BaseModel):
    """A stage with its first leads."""

    stage: Stage
    sentence: str = Field(description="What the stage means.")
    total: int = Field(description="Leads at this stage; 1001 where there are more than 1,000.")
    ways: dict[Stage, LeadAction] = Field(description="To which stages its leads can go, and by which step.")
    cards: list[BoardCardBody] = Field(description="The first; `/v1/queue?stage=…` has them all.")

    @classmethod
    def of(cls, column: Column, cards: list[BoardCardBody]) -> Self:
        """A column."""
        stage = column.stage
        return cls(stage=stage, sentence=stage.sentence, total=column.total, ways=dict(column.ways), cards=cards)


class BoardBody(BaseModel):
    """All stages side by side."""

    columns: list[ColumnBody]
