"""Queues with known truth, worked through over `/v1` as people do it: from the top, a part of each day, with faults.

What is estimated from their decisions is held against the truth, in the suite for a few small ones
(`tests/api/test_label_queues.py`) and for many whole ones with `make soak-labels`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import NamedTuple

from fastapi.testclient import TestClient
from sqlalchemy.engine import Engine

from api.app import create_app
from overheard.db import Sessions, make_sessions
from overheard.labelling import samples, slots
from overheard.labelling.estimates import quality
from overheard.leads.qualify import qualify
from overheard.listening.posts import NewPost
from overheard.measuring import recall
from overheard.measuring.recall import Estimate
from overheard.models import Campaign, Prediction
from overheard.settings import Settings
from overheard.users import accounts
from overheard.vocabulary import Intent
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

    program: TestClient
    sees_what_is_not: float = 0.0
    misses: float = 0.0


@dataclass(frozen=True, slots=True)
class Written:
    """An invented post: what the model says, what is true, and who would judge it and how."""

    score: float
    is_shown: bool
    is_lead: bool
    judged_by: Person
    word: bool
    """What that person would say of it."""


@dataclass
class LabelQueue:
    """A campaign, its posts, and people who decide on some of them."""

    sessions: Sessions
    people: list[Person]
    clock: list[datetime]
    seed: int
    size: Size = field(default_factory=Size)
    posts: dict[str, Written] = field(default_factory=dict)
    decisions: int = 0

    def live(self) -> None:
        """All days: what comes in, what is decided of it, and the day after its blind samples."""
        self.dice = Random(f"label queue {self.seed}")  # noqa: S311 - chance, not secrecy
        self.started = self.clock[0]
        self.word = f"crm{self.seed}"  # what other queues of the same database do not listen for
        with self.sessions.begin() as session:
            campaign = make_campaign(session, now=self.started, name=f"Rye {self.seed}", queries={"all": self.word})
            campaign.threshold, campaign.samples_a_day = _THRESHOLD, self.size.samples
            size = self.size
            slots.set_shares(session, campaign.id, random=size.random_share, uncertain=size.uncertain_share)
            self.campaign_id = campaign.id
        for day in range(self.size.days):
            self.clock[0] = self.started + timedelta(days=day)
            self._comes_in(self.people[day % len(self.people)])
            self._decide(self.people[day % len(self.people)].program)
            self.clock[0] += timedelta(days=1)
            self._answer_samples()

    def _comes_in(self, person: Person) -> None:
        now = self.clock[0]
        written = {
            f"{self.seed} {len(self.posts) + number}": self._invent(person, number)
            for number in range(self.size.shown + self.size.beyond)
        }
        self.posts |= {author: post for author, (post, _) in written.items()}
        with self.sessions.begin() as session:
            rows = store(session, *(self._post(author, text) for author, (_, text) in written.items()), now=now)
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

    def _post(self, author: str, text: str) -> NewPost:
        return new_post(title=text, body="", author=author, external_id=f"t3_{author}", posted_at=self.clock[0])

    def _invent(self, person: Person, number: int) -> tuple[Written, str]:
        """Over the threshold the model is too sure of itself; under it, and where no query listens, are leads too."""
        dice = self.dice
        shown = number < self.size.shown
        score = 0.5 + 0.5 * dice.betavariate(1.5, 1.5) if shown else 0.5 * dice.betavariate(1, 3)
        is_lead = dice.random() < (score**3 if shown else 0.4 * score)
        word = dice.random() >= person.misses if is_lead else dice.random() < person.sees_what_is_not
        unmatched = not shown and dice.random() < 0.25
        return Written(score, shown, is_lead, person, word), "oven" if unmatched else self.word

    # --- people ----------------------------------------------------------------------------------------------------

    def _decide(self, program: TestClient) -> None:
        left = self.size.decided
        while left:
            params: dict[str, int] = {"campaign": self.campaign_id, "limit": min(left, 25)}
            items = program.get("/v1/queue", params=params).raise_for_status().json()["items"]
            for position, item in enumerate(items, start=1):
                self._decide_on(program, item["id"], self.posts[item["author"]].word, position)
            left -= len(items)
            self.decisions += len(items)

    def _decide_on(self, program: TestClient, lead_id: int, word: bool, position: int) -> None:
        if word and self.dice.random() < 0.8:
            program.post(f"/v1/leads/{lead_id}/promote", json={"position": position}).raise_for_status()
            return
        reason = self.dice.choice(_LEAD_AND_OUT if word else _NO_LEAD)
        said = {"position": position, "reason": reason}
        program.post(f"/v1/leads/{lead_id}/disqualify", json=said).raise_for_status()

    def _answer_samples(self) -> None:
        with self.sessions.begin() as session:
            samples.draw(session, self.clock[0], model_version=MODEL, threshold=_THRESHOLD)
        reader = self.people[0].program
        params: dict[str, int] = {"campaign": self.campaign_id, "limit": 100}
        for card in reader.get("/v1/samples", params=params).raise_for_status().json()["items"]:
            post = self.posts[card["author"]]
            answer = {"answer": "lead" if post.word else "no"}
            path = f"/v1/samples/{card['id']}/answer"
            post.judged_by.program.post(path, json=answer).raise_for_status()

    # --- what is estimated, and what is true -----------------------------------------------------------------------

    def told(self) -> list["Told"]:
        """Each estimate beside the truth."""
        shown = [one for one in self.posts.values() if one.is_shown]
        high = [one for one in shown if one.score >= _HIGH]
        with self.sessions() as session:
            campaign = session.get_one(Campaign, self.campaign_id)
            found = quality(session, campaign, self.clock[0])
            recalled = recall.estimate(session, campaign, self.clock[0])
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
        everything = list(self.posts.values())
        truth = _Truth(*(_of(everything, by, shown) for by in _BOTH))
        if found.recall:
            told.append(Told("recall", found.recall, truth))
        if recalled.can_tell:
            told.append(Told("recall on the campaign's page", recalled.recall, truth))
        if found.naive is not None:
            told.append(Told("share of all decisions", Estimate(found.naive, found.naive, found.naive), told[0].truth))
        return told


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

    def holds(self) -> tuple[bool, bool]:
        """Whether the interval holds what people would say of all, and what is true."""
        return tuple(self.estimate.low <= number <= self.estimate.high for number in self.truth)  # type: ignore[return-value]


_BOTH: tuple[Callable[[Written], bool], ...] = (lambda post: post.word, lambda post: post.is_lead)


def _of(whole: Sequence[Written], by: Callable[[Written], bool], part: Sequence[Written]) -> float:
    return sum(map(by, part)) / (sum(map(by, whole)) or 1)


def _share(part: Sequence[Written], whole: Sequence[Written]) -> _Truth:
    return _Truth(*(sum(map(by, part)) / (len(whole) or 1) for by in _BOTH))


@contextmanager
def people_at_work(
    engine: Engine, home: Path, errors: Sequence[tuple[float, float]]
) -> Iterator[tuple[list[Person], list[datetime]]]:
    """The application over a database, SDRs with a token each who err as often as said, and the clock."""
    clock = [NOW]
    settings = Settings(home=home, _env_file=None)  # type: ignore[call-arg] # pydantic-settings' own switch
    app = create_app(settings, engine=engine, clock=lambda: clock[0])
    with make_sessions(engine).begin() as session:
        cast = make_cast(session, now=NOW)
        tokens = [accounts.make_token(session, user, name="desk", now=NOW).token for user in (cast.sam, cast.sue)]
    people = []
    with ExitStack() as stack:
        for token, err in zip(tokens, errors, strict=True):
            program = stack.enter_context(TestClient(app, headers={"Authorization": f"Bearer {token}"}))
            people.append(Person(program, *err))
        yield people, clock
