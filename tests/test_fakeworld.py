"""The fake world is what the promises are measured with, so it is measured itself."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence

import httpx
import pytest
import sqlalchemy as sa
from aiohttp import web
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

from overheard.db import Sessions
from overheard.listening.intake import Erased, Item, Rejected, take_in
from overheard.listening.posts import NewPost
from overheard.models import Gap, Post, Source
from overheard.vocabulary import Platform
from tests.fakeworld import faults
from tests.fakeworld.model import NOW, ChangeKind, Wire, World, Written, wire_of
from tests.fakeworld.oracle import Report, compare
from tests.fakeworld.server import serve
from tests.fakeworld.streams import accepted, stream

HN, PLACE = Platform.HACKERNEWS, "Hacker News"

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def client(world: World) -> Iterator[httpx.Client]:
    with serve(world), httpx.Client(base_url=world.url(HN), timeout=5) as client:
        yield client


# --- the model -------------------------------------------------------------------------------------------------------


def test_the_log_tells_what_happened_in_order_and_with_the_text_of_the_time(world: World) -> None:
    post = world.write(HN, PLACE, body="First")
    world.edit(post, body="Second")
    world.advance(60)
    world.delete(post)
    told = [(change.seq, change.kind, change.body, (change.at - NOW).seconds) for change in world.changes]
    assert told == [(1, "create", "First", 0), (2, "edit", "Second", 0), (3, "delete", "Second", 60)]


def test_who_leaves_takes_with_them_what_they_wrote_on_that_platform(world: World) -> None:
    for author in ("rita", "otto", "rita"):
        world.write(HN, PLACE, author=author)
    world.write(Platform.REDDIT, "r/bakers", author="rita")
    world.delete_author(HN, "rita")
    assert [post.author for post in world.posts(HN)] == ["otto"]
    assert len(world.posts(Platform.REDDIT)) == 1
    deletions = [change for change in world.changes if change.kind is ChangeKind.DELETE]
    assert [change.is_of_author for change in deletions] == [True, True]


def test_whoever_waits_for_a_change_is_woken_by_it(world: World) -> None:
    assert not world.wait_for_change(0, timeout=0)
    writer = threading.Thread(target=lambda: world.write(HN, PLACE))
    writer.start()
    assert world.wait_for_change(0, timeout=10)
    writer.join()


# --- the server ------------------------------------------------------------------------------------------------------


def test_the_server_shows_what_is_written_while_it_runs(world: World, client: httpx.Client) -> None:
    for number in range(1, 4):
        world.write(HN, PLACE, body=f"a < {number}")
        assert client.get("/v0/maxitem.json").json() == number
        assert client.get(f"/v0/item/{number}.json").json()["text"] == f"a &lt; {number}"
    assert [request.path for request in world.asked("/item/")] == [f"/hackernews/v0/item/{n}.json" for n in (1, 2, 3)]


@pytest.mark.parametrize("fault", faults.PASSING)
def test_a_fault_spoils_as_many_answers_as_it_is_planned_for(
    world: World, client: httpx.Client, fault: faults.Fault
) -> None:
    world.write(HN, PLACE)

    def is_well() -> bool:
        try:
            response = client.get("/v0/item/1.json").raise_for_status()
            return bool(response.json()["id"] == 1)
        except (httpx.HTTPError, ValueError):
            return False

    world.fail(r"/item/1\.", fault, times=2)
    assert [is_well() for _ in range(4)] == [False, False, True, True]
    world.fail(r"/item/1\.", fault)
    world.fail(r"/maxitem", fault)
    world.heal()
    assert is_well()


def test_an_answer_can_be_lost_after_the_work_is_done(world: World) -> None:
    world.fail("/stored", faults.RESET_AFTER)
    world.fail("/lost", faults.RESET)
    asked: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response()

    wire = Wire(Platform.OTHER, lambda _: [web.get("/stored", handler), web.get("/lost", handler)])
    with serve(world, [wire]) as base_url:
        for path in ("/other/stored", "/other/lost"):
            with pytest.raises(httpx.ReadError):
                httpx.get(base_url + path)
    assert asked == ["/other/stored"]


def test_items_can_come_twice_or_backwards(world: World, client: httpx.Client) -> None:
    for _ in range(2):
        world.edit(world.write(HN, PLACE))
    world.fail("updates", faults.TWICE)
    assert client.get("/v0/updates.json").json()["items"] == [2, 2, 1, 1]
    world.fail("updates", faults.BACKWARDS)
    assert client.get("/v0/updates.json").json()["items"] == [1, 2]


def test_a_wire_that_raises_fails_the_test(world: World) -> None:
    async def broken(_: web.Request) -> web.Response:
        raise KeyError("a bug of the wire")

    with (
        pytest.raises(ExceptionGroup, match="The fake world broke"),
        serve(world, [Wire(Platform.OTHER, lambda _: [web.get("/x", broken)])]) as base_url,
    ):
        assert httpx.get(f"{base_url}/other/x").status_code == 500


def test_a_forked_process_is_served_by_its_parent(world: World, client: httpx.Client) -> None:
    world.write(HN, PLACE)
    assert client.get("/v0/maxitem.json").json() == 1
    child = os.fork()
    if child == 0:
        os._exit(httpx.get(world.url(HN) + "/v0/maxitem.json").json())
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 1
    assert client.get("/v0/maxitem.json").json() == 1


# --- streams ---------------------------------------------------------------------------------------------------------


heard: list[str] = []


def live_routes(world: World) -> Sequence[web.RouteDef]:
    async def live(request: web.Request) -> web.WebSocketResponse:
        async with accepted(request, heard.append) as socket:
            async for change in stream(world, request, Platform.OTHER, after=0, idle=0.05):
                await socket.send_str(change.body if change else "still here")
        return socket

    return [web.get("/live", live)]


@pytest.fixture
def socket_url(world: World) -> Iterator[str]:
    with serve(world, [Wire(Platform.OTHER, live_routes)]) as base_url:
        yield base_url.replace("http", "ws") + "/other/live"


def test_a_stream_replays_and_follows_its_own_platform(world: World, socket_url: str) -> None:
    world.write(Platform.OTHER, "there", body="past")
    world.write(HN, PLACE, body="not here")
    with connect(socket_url) as socket:
        assert socket.recv(timeout=10) == "past"
        assert socket.recv(timeout=10) == "still here"
        world.write(Platform.OTHER, "there", body="now")
        while (told := socket.recv(timeout=10)) == "still here":
            pass
        assert told == "now"
        socket.send("heard you")
        while not heard:
            assert socket.recv(timeout=10) == "still here"
        assert heard == ["heard you"]


def test_a_socket_can_be_dropped_after_some_events_and_works_the_next_time(world: World, socket_url: str) -> None:
    for body in ("one", "two"):
        world.write(Platform.OTHER, "there", body=body)
    world.fail("/live", faults.SocketFault(after=1))
    with connect(socket_url) as socket:
        assert socket.recv(timeout=10) == "one"
        with pytest.raises(ConnectionClosedError):
            socket.recv(timeout=10)
    with connect(socket_url) as socket:
        assert [socket.recv(timeout=10) for _ in range(2)] == ["one", "two"]


def test_a_socket_can_be_accepted_and_stay_silent(world: World, socket_url: str) -> None:
    world.write(Platform.OTHER, "there")
    world.fail("/live", faults.SILENT)
    with connect(socket_url, ping_interval=None) as socket:
        assert socket.ping().wait(timeout=10)
        with pytest.raises(TimeoutError):
            socket.recv(timeout=0.2)


def test_a_socket_can_be_half_open(world: World, socket_url: str) -> None:
    world.write(Platform.OTHER, "there")
    world.fail("/live", faults.HALF_OPEN)
    with (
        connect(socket_url, ping_interval=0.1, ping_timeout=0.1, close_timeout=0.1) as socket,
        pytest.raises(ConnectionClosedError),
    ):
        socket.recv(timeout=10)


# --- the oracle ------------------------------------------------------------------------------------------------------


def row(written: Written, body: str | None = None, external_id: str | None = None) -> NewPost:
    """What a collector makes of it."""
    return NewPost(
        platform=HN,
        community=PLACE,
        external_id=external_id or written.id,
        title=written.title,
        body=body or written.body,
        as_of=NOW,
    )


@on_sqlite
@pytest.mark.parametrize(
    ("items", "wrong"),
    [
        (lambda one, two: [row(one), row(two)], {}),
        (lambda one, _: [row(one)], {"missing": ["2"]}),
        (lambda one, two: [row(one), row(two, body="Old text")], {"stale": ["2"]}),
        (lambda one, two: [row(one), row(two), row(two, external_id="02")], {"duplicates": ["02"]}),
    ],
)
def test_the_oracle_sees(
    sessions: Sessions,
    world: World,
    items: Callable[[Written, Written], Sequence[Item]],
    wrong: dict[str, list[str]],
) -> None:
    one, two = world.write(HN, PLACE), world.write(HN, PLACE)
    with sessions.begin() as session:
        take_in(session, items(one, two), origin="test", now=NOW)
    report = compare(world, sessions)
    assert found(report) == wrong
    assert report.is_clean is (not wrong)


def found(report: Report) -> dict[str, list[str]]:
    lists = {name: getattr(report, name) for name in ("missing", "zombies", "duplicates", "stale")}
    return {name: [external_id for _, external_id in keys] for name, keys in lists.items() if keys}


@on_sqlite
def test_the_oracle_sees_what_should_be_gone(sessions: Sessions, world: World) -> None:
    one, two, three = (world.write(HN, PLACE) for _ in range(3))
    with sessions.begin() as session:
        letter = Rejected("item 2", "malformed", b"its text", HN, two.id)
        take_in(session, [row(one), letter, row(three)], origin="test", now=NOW)
    for written in (one, two, three):
        world.delete(written)
    assert found(compare(world, sessions)) == {"zombies": ["1", "2", "3"]}
    with sessions.begin() as session:
        take_in(session, [Erased(HN, written.id) for written in (one, two, three)], origin="test", now=NOW)
    report = compare(world, sessions)
    assert (found(report), str(report)) == ({}, "0 visible, 3 deleted there; 0 stored here")


@on_sqlite
def test_an_open_gap_accounts_for_what_is_in_it_and_a_repaired_one_does_not(sessions: Sessions, world: World) -> None:
    posts = [world.write(HN, PLACE) for _ in range(12)]
    with sessions.begin() as session:
        take_in(session, [row(posts[0])], origin="test", now=NOW)
        source = session.scalars(sa.select(Source)).one()
        gap = Gap(source_id=source.id, first="2", last="11", reason="too old", found_at=NOW)
        session.add(gap)
    report = compare(world, sessions)
    assert (len(report.in_gaps), found(report)) == (10, {"missing": ["12"]})
    with sessions.begin() as session:
        session.execute(sa.update(Gap).values(repaired_at=NOW))
    assert len(compare(world, sessions).missing) == 11


@on_sqlite
def test_what_may_be_kept_no_longer_is_not_missing_and_what_was_erased_in_error_is(
    sessions: Sessions, world: World
) -> None:
    expired, in_error = world.write(HN, PLACE), world.write(HN, PLACE)
    with sessions.begin() as session:
        gone = [Erased(HN, expired.id, "kept for 48 hours"), Erased(HN, in_error.id)]
        take_in(session, gone, origin="test", now=NOW)
    report = compare(world, sessions)
    assert (report.expired, report.missing) == ([(HN, expired.id)], [(HN, in_error.id)])


@on_sqlite
def test_the_oracle_looks_at_what_is_watched_only(sessions: Sessions, world: World) -> None:
    world.write(HN, PLACE)
    assert compare(world, sessions, is_watched=lambda written: written.community != PLACE).is_clean
    assert compare(world, sessions, platforms=[Platform.REDDIT]).is_clean


@on_sqlite
def test_texts_are_compared_as_they_are_stored(sessions: Sessions, world: World) -> None:
    written = world.write(HN, PLACE, title="  Which oven?", body="a\x00b \ud800 " + "x" * 100_000)
    with sessions.begin() as session:
        take_in(session, [row(written)], origin="test", now=NOW)
        assert session.scalar(sa.select(sa.func.length(Post.body))) == 40_000
    assert compare(world, sessions).is_clean


def test_a_platform_without_a_wire_has_a_plain_one(world: World) -> None:
    written = world.write(Platform.OTHER, "there")
    assert (written.id, wire_of(Platform.OTHER).prefix) == ("1", "/other")
