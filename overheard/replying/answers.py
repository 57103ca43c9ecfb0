"""What came back to our replies: heard once each, judged by the machine as a proposal, and by a person for good."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.db import upsert
from overheard.errors import InvalidInput, NotFound, WrongStage
from overheard.home import secret_key
from overheard.leads import do_not_contact, funnel
from overheard.listening.posts import erased_among
from overheard.models import Answer, Lead, Post, Reply, User
from overheard.settings import Settings
from overheard.text import MAX_BODY, cap, clean
from overheard.vocabulary import AnswerKind, DisqualifyReason, Platform, ReplyState, Stage


@dataclass(frozen=True, slots=True)
class NewAnswer:
    """An answer as it was found at its platform."""

    external_id: str
    author: str | None
    text: str
    permalink: str | None = None
    posted_at: datetime | None = None


def reply_under(session: Session, platform: Platform, remote_id: str) -> Reply | None:
    """Our reply of this id, to which somebody has answered."""
    return session.scalars(sa.select(Reply).filter_by(platform=platform, remote_id=remote_id)).first()


def hear(
    session: Session, reply: Reply, answers: Iterable[NewAnswer], *, now: datetime, settings: Settings | None = None
) -> int:
    """Keep the answers to a reply, each once however often it is heard; how many are new. An edit replaces the text.

    Of a reply to somebody who was erased nothing is heard any more, and nothing that was erased comes back. With
    `settings`, whose key tells them, nothing is heard of people who were erased for good.
    """
    new = 0
    found = list(answers) if reply.recipient is not None else []
    gone = erased_among(session, [(reply.platform, answer.external_id) for answer in found])
    writers = {(reply.platform, answer.author) for answer in found if answer.author} if settings else set()
    unheard = do_not_contact.unheard(session, lambda: secret_key(settings), writers) if settings else set()
    for answer in found:
        if (reply.platform, answer.external_id) in gone or (reply.platform, answer.author) in unheard:
            continue
        text = cap(clean(answer.text).strip(), MAX_BODY)[0]
        row = {
            "reply_id": reply.id, "platform": reply.platform, "external_id": answer.external_id,
            "author": answer.author, "is_recipient": answer.author is not None and answer.author == reply.recipient,
            "text": text, "permalink": answer.permalink, "posted_at": answer.posted_at, "collected_at": now,
        }  # fmt: skip
        made = upsert(session, Answer).values(row).on_conflict_do_nothing().returning(Answer.id)
        if session.scalar(made) is not None:
            new += 1
            continue
        edited = sa.update(Answer).where(
            Answer.platform == reply.platform,
            Answer.external_id == answer.external_id,
            Answer.text != text,
            Answer.confirmed.is_(None),
        )
        session.execute(edited.values(text=text, proposed=None, proposed_score=None))
    return new


def hear_collected(session: Session, *, now: datetime) -> int:
    """The same for posts that the collectors brought and that answer a reply of ours; how many are new."""
    unheard = (
        sa.select(Reply, Post)
        .join(Post, (Post.platform == Reply.platform) & (Post.parent_external_id == Reply.remote_id))
        .outerjoin(Answer, (Answer.platform == Post.platform) & (Answer.external_id == Post.external_id))
        .where(Reply.state == ReplyState.SENT, Answer.id.is_(None))
    )
    found = session.execute(unheard).all()
    return sum(
        hear(
            session,
            reply,
            [NewAnswer(post.external_id, post.author, post.body, post.permalink, post.posted_at)],
            now=now,
        )
        for reply, post in found
    )


def unjudged(session: Session, limit: int) -> Sequence[Answer]:
    """Answers of which the machine has not said what they mean."""
    waiting = sa.select(Answer).where(Answer.proposed.is_(None), Answer.confirmed.is_(None))
    return session.scalars(waiting.order_by(Answer.id).limit(limit)).all()


def propose(session: Session, answer_id: int, kind: AnswerKind, score: float) -> None:
    """The machine's word. A person's word stands above it."""
    session.execute(sa.update(Answer).where(Answer.id == answer_id).values(proposed=kind, proposed_score=score))


def confirm(session: Session, answer_id: int, kind: AnswerKind, *, actor: User, key: str, now: datetime) -> Answer:
    """A person says what an answer means. Positive makes a prospect, stop makes do-not-contact. `key`: of that list.

    `WrongStage` where it was said before, or where the lead stands elsewhere.
    """
    answer = session.get(Answer, answer_id)
    if answer is None:
        raise NotFound(f"There is no answer {answer_id}.")
    if kind is AnswerKind.POSITIVE and not answer.is_recipient:
        raise InvalidInput("Somebody else wrote this, and not the person whom you answered: it makes no prospect.")
    mine = sa.update(Answer).where(Answer.id == answer_id, Answer.confirmed.is_(None))
    values = {"confirmed": kind, "confirmed_by_id": actor.id, "confirmed_at": now}
    if session.execute(mine.values(**values).returning(Answer.id)).first() is None:
        said = answer.confirmed.value if answer.confirmed else "something else"
        raise WrongStage(f"What answer {answer_id} means was said already: {said}.")
    session.refresh(answer)
    reply = session.get_one(Reply, answer.reply_id)
    if kind is AnswerKind.POSITIVE:
        _make_prospect(session, reply, actor=actor, now=now)
    elif kind is AnswerKind.STOP:
        _stop(session, answer, reply, actor=actor, key=key, now=now)
    return answer


def _make_prospect(session: Session, reply: Reply, *, actor: User, now: datetime) -> None:
    lead = session.get(Lead, reply.lead_id) if reply.lead_id is not None else None
    if lead is not None and lead.stage not in {Stage.PROSPECT, Stage.WON}:
        funnel.make_prospect(session, lead.id, actor=actor, now=now)


def _stop(session: Session, answer: Answer, reply: Reply, *, actor: User, key: str, now: datetime) -> None:
    """Whoever says it is left alone; if it is the person whom we answered, their lead is out as well."""
    if answer.author:
        reason = "They asked for it in an answer."
        do_not_contact.add(session, key, answer.platform, answer.author, reason=reason, actor=actor, now=now)
    lead = session.get(Lead, reply.lead_id) if reply.lead_id is not None and answer.is_recipient else None
    if lead is not None and lead.stage is not Stage.DISQUALIFIED:
        reason_ = DisqualifyReason.DO_NOT_CONTACT
        funnel.disqualify(session, lead.id, reason=reason_, actor=actor, now=now)
