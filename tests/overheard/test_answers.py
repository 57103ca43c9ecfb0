"""What came back: heard once, and what a person says of it moves the lead."""

from dataclasses import dataclass

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.errors import InvalidInput, WrongStage
from overheard.leads import do_not_contact, funnel
from overheard.listening.erasure import erase
from overheard.models import Answer, Lead, Reply
from overheard.replying import answers, outbox, replies
from overheard.replying.answers import NewAnswer
from overheard.replying.guardrails import Guard
from overheard.replying.reply_states import Sent
from overheard.vocabulary import AnswerKind, Platform, Stage
from tests.collectors.replying.desk import OPEN, TEXT
from tests.conftest import NOW
from tests.factories import Cast, make_campaign, make_lead, new_post, store

KEY = "the key of the list"


@dataclass
class Answered:
    """Sam has replied to a lead."""

    session: Session
    cast: Cast
    lead: Lead
    reply: Reply

    def hear(self, text: str = "Tell me more.", author: str | None = "flour_power", id_: str = "t1_a") -> Answer:
        answers.hear(self.session, self.reply, [NewAnswer(id_, author, text)], now=NOW)
        return self.session.scalars(sa.select(Answer).filter_by(external_id=id_)).one()

    def confirm(self, answer: Answer, kind: AnswerKind) -> Answer:
        return answers.confirm(self.session, answer.id, kind, actor=self.cast.sam, key=KEY, now=NOW)


@pytest.fixture
def answered(session: Session, cast: Cast) -> Answered:
    make_campaign(session, now=NOW)
    lead = make_lead(session, now=NOW, post=new_post(author="flour_power"))
    funnel.promote(session, lead.id, actor=cast.sam, now=NOW)
    guard = Guard(OPEN, KEY)
    reply = replies.start_draft(session, lead.id, actor=cast.sam, guard=guard, now=NOW, text=TEXT)
    replies.approve(session, reply.id, actor=cast.sam, guard=guard, now=NOW)
    session.execute(sa.update(Reply).values(state="ambiguous"))
    reply = outbox.reconcile(session, reply.id, Sent("t1_ours"), now=NOW)
    return Answered(session, cast, lead, reply)


def test_an_answer_is_kept_once_however_often_it_is_heard_and_an_edit_is_judged_anew(answered: Answered) -> None:
    answer = answered.hear("How much?")
    answers.propose(answered.session, answer.id, AnswerKind.QUESTION, 0.9)
    assert answers.hear(answered.session, answered.reply, [NewAnswer("t1_a", "flour_power", "How much?")], now=NOW) == 0
    assert answers.unjudged(answered.session, 10) == []
    edited = [NewAnswer("t1_a", "flour_power", "How much? Send me a link.")]
    assert answers.hear(answered.session, answered.reply, edited, now=NOW) == 0
    answered.session.expire_all()
    assert [each.text for each in answers.unjudged(answered.session, 10)] == ["How much? Send me a link."]


def test_what_a_collector_brought_as_a_post_below_ours_is_an_answer(answered: Answered) -> None:
    below = new_post(external_id="t1_below", title="", body="Sounds good.", author="flour_power")
    store(answered.session, below, now=NOW)
    posts = sa.text("UPDATE posts SET parent_external_id = 't1_ours' WHERE external_id = 't1_below'")
    answered.session.execute(posts)
    assert answers.hear_collected(answered.session, now=NOW) == 1
    assert answers.hear_collected(answered.session, now=NOW) == 0
    (answer,) = answers.unjudged(answered.session, 10)
    assert (answer.text, answer.is_recipient) == ("Sounds good.", True)


def test_a_positive_answer_makes_a_prospect_when_a_person_says_so_and_not_before(answered: Answered) -> None:
    answer = answered.hear("Yes please.")
    answers.propose(answered.session, answer.id, AnswerKind.POSITIVE, 0.9)
    assert answered.session.get_one(Lead, answered.lead.id, populate_existing=True).stage is Stage.REPLIED
    answered.confirm(answer, AnswerKind.POSITIVE)
    assert answered.session.get_one(Lead, answered.lead.id, populate_existing=True).stage is Stage.PROSPECT


def test_a_stop_writes_them_down_and_puts_the_lead_out(answered: Answered) -> None:
    answered.confirm(answered.hear("Leave me alone."), AnswerKind.STOP)
    lead = answered.session.get_one(Lead, answered.lead.id, populate_existing=True)
    assert lead.stage is Stage.DISQUALIFIED
    assert do_not_contact.is_listed(answered.session, KEY, Platform.REDDIT, "flour_power")


def test_a_bystander_makes_no_prospect_and_a_bystanders_stop_leaves_the_lead_as_it_is(answered: Answered) -> None:
    answer = answered.hear("Sign me up!", author="rye")
    with pytest.raises(InvalidInput, match="Somebody else"):
        answered.confirm(answer, AnswerKind.POSITIVE)
    answered.confirm(answer, AnswerKind.STOP)
    assert answered.session.get_one(Lead, answered.lead.id, populate_existing=True).stage is Stage.REPLIED
    assert do_not_contact.is_listed(answered.session, KEY, Platform.REDDIT, "rye")


@pytest.mark.parametrize("kind", [AnswerKind.QUESTION, AnswerKind.NEGATIVE])
def test_what_an_answer_means_is_said_once(answered: Answered, kind: AnswerKind) -> None:
    answer = answered.hear()
    assert answered.confirm(answer, kind).confirmed_by_id == answered.cast.sam.id
    with pytest.raises(WrongStage, match=kind.value):
        answered.confirm(answer, AnswerKind.POSITIVE)
    assert answered.session.get_one(Lead, answered.lead.id, populate_existing=True).stage is Stage.REPLIED


def test_an_answer_that_was_deleted_at_its_platform_is_gone_here_and_is_not_heard_again(answered: Answered) -> None:
    answer = answered.hear("Please forget that I asked.")
    erase(answered.session, {(Platform.REDDIT, answer.external_id): "deleted there"}, now=NOW)
    again = [NewAnswer("t1_a", "flour_power", "Please forget that I asked.")]
    assert answers.hear(answered.session, answered.reply, again, now=NOW) == 0
    assert answered.session.scalars(sa.select(Answer)).all() == []
