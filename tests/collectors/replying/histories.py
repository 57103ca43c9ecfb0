"""Random lives of replies: faults, crashes, impatient people, jumping clocks; and afterwards all is counted."""

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from threading import Thread

import sqlalchemy as sa

from collectors.replying.base import Outgoing, Sender
from collectors.replying.outbox import Outbox
from overheard.db import Sessions
from overheard.errors import OverheardError
from overheard.models import ConnectedAccount, Reply
from overheard.replying.outbox import Failed, Sent, Unclear
from overheard.vocabulary import ReplyState
from tests.collectors.replying.desk import Desk, Place
from tests.fakeworld import faults
from tests.fakeworld.model import World, Written, wire_of

_PATIENCE = 0.3
_FAULTS: tuple[faults.Fault, ...] = (
    faults.Stored(),
    faults.Stored(502, b"<html>bad gateway</html>"),
    faults.Stored(seconds=0.5),
    faults.Stored(200, b"<html>log in</html>"),
    faults.RESET,
    faults.RESET_AFTER,
    faults.Delayed(0.5),
    faults.CUT,
    faults.HALF_JSON,
    faults.UNAVAILABLE,
    faults.SERVER_ERROR,
    faults.UNAUTHORISED,
    faults.Answer(403),
    faults.Answer(404),
    faults.Answer(302, headers={"Location": "/elsewhere"}),
    faults.rate_limited("7"),
    faults.rate_limited("900"),
    faults.rate_limited(),
    faults.HTML_PAGE,
    faults.NOT_OK,
)
_EVENTS = ("send_fault", "send_fault", "send_fault", "any_fault", "late", "world", "clock", "click", "nothing")
_DEATHS = ("before", "after", "jump")
_UNSETTLED = frozenset({ReplyState.SENDING, ReplyState.AMBIGUOUS, ReplyState.APPROVED})


class Killed(BaseException):
    """The worker died here: nothing that catches exceptions gets hold of it."""


class Mortal(Outbox):
    """A worker that dies when it is told to: before anything left, or after, before that could be written down."""

    dies: str = ""
    world: World

    def _attempt(self, sender: Sender, reply: Reply, outgoing: Outgoing) -> Sent | Failed | Unclear:
        if self.dies == "before":
            raise Killed
        outcome = super()._attempt(sender, reply, outgoing)
        if self.dies == "after":
            raise Killed
        if self.dies == "jump":  # an hour goes by while it sends: its lease has run out, and it does not know
            self.world.advance(3600)
        return outcome


@dataclass
class Life:
    """One worker's place and one account; a history is one reply's."""

    sessions: Sessions
    world: World
    home: Path
    place: Place
    rng: Random
    told: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    number: int = 0
    _stragglers: list[faults.Straggler] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.desk = Desk(self.sessions, self.world, self.home, self.place, patience=_PATIENCE)

    def live(self) -> None:
        """One post is asked and answered, whatever happens; then everything heals, and what came of it is counted."""
        self.number += 1
        asked = self.desk.ask("a" + "b" * self.number, f"Which CRM for bakery number {self.number}?")
        self._let_go_on()
        try:
            self.desk.approve(asked)
            for _ in range(self.rng.randint(1, 4)):
                self._something_happens(asked)
                self._somebody_works()
        finally:
            self._settle(asked)

    # --- what happens ------------------------------------------------------------------------------------------------

    def _something_happens(self, asked: Written) -> None:
        event = self.rng.choice(_EVENTS)
        self.told[event] += 1
        match event:
            case "send_fault":
                self.desk.post_meets(self.rng.choice(_FAULTS))
            case "any_fault":
                self.world.fail("", self.rng.choice(faults.PASSING), times=self.rng.randint(1, 4))
            case "late":
                self._stragglers.append(faults.Straggler())
                self.desk.post_meets(self._stragglers[-1])
            case "world":
                self._the_world_moves(asked)
            case "clock":
                self.world.advance(self.rng.choice((-3600, -60, 30, 120, 700, 3600, 86_400)))
            case "click":
                self._click(asked)

    def _the_world_moves(self, asked: Written) -> None:
        match self.rng.randrange(3):
            case 0:
                self.world.delete(asked)
            case 1:
                self.world.edit(asked, body="Solved by now.")
            case 2:
                asked.extra["locked"] = True

    def _click(self, asked: Written) -> None:
        """Somebody approves once more, begins anew, or lets the account go on."""
        self._let_go_on()
        with suppress(OverheardError):
            self.desk.approve(asked)

    def _let_go_on(self) -> None:
        with self.sessions.begin() as session:
            session.execute(sa.update(ConnectedAccount).values(paused_at=None, paused_because=None))

    # --- who works ---------------------------------------------------------------------------------------------------

    def _somebody_works(self) -> None:
        chance = self.rng.random()
        if chance < 0.2:
            self.told["two at once"] += 1
            self._two_at_once()
        elif chance < 0.5:
            self.told["killed"] += 1
            self._killed(self.rng.choice(_DEATHS))
        else:
            self.desk.send()
        for straggler in self._stragglers:
            if self.rng.random() < 0.5:
                straggler.go.set()
        self.world.advance(self.rng.choice((1, 20, 40, 90, 400)))

    def _two_at_once(self) -> None:
        workers = [Thread(target=self.desk.send) for _ in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    def _killed(self, how: str) -> None:
        desk = self.desk
        worker = Mortal(desk.sessions, desk.settings, desk.guard, desk.clock, desk.waits.append)
        worker.dies, worker.world = how, self.world
        with suppress(Killed):
            worker.run_once()

    # --- the end -----------------------------------------------------------------------------------------------------

    def _settle(self, asked: Written) -> None:
        """All heals, what is on its way arrives, and workers pass by until nothing is open."""
        self.world.heal()
        for straggler in self._stragglers:
            straggler.go.set()
            if straggler.is_on_its_way:
                straggler.arrived.wait(5)
        self._stragglers.clear()
        self._let_go_on()
        for _ in range(20):  # a clock that was set back has an hour to make up for
            self.world.advance(400)
            self.desk.send()
            if not self._open(asked):
                break
        self._count(asked)

    def _replies(self, asked: Written) -> list[Reply]:
        key = wire_of(self.place.platform).external_id(asked)
        with self.sessions() as session:
            return list(session.scalars(sa.select(Reply).where(Reply.target == key)))

    def _open(self, asked: Written) -> list[Reply]:
        return [reply for reply in self._replies(asked) if reply.state in _UNSETTLED]

    def _count(self, asked: Written) -> None:
        sent = [reply for reply in self._replies(asked) if reply.state is ReplyState.SENT]
        there = len(self.desk.ours(asked))
        self.told["sent" if sent else "given up, and it stands there" if there else "not sent"] += 1
        if there > 1:
            self.wrong.append(f"{self.number}: stands there {there} times")
        if len(sent) > 1:
            self.wrong.append(f"{self.number}: is known as sent {len(sent)} times")
        if sent and not there:
            self.wrong.append(f"{self.number}: is known as sent and does not stand there")
        self.wrong += [f"{self.number}: is still {reply.state.value}: {reply.error}" for reply in self._open(asked)]
