"""What PRAW does that we had to find out. When a new version does otherwise, look at its collector."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import praw
import prawcore
import pytest
from prawcore.exceptions import ServerError, TooManyRequests
from prawcore.sessions import RetryStrategy

from overheard.vocabulary import Platform
from tests.collectors.reddit_watcher import submit
from tests.fakeworld import faults
from tests.fakeworld.model import World
from tests.fakeworld.server import serve
from tests.fakeworld.wires import reddit as wire

Connect = Callable[..., praw.Reddit]


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    with serve(world):
        yield world


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long PRAW slept. Nothing of ours sleeps here."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    return slept


@pytest.fixture
def connect(world: World) -> Iterator[Connect]:
    """PRAW as it is used without knowing better."""
    sessions: list[praw.Reddit] = []

    def connected(**options: Any) -> praw.Reddit:  # noqa: ANN401 - PRAW's own
        url = world.url(Platform.REDDIT)
        reddit = praw.Reddit(
            client_id=wire.CLIENT_ID, client_secret=wire.CLIENT_SECRET, user_agent="a test of what PRAW does",
            reddit_url=url, oauth_url=url + "/", check_for_updates=False, **options,
        )  # fmt: skip
        sessions.append(reddit)
        return reddit

    yield connected
    for reddit in sessions:
        core = reddit._core  # noqa: SLF001 - PRAW has no other way to hang up
        assert core is not None
        core.close()


def test_its_stream_loses_posts_of_a_burst_without_a_word(world: World, connect: Connect) -> None:
    submit(world, 100)
    stream = connect().subreddit("bakers").stream.submissions(pause_after=-1)

    def poll() -> set[str]:
        return {post.fullname for post in iter(lambda: next(stream), None)}

    seen = poll()
    assert (len(seen), poll()) == (100, set())  # an empty answer, and the stream forgets where it was
    submit(world, 250)
    for _ in range(5):
        seen |= poll()
    assert 350 - len(seen) == 151


def test_it_posts_again_what_may_have_been_stored(world: World, connect: Connect, waits: list[float]) -> None:
    asked = submit(world, 1)[0]
    world.fail("/api/comment", faults.Stored())
    connect().post("api/comment", data={"thing_id": asked.id, "text": "Invented", "api_type": "json"})
    assert len(world.thread(asked)) == 2  # the same comment, twice, and PRAW is content
    assert len(waits) == 1


def test_it_posts_again_when_the_connection_is_lost(world: World, connect: Connect, waits: list[float]) -> None:
    asked = submit(world, 1)[0]
    world.fail("/api/comment", faults.RESET_AFTER)
    connect().post("api/comment", data={"thing_id": asked.id, "text": "Invented", "api_type": "json"})
    assert (len(world.thread(asked)), len(waits)) == (2, 1)


def test_it_can_be_kept_from_posting_again(world: World, connect: Connect, waits: list[float]) -> None:
    class Once(RetryStrategy):
        def _sleep_seconds(self) -> float | None:
            return None

        def consume_available_retry(self) -> RetryStrategy:
            return self

        def should_retry_on_failure(self) -> bool:
            return False

    reddit = connect()
    core = reddit._core  # noqa: SLF001 - the way that is pinned here
    assert core is not None
    assert core._retry_strategy_class is prawcore.sessions.FiniteRetryStrategy  # noqa: SLF001
    core._retry_strategy_class = Once  # noqa: SLF001
    world.fail("/api/comment", faults.UNAVAILABLE)
    with pytest.raises(ServerError):
        reddit.post("api/comment", data={"text": "Invented"})
    assert (len(world.asked("/api/comment")), waits) == (1, [])


def test_it_does_not_wait_after_a_429_and_tells_how_long_as_a_text(world: World, connect: Connect) -> None:
    reddit = connect()
    world.fail("/api/info", faults.rate_limited("7"))
    with pytest.raises(TooManyRequests) as caught:
        reddit.request(method="GET", path="api/info", params={"id": "t3_1"})
    assert caught.value.retry_after == "7"
    world.fail("/api/info", faults.rate_limited())
    with pytest.raises(TooManyRequests) as caught:
        reddit.request(method="GET", path="api/info", params={"id": "t3_1"})
    assert caught.value.retry_after is None
    assert len(world.asked("/api/info")) == 2


def test_it_breaks_on_a_429_that_names_a_date(world: World, connect: Connect) -> None:
    world.fail("/api/info", faults.rate_limited("Fri, 20 Nov 2026 09:30:30 GMT"))
    with pytest.raises(ValueError, match="could not convert string to float"):
        connect().request(method="GET", path="api/info", params={"id": "t3_1"})


def test_it_breaks_on_a_401_that_does_not_say_why(world: World, connect: Connect, waits: list[float]) -> None:
    world.fail("/api/info", faults.UNAUTHORISED, times=3)
    with pytest.raises(KeyError):
        connect().request(method="GET", path="api/info", params={"id": "t3_1"})
    assert len(waits) == 2


def test_it_asks_for_text_that_is_not_escaped(world: World, connect: Connect) -> None:
    submit(world, title="Which CRM & why?")
    (post,) = connect().subreddit("bakers").new()
    assert post.title == "Which CRM & why?"
    assert world.asked("/new")[0].query["raw_json"] == "1"


def test_it_sleeps_until_a_spent_budget_is_renewed(world: World, connect: Connect, waits: list[float]) -> None:
    submit(world)
    state = world.state(wire.Reddit)
    state.remaining, state.used, state.reset = 0.0, 1000, 540
    reddit = connect()
    for _ in range(2):
        list(reddit.subreddit("bakers").new())
    assert len(waits) == 1
    assert 530 < waits[0] <= 540


def test_its_timeout_is_not_the_one_that_it_is_given(world: World, connect: Connect) -> None:
    submit(world)
    world.fail("/new", faults.Delayed(1.2))
    assert len(list(connect(timeout=1).subreddit("bakers").new())) == 1  # it waits for 16 seconds all the same


def test_it_takes_from_the_environment_what_it_is_not_given(
    world: World, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("praw_username", "somebody")
    monkeypatch.setenv("praw_password", "else")
    connect().request(method="GET", path="api/info", params={"id": "t3_1"})
    assert b"grant_type=password" in world.asked("access_token")[0].body
    connect(username=None, password=None).request(method="GET", path="api/info", params={"id": "t3_1"})
    assert b"grant_type=client_credentials" in world.asked("access_token")[1].body
