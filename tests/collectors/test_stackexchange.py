import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web

from collectors.base import Found, Watched
from overheard.db import Sessions
from overheard.errors import CollectorError
from overheard.listening.intake import Erased, Intake
from overheard.listening.posts import NewPost
from overheard.models import Post
from overheard.vocabulary import Platform, PostKind, SourceState
from tests.collectors.live import Live
from tests.fakeworld import faults
from tests.fakeworld.model import World, Written
from tests.fakeworld.oracle import compare
from tests.fakeworld.server import serve
from tests.fakeworld.wires.stackexchange import StackExchange

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

SITE = "softwarerecs"


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def live(sessions: Sessions, world: World, tmp_path: Path) -> Iterator[Live]:
    with serve(world):
        live = Live(sessions, world, tmp_path, "stackexchange", Platform.STACKEXCHANGE, {"key": ""})
        live.watch(SITE, SITE)
        yield live


@pytest.fixture
def api(world: World) -> StackExchange:
    return world.state(StackExchange)


def ask(world: World, body: str | None = None, *, seconds: float = 1, **extra: object) -> Written:
    world.advance(seconds)
    return world.write(Platform.STACKEXCHANGE, SITE, body=body, title="CRM for bakers & cooks?", **extra)  # type: ignore[arg-type]


def answer(world: World, question: Written, body: str | None = None, **extra: object) -> Written:
    return ask(world, body, parent=question, kind=PostKind.COMMENT, **extra)  # type: ignore[arg-type]


def assert_clean(live: Live) -> None:
    report = compare(live.world, live.sessions)
    assert report.is_clean, report


def error_of(live: Live) -> CollectorError:
    error = live.collect().error
    assert error is not None
    return error


def test_a_question_and_an_answer_become_posts_with_author_and_link(live: Live, world: World) -> None:
    question = ask(world, "Which <b> & why?", author="Rita & Co")
    answer(world, question, "This one")
    assert live.collect().intake == Intake(new=2)
    asked, answered = live.posts()
    assert (asked.external_id, asked.title, asked.body) == (f"{SITE}:question:1", question.title, "Which <b> & why?")
    assert (asked.author_name, asked.permalink) == (
        "Rita & Co",
        "https://softwarerecs.stackexchange.com/questions/1/a-question",
    )
    assert (answered.external_id, answered.kind, answered.title) == (f"{SITE}:answer:2", PostKind.COMMENT, "")
    assert answered.permalink == "https://softwarerecs.stackexchange.com/a/2"
    assert answered.parent_external_id == asked.external_id
    assert_clean(live)


def test_a_burst_is_stored_whole_and_once(live: Live, world: World) -> None:
    live.collect()
    for _ in range(350):
        ask(world)
    assert live.collect().intake.new == 350
    assert_clean(live)


def test_more_of_one_second_than_a_page_holds_are_all_read(live: Live, world: World, api: StackExchange) -> None:
    api.page = 5
    for _ in range(3):
        ask(world)
    for _ in range(17):
        ask(world, seconds=0)
    for _ in range(3):
        ask(world)
    live.collect()
    assert live.count(Post) == 23
    assert_clean(live)


def test_what_changes_while_we_page_pushes_nothing_over_the_border(
    live: Live, world: World, api: StackExchange
) -> None:
    api.page = 5
    first = [ask(world) for _ in range(12)]
    world.fail("page=1", _EditsWhileAnswering(world, first), times=3)
    live.collect()
    assert live.count(Post) == 12


class _EditsWhileAnswering:
    """Right after each page was given, what stood on it changes and moves to the end."""

    def __init__(self, world: World, questions: list[Written]) -> None:
        self.world = world
        self.questions = questions

    async def answer(self, request: web.Request, handler: faults.Handler) -> web.StreamResponse:
        response = await handler(request)
        self.world.advance(30)
        for question in self.questions[:3]:
            self.world.edit(question, body="Edited in between")
        del self.questions[:3]
        return response


@pytest.mark.parametrize("breaks_off", [False, True])
def test_an_early_answer_is_found_though_its_question_changed_again(
    live: Live, world: World, *, breaks_off: bool
) -> None:
    live.collect()
    question = ask(world)
    answer(world, question, "An early answer")
    for _ in range(150):  # more than a page holds, over more time than passes overlap
        ask(world, seconds=20)
    answer(world, question, "A late answer")
    if breaks_off:
        world.fail(r"/questions/[\d;]+/answers", faults.HTML_PAGE, times=4)  # below the second page only
        assert live.collect().error
        live.enable()
    live.collect()
    assert_clean(live)


def test_edits_are_followed_and_a_late_answer_to_an_old_question_is_found(live: Live, world: World) -> None:
    question = ask(world)
    given = answer(world, question)
    live.collect()
    world.advance(3600)
    world.edit(question, body="Edited")
    world.advance(3600)
    assert live.collect().intake.edited == 1
    world.edit(given, body="Edited too")
    answer(world, question, "Late")
    intake = live.collect().intake
    assert (intake.new, intake.edited) == (1, 1)
    assert_clean(live)


def test_deletions_are_learned_by_asking_again(live: Live, world: World) -> None:
    question, gone = ask(world), ask(world)
    given = answer(world, question)
    world.edit(question, body="Edited")
    world.delete(gone)
    ids = [f"{SITE}:question:{question.id}", f"{SITE}:question:{gone.id}", f"{SITE}:answer:{given.id}"]
    with live.open() as collector:
        again = [item for items in collector.recheck(Watched(SITE, SITE), ids) for item in items]
    posts = [item for item in again if isinstance(item, NewPost)]
    assert [post.body for post in posts] == ["Edited", given.body]
    assert [item for item in again if isinstance(item, Erased)] == [Erased(Platform.STACKEXCHANGE, ids[1])]


def test_only_questions_with_all_of_the_tags_are_read(live: Live, world: World) -> None:
    ask(world, "both", tags=["crm", "mac"])
    ask(world, "one", tags=["crm"])
    with live.sessions.begin() as session:
        session.delete(live.source())
    live.watch(f"{SITE}/crm;mac", f"{SITE}/crm;mac")
    live.collect()
    assert live.texts() == ["both"]


def test_sites_and_tags_are_found_as_people_type_them(live: Live, world: World) -> None:
    ask(world, tags=["crm"])
    with live.open() as collector:
        assert collector.account_name() == "without a key"
        for typed in (SITE, f"https://{SITE}.stackexchange.com/", f"https://{SITE}.stackexchange.com/questions"):
            assert collector.communities(typed) == [Found(SITE, SITE, "public")]
        (found,) = collector.communities(f"https://{SITE}.stackexchange.com/questions/tagged/crm?tab=newest")
        assert found == Found(f"{SITE}/crm", f"{SITE}/crm", "crm: 1 questions")
        with pytest.raises(CollectorError, match="has no tag bread"):
            collector.communities(f"{SITE}/crm;bread")
        with pytest.raises(CollectorError, match="No site found") as caught:
            collector.communities("nowhere")
        assert caught.value.permanent
        with pytest.raises(CollectorError, match="names no site"):
            collector.communities("what?")


def test_a_key_is_tried_and_sent(live: Live, world: World) -> None:
    live.secrets = {"key": "free-key"}
    with live.open() as collector:
        assert collector.account_name() == "with a key"
    assert world.requests[-1].query["key"] == "free-key"
    live.secrets = {"key": "wrong"}
    with live.open() as collector, pytest.raises(CollectorError) as caught:
        collector.account_name()
    assert caught.value.permanent


def test_a_short_backoff_is_slept_and_a_long_one_ends_the_pass_after_the_page(
    live: Live, world: World, api: StackExchange
) -> None:
    ask(world)
    api.backoffs = [10]
    assert live.collect().error is None
    assert live.waits == [10.0]
    for _ in range(150):
        ask(world)
    api.backoffs = [600]
    error = error_of(live)
    assert (error.retry_after, live.count(Post)) == (600.0, 100)  # what had been read is kept
    before = len(world.requests)
    assert "asked us to wait" in str(error_of(live))  # a restart does not forget it
    assert len(world.requests) == before
    world.advance(600)
    live.collect()
    assert_clean(live)


def test_what_is_left_of_the_quota_is_kept(live: Live, world: World) -> None:
    ask(world)
    live.collect()
    assert live.source().budget == {"limit": 300, "remaining": 299}


def test_the_throttle_says_how_long(live: Live, world: World) -> None:
    message = "too many requests from this IP, more requests available in 4242 seconds"
    body = json.dumps({"error_id": 502, "error_message": message, "error_name": "throttle_violation"}).encode()
    world.fail("/questions", faults.Answer(400, body, {"Content-Type": "application/json"}), times=1)
    error = error_of(live)
    assert (error.retry_after, error.permanent) == (4242.0, False)
    assert live.state() is SourceState.WATCHING


def test_a_wall_before_the_api_is_not_for_the_operator(live: Live, world: World) -> None:
    world.fail("/questions", faults.Answer(403, b"<html>blocked</html>"), times=9)
    error = error_of(live)
    assert (error.retry_after, error.permanent) == (3600.0, False)


@pytest.mark.parametrize("fault", faults.PASSING, ids=str)
def test_a_fault_that_passes_costs_nothing(live: Live, world: World, fault: faults.Fault) -> None:
    question = ask(world)
    answer(world, question)
    world.fail("/answers", fault, times=2)
    assert live.collect().error is None
    assert_clean(live)


@pytest.mark.parametrize("fault", [faults.NOT_OK, faults.HTML_PAGE, faults.SERVER_ERROR], ids=str)
def test_a_fault_that_stays_leaves_the_cursor_where_it_was(live: Live, world: World, fault: faults.Fault) -> None:
    ask(world)
    live.collect()
    cursor = live.source().cursor
    ask(world)
    world.fail("/questions", fault, times=9)
    assert live.collect().error is not None
    assert live.source().cursor == cursor
    world.heal()
    world.advance(3600)
    live.collect()
    assert_clean(live)


def test_what_is_no_question_is_set_aside_and_the_others_are_stored(live: Live, world: World) -> None:
    ask(world)
    ask(world, body="x", question_id=None)
    ask(world, creation_date="yesterday")
    ask(world, last_activity_date="soon")
    ask(world)
    intake = live.collect().intake
    assert (intake.new, intake.rejected) == (3, 2)


def test_a_date_in_the_future_does_not_carry_the_cursor_away(live: Live, world: World) -> None:
    ask(world, last_activity_date=int(world.now.timestamp()) + 10**8)
    live.collect()
    ask(world)
    live.collect()
    assert live.count(Post) == 2
