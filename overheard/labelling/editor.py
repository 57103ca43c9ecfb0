"""Labels by the guideline, one post at a time: which post comes next, and what is said of it.

Who labels sees the text alone: neither the model's word, nor what others said, but where that is to be settled.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.errors import NotFound
from overheard.listening.terms import may_train
from overheard.models import IntentLabel, LabelDoubt, Post, Prediction, Source, User
from overheard.vocabulary import Intent

_BATCH = 200  # posts on either side of the middle; who has gone through them finds others the next time


class LabelQueue(StrEnum):
    """Which posts are shown, and why."""

    RANDOM = "random"
    """Any post that nobody labelled."""
    UNCERTAIN = "uncertain"
    """Those of which the model is least sure."""
    SECOND = "second"
    """Those that one other person labelled, without a word of what they said."""
    DISAGREEMENT = "disagreement"
    """Those on which people disagree. What is said here settles it."""
    DOUBT = "doubt"
    """Those whose label surprises the model, as `overheard labels doubts` found."""

    @property
    def is_blind(self) -> bool:
        """Whether nothing of what was said before is shown."""
        return self not in {LabelQueue.DISAGREEMENT, LabelQueue.DOUBT}


@dataclass(frozen=True, slots=True)
class ToLabel:
    """A post to be labelled."""

    post: Post
    community: str
    said: list[tuple[str, IntentLabel]]
    """What others said and who, only where that is to be settled."""
    doubt: LabelDoubt | None


def next_post(session: Session, queue: LabelQueue, viewer: User, *, skip: int = 0) -> ToLabel | None:
    """What somebody is shown next, behind as many as they skipped; None when nothing waits."""
    statement = _waiting(session, queue, viewer)
    if queue is LabelQueue.RANDOM:
        statement = _from_a_random_place(session, statement, viewer, skip)
    else:
        statement = statement.offset(skip)
    found = session.execute(statement.limit(1)).one_or_none()
    if found is None:
        return None
    post, community = found
    said = [] if queue.is_blind else _said(session, post.id)
    doubt = sa.select(LabelDoubt).where(LabelDoubt.post_id == post.id, LabelDoubt.settled_at.is_(None))
    shown = session.scalars(doubt).one_or_none() if queue is LabelQueue.DOUBT else None
    return ToLabel(post, community, said, shown)


def waiting(session: Session, viewer: User) -> dict[LabelQueue, int]:
    """How many posts wait in the queues that come to an end."""
    return {
        queue: session.scalar(
            sa.select(sa.func.count()).select_from(_waiting(session, queue, viewer).order_by(None).subquery())
        )
        or 0
        for queue in (LabelQueue.SECOND, LabelQueue.DISAGREEMENT, LabelQueue.DOUBT)
    }


def say(
    session: Session, post_id: int, intent: Intent, *, is_unsure: bool, queue: LabelQueue, actor: User, now: datetime
) -> IntentLabel:
    """Take somebody's word about a post; a former word of theirs is withdrawn. It settles a disagreement or a doubt,
    where it was asked for that.
    """
    post = session.get(Post, post_id)
    if post is None:
        raise NotFound(f"There is no post {post_id}. It may have been deleted at the source.")
    withdraw(session, post_id, actor=actor, now=now)
    newest = sa.select(Prediction).where(Prediction.post_id == post_id).order_by(Prediction.id.desc()).limit(1)
    prediction = session.scalars(newest).one_or_none()
    said = IntentLabel(
        post_id=post_id,
        intent=intent,
        is_unsure=is_unsure,
        actor_id=actor.id,
        at=now,
        text_hash=post.text_hash,
        shown_because=queue.value,
        model_version=prediction.model_version if prediction else None,
        score=prediction.score if prediction else None,
        is_final=not queue.is_blind,
    )
    session.add(said)
    if queue is LabelQueue.DOUBT:
        settled = sa.update(LabelDoubt).where(LabelDoubt.post_id == post_id)
        session.execute(settled.values(settled_at=now))
    session.flush()
    return said


def withdraw(session: Session, post_id: int, *, actor: User, now: datetime) -> bool:
    """Take back one's own word about a post; whether there was one."""
    own = (IntentLabel.post_id == post_id, IntentLabel.actor_id == actor.id, IntentLabel.withdrawn_at.is_(None))
    taken = session.execute(sa.update(IntentLabel).where(*own).values(withdrawn_at=now).returning(IntentLabel.id))
    return bool(taken.all())


# --- which posts wait ----------------------------------------------------------------------------------------------


def _waiting(session: Session, queue: LabelQueue, viewer: User) -> sa.Select[Post, str]:
    """Posts of a queue, the next first."""
    allowed = [source.id for source in session.scalars(sa.select(Source)) if may_train(source)]
    statement = (
        sa.select(Post, Source.community).join(Source, Source.id == Post.source_id).where(Post.source_id.in_(allowed))
    )
    if queue is LabelQueue.RANDOM:
        return statement.where(~_labelled()).order_by(Post.id)
    if queue is LabelQueue.UNCERTAIN:
        return _uncertain(session, statement)
    if queue is LabelQueue.DOUBT:
        open_ = (LabelDoubt.settled_at.is_(None), LabelDoubt.text_hash == Post.text_hash)
        statement = statement.join(LabelDoubt, LabelDoubt.post_id == Post.id).where(*open_)
        return statement.order_by(LabelDoubt.loss.desc(), Post.id)
    said = _standing(queue, viewer).subquery()
    return statement.join(said, said.c.post_id == Post.id).order_by(Post.id)


def _labelled() -> sa.ColumnElement[bool]:
    return sa.exists().where(IntentLabel.post_id == Post.id, IntentLabel.withdrawn_at.is_(None))


def _uncertain(session: Session, statement: sa.Select[Post, str]) -> sa.Select[Post, str]:
    """By how far the newest model's score is from 0.5, on either side the nearest, as the index gives them."""
    version = session.scalar(sa.select(Prediction.model_version).order_by(Prediction.id.desc()).limit(1))
    of_the_model = (Prediction.model_version == version, Prediction.is_judged)
    unlabelled = ~sa.exists().where(IntentLabel.post_id == Prediction.post_id, IntentLabel.withdrawn_at.is_(None))
    near = sa.select(Prediction.post_id, Prediction.score).where(*of_the_model, unlabelled).limit(_BATCH)
    above = near.where(Prediction.score >= 0.5).order_by(Prediction.score).subquery()  # noqa: PLR2004 - least sure
    below = near.where(Prediction.score < 0.5).order_by(Prediction.score.desc()).subquery()  # noqa: PLR2004 - least sure
    nearest = sa.union_all(sa.select(above), sa.select(below)).subquery()
    statement = statement.join(nearest, nearest.c.post_id == Post.id)
    return statement.order_by(sa.func.abs(nearest.c.score - 0.5), Post.id)


def _standing(queue: LabelQueue, viewer: User) -> sa.Select[int]:
    """The posts that wait for a second word, or for one that settles it."""
    own = sa.func.count().filter(IntentLabel.actor_id == viewer.id)
    final = sa.func.count().filter(IntentLabel.is_final)
    statement = (
        sa.select(IntentLabel.post_id)
        .join(Post, (Post.id == IntentLabel.post_id) & (Post.text_hash == IntentLabel.text_hash))
        .where(IntentLabel.withdrawn_at.is_(None))
        .group_by(IntentLabel.post_id)
        .having(final == 0)
    )
    if queue is LabelQueue.SECOND:
        return statement.having(sa.func.count() == 1, own == 0)
    return statement.having(sa.func.count(IntentLabel.intent.distinct()) > 1)


def _from_a_random_place(
    session: Session, statement: sa.Select[Post, str], viewer: User, skip: int
) -> sa.Select[Post, str]:
    """From a place that changes with each label and each skip of this person, and with nothing else: a reload shows the
    same post.
    """
    own = session.scalar(sa.select(sa.func.count()).where(IntentLabel.actor_id == viewer.id))
    highest = session.scalar(sa.select(sa.func.max(Post.id))) or 1
    seed = sha256(f"{viewer.id} {own} {skip}".encode()).digest()
    place = int.from_bytes(seed[:6], "big") % highest + 1
    behind = statement.where(Post.id >= place)
    return statement if session.execute(behind.limit(1)).first() is None else behind


def _said(session: Session, post_id: int) -> list[tuple[str, IntentLabel]]:
    statement = (
        sa.select(IntentLabel, User.name)
        .outerjoin(User, User.id == IntentLabel.actor_id)
        .where(IntentLabel.post_id == post_id, IntentLabel.withdrawn_at.is_(None))
        .order_by(IntentLabel.id)
    )
    return [(name or said.origin or "", said) for said, name in session.execute(statement)]
