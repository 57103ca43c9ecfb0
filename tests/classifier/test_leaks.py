"""What is measured with is known to no version: posts that try to stand on two sides, over several retrainings."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count, product

import pytest
import sqlalchemy as sa

from classifier.retrain import retrain
from classifier.retrain_config import read_config
from overheard.db import Sessions
from overheard.listening.posts import NewPost
from overheard.models import Dataset, DatasetExample, IntentLabel, Post
from overheard.settings import Settings
from overheard.vocabulary import Intent, Platform
from tests.classifier.test_retrain import champion, first, load, settings
from tests.factories import store

__all__ = ["champion", "first", "settings"]  # fixtures of theirs

ROUNDS, A_ROUND = 4, 130


@dataclass
class Told:
    """A post as it was made up: whose, where and what. `classifier` is told none of it."""

    platform: Platform
    author: str
    thread: str
    story: int
    body: str
    id: str
    parent: str | None = None

    def is_kin(self, other: "Told") -> bool:
        is_same_author = (self.platform, self.author) == (other.platform, other.author)
        return is_same_author or self.thread == other.thread or self.story == other.story


class Crowd:
    """People who repeat themselves and others, in every way that could carry an answer from one side to another."""

    def __init__(self) -> None:
        self.dice = random.Random(11)  # noqa: S311 - no secret
        self.posts: list[Told] = []
        self._next = count()

    def write(self) -> list[Told]:
        """The posts of a round, half of them kin of one or two that were there before."""
        made = []
        for _ in range(A_ROUND):
            post = self._alone()
            for way in self.dice.sample(self._ways(post), self.dice.choice((0, 0, 1, 1, 2))) if self.posts else ():
                way(self.dice.choice(self.posts))
            self.posts.append(post)
            made.append(post)
        return made

    def _alone(self) -> Told:
        number = next(self._next)
        words = [
            self.dice.choice(("need", "seek", "offer", "story")),
            *(f"v{self.dice.randrange(90_000)}" for _ in range(40)),
        ]
        where = self.dice.choice((Platform.REDDIT, Platform.HACKERNEWS))
        post = Told(where, f"a{number}", f"t{number}", number, " ".join(words), f"x{number}")
        if number % 10 == 0:  # an answer to what was not heard
            post.platform, post.parent, post.thread = Platform.HACKERNEWS, f"late{number}", f"late{number}"
        return post

    def _ways(self, post: Told) -> list:  # type: ignore[type-arg]
        def same_author(other: Told) -> None:
            if post.parent is None:
                post.platform, post.author = other.platform, other.author

        def answer(other: Told) -> None:
            if post.parent is not None:
                return
            post.platform, post.thread, post.parent = other.platform, other.thread, other.id

        def cross_post(other: Told) -> None:
            post.story, post.body = other.story, other.body

        def near_copy(other: Told) -> None:
            post.story, post.body = other.story, self.altered(other.body)

        def quote(other: Told) -> None:
            post.story, post.body = other.story, f"{post.body} {other.body} {' '.join(post.body.split()[::-1])}"

        return [same_author, answer, self.dice.choice((cross_post, near_copy, quote))]

    def altered(self, body: str) -> str:
        words = body.split()
        for place in self.dice.sample(range(1, 40), 2):
            words[place] = f"v{self.dice.randrange(90_000)}"
        return " ".join(words)


def _label(post: Post, told: Told, now: datetime, by: str) -> IntentLabel:
    return IntentLabel(
        post_id=post.id,
        intent=Intent.RECOMMENDATION if told.body.split()[0] in {"need", "seek"} else Intent.DISCUSSION,
        origin=by,
        at=now,
        text_hash=post.text_hash,
        shown_because="imported",
    )


def _bring_in(sessions: Sessions, some: list[Told], now: datetime) -> None:
    with sessions.begin() as session:
        written = [
            NewPost(
                one.platform, one.id, "r/all", "", one.body, author=one.author, parent_external_id=one.parent, as_of=now
            )
            for one in some
        ]
        for post, told in zip(store(session, *written, now=now), some, strict=True):
            assert post.body == told.body
            session.add_all(_label(post, told, now, by) for by in ("one tool", "another")[: 1 + (post.id % 3 == 0)])


def _edit_into_copies(sessions: Sessions, crowd: Crowd, now: datetime) -> None:
    """Some rewrite their post as somebody else's, and are labelled anew."""
    for _ in range(6):
        told, other = crowd.dice.sample(crowd.posts, 2)
        told.story, told.body = other.story, crowd.altered(other.body)
        _bring_in(sessions, [told], now)


def _join_conversations(sessions: Sessions, crowd: Crowd, now: datetime) -> None:
    """The posts that two answers were written to come in late, and prove to be of one conversation."""
    for turn in range(6):
        orphans = [
            one for one in crowd.posts if one.parent and one.parent.startswith("late") and one.thread == one.parent
        ]
        if len(orphans) < 2:
            return
        one, other = crowd.dice.sample(orphans, 2)
        root = f"root{now.day}{turn}"
        with sessions.begin() as session:
            late = [
                NewPost(Platform.HACKERNEWS, str(of.parent), "r/all", "", "x", parent_external_id=root, as_of=now)
                for of in (one, other)
            ]
            store(session, *late, now=now)
        for told in crowd.posts:
            if told.thread in {one.parent, other.parent}:
                told.thread = root


def _withdraw(sessions: Sessions, now: datetime, *, back: bool) -> None:
    """Every seventh post has no standing label for a round, in turns."""
    with sessions.begin() as session:
        some = sa.update(IntentLabel).where(IntentLabel.post_id % 7 == 0)
        session.execute(some.values(withdrawn_at=None if back else now))


def _sides(sessions: Sessions, crowd: Crowd) -> tuple[dict[str, list[Told]], list[Told]]:
    """Of the newest dataset; and all that any version has learned from."""
    by_id = {(one.platform, one.id): one for one in crowd.posts}
    sides: dict[str, list[Told]] = {"train": [], "recent": [], "frozen": []}
    with sessions() as session:
        newest = session.scalar(sa.select(sa.func.max(Dataset.id)))
        rows = sa.select(Post.platform, Post.external_id, DatasetExample.side).join(
            Post, Post.id == DatasetExample.post_id
        )
        for platform, external_id, side in session.execute(rows.where(DatasetExample.dataset_id == newest)):
            sides[side].append(by_id[platform, external_id])
        ever = session.execute(rows.where(DatasetExample.side == "train")).all()
    return sides, [by_id[platform, external_id] for platform, external_id in {(one[0], one[1]) for one in ever}]


def _leaks(one_side: list[Told], other_side: list[Told]) -> Iterator[str]:
    for one, other in product(one_side, other_side):
        if one.is_kin(other):
            yield f"{one.id} ({one.author}, {one.thread}, {one.story}) and {other.id}"


@pytest.mark.usefixtures("champion")
@pytest.mark.alternate_databases
def test_no_text_author_or_conversation_is_learned_from_and_measured_with_however_they_come_back(
    sessions: Sessions, settings: Settings, now: datetime
) -> None:
    crowd, config = Crowd(), read_config()
    sizes = []
    for turn in range(ROUNDS):
        at = now + timedelta(days=turn)
        _bring_in(sessions, crowd.write(), at)
        if turn == 0:
            _bring_in(sessions, crowd.write(), at)
        else:
            _edit_into_copies(sessions, crowd, at + timedelta(hours=1))
            _join_conversations(sessions, crowd, at + timedelta(hours=2))
            _withdraw(sessions, at, back=turn % 2 == 0)
        retrain(sessions, settings, config, clock=lambda at=at: at, load=load)  # type: ignore[misc] # bound now
        sides, ever_learned = _sides(sessions, crowd)
        assert list(_leaks(sides["frozen"], ever_learned)) == [], f"round {turn}: frozen, and learned from once"
        assert list(_leaks(sides["frozen"], sides["recent"])) == [], f"round {turn}: frozen and recent"
        assert list(_leaks(sides["recent"], sides["train"])) == [], f"round {turn}: recent and learned from"
        sizes.append({side: len(some) for side, some in sides.items()})
    assert sizes[-1]["frozen"] > sizes[0]["frozen"] > 15, sizes
    assert all(min(of_it.values()) > 5 for of_it in sizes), sizes
