"""What slack_sdk does, where the collector stands on it or guards against it."""

import json
import threading
from collections.abc import Iterator
from http.client import RemoteDisconnected

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry import default_retry_handlers
from slack_sdk.http_retry.builtin_handlers import ConnectionErrorRetryHandler, RateLimitErrorRetryHandler
from slack_sdk.signature import SignatureVerifier
from slack_sdk.socket_mode.builtin import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web import WebClient

from overheard.vocabulary import Platform
from tests.fakeworld import faults
from tests.fakeworld.model import World
from tests.fakeworld.server import serve
from tests.fakeworld.wires import slack as wire


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    with serve(world, [wire.WIRE]):
        yield world


def client(world: World, **settings: object) -> WebClient:
    base_url = world.url(Platform.SLACK) + "/api/"
    return WebClient(token=wire.BOT_TOKEN, base_url=base_url, **settings)  # type: ignore[arg-type] # each test gives one


def test_the_default_retry_handlers_do_not_include_the_one_for_rate_limits() -> None:
    assert [type(handler) for handler in default_retry_handlers()] == [ConnectionErrorRetryHandler]


@pytest.mark.parametrize("fault", [faults.RESET, faults.RESET_AFTER])
def test_a_dropped_connection_makes_the_default_client_post_twice(world: World, fault: faults.Fault) -> None:
    world.fail("auth.test", fault)
    client(world).auth_test()
    assert [request.method for request in world.asked("auth.test")] == ["POST", "POST"]


def test_without_retry_handlers_it_posts_once_and_raises(world: World) -> None:
    world.fail("auth.test", faults.RESET)
    with pytest.raises((RemoteDisconnected, ConnectionError, OSError)):
        client(world, retry_handlers=[]).auth_test()
    assert len(world.asked("auth.test")) == 1


def test_a_rate_limit_is_an_error_and_not_a_wait(world: World) -> None:
    world.fail("auth.test", faults.rate_limited("7"))
    with pytest.raises(SlackApiError) as caught:
        client(world).auth_test()
    assert (caught.value.response.status_code, caught.value.response.headers["Retry-After"]) == (429, "7")
    assert RateLimitErrorRetryHandler().max_retry_count == 1


def test_what_is_no_json_comes_as_an_error_that_quotes_the_answer(world: World) -> None:
    world.fail("auth.test", faults.Answer(200, b"a text about somebody"))
    with pytest.raises(SlackApiError, match="somebody"):
        client(world, retry_handlers=[]).auth_test()


def test_a_list_where_an_object_should_be_trips_the_client(world: World) -> None:
    world.fail("auth.test", faults.Answer(200, b"[1]", {"Content-Type": "application/json"}))
    with pytest.raises(AttributeError):
        client(world, retry_handlers=[]).auth_test()


@pytest.mark.parametrize(
    ("error", "timestamp", "body", "signature"),
    [
        (ValueError, "abc", b"{}", "v0=0"),
        (UnicodeDecodeError, None, b"\xff", "v0=0"),
        (TypeError, None, b"{}", "v0=\u00fc"),
    ],
)
def test_the_signature_verifier_raises_where_it_should_say_no(
    error: type[Exception], timestamp: str | None, body: bytes, signature: str
) -> None:
    verifier = SignatureVerifier(wire.SIGNING_SECRET)
    stamp = timestamp or str(int(verifier.clock.now()))
    with pytest.raises(error):
        verifier.is_valid(body, stamp, signature)


def test_the_socket_client_acknowledges_nothing_by_itself(world: World) -> None:
    heard: list[SocketModeRequest] = []
    came = threading.Event()

    def hear(_: object, request: SocketModeRequest) -> None:
        heard.append(request)
        came.set()

    socket = SocketModeClient(wire.APP_TOKEN, web_client=client(world), auto_reconnect_enabled=False)
    socket.socket_mode_request_listeners.append(hear)
    try:
        socket.connect()
        written = world.write(Platform.SLACK, "C1", author="URITA")
        assert came.wait(20)
    finally:
        socket.close()
    assert json.loads(json.dumps(heard[0].payload))["event"]["ts"] == written.id
    assert world.state(wire.Slack).acknowledged == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # nor does it close the socket
def test_the_socket_client_hides_that_it_could_not_connect(world: World) -> None:
    world.fail("/link", faults.RESET)
    socket = SocketModeClient(wire.APP_TOKEN, web_client=client(world), auto_reconnect_enabled=False)
    try:
        socket.connect()
        assert not socket.is_connected()
    finally:
        socket.close()
