"""What goes wrong, and on which requests. A fault is used up by the requests it meets."""

import asyncio
import gzip
import json
import re
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Protocol

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Fault(Protocol):
    """What happens instead of an answer. It may ask the handler for the true one, and spoil that."""

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """This, and the handler is not asked."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    async def answer(self, _request: web.Request, _handler: Handler) -> web.StreamResponse:
        return web.Response(status=self.status, body=self.body, headers=self.headers)


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is reset: before the handler runs, or after it has, so that what was sent is stored there."""

    after: bool = False

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self.after:
            await handler(request)
        reset(request)
        return web.Response()  # nobody hears it


@dataclass(frozen=True, slots=True)
class Cut:
    """The true answer stops in the middle: a length is said, half of it is sent, the connection is closed."""

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        whole = await handler(request)
        body = _body(whole)
        response = web.StreamResponse(status=whole.status, headers={"Content-Type": whole.content_type})
        response.content_length = len(body) + 1
        await response.prepare(request)
        await response.write(body[: len(body) // 2])
        if request.transport is not None:
            request.transport.close()
        return response


@dataclass(frozen=True, slots=True)
class Half:
    """Half of the true answer, as if it were the whole: half a JSON text, or half a gzip stream."""

    is_gzip: bool = False

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        whole = await handler(request)
        body = gzip.compress(_body(whole)) if self.is_gzip else _body(whole)
        headers = {"Content-Type": whole.content_type, **({"Content-Encoding": "gzip"} if self.is_gzip else {})}
        return web.Response(status=whole.status, body=body[: len(body) // 2], headers=headers)


@dataclass(frozen=True, slots=True)
class Delayed:
    """The true answer, late. Real seconds: give the client a shorter patience."""

    seconds: float

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        await asyncio.sleep(self.seconds)
        return await handler(request)


@dataclass(frozen=True, slots=True)
class Stored:
    """The handler runs, so that what was sent is stored there; the client is told something else, at once or late."""

    status: int = 503
    body: bytes = b"back soon"
    seconds: float = 0.0
    headers: Mapping[str, str] = field(default_factory=dict)

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        await handler(request)
        await asyncio.sleep(self.seconds)
        return web.Response(status=self.status, body=self.body, headers=self.headers)


@dataclass(slots=True)
class Straggler:
    """The connection is reset while the request is still on its way: it arrives when `go` is set."""

    go: Event = field(default_factory=Event)
    arrived: Event = field(default_factory=Event)
    _task: "asyncio.Task[None] | None" = None

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self._task = asyncio.create_task(self._arrive(request, handler))
        reset(request)
        return web.Response()

    @property
    def is_on_its_way(self) -> bool:
        """Whether a request has met it."""
        return self._task is not None

    async def _arrive(self, request: web.Request, handler: Handler) -> None:
        while not self.go.is_set():  # noqa: ASYNC110 - it is set by a test's thread
            await asyncio.sleep(0.005)
        await handler(request)
        self.arrived.set()


@dataclass(frozen=True, slots=True)
class Transformed:
    """The true answer, if it is JSON, made into another."""

    transform: Callable[[object], object]

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        whole = await handler(request)
        if whole.content_type != "application/json":
            return whole
        return web.json_response(self.transform(json.loads(_body(whole))), status=whole.status)


@dataclass(frozen=True, slots=True)
class SocketFault:
    """What goes wrong on a socket or event stream that was accepted. `tests.fakeworld.streams` acts on it."""

    after: int = 0
    """Events that are sent before."""
    is_silent: bool = False
    """The socket stays open and answers pings, and nothing more is told; otherwise it is dropped without a word."""
    is_deaf: bool = False
    """The socket stays open, and nobody is at the other end any more."""


def _body(response: web.StreamResponse) -> bytes:
    body = response.body if isinstance(response, web.Response) else None
    return bytes(body) if isinstance(body, bytes | bytearray) else b""


def reset(request: web.Request) -> None:
    """End the connection with a TCP reset."""
    if request.transport is not None:
        connection: socket.socket = request.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()


def rate_limited(retry_after: str | None = None) -> Answer:
    """429, which says when to come back: in seconds, as an HTTP date, absurdly (`1000000000`), or not at all."""
    return Answer(429, b"slow down", {} if retry_after is None else {"Retry-After": retry_after})


def _each_twice(answer: object) -> object:
    return _with_lists(answer, lambda items: [item for item in items for _ in range(2)])


def _backwards(answer: object) -> object:
    return _with_lists(answer, lambda items: items[::-1])


def _with_lists(answer: object, change: Callable[[list[object]], list[object]]) -> object:
    """The outermost lists of an answer changed: those are its items."""
    if isinstance(answer, dict):
        return {name: _with_lists(value, change) for name, value in answer.items()}
    return change(answer) if isinstance(answer, list) else answer


UNAUTHORISED = Answer(401, b"who are you?")
SERVER_ERROR = Answer(500, b"oops")
UNAVAILABLE = Answer(503, b"back soon")
ORIGIN_DOWN = Answer(520, b"<html>error</html>", {"Content-Type": "text/html"})
HTML_PAGE = Answer(200, b"<html><body>Please log in</body></html>", {"Content-Type": "text/html"})
NOT_OK = Answer(200, b'{"ok": false, "error": "internal_error"}', {"Content-Type": "application/json"})
RESET, RESET_AFTER = Reset(), Reset(after=True)
CUT, HALF_JSON, HALF_GZIP = Cut(), Half(), Half(is_gzip=True)
TWICE, BACKWARDS = Transformed(_each_twice), Transformed(_backwards)
SILENT, HALF_OPEN, DROPPED = SocketFault(is_silent=True), SocketFault(is_deaf=True), SocketFault()

PASSING: tuple[Fault, ...] = (
    rate_limited("7"), rate_limited(), SERVER_ERROR, UNAVAILABLE, ORIGIN_DOWN, HTML_PAGE, RESET, CUT, HALF_JSON,
    HALF_GZIP,
)  # fmt: skip
"""What happens to everybody now and then, to any request that only reads: a collector must get over all of them."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came in."""

    method: str
    path: str
    """With the wire's prefix, without the query."""
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def path_qs(self) -> str:
        return self.path + ("?" + "&".join(f"{name}={value}" for name, value in self.query.items())) * bool(self.query)


@dataclass(slots=True)
class _Planned:
    route: re.Pattern[str]
    fault: Fault | SocketFault
    times: int
    method: str | None


class FaultScript:
    """Which requests go wrong, and a log of all of them."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._planned: list[_Planned] = []
        self._lock = Lock()

    def fail(self, route: str, fault: Fault | SocketFault, times: int = 1, *, method: str | None = None) -> None:
        """The next `times` requests whose path and query match the pattern go wrong; with `method`, only such ones."""
        with self._lock:
            self._planned.append(_Planned(re.compile(route), fault, times, method))

    def heal(self) -> None:
        """Nothing goes wrong any more."""
        with self._lock:
            self._planned.clear()

    def asked(self, pattern: str) -> list[Request]:
        """The requests so far whose path and query match."""
        return [request for request in list(self.requests) if re.search(pattern, request.path_qs)]

    def fault_for(self, path_qs: str) -> SocketFault | None:
        """What goes wrong on this socket or event stream, if anything."""
        fault = self._take(path_qs, SocketFault)
        return fault if isinstance(fault, SocketFault) else None

    def answer_fault_for(self, path_qs: str, method: str | None = None) -> Fault | None:
        """What goes wrong with this request, if anything. The server asks; wires need not."""
        fault = self._take(path_qs, None, method)
        return None if isinstance(fault, SocketFault) else fault

    def _take(
        self, path_qs: str, kind: type[SocketFault] | None, method: str | None = None
    ) -> Fault | SocketFault | None:
        with self._lock:
            for planned in self._planned:
                wanted = isinstance(planned.fault, SocketFault) == (kind is SocketFault)
                wanted = wanted and planned.method in {None, method}
                if wanted and planned.times and planned.route.search(path_qs):
                    planned.times -= 1
                    return planned.fault
        return None
