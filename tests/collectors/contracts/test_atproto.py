"""Why Bluesky's stream is not read with the network's own client (atproto): its cursor runs ahead of what is stored."""

from collections.abc import Callable, Iterator

import pytest
from atproto_jetstream import JetstreamClient  # type: ignore[import-untyped]

from overheard.vocabulary import Platform
from tests.fakeworld import faults
from tests.fakeworld.model import World
from tests.fakeworld.server import serve
from tests.fakeworld.wires import bluesky as wire

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of its use of websockets

Handler = Callable[[JetstreamClient, int], None]


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    for _ in range(3):
        world.advance(1)
        world.write(Platform.BLUESKY, wire.COMMUNITY)
    with serve(world):
        yield world


def read(world: World, handle: Handler, *, until: int) -> JetstreamClient:
    """Read with the client until an event of that number has been handled."""
    client = JetstreamClient(
        {"cursor": 1, "collections": [wire.POSTS]},
        base_uri=world.url(Platform.BLUESKY).replace("http:", "ws:") + "/xrpc",
        compress=False,
    )

    def on_message(message: object) -> None:
        seq = getattr(message, "seq", 0)
        try:
            handle(client, seq)
        finally:
            if seq >= until:
                client.stop()

    client.start(on_message, lambda _: None)
    return client


def test_the_cursor_has_moved_before_the_handler_runs(world: World) -> None:
    seen: list[int | None] = []
    read(world, lambda client, _: seen.append(client.cursor), until=2)
    assert seen == [1, 2], "whoever keeps this cursor and dies in the handler has lost the event"


def test_an_event_whose_handler_fails_is_passed_all_the_same(world: World) -> None:
    def fail(_: JetstreamClient, seq: int) -> None:
        raise OSError(f"the database is away at {seq}")

    assert read(world, fail, until=3).cursor == 3


def test_a_frame_that_cannot_be_read_is_skipped_without_a_word(world: World) -> None:
    world.state(wire.Bluesky).frames_before[2] = ["not JSON", '{"$type": "weather"}']
    seen: list[int] = []
    read(world, lambda _, seq: seen.append(seq), until=3)
    assert seen == [1, 2, 3]


def test_after_a_lost_connection_it_asks_for_the_event_that_it_gave_last(world: World) -> None:
    world.fail("subscribeEvents", faults.SocketFault(after=2))
    seen: list[int] = []
    read(world, lambda _, seq: seen.append(seq), until=3)
    assert seen == [1, 2, 3]
    assert [request.query["cursor"] for request in world.asked("subscribeEvents")] == ["1", "2"]


def test_our_frames_are_frames_to_it(world: World) -> None:
    """So the fake world speaks as the lexicon says."""
    world.state(wire.Bluesky).frames_before[4] = [
        wire.renamed(4, world.now, "ann", "ann.example"),
        wire.left(5, world.now, "bob", "deleted"),
        wire.info("OutdatedCursor"),
    ]
    posts = world.posts(Platform.BLUESKY)
    world.edit(posts[0], body="Edited")
    world.delete(posts[1])
    kinds: list[str] = []
    client = JetstreamClient(
        {"cursor": 1}, base_uri=world.url(Platform.BLUESKY).replace("http:", "ws:") + "/xrpc", compress=False
    )

    def on_message(message: object) -> None:
        kinds.append(getattr(message, "operation", type(message).__name__))
        if len(kinds) == 6:
            client.stop()

    client.start(on_message)
    assert kinds == ["create", "create", "create", "Identity", "Account", "Info"]
