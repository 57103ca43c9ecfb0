"""Traps of Mastodon.py that our collector goes round."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from mastodon import Mastodon, StreamListener
from mastodon.errors import MastodonMalformedEventError, MastodonNetworkError

from overheard.vocabulary import Platform
from tests.fakeworld import faults
from tests.fakeworld.model import World
from tests.fakeworld.server import serve
from tests.fakeworld.wires import mastodon as wire

TAG = "#crm"


class Notes(StreamListener):
    """What a stream brought, and what happens in the world meanwhile."""

    def __init__(self, *happenings: Callable[[], object]) -> None:
        self.heard: list[tuple[str, Any]] = []
        self._happenings = list(happenings)
        self._beats_left = 100

    def handle_heartbeat(self) -> None:
        if self._happenings:
            self._happenings.pop(0)()
            return
        self._beats_left -= 1
        if not self._beats_left:
            raise MastodonNetworkError("nothing more is told")

    def on_update(self, status: Any) -> None:  # noqa: ANN401 - the library's own
        self.heard.append(("update", status))

    def on_delete(self, status_id: Any) -> None:  # noqa: ANN401
        self.heard.append(("delete", status_id))
        raise MastodonNetworkError("enough")


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    with serve(world):
        yield world


def client_of(world: World) -> Mastodon:
    return Mastodon(api_base_url=world.url(Platform.MASTODON), access_token=wire.TOKEN, request_timeout=5)


def follow(world: World, listener: StreamListener) -> None:
    client = client_of(world)
    try:
        with pytest.raises((MastodonNetworkError, MastodonMalformedEventError)):
            client.stream_hashtag("crm", listener, timeout=5)
    finally:
        client.session.close()


def test_an_id_is_of_one_type_in_an_update_and_of_another_in_a_delete(world: World) -> None:
    """So an id is made a plain text before anything is done with it: the one prints as a number, the other does not."""

    def happens() -> None:
        written = world.write(Platform.MASTODON, TAG, id="1")
        written.extra["id"] = 1
        world.delete(written)

    notes = Notes(happens)
    follow(world, notes)
    (_, status), (_, deleted) = notes.heard
    assert type(status["id"]) is not type(deleted)
    assert (repr(status["id"]), repr(deleted)) == ("1", "'1'")
    assert (str(status["id"]), str(deleted)) == ("1", "1")


def test_what_happens_while_a_stream_is_down_is_never_told(world: World) -> None:
    """So a walk follows every new connection."""
    world.fail("streaming/", faults.SocketFault(after=1))
    first = Notes(
        lambda: world.write(Platform.MASTODON, TAG, id="1"), lambda: world.write(Platform.MASTODON, TAG, id="2")
    )
    follow(world, first)
    world.write(Platform.MASTODON, TAG, id="3")
    second = Notes(lambda: world.delete(world.write(Platform.MASTODON, TAG, id="4")))
    follow(world, second)
    heard = [str(status["id"]) for event, status in [*first.heard, *second.heard] if event == "update"]
    assert heard == ["1", "4"]


def test_one_event_that_cannot_be_read_ends_the_stream(world: World) -> None:
    """So that is a lost connection like any other."""
    notes = Notes(lambda: world.write(Platform.MASTODON, TAG, body="x", at=None))
    notes.on_update = lambda _: json.loads("not JSON")  # type: ignore[method-assign,assignment]
    client = client_of(world)
    with pytest.raises(json.JSONDecodeError):
        client.stream_hashtag("crm", notes, timeout=5)
    client.session.close()


def test_a_refused_stream_does_not_say_why_and_is_left_open(world: World) -> None:
    """So what is wrong with an account is learned from the pass, which asks by REST, and we close what was refused."""
    client, answers = client_of(world), []
    client.access_token = "wrong"
    client.session.hooks["response"].append(lambda answer, **_: answers.append(answer))
    with pytest.raises(MastodonNetworkError) as caught:
        client.stream_hashtag("crm", Notes(), timeout=5)
    assert "401" not in str(caught.value)
    assert not answers[-1].raw.closed
    for answer in answers:
        answer.close()
    client.session.close()
