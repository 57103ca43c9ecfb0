"""The sending worker: it takes what SDRs approved, sends each once, reads back what is unclear, and listens afterwards.

Every step is committed before the next begins, so the worker may die at any line. What it leaves in `sending` becomes
ambiguous when the lease runs out; it is looked for at the platform, and never sent again by itself.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from collectors.base import Clock, Sleep
from collectors.replying import sender_class
from collectors.replying.base import Delivered, Outgoing, Refused, SeenThread, Sender, SenderTools
from collectors.replying.threads import FLAT, Shown, as_thread
from overheard.db import Sessions
from overheard.errors import OverheardError, WrongStage
from overheard.models import Answer, ConnectedAccount, Post, Reply
from overheard.replying import connected_accounts, outbox
from overheard.replying.guardrails import Guard
from overheard.replying.outbox import Failed, Sent, Unclear
from overheard.settings import Settings
from overheard.tracing import step
from overheard.vocabulary import ReplyState

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=5)
"""Longer than all requests of one sending together may take."""

# A request whose answer was lost may still be on its way, and a platform's lists may lag. Only after this time does not
# finding a reply mean that it is not there.
SETTLES_AFTER = timedelta(minutes=10)
_LOOK_AGAIN = timedelta(seconds=30)


@dataclass
class Tally:
    """What one pass did."""

    sent: int = 0
    refused: int = 0
    unclear: int = 0
    reconciled: int = 0


@dataclass
class Outbox:
    """The worker. Several may run: the database gives each account to one at a time."""

    sessions: Sessions
    settings: Settings
    guard: Guard
    clock: Clock
    sleep: Sleep = time.sleep
    _looked: dict[int, datetime] = field(default_factory=dict)
    """When each ambiguous reply was looked for last."""

    def run_once(self) -> Tally:
        """Read back what is unclear, and send what waits."""
        tally = Tally()
        with self._senders() as senders:
            for reply_id in self._ambiguous():
                tally.reconciled += self._reconcile(reply_id, senders)
            while (taken := self._take()) is not None:
                self._send(*taken, senders, tally)
        return tally

    # --- one reply on its way --------------------------------------------------------------------------------------

    def _take(self) -> "tuple[Reply, ConnectedAccount, Outgoing] | None":
        with self.sessions.begin() as session:
            reply = outbox.take_next(session, guard=self.guard, now=self.clock(), lease=LEASE)
            if reply is None or reply.account_id is None:
                return None
            return reply, session.get_one(ConnectedAccount, reply.account_id), _outgoing(session, reply)

    def _send(
        self, reply: Reply, account: ConnectedAccount, outgoing: Outgoing, senders: "_Senders", tally: Tally
    ) -> None:
        outcome: Sent | Failed | Unclear
        try:
            sender = senders.of(account)
        except OverheardError as error:  # nothing was asked for yet
            outcome = Failed(f"{error} Nothing was sent.")
        else:
            with step("send a reply", reply=reply.id, platform=reply.platform):
                outcome = self._attempt(sender, reply, outgoing)
        with self.sessions.begin() as session:
            outbox.settle(session, reply.id, outcome, now=self.clock())
        tally.sent += isinstance(outcome, Sent)
        tally.refused += isinstance(outcome, Failed)
        tally.unclear += isinstance(outcome, Unclear)
        action = {Sent: "reply_sent", Failed: "reply_refused", Unclear: "reply_unclear"}[type(outcome)]
        logger.info("sent a reply", extra={"action": action, "reply_id": reply.id})

    def _attempt(self, sender: Sender, reply: Reply, outgoing: Outgoing) -> Sent | Failed | Unclear:
        def check(seen: SeenThread) -> None:
            shown = Shown(outgoing.target, outgoing.title, outgoing.body, is_flat=reply.platform in FLAT)
            thread = as_thread(seen, shown, lambda post: post.author == sender.me)
            with self.sessions.begin() as session:
                failed = outbox.recheck(session, reply.id, thread, guard=self.guard, now=self.clock())
            if failed is not None:
                raise Refused(failed.because)

        try:
            return _sent(sender.send(outgoing, check=check))
        except Refused as refused:
            if refused.pause and reply.account_id is not None:
                with self.sessions.begin() as session:
                    connected_accounts.pause(session, reply.account_id, because=str(refused), now=self.clock())
            return Failed(str(refused))
        except Exception as error:  # noqa: BLE001 - whatever it was: it may stand there
            logger.warning("sending was unclear", extra={"action": "reply_unclear", "reply_id": reply.id})
            return Unclear(
                str(error) if isinstance(error, OverheardError) else f"{type(error).__name__} while sending."
            )

    # --- what is unclear ---------------------------------------------------------------------------------------------

    def _ambiguous(self) -> list[int]:
        now = self.clock()
        with self.sessions.begin() as session:
            outbox.expire_leases(session, now=now)
            waiting = sa.select(Reply.id).where(Reply.state == ReplyState.AMBIGUOUS, Reply.account_id.is_not(None))
            found = session.scalars(waiting.order_by(Reply.id)).all()
        # By the clock's distance, as a clock that was set back is no reason to wait.
        return [id_ for id_ in found if id_ not in self._looked or abs(now - self._looked[id_]) >= _LOOK_AGAIN]

    def _reconcile(self, reply_id: int, senders: "_Senders") -> int:
        """Look whether it stands there. It is given up only when it had the time to arrive; 1 if it is known now."""
        now = self.clock()
        self._looked[reply_id] = now
        with self.sessions() as session:
            reply = session.get_one(Reply, reply_id)
            account = session.get(ConnectedAccount, reply.account_id)
            outgoing = _outgoing(session, reply)
        if account is None or reply.state is not ReplyState.AMBIGUOUS:
            return 0
        try:
            found = senders.of(account).find(outgoing)
        except (OverheardError, NotImplementedError) as error:
            logger.warning("could not look for a reply", extra={"action": "reply_not_read", "reply_id": reply_id})
            return self._note(reply_id, error)
        if found is None and now - reply.changed_at < SETTLES_AFTER:
            return 0
        try:
            with self.sessions.begin() as session:
                outbox.reconcile(session, reply_id, _sent(found) if found else None, now=self.clock())
        except WrongStage:  # somebody else was faster
            return 0
        self._looked.pop(reply_id, None)
        return 1

    def _note(self, reply_id: int, error: Exception) -> int:
        with self.sessions.begin() as session:
            here = sa.update(Reply).where(Reply.id == reply_id, Reply.state == ReplyState.AMBIGUOUS)
            session.execute(here.values(error=f"It could not be looked for: {error}"[:500]))
        return 0

    @contextmanager
    def _senders(self) -> Iterator["_Senders"]:
        with ExitStack() as stack:
            yield _Senders(self.settings, self.clock, self.sleep, stack)


@dataclass
class _Senders:
    """Each account's sender, opened when it is needed and closed with the pass."""

    settings: Settings
    clock: Clock
    sleep: Sleep
    stack: ExitStack
    open: dict[int, Sender] = field(default_factory=dict)

    def of(self, account: ConnectedAccount) -> Sender:
        if account.id not in self.open:
            self.open[account.id] = self.stack.enter_context(
                open_sender(self.settings, account, self.clock, self.sleep)
            )
        return self.open[account.id]


def open_sender(settings: Settings, account: ConnectedAccount, clock: Clock, sleep: Sleep) -> Sender:
    """What sends by a connected account. `OverheardError` when it cannot be had."""
    secrets = connected_accounts.unseal(settings, account)
    tools = SenderTools(settings, clock, sleep, secrets, account.address, account.name)
    return sender_class(account.platform)(tools)


def _outgoing(session: Session, reply: Reply) -> Outgoing:
    post = session.get(Post, reply.post_id) if reply.post_id else None
    permalink, title, body = (post.permalink, post.title, post.body) if post else (None, "", "")
    if post is None or post.external_id != reply.target:  # it answers what somebody answered
        answer = session.scalars(sa.select(Answer).filter_by(platform=reply.platform, external_id=reply.target)).first()
        permalink, title, body = (answer.permalink or permalink, "", answer.text) if answer else (permalink, "", "")
    return Outgoing(
        key=reply.key,
        target=reply.target,
        title=title,
        body=body,
        permalink=permalink,
        recipient=reply.recipient or "",
        text=reply.text,
        written_at=reply.created_at,
    )


def _sent(delivered: Delivered) -> Sent:
    return Sent(delivered.remote_id, delivered.permalink)
