"""A deletion is data: what is deleted at the source disappears here with all that was derived from it."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.db import upsert
from overheard.leads.qualify import refresh
from overheard.links import recognise
from overheard.listening.posts import Key, as_tombstone, ids_among
from overheard.models import (
    AlertedLead,
    Answer,
    CrmEntry,
    CrmLink,
    DeadLetter,
    Erasure,
    OutboundDelivery,
    Post,
    Reply,
    Signal,
    Tombstone,
)
from overheard.notifications.outbound_vocabulary import CrmDeed
from overheard.privacy.vocabulary import SubjectKind
from overheard.vocabulary import Platform, ReplyState

GONE_OUT = (ReplyState.SENDING, ReplyState.AMBIGUOUS, ReplyState.SENT)
"""A reply in one of these may stand out there: it is ours, and kept without anything of theirs."""
KEPT_FOR = "kept for "
"""How the reason begins where a post has outlived its retention."""
_BATCH = 500  # ids in one statement


def erase(session: Session, gone: Mapping[Key, str], *, now: datetime) -> None:
    """Erase posts (key → reason), stored or not, and leave a tombstone for each, without content.

    Foreign keys take all that was derived along: matches, predictions, vectors, relevances, signals and labels. A lead
    that has no signal left goes too, and so does every reply that was not sent.
    """
    leave_tombstones(session, gone, now=now)
    for platform, external_ids in ids_among(gone).items():
        here = (Post.platform == platform) & Post.external_id.in_(external_ids)
        let_go(session, here)
        session.execute(sa.delete(Answer).where(Answer.platform == platform, Answer.external_id.in_(external_ids)))
        session.execute(
            sa.delete(DeadLetter).where(DeadLetter.platform == platform, DeadLetter.external_id.in_(external_ids))
        )


def leave_tombstones(session: Session, gone: Mapping[Key, str], *, now: datetime) -> None:
    """What has these keys stays away from now on."""
    rows = [
        {"platform": platform, "external_id": as_tombstone(external_id), "reason": reason, "at": now}
        for (platform, external_id), reason in gone.items()
    ]
    if rows:
        row = upsert(session, Tombstone)
        stays = {"reason": row.excluded.reason, "at": row.excluded.at}  # the mark of an expired post is let go some day
        is_expired = Tombstone.reason.startswith(KEPT_FOR, autoescape=True)
        key = ["platform", "external_id"]
        session.execute(row.on_conflict_do_update(index_elements=key, set_=stays, where=is_expired), rows)


def being_erased(session: Session) -> set[tuple[Platform, str]]:
    """The sources (platform, community) of which nothing is taken in, as they are being erased on request."""
    under_way = sa.select(Erasure.platform, Erasure.subject).where(
        Erasure.kind == SubjectKind.SOURCE, Erasure.subject.is_not(None)
    )
    return {(platform, subject["key"]) for platform, subject in session.execute(under_way)}


def let_go(session: Session, these: sa.ColumnElement[bool]) -> None:
    """Remove posts, with all that was derived from them, without a trace: they may come again."""
    # Locked: whoever is making a lead of one of them just now is waited for, and the lead is seen below.
    post_ids = list(session.scalars(sa.select(Post.id).where(these).order_by(Post.id).with_for_update()))
    leads = sa.select(Signal.lead_id).join(Post, Post.id == Signal.post_id).where(these).distinct()
    lead_ids = list(session.scalars(leads))
    _forget_in_replies(session, post_ids)
    _forget_in_deliveries(session, lead_ids)
    session.execute(sa.delete(Post).where(these), execution_options={"synchronize_session": False})
    refresh(session, lead_ids)
    _forget_who(session)


def _forget_in_replies(session: Session, post_ids: Sequence[int]) -> None:
    """What was never sent is derived data and goes. What stands out there is ours, without what it quotes of theirs."""
    for start in range(0, len(post_ids), _BATCH):
        about = Reply.post_id.in_(post_ids[start : start + _BATCH])
        session.execute(sa.delete(Reply).where(about, Reply.state.not_in(GONE_OUT)))
        for reply in session.scalars(sa.select(Reply).where(about)):
            reply.text = "\n".join(line for line in reply.text.splitlines() if not line.lstrip().startswith(">"))
            reply.target_hash = None
            # Reddit and forums put words of the title into their addresses.
            reply.permalink = recognise(reply.permalink).permalink if reply.permalink else None
    session.flush()


def _forget_in_deliveries(session: Session, lead_ids: Sequence[int]) -> None:
    """What a receiver answered, or a CRM refused, may repeat what it was told."""
    for start in range(0, len(lead_ids), _BATCH):
        some = lead_ids[start : start + _BATCH]
        told = sa.select(AlertedLead.delivery_id).where(AlertedLead.lead_id.in_(some))
        about = sa.or_(OutboundDelivery.lead_id.in_(some), OutboundDelivery.id.in_(told))
        session.execute(sa.update(OutboundDelivery).where(about).values(answer=None))
        session.execute(sa.update(CrmLink).where(CrmLink.lead_id.in_(some)).values(error=None))
        refused = CrmEntry.lead_id.in_(some) & (CrmEntry.deed == CrmDeed.REFUSED)
        session.execute(sa.update(CrmEntry).where(refused).values(told=None))


def _forget_who(session: Session) -> None:
    """Of a person with whose last post their lead went, only a keyed hash is left, and nothing that they answered."""
    without_lead = sa.select(Reply.id).where(Reply.lead_id.is_(None), Reply.recipient.is_not(None))
    reply_ids = list(session.scalars(without_lead))
    if reply_ids:
        nothing = {"text": "", "author": None, "permalink": None}
        session.execute(sa.update(Answer).where(Answer.reply_id.in_(reply_ids)).values(nothing))
        session.execute(sa.update(Reply).where(Reply.id.in_(reply_ids)).values(recipient=None))
