"""The lead desk for programs: further steps, notes, tags, dates, answers, contacts, merging, the board."""

from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from api import bodies
from api import lead_bodies as desk_bodies
from api.access import Action
from api.bodies import StepBody
from api.deps import MAX_ID, Db, Id, Now, ReadDb, StateDep, by_token
from api.errors import TooLarge
from api.lead_bodies import (
    BoardBody,
    BoardCardBody,
    ColumnBody,
    ContactBody,
    HistoryBody,
    LeadDeskBody,
    MomentBody,
    QuestionBody,
)
from api.openapi import problems
from api.paging import Page, PageParams, page_of
from api.routing import ApiRouter
from api.state import State
from api.words import first_words, words_of
from overheard.desk import board
from overheard.desk.board import BoardCard
from overheard.errors import InvalidInput, NotFound, WrongStage
from overheard.leads import contacts, funnel, lead_history, lead_notes, people_links, qualification
from overheard.leads.lead_desk import lead_desk
from overheard.marketing import campaigns
from overheard.models import Lead, User

router = ApiRouter(tags=["lead desk"])

Reader = Annotated[User, by_token(Action.READ_LEAD)]
Mover = Annotated[User, by_token(Action.MOVE_LEAD)]
Noter = Annotated[User, by_token(Action.ADD_NOTE)]
Editor = Annotated[User, by_token(Action.EDIT_LEAD)]
Merger = Annotated[User, by_token(Action.MERGE_LEADS)]
Asker = Annotated[User, by_token(Action.EDIT_QUESTIONS)]

_STEPS = problems(NotFound, WrongStage, TooLarge)
_WRITES = problems(NotFound, WrongStage, InvalidInput, TooLarge)


# --- further steps -------------------------------------------------------------------------------------------------


@router.post("/leads/{lead_id}/push_back", operation_id="pushBack", summary="Hand a lead back", responses=_WRITES)
def push_back(user: Mover, lead_id: Id, db: Db, now: Now, body: desk_bodies.Note) -> StepBody:
    """SQL → MQL: sales hands it back to marketing and says why. What the promotion said of the post stands."""
    return bodies.step_body(funnel.push_back(db, lead_id, note=body.note, actor=user, now=now), user)


@router.post("/leads/{lead_id}/record_reply", operation_id="recordReply", summary="Somebody replied", responses=_STEPS)
def record_reply(user: Mover, lead_id: Id, db: Db, state: StateDep, now: Now) -> LeadDeskBody:
    """SQL → replied, for what was written elsewhere. A lead that was replied to already stays where it is."""
    funnel.record_reply(db, lead_id, actor=user, now=now)
    return _desk(db, lead_id, state, now)


@router.post("/leads/{lead_id}/make_prospect", operation_id="makeProspect", summary="They answered", responses=_STEPS)
def make_prospect(user: Mover, lead_id: Id, db: Db, now: Now) -> StepBody:
    """Replied → prospect: they answered positively."""
    return bodies.step_body(funnel.make_prospect(db, lead_id, actor=user, now=now), user)


@router.post("/leads/{lead_id}/win", operation_id="win", summary="They bought", responses=_STEPS)
def win(user: Mover, lead_id: Id, db: Db, now: Now) -> StepBody:
    """Prospect → won."""
    return bodies.step_body(funnel.win(db, lead_id, actor=user, now=now), user)


@router.post("/leads/{lead_id}/lose", operation_id="lose", summary="They did not buy", responses=_WRITES)
def lose(user: Mover, lead_id: Id, db: Db, now: Now, body: desk_bodies.Note) -> StepBody:
    """SQL, replied or prospect → lost; the note says why."""
    return bodies.step_body(funnel.lose(db, lead_id, note=body.note, actor=user, now=now), user)


# --- what is known -------------------------------------------------------------------------------------------------


@router.get(
    "/leads/{lead_id}/desk", operation_id="readDesk", summary="What is known of a lead", responses=problems(NotFound)
)
def read_desk(_user: Reader, lead_id: Id, db: ReadDb, state: StateDep, now: Now) -> LeadDeskBody:
    """Whose it is, tags, follow-up, fit with its questions, contacts, and who may be the same person."""
    return _desk(db, lead_id, state, now)


@router.get(
    "/leads/{lead_id}/history", operation_id="readHistory", summary="A lead's history", responses=problems(NotFound)
)
def read_history(_user: Reader, lead_id: Id, db: ReadDb) -> HistoryBody:
    """Posts, steps, notes, replies and answers, oldest first, with those of leads that were merged into it."""
    _lead(db, lead_id)
    return HistoryBody(moments=[MomentBody.of(moment) for moment in lead_history.history(db, lead_id)])


@router.post(
    "/leads/{lead_id}/notes", status_code=201, operation_id="addNote", summary="Write a note", responses=_WRITES
)
def add_note(user: Noter, lead_id: Id, db: Db, now: Now, body: desk_bodies.Note) -> StepBody:
    """It stands on the timeline and is never changed."""
    return bodies.step_body(lead_notes.add_note(db, lead_id, body.note, actor=user, now=now), user)


@router.post("/leads/{lead_id}/tags", operation_id="addTag", summary="Add a tag", responses=_WRITES)
def add_tag(*, user: Editor, lead_id: Id, db: Db, state: StateDep, now: Now, body: desk_bodies.NewTag) -> LeadDeskBody:
    """A tag that hangs there already is left as it is."""
    lead_notes.add_tag(db, lead_id, body.tag, actor=user, now=now)
    return _desk(db, lead_id, state, now)


@router.post("/leads/{lead_id}/tags/remove", operation_id="removeTag", summary="Take a tag away", responses=_WRITES)
def remove_tag(
    *, user: Editor, lead_id: Id, db: Db, state: StateDep, now: Now, body: desk_bodies.NewTag
) -> LeadDeskBody:
    """Harmless when it does not hang there."""
    lead_notes.remove_tag(db, lead_id, body.tag, actor=user, now=now)
    return _desk(db, lead_id, state, now)


@router.put("/leads/{lead_id}/follow_up", operation_id="setFollowUp", summary="Come back on a day", responses=_WRITES)
def set_follow_up(
    *, user: Editor, lead_id: Id, db: Db, state: StateDep, now: Now, body: desk_bodies.NewFollowUp
) -> LeadDeskBody:
    """From that day on it is in the reminders of whose lead it is."""
    lead_notes.set_follow_up(db, lead_id, body.on, actor=user, now=now, zone=state.settings.zone)
    return _desk(db, lead_id, state, now)


@router.put(
    "/leads/{lead_id}/decision_maker", operation_id="setDecisionMaker", summary="Say who decides", responses=_WRITES
)
def set_decision_maker(
    *, user: Editor, lead_id: Id, db: Db, state: StateDep, now: Now, body: desk_bodies.NewDecisionMaker
) -> LeadDeskBody:
    """Where it is not the writer."""
    lead_notes.set_decision_maker(db, lead_id, body.who or "", actor=user, now=now)
    return _desk(db, lead_id, state, now)


@router.put(
    "/leads/{lead_id}/answers/{question_id}",
    operation_id="answer",
    summary="Answer a question",
    responses=_WRITES,
)
def answer(
    *, user: Editor, lead_id: Id, question_id: Id, db: Db, state: StateDep, now: Now, body: desk_bodies.NewAnswer
) -> LeadDeskBody:
    """What is known of the lead, and whether it speaks for it."""
    qualification.answer(db, lead_id, question_id, text=body.answer, fits=body.fits, actor=user, now=now)
    return _desk(db, lead_id, state, now)


@router.post(
    "/leads/{lead_id}/contacts", status_code=201, operation_id="addContact", summary="Add a contact", responses=_WRITES
)
def add_contact(user: Editor, lead_id: Id, db: Db, now: Now, body: desk_bodies.NewContact) -> ContactBody:
    """What cannot be right is refused, with the reason. The same one twice is one."""
    return ContactBody.of(contacts.add_contact(db, lead_id, kind=body.kind, value=body.value, actor=user, now=now))


@router.post(
    "/leads/{lead_id}/contacts/{contact_id}/check",
    operation_id="checkContact",
    summary="Check a contact",
    responses=_STEPS,
)
def check_contact(_user: Editor, lead_id: Id, contact_id: Id, state: StateDep, now: Now) -> ContactBody:
    """Ask the network whether the site answers, or the domain takes mail. No transaction is open meanwhile."""
    with state.reading() as session:
        contact = contacts.contact_to_check(session, lead_id, contact_id)
    finding = state.reach(contact.kind, contact.value)
    with state.sessions.begin() as session:
        return ContactBody.of(contacts.record_finding(session, lead_id, contact_id, finding, now=now))


@router.post(
    "/leads/{lead_id}/contacts/{contact_id}/remove",
    operation_id="removeContact",
    summary="Remove a contact",
    responses=problems(NotFound, TooLarge),
)
def remove_contact(*, user: Editor, lead_id: Id, contact_id: Id, db: Db, state: StateDep, now: Now) -> LeadDeskBody:
    """It is forgotten."""
    contacts.remove_contact(db, lead_id, contact_id, actor=user, now=now)
    return _desk(db, lead_id, state, now)


@router.post("/leads/{lead_id}/merge", operation_id="mergeLeads", summary="Merge a lead in", responses=_WRITES)
def merge(*, user: Merger, lead_id: Id, db: Db, state: StateDep, now: Now, body: desk_bodies.Merging) -> LeadDeskBody:
    """Let this lead take over another one of the same person. The one that has come further stays."""
    people_links.merge(db, body.lead_id, lead_id, actor=user, now=now)
    return _desk(db, lead_id, state, now)


@router.post("/leads/{lead_id}/unmerge", operation_id="unmergeLead", summary="Part a lead again", responses=_STEPS)
def unmerge(user: Merger, lead_id: Id, db: Db, state: StateDep, now: Now) -> LeadDeskBody:
    """The posts of its author come back to it."""
    people_links.unmerge(db, lead_id, actor=user, now=now)
    return _desk(db, lead_id, state, now)


# --- campaigns and the board ---------------------------------------------------------------------------------------


@router.get(
    "/campaigns/{campaign_id}/questions",
    operation_id="readQuestions",
    summary="What a campaign asks of its leads",
    responses=problems(NotFound, InvalidInput),
)
def read_questions(
    _user: Annotated[User, by_token(Action.READ_CAMPAIGNS)],
    campaign_id: Id,
    db: ReadDb,
    params: Annotated[PageParams, Query()],
) -> Page[QuestionBody]:
    """ICP criteria and qualifying questions, in the order in which they were added, each with what it counts."""
    campaigns.get(db, campaign_id)
    asked = qualification.questions(db, [campaign_id]).get(campaign_id, [])
    return page_of(asked, params, QuestionBody.of, key=lambda question: [question.id])


@router.post(
    "/campaigns/{campaign_id}/questions",
    status_code=201,
    operation_id="addQuestion",
    summary="Ask leads something",
    responses=problems(NotFound, InvalidInput, TooLarge),
)
def add_question(_user: Asker, campaign_id: Id, db: Db, body: desk_bodies.NewQuestion) -> QuestionBody:
    """Another question of a campaign to its leads."""
    made = qualification.add_question(db, campaign_id, topic=body.topic, question=body.question, weight=body.weight)
    return QuestionBody.of(made)


@router.patch(
    "/questions/{question_id}",
    operation_id="weighQuestion",
    summary="Let it count more, or less",
    responses=problems(NotFound, InvalidInput, TooLarge),
)
def weigh_question(_user: Asker, question_id: Id, db: Db, body: desk_bodies.QuestionChange) -> QuestionBody:
    """The fit of all leads of its campaign is told anew by it."""
    return QuestionBody.of(qualification.weigh_question(db, question_id, body.weight))


@router.post(
    "/questions/{question_id}/retire",
    operation_id="retireQuestion",
    summary="Ask it no more",
    responses=problems(NotFound, TooLarge),
)
def retire_question(_user: Asker, question_id: Id, db: Db, now: Now) -> QuestionBody:
    """What was answered is kept, and counts no more."""
    return QuestionBody.of(qualification.retire_question(db, question_id, now=now))


class BoardParams(BaseModel):
    """Of which campaign, and whose."""

    model_config = ConfigDict(extra="forbid")

    campaign: int | None = Field(None, ge=1, le=MAX_ID, description="Id of a campaign; default: all.")
    mine: bool = Field(False, description="Only those that are assigned to whose token it is.")


@router.get("/board", operation_id="readBoard", summary="The board", responses=problems(InvalidInput))
def read_board(
    *,
    user: Annotated[User, by_token(Action.READ_QUEUE)],
    db: ReadDb,
    state: StateDep,
    now: Now,
    params: Annotated[BoardParams, Query()],
) -> BoardBody:
    """All stages side by side, each with its first leads."""
    columns = board.columns(
        db,
        limits=state.settings.desk,
        now=now,
        zone=state.settings.zone,
        campaign_id=params.campaign,
        assignee_id=user.id if params.mine else None,
        key=state.key,
    )
    return BoardBody(columns=[ColumnBody.of(one, [_card(card) for card in one.cards]) for one in columns])


def _card(card: BoardCard) -> BoardCardBody:
    told, post = card.item.card.explanation, card.item.card.post
    return BoardCardBody.on(card, words_of(post, told.need) if told and told.need else first_words(post))


def _desk(db: Session, lead_id: int, state: State, now: datetime) -> LeadDeskBody:
    lead = _lead(db, lead_id)
    return LeadDeskBody.of(lead, lead_desk(db, lead, limits=state.settings.desk, now=now, zone=state.settings.zone))


def _lead(db: Session, lead_id: int) -> Lead:
    lead = db.get(Lead, lead_id)
    if lead is None:
        raise NotFound(f"There is no lead {lead_id}. Its post may have been deleted at the source.")
    return lead
