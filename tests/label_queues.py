"""Queues with known truth, worked through as people do it: from the top, a part of each day, with faults.

What is estimated from their decisions is held against the truth. A queue lives twice, by the same dice: over `/v1`
with all that stands behind it (`OverV1`), and in memory by the formulas alone (`InMemory`), a hundred times faster.
Both tell the same to the last digit, for a few small ones in the suite (`tests/api/test_label_queues.py`) and for whole
ones with `make soak-labels`; how often the truth is held is then counted over thousands in memory.
"""

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import astuple, dataclass
from datetime import UTC, datetime, timedelta
from math import isclose
from pathlib import Path
from random import Random
from typing import NamedTuple

from fastapi.testclient import TestClient
from sqlalchemy.engine import Engine

from api.app import create_app
from overheard.db import Sessions, make_sessions
from overheard.labelling import samples, slots
from overheard.labelling.drawn import Decided, share
from overheard.labelling.estimates import AtThreshold, Bin, at_thresholds, calibration, quality
from overheard.labelling.samples import DRAWN_FROM, allocate
from overheard.leads.qualify import qualify
from overheard.listening.posts import NewPost
from overheard.measuring.intervals import Estimate
from overheard.measuring.recall import Draws, found_by_chance, missed_in, recall_of, total
from overheard.models import Campaign, Prediction
from overheard.settings import Settings
from overheard.users import accounts
from overheard.vocabulary import Intent, Platform, Stratum
from tests.factories import MODEL, make_campaign, make_cast, new_post, store

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)

_THRESHOLD = 0.5
_HIGH = 0.8
_NO_LEAD = ("no_need", "not_a_buyer")
_LEAD_AND_OUT = ("stale", "not_our_icp", "already_served")
"""Reasons for which a good post is put out: its label is a yes all the same."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much happens."""

    days: int = 10
    shown: int = 400
    """Posts a day that come into the queue."""
    beyond: int = 600
    """Posts a day that do not."""
    decided: int = 200
    """Leads a day for which people have time."""
    samples: int = 20
    random_share: float = 0.05
    uncertain_share: float = 0.1


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who decides, and how often they see a lead where there is none, and none where there is one."""

    sees_what_is_not: float = 0.0
    misses: float = 0.0


@dataclass(frozen=True, slots=True)
class Written:
    """An invented post: what the model says, what is true, and who would judge it and how."""

    author: str
    score: float
    is_shown: bool
    is_matched: bool
    is_lead: bool
    day: int
    word: bool
    """What the person of that day would say of it."""


class LabelQueue(ABC):
    """A campaign, its posts, and people who decide on some of them."""

    def __init__(self, seed: int, size: Size, people: Sequence[Person]) -> None:
        self.seed, self.size, self.people = seed, size, people
        self.dice = Random(f"label queue {seed}")  # noqa: S311 - chance, not secrecy
        self.posts: dict[str, Written] = {}
        self.said: list[bool] = []
        """Each decision: whether it called a lead one."""

    def live(self) -> "LabelQueue":
        """All days: what comes in, what is decided of it, and the day after its blind samples."""
        for day in range(self.size.days):
            written = [self._invent(day, number) for number in range(self.size.shown + self.size.beyond)]
            self.posts |= {post.author: post for post in written}
            self._comes_in(day, written)
            self._decide(day)
            self._answer_samples(day)
        return self

    def _invent(self, day: int, number: int) -> Written:
        """Over the threshold the model is too sure of itself; under it, and where no query listens, are leads too."""
        dice, person = self.dice, self.people[day % len(self.people)]
        shown = number < self.size.shown
        score = 0.5 + 0.5 * dice.betavariate(1.5, 1.5) if shown else 0.5 * dice.betavariate(1, 3)
        is_lead = dice.random() < (score**3 if shown else 0.4 * score)
        word = dice.random() >= person.misses if is_lead else dice.random() < person.sees_what_is_not
        matched = shown or dice.random() >= 0.25
        return Written(f"{self.seed} {len(self.posts) + number}", score, shown, matched, is_lead, day, word)

    def _decide(self, day: int) -> None:
        left = self.size.decided
        while left:
            best = self._best(day, min(left, 25))
            for position, (handle, author) in enumerate(best, start=1):
                word = self.posts[author].word
                promotes = word and self.dice.random() < 0.8
                reason = None if promotes else self.dice.choice(_LEAD_AND_OUT if word else _NO_LEAD)
                self._say(day, handle, reason, position)
                self.said.append(word)
            left -= len(best)

    # --- what stands behind it -------------------------------------------------------------------------------------

    @abstractmethod
    def _comes_in(self, day: int, written: Sequence[Written]) -> None: ...

    @abstractmethod
    def _best(self, day: int, limit: int) -> list[tuple[int, str]]:
        """The leads at the top of the queue, each with its author."""

    @abstractmethod
    def _say(self, day: int, lead: int, reason: str | None, position: int) -> None:
        """Promote it, or put it out for that reason."""

    @abstractmethod
    def _answer_samples(self, day: int) -> None: ...

    @abstractmethod
    def _estimates(self) -> "Estimates": ...

    # --- what is estimated, and what is true -----------------------------------------------------------------------

    def told(self) -> list["Told"]:
        """Each estimate beside the truth."""
        found = self._estimates()
        everything = list(self.posts.values())
        shown = [one for one in everything if one.is_shown]
        high = [one for one in shown if one.score >= _HIGH]
        told = [Told("precision", found.precision, _share(shown, shown))]
        for at in found.thresholds:
            if at.threshold == _HIGH:
                told += [
                    Told("precision from 0.8", at.precision, _share(high, high)),
                    Told("leads kept from 0.8", at.kept, _Truth(*(_of(shown, by, high) for by in _BOTH))),
                ]
        for one in found.bins:
            here = [post for post in shown if one.low <= post.score < one.high]
            told.append(Told(f"calibration {one.low} to {one.high}", one.share, _share(here, here)))
        if found.recall:
            told.append(Told("recall", found.recall, _Truth(*(_of(everything, by, shown) for by in _BOTH))))
        naive = sum(self.said) / len(self.said)
        told.append(Told("share of all decisions", Estimate(naive, naive, naive), told[0].truth))
        return told


class InMemory(LabelQueue):
    """By the formulas alone: the same posts, draws and order, with no database and no API."""

    def __init__(self, seed: int, size: Size, people: Sequence[Person]) -> None:
        super().__init__(seed, size, people)
        self._shares = Campaign(id=1, random_share=size.random_share, uncertain_share=size.uncertain_share)
        self._waiting: list[tuple[int, float, int, str]] = []
        self._drawn: list[Decided] = []
        self._draws: dict[Stratum, list[Draws]] = defaultdict(list)

    def _comes_in(self, day: int, written: Sequence[Written]) -> None:
        for number, one in enumerate(written):
            if one.is_shown:
                slot = slots.draw(self._shares, Platform.REDDIT, one.author, one.score)
                self._waiting.append((day, slot.rank, number, one.author))
                if slot.because in slots.DRAWN:
                    self._drawn.append(Decided(one.score, slot.propensity or 1.0, one.word))
        self._waiting.sort()

    def _best(self, day: int, limit: int) -> list[tuple[int, str]]:
        found = self._waiting[: -limit - 1 : -1]
        del self._waiting[-limit:]
        return [(number, author) for *_, number, author in found]

    def _say(self, day: int, lead: int, reason: str | None, position: int) -> None:
        """What is estimated rests on the word, which is known."""

    def _answer_samples(self, day: int) -> None:
        strata: dict[Stratum, list[bool]] = defaultdict(list)
        for one in self.posts.values():
            if one.day == day and not one.is_shown:
                near = Stratum.NEAR if one.score >= _THRESHOLD / 2 else Stratum.FAR
                strata[near if one.is_matched else Stratum.UNMATCHED_WEAK].append(one.word)
        sizes = {stratum: len(strata[stratum]) for stratum in DRAWN_FROM if stratum in strata}
        numbers = allocate(sizes, self.size.samples)
        dice = Random(f"{self._shares.id} {(NOW + timedelta(days=day)).date()}")  # noqa: S311 - as `samples.draw` does
        for stratum in Stratum:
            if number := numbers.get(stratum):
                words = dice.sample(strata[stratum], number)
                self._draws[stratum].append(Draws(sizes[stratum], number, number, sum(words)))

    def _estimates(self) -> "Estimates":
        precision = share(self._drawn)
        found = found_by_chance(sum(one.is_shown for one in self.posts.values()), precision)
        recall = recall_of(
            found, total(missed_in(self._draws[stratum]) for stratum in DRAWN_FROM if stratum in self._draws)
        )
        return Estimates(precision, recall, at_thresholds(self._drawn), calibration(self._drawn))


class OverV1(LabelQueue):
    """Over `/v1`, with a database behind it."""

    def __init__(
        self,
        seed: int,
        size: Size,
        people: Sequence[Person],
        *,
        sessions: Sessions,
        programs: Sequence[TestClient],
        clock: list[datetime],
    ) -> None:
        super().__init__(seed, size, people)
        self._sessions, self._programs, self._clock = sessions, programs, clock
        self._word = f"crm{seed}"  # what other queues of the same database do not listen for
        with sessions.begin() as session:
            campaign = make_campaign(session, now=NOW, name=f"Rye {seed}", queries={"all": self._word})
            campaign.threshold, campaign.samples_a_day = _THRESHOLD, size.samples
            slots.set_shares(session, campaign.id, random=size.random_share, uncertain=size.uncertain_share)
            self._campaign_id = campaign.id

    def _comes_in(self, day: int, written: Sequence[Written]) -> None:
        now = self._clock[0] = NOW + timedelta(days=day)
        with self._sessions.begin() as session:
            rows = store(session, *(self._post(one) for one in written), now=now)
            session.add_all(
                Prediction(
                    post_id=row.id,
                    model_version=MODEL,
                    score=self.posts[row.author or ""].score,
                    intent=Intent.PAIN,
                    probabilities={"pain": 1.0},
                    evidence=[],
                    at=now,
                )
                for row in rows
            )
            session.flush()
            qualify(session, model_version=MODEL, threshold=_THRESHOLD, now=now, among=[row.id for row in rows])

    def _post(self, one: Written) -> NewPost:
        title = self._word if one.is_matched else "oven"
        return new_post(
            title=title, body="", author=one.author, external_id=f"t3_{one.author}", posted_at=self._clock[0]
        )

    def _program(self, day: int) -> TestClient:
        return self._programs[day % len(self._programs)]

    def _best(self, day: int, limit: int) -> list[tuple[int, str]]:
        params: dict[str, int] = {"campaign": self._campaign_id, "limit": limit}
        items = self._program(day).get("/v1/queue", params=params).raise_for_status().json()["items"]
        return [(item["id"], item["author"]) for item in items]

    def _say(self, day: int, lead: int, reason: str | None, position: int) -> None:
        said: dict[str, int | str] = {"position": position}
        path = f"/v1/leads/{lead}/promote"
        if reason:
            path, said = f"/v1/leads/{lead}/disqualify", said | {"reason": reason}
        self._program(day).post(path, json=said).raise_for_status()

    def _answer_samples(self, day: int) -> None:
        self._clock[0] = NOW + timedelta(days=day + 1)
        with self._sessions.begin() as session:
            samples.draw(session, self._clock[0], model_version=MODEL, threshold=_THRESHOLD)
        params: dict[str, int] = {"campaign": self._campaign_id, "limit": 100}
        for card in self._programs[0].get("/v1/samples", params=params).raise_for_status().json()["items"]:
            post = self.posts[card["author"]]
            answer = {"answer": "lead" if post.word else "no"}
            self._program(post.day).post(f"/v1/samples/{card['id']}/answer", json=answer).raise_for_status()

    def _estimates(self) -> "Estimates":
        with self._sessions() as session:
            found = quality(session, session.get_one(Campaign, self._campaign_id), self._clock[0])
        return Estimates(found.precision, found.recall, found.thresholds, found.bins)


class Estimates(NamedTuple):
    """What is estimated of a queue."""

    precision: Estimate
    recall: Estimate | None
    thresholds: list[AtThreshold]
    bins: list[Bin]


class _Truth(NamedTuple):
    by_people: float
    """What they would have said had they read everything: this is what is promised."""
    in_truth: float


@dataclass(frozen=True, slots=True)
class Told:
    """What was estimated of one number."""

    name: str
    estimate: Estimate
    truth: _Truth

    def is_as(self, other: "Told") -> bool:
        """Whether both say the same number, but for the order in which sums were made."""
        numbers = zip(astuple(self.estimate), astuple(other.estimate), strict=True)
        return self.truth == other.truth and all(isclose(one, two, abs_tol=1e-9) for one, two in numbers)

    def holds(self) -> tuple[bool, bool]:
        """Whether the interval holds what people would say of all, and what is true."""
        return tuple(self.estimate.low <= number <= self.estimate.high for number in self.truth)  # type: ignore[return-value]


_BOTH: tuple[Callable[[Written], bool], ...] = (lambda post: post.word, lambda post: post.is_lead)


def _of(whole: Sequence[Written], by: Callable[[Written], bool], part: Sequence[Written]) -> float:
    return sum(map(by, part)) / (sum(map(by, whole)) or 1)


def _share(part: Sequence[Written], whole: Sequence[Written]) -> _Truth:
    return _Truth(*(sum(map(by, part)) / (len(whole) or 1) for by in _BOTH))


@contextmanager
def desks(engine: Engine, home: Path) -> Iterator[tuple[list[TestClient], list[datetime]]]:
    """The application over a database, a program with a token for each of two SDRs, and the clock."""
    clock = [NOW]
    settings = Settings(home=home, _env_file=None)  # type: ignore[call-arg] # pydantic-settings' own switch
    app = create_app(settings, engine=engine, clock=lambda: clock[0])
    with make_sessions(engine).begin() as session:
        cast = make_cast(session, now=NOW)
        tokens = [accounts.make_token(session, user, name="desk", now=NOW).token for user in (cast.sam, cast.sue)]
    with ExitStack() as stack:
        yield (
            [stack.enter_context(TestClient(app, headers={"Authorization": f"Bearer {token}"})) for token in tokens],
            clock,
        )
