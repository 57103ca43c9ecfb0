"""A deletion is data: what is deleted at the source disappears here with all that was derived from it."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.db import upsert
from overheard.leads.qualify import refresh
from overheard.links import recognise
from overheard.listening.posts import Key, ids_among
from overheard.models import Answer, DeadLetter, Post, Reply, Signal, Tombstone
from overheard.vocabulary import ReplyState

_GONE_OUT = (ReplyState.SENDING, ReplyState.AMBIGUOUS, ReplyState.SENT)
_BATCH = 500  # ids in one statement


def erase(session: Session, gone: Mapping[Key, str], *, now: datetime) -> None:
    """Erase posts (key → reason), stored or not, and leave a tombstone for each, without content.

    Foreign keys take all that was derived along: matches, predictions, vectors, relevances, signals and labels. A lead
    that has no signal left goes too, and so does every reply that was not sent.
    """
    if not gone:
        return
    rows = [
        {"platform": platform, "external_id": external_id, "reason": reason, "at": now}
        for (platform, external_id), reason in gone.items()
    ]
    session.execute(upsert(session, Tombstone).on_conflict_do_nothing(), rows)
    for platform, external_ids in ids_among(gone).items():
        here = (Post.platform == platform) & Post.external_id.in_(external_ids)
        let_go(session, here)
        session.execute(sa.delete(Answer).where(Answer.platform == platform, Answer.external_id.in_(external_ids)))
        session.execute(
            sa.delete(DeadLetter).where(DeadLetter.platform == platform, DeadLetter.external_id.in_(external_ids))
        )


def let_go(session: Session, these: sa.ColumnElement[bool]) -> None:
    """Remove posts, with all that was derived from them, without a trace: they may come again."""
    # Locked: whoever is making a lead of one of them just now is waited for, and the lead is seen below.
    post_ids = list(session.scalars(sa.select(Post.id).where(these).order_by(Post.id).with_for_update()))
    leads = sa.select(Signal.lead_id).join(Post, Post.id == Signal.post_id).where(these).distinct()
    lead_ids = list(session.scalars(leads))
    _forget_in_replies(session, post_ids)
    session.execute(sa.delete(Post).where(these), execution_options={"synchronize_session": False})
    refresh(session, lead_ids)
    _forget_who(session)


def _forget_in_replies(session: Session, post_ids: Sequence[int]) -> None:
    """What was never sent is derived data and goes. What stands out there is ours, without what it quotes of theirs."""
    for start in range(0, len(post_ids), _BATCH):
        about = Reply.post_id.in_(post_ids[start : start + _BATCH])
        session.execute(sa.delete(Reply).where(about, Reply.state.not_in(_GONE_OUT)))
        for reply in session.scalars(sa.select(Reply).where(about)):
            reply.text = "\n".join(line for line in reply.text.splitlines() if not line.lstrip().startswith(">"))
            # Reddit and forums put words of the title into their addresses.
            reply.permalink = recognise(reply.permalink).permalink if reply.permalink else None
    session.flush()


def _forget_who(session: Session) -> None:
    """Of a person with whose last post their lead went, only a keyed hash is left, and nothing that they answered."""
    without_lead = sa.select(Reply.id).where(Reply.lead_id.is_(None), Reply.recipient.is_not(None))
    reply_ids = list(session.scalars(without_lead))
    if reply_ids:
        nothing = {"text": "", "author": None, "permalink": None}
        session.execute(sa.update(Answer).where(Answer.reply_id.in_(reply_ids)).values(nothing))
        session.execute(sa.update(Reply).where(Reply.id.in_(reply_ids)).values(recipient=None))
