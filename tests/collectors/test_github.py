import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from aiohttp import web

from collectors.base import Found, Watched
from collectors.github.posts import own_words
from overheard.db import Sessions
from overheard.errors import CollectorError
from overheard.listening.intake import Erased, Intake
from overheard.listening.posts import NewPost
from overheard.models import Gap, Post
from overheard.vocabulary import Platform, PostKind, SourceState
from tests.collectors.live import Live
from tests.fakeworld import faults
from tests.fakeworld.model import World, Written
from tests.fakeworld.oracle import compare
from tests.fakeworld.server import serve
from tests.fakeworld.wires.github import REPOSITORY, GitHub

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

OLD_NAME = "rye/stove"


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def live(sessions: Sessions, world: World, tmp_path: Path) -> Iterator[Live]:
    with serve(world):
        live = Live(sessions, world, tmp_path, "github", Platform.GITHUB, {"token": "github_pat_1"})
        live.watch(REPOSITORY, REPOSITORY)
        yield live


@pytest.fixture
def api(world: World) -> GitHub:
    return world.state(GitHub)


def write(world: World, body: str | None = None, *, seconds: float = 1, **extra: object) -> Written:
    world.advance(seconds)
    return world.write(Platform.GITHUB, REPOSITORY, body=body, title="Export?", **extra)  # type: ignore[arg-type]


def discuss(world: World, body: str | None = None, **extra: object) -> Written:
    return write(world, body, is_discussion=True, **extra)  # type: ignore[arg-type]


def assert_clean(live: Live) -> None:
    report = compare(live.world, live.sessions)
    assert report.is_clean, report


def error_of(live: Live) -> CollectorError:
    error = live.collect().error
    assert error is not None
    return error


def test_issues_comments_and_discussions_become_posts(live: Live, world: World) -> None:
    issue = write(world, "Is there an export?\r\n<!-- template -->", author="rita")
    write(world, "> Is there an export?\n\nHere", parent=issue, author="otto")
    topic = discuss(world, "Which plan?")
    reply = discuss(world, "The small one", parent=topic)
    discuss(world, "Thanks", parent=reply)
    assert live.collect().intake == Intake(new=5)
    posts = {post.external_id: post for post in live.posts()}
    asked, answered = posts[issue.id], posts["IC_000002"]
    assert (asked.title, asked.body, asked.kind, asked.author_name) == (
        "Export?",
        "Is there an export?",
        PostKind.SUBMISSION,
        "rita",
    )
    assert asked.permalink == f"https://github.com/{REPOSITORY}/issues/1"
    assert (answered.body, answered.kind, answered.title) == ("[…]\n\nHere", PostKind.COMMENT, "")
    assert posts[reply.id].parent_external_id == topic.id
    assert posts["DC_000005"].parent_external_id == reply.id


def test_pull_requests_and_bots_are_left_out(live: Live, world: World) -> None:
    pull = write(world, pull_request={"url": "x"})
    write(world, parent=pull)
    write(world, author="robot")
    discuss(world, author="robot")
    hidden = discuss(world)
    discuss(world, parent=hidden, isMinimized=True)
    assert live.collect().intake == Intake(new=1)


def test_a_burst_is_stored_whole_and_once(live: Live, world: World) -> None:
    live.collect()
    for _ in range(250):
        write(world, seconds=3)
    for _ in range(70):
        discuss(world)
    assert live.collect().intake.new == 320
    assert_clean(live)


def test_more_of_one_second_than_a_page_holds_are_all_read(live: Live, world: World) -> None:
    write(world)
    for _ in range(230):
        write(world, seconds=0)
    write(world)
    live.collect()
    assert live.count(Post) == 232
    assert_clean(live)


def test_what_changes_while_we_page_pushes_nothing_over_the_border(live: Live, world: World) -> None:
    issues = [write(world) for _ in range(250)]
    world.fail(r"/issues\?.*page=1", _EditsWhileAnswering(world, issues), times=3)
    live.collect()
    assert live.count(Post) == 250


class _EditsWhileAnswering:
    """Right after each page was given, what stood on it changes and moves to the end."""

    def __init__(self, world: World, issues: list[Written]) -> None:
        self.world = world
        self.issues = issues

    async def answer(self, request: web.Request, handler: faults.Handler) -> web.StreamResponse:
        response = await handler(request)
        self.world.advance(30)
        for issue in self.issues[:20]:
            self.world.edit(issue, body="Edited in between")
        del self.issues[:20]
        return response


def test_edits_and_late_comments_are_followed(live: Live, world: World) -> None:
    issue, topic = write(world), discuss(world)
    live.collect()
    world.advance(86_400)
    world.edit(issue, body="Edited")
    world.edit(topic, body="Edited too")
    discuss(world, "Late", parent=topic)
    write(world, "Late", parent=issue)
    intake = live.collect().intake
    assert (intake.new, intake.edited) == (2, 2)
    assert_clean(live)


def test_an_unchanged_repository_costs_nothing(live: Live, world: World) -> None:
    write(world)
    for _ in range(3):
        live.collect()
    world.requests.clear()
    live.collect()
    conditional = [request for request in world.asked("/issues") if "If-None-Match" in request.headers]
    assert len(conditional) == len(world.asked("/issues")) == 2
    write(world)
    assert live.collect().intake.new == 1


def test_a_change_behind_a_full_unchanged_page_is_not_missed(live: Live, world: World) -> None:
    for _ in range(100):
        write(world, seconds=0)
    for _ in range(3):
        live.collect()
    write(world)
    assert live.collect().intake.new == 1


def test_a_hundred_posts_are_asked_for_again_at_once_and_those_that_are_gone_erased(live: Live, world: World) -> None:
    issues = [write(world) for _ in range(130)]
    topic = discuss(world)
    world.edit(issues[0], body="Edited")
    world.delete(issues[1])
    world.delete(topic)
    ids = [written.id for written in [*issues, topic]]
    with live.open() as collector:
        again = [item for items in collector.recheck(Watched(REPOSITORY, REPOSITORY), ids) for item in items]
    assert len(world.asked("/graphql")) == 2
    assert isinstance(again[0], NewPost)
    assert again[0].body == "Edited"
    gone = [item.external_id for item in again if isinstance(item, Erased)]
    assert gone == [issues[1].id, topic.id]


@pytest.mark.parametrize(
    "answer",
    [{"data": None, "errors": [{"type": "INTERNAL"}]}, {"data": {"nodes": []}}, {"message": "x"}, {"data": {}}],
)
def test_an_answer_that_is_none_erases_nothing(live: Live, world: World, answer: object) -> None:
    issue = write(world)
    fault = faults.Answer(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})
    world.fail("/graphql", fault, times=9)
    with live.open() as collector, pytest.raises(CollectorError):
        list(collector.recheck(Watched(REPOSITORY, REPOSITORY), [issue.id]))


def test_a_renamed_repository_is_read_on_under_its_old_name(live: Live, world: World, api: GitHub) -> None:
    write(world)
    api.renamed = {OLD_NAME: REPOSITORY}
    with live.sessions.begin() as session:
        session.delete(live.source())
    live.watch(OLD_NAME, OLD_NAME)
    summary = live.collect()
    assert (summary.error, summary.intake.new) == (None, 1)
    assert live.source().community == OLD_NAME
    with live.open() as collector:
        (found,) = collector.communities(OLD_NAME)
    assert found.address == REPOSITORY  # who adds it now gets the new name


def test_a_repository_without_issues_still_has_discussions(live: Live, world: World, api: GitHub) -> None:
    api.has_issues = False
    discuss(world)
    assert live.collect().intake == Intake(new=1)


def test_repositories_are_found_as_people_type_them(live: Live) -> None:
    found = Found(REPOSITORY, REPOSITORY, "public, discussions")
    with live.open() as collector:
        assert collector.account_name() == "rita"
        assert collector.communities() == [found]
        for typed in (REPOSITORY, f"https://github.com/{REPOSITORY}", f"github.com/{REPOSITORY}/issues/7"):
            assert collector.communities(typed) == [found]
        assert collector.communities(f"https://github.com/{REPOSITORY}.git") == [found]
        with pytest.raises(CollectorError, match="write owner/name"):
            collector.communities("oven")
        with pytest.raises(CollectorError, match="no such repository"):
            collector.communities("rye/nothing")


def test_a_token_that_is_not_taken_waits_for_the_operator(live: Live, api: GitHub) -> None:
    api.token = "another"
    assert "does not take the token" in str(error_of(live))
    assert live.state() is SourceState.NEEDS_OPERATOR


def test_a_limit_that_is_used_up_says_when_it_is_full_again(live: Live, world: World, api: GitHub) -> None:
    write(world)
    live.collect()
    assert live.source().budget == {"limit": 5000.0, "remaining": 4999.0, "resets_in": 1800.0}
    api.remaining = 0
    error = error_of(live)
    assert (error.retry_after, error.permanent) == (1801.0, False)
    assert live.state() is SourceState.WATCHING


@pytest.mark.parametrize(
    ("headers", "retry_after"), [({"Retry-After": "90"}, 90.0), ({}, 60.0), ({"Retry-After": "1000000000"}, 86_400.0)]
)
@pytest.mark.parametrize("status", [403, 429])
def test_a_secondary_limit_is_no_refusal(
    live: Live, world: World, headers: dict[str, str], retry_after: float, status: int
) -> None:
    body = b'{"message": "You have exceeded a secondary rate limit. Please wait."}'
    world.fail("/issues", faults.Answer(status, body, headers), times=9)
    error = error_of(live)
    assert (error.retry_after, error.permanent) == (retry_after, False)


@pytest.mark.parametrize("fault", faults.PASSING, ids=str)
def test_a_fault_that_passes_costs_nothing(live: Live, world: World, fault: faults.Fault) -> None:
    issue = write(world)
    write(world, parent=issue)
    discuss(world)
    world.fail("/comments", fault, times=1)
    world.fail("/graphql", fault, times=1)
    assert live.collect().error is None
    assert_clean(live)


@pytest.mark.parametrize("fault", [faults.NOT_OK, faults.HTML_PAGE, faults.SERVER_ERROR], ids=str)
@pytest.mark.parametrize("path", [r"/issues\?", "/comments", "/graphql"])
def test_a_fault_that_stays_loses_nothing(live: Live, world: World, fault: faults.Fault, path: str) -> None:
    live.collect()
    issue = write(world)
    write(world, parent=issue)
    discuss(world)
    world.fail(path, fault, times=9)
    assert live.collect().error is not None
    world.heal()
    world.advance(3600)
    live.collect()
    assert_clean(live)


def test_what_is_no_issue_is_set_aside_and_the_others_are_stored(live: Live, world: World, api: GitHub) -> None:
    write(world)
    write(world, body="x", title_=7, created_at="yesterday")
    write(world, user=None)  # the author has left
    api.raw = [{"no": "id", "title": "x", "updated_at": 7}]
    intake = live.collect().intake
    assert (intake.new, intake.rejected) == (2, 2)


def test_discussions_that_change_faster_than_we_read_leave_a_gap(live: Live, world: World) -> None:
    live.collect()
    for _ in range(520):
        discuss(world)
    assert live.collect().missed == 1
    with live.sessions() as session:
        gap = session.scalars(sa.select(Gap)).one()
    assert gap.reason == "discussions changed faster than 25 pages a pass"
    assert live.count(Post) == 500


@pytest.mark.parametrize(
    ("markdown", "words"),
    [
        ("<!-- Tell us\nmore -->Which one?", "Which one?"),
        ("> quoted\n> more\n\nmine\n> again", "[…]\n\nmine\n[…]"),
        ("a > b", "a > b"),
        ("<!-- never closed", ""),
    ],
)
def test_templates_and_quotes_are_not_the_authors_words(markdown: str, words: str, database_url: str) -> None:
    assert own_words(markdown) == words
    assert database_url
