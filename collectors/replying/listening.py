"""After a reply was sent: does it still stand there, and what came back?

Both are seen by one look at the thread, with the credential by which its source is read: not as its writer sees it, to
whom many platforms show what they hide from all others. Inboxes of connected accounts are read as well, as they are
quicker.
"""

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from collectors.base import Clock, Sleep
from collectors.conversations import PlatformConversations
from collectors.replying.base import SeenThread
from collectors.replying.outbox import open_sender
from collectors.replying.threads import FLAT, later
from overheard.db import Sessions
from overheard.errors import OverheardError
from overheard.listening.posts import NewPost
from overheard.models import ConnectedAccount, Reply, Source
from overheard.replying import answers, connected_accounts, reply_checks
from overheard.replying.answers import NewAnswer
from overheard.settings import Settings
from overheard.vocabulary import ReplyState

logger = logging.getLogger(__name__)

_FOR = timedelta(days=30)
_AT_ONCE = 20  # looks of one pass
_INBOX_EVERY = timedelta(minutes=2)


@dataclass
class Listening:
    """Looks after what was sent. Nothing of it is ever sent from here."""

    sessions: Sessions
    settings: Settings
    clock: Clock
    sleep: Sleep = time.sleep

    def __post_init__(self) -> None:
        self._conversations = PlatformConversations(self.sessions, self.settings, self.clock)
        self._read_at: dict[int, datetime] = {}

    def run_once(self) -> int:
        """One round; how many answers are new."""
        with self.sessions.begin() as session:
            new = answers.hear_collected(session, now=self.clock())
            accounts = session.scalars(sa.select(ConnectedAccount)).all()
            due = due_for_a_look(session, self.settings, now=self.clock())[:_AT_ONCE]
        for account in accounts:
            try:
                new += self._inbox(account)
            except OverheardError:  # a platform that does not answer keeps no other out
                logger.warning("could not read an inbox", extra={"action": "inbox_failed", "account_id": account.id})
        for reply in due:
            try:
                new += self._look(reply)
            except OverheardError:
                self._looked(reply)
                logger.warning("could not look at a reply", extra={"action": "look_failed", "reply_id": reply.id})
        return new

    def _inbox(self, account: ConnectedAccount) -> int:
        """What came in since the last time, as far as it answers a reply of ours."""
        now = self.clock()
        last = self._read_at.get(account.id)
        if last is not None and abs(now - last) < _INBOX_EVERY:
            return 0
        self._read_at[account.id] = now
        with open_sender(self.settings, account, self.clock, self.sleep) as sender:
            heard, cursor = sender.answers(account.answers_cursor)
        new = 0
        with self.sessions.begin() as session:
            for each in heard:
                reply = answers.reply_under(session, account.platform, each.parent)
                if reply is not None and each.author != sender.me:
                    answer = NewAnswer(each.external_id, each.author, each.text, each.permalink, each.posted_at)
                    new += answers.hear(session, reply, [answer], now=now, settings=self.settings)
            session.execute(
                sa.update(ConnectedAccount).where(ConnectedAccount.id == account.id).values(answers_cursor=cursor)
            )
        return new

    def _look(self, reply: Reply) -> int:
        """At the thread, as others see it."""
        with self.sessions() as session:
            here = sa.select(Source).filter_by(platform=reply.platform, community=reply.community)
            source = session.scalars(here).first()
            ours = set(connected_accounts.own_keys(session, self.settings, reply.platform))
        if source is None or not reply.remote_id:
            self._looked(reply)
            return 0
        seen = self._conversations.read(reply.platform, reply.remote_id, reply.permalink, source)
        is_there = seen.target is not None or seen.is_hidden
        if seen.target is not None and seen.target.author:
            ours.add(seen.target.author)
        found = [post for post in _answers(seen, reply) if post.author not in ours]
        with self.sessions.begin() as session:
            new = answers.hear(
                session, session.get_one(Reply, reply.id), map(_heard, found), now=self.clock(), settings=self.settings
            )
            reply_checks.record_look(session, reply.id, is_there=is_there, score=seen.score, now=self.clock())
        return new

    def _looked(self, reply: Reply) -> None:
        with self.sessions.begin() as session:
            session.execute(sa.update(Reply).where(Reply.id == reply.id).values(checked_at=self.clock()))


def due_for_a_look(session: Session, settings: Settings, *, now: datetime) -> Sequence[Reply]:
    """Sent replies to be looked at again: after some minutes, after a day, and the more seldom the older they are."""
    standing = sa.select(Reply).where(
        Reply.state == ReplyState.SENT, Reply.removed_at.is_(None), Reply.sent_at > now - _FOR, Reply.remote_id != ""
    )
    replies = session.scalars(standing.order_by(Reply.checked_at.is_not(None), Reply.checked_at)).all()
    return [reply for reply in replies if reply.sent_at is not None and _is_due(reply, reply.sent_at, settings, now)]


def _is_due(reply: Reply, sent_at: datetime, settings: Settings, now: datetime) -> bool:
    first = timedelta(minutes=settings.replies.recheck_minutes)
    surely = sent_at + timedelta(hours=settings.replies.recheck_hours)
    if reply.checked_at is None:
        return now - sent_at >= first
    if reply.checked_at < surely <= now:
        return True
    return now - reply.checked_at >= max(first, (reply.checked_at - sent_at) / 6)


def _answers(seen: SeenThread, reply: Reply) -> Iterable[NewPost]:
    """What answers it; in a flat thread, what the person whom we answered wrote since."""
    below = {post.external_id: post for post in seen.below(reply.remote_id or "")}
    if reply.platform in FLAT:
        since = (post for post in later(seen, reply.remote_id or "") if post.author == reply.recipient)
        below |= {post.external_id: post for post in since}
    return below.values()


def _heard(post: NewPost) -> NewAnswer:
    return NewAnswer(post.external_id, post.author, post.body, post.permalink, post.posted_at)
