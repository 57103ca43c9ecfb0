"""Questions to a platform: retried within bounds, and every way to fail said as a `CollectorError`."""

import json
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import TypeVar

import httpx

from collectors.base import Tools
from overheard.errors import CollectorError

_ATTEMPTS = 4
_FIRST_WAIT = 0.5  # seconds, doubled each time
# Longer than this nobody waits inside a pass: the error says when to come back.
_LONGEST_WAIT = 60.0
_LONGEST_RETRY_AFTER = 86_400.0  # some servers say a billion seconds
_MAX_ANSWER = 8 * 2**20  # bytes; a hundred times the longest item
_MAX_REDIRECTS = 5
# What a piece of an answer may be packed in. Gzip grows it by a thousand at most; zstd or gzip in gzip by a million,
# which would fill the memory before anybody can count.
_PACKED = frozenset({"", "identity", "gzip", "x-gzip"})

_OK = 200
_NOT_MODIFIED = 304
_TRY_AGAIN = frozenset({408, 425, 429})
_SERVER_ERROR = 500

_T = TypeVar("_T")

OnRefusal = Callable[[int, object], CollectorError | None]
"""Is shown the status and the JSON of an answer that is not good (None where it is no JSON), for a better error."""

Params = Mapping[str, str | int | Sequence[str]]
"""The query of a request; several values under one name are said one after the other."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it came."""

    url: str
    """Where it came from, in the end: a question may have been sent on."""
    status: int
    headers: httpx.Headers
    body: bytes | None
    """None: nothing has changed since the answer that the question named (304)."""


@cache
def trust(*, by_environment: bool = True) -> ssl.SSLContext:
    """Whom we believe to be who they say. Making it takes longer than a question, and every reader needs one."""
    return httpx.create_ssl_context(trust_env=by_environment)


class JsonReader:
    """Reads JSON from one platform. May be used by several threads."""

    def __init__(
        self,
        name: str,
        base_url: str,
        tools: Tools,
        *,
        headers: Mapping[str, str] | None = None,
        is_open: bool = False,
        on_answer: Callable[[httpx.Headers], None] = lambda _: None,
        on_refusal: OnRefusal = lambda _, __: None,
        transport: httpx.BaseTransport | None = None,
        follows: bool = False,
        limit: int = _MAX_ANSWER,
    ) -> None:
        """`name`: the platform's, for messages. `on_answer` is shown the headers of every answer, good or bad.

        `is_open`: an API that needs no key. What it refuses today it may answer tomorrow, so no refusal is permanent.
        `follows`: goes where it is sent on to. `limit`: bytes of an answer, unpacked.
        """
        self._name = name
        timeout = tools.settings.http_timeout
        agent = {"User-Agent": "overheard (self-hosted social listening)", "Accept-Encoding": "gzip"}
        self._client = httpx.Client(
            verify=trust(),
            base_url=base_url,
            timeout=timeout,
            headers=agent | dict(headers or {}),
            transport=transport,
            follow_redirects=follows,
            max_redirects=_MAX_REDIRECTS,
        )
        self._longest = 3 * timeout
        self._tools = tools
        self._on_answer = on_answer
        self._on_refusal = on_refusal
        self._is_open = is_open
        self._limit = limit

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def get(self, path: str, params: Params | None = None) -> object:
        """The answer, whatever JSON it is. Failures that may pass are tried again, `_ATTEMPTS` times in all."""
        return self._patiently(lambda: self._parsed(self._ask(path, params=params), path))

    def post(self, path: str, body: Mapping[str, object]) -> object:
        """The same for a question that is put in a body, as GraphQL does. Only for what changes nothing there."""
        return self._patiently(lambda: self._parsed(self._ask(path, "POST", body=body), path))

    def get_if_changed(
        self, path: str, params: Params | None = None, *, etag: str | None
    ) -> tuple[object, str | None] | None:
        """The answer and the mark it is known by; None if it is the one that the mark `etag` stands for."""
        headers = {"If-None-Match": etag} if etag else None

        def ask() -> tuple[object, str | None] | None:
            answer = self._ask(path, params=params, headers=headers)
            return None if answer.body is None else (self._parsed(answer, path), answer.headers.get("ETag"))

        return self._patiently(ask)

    def read(self, path: str, params: Params | None = None, *, headers: Mapping[str, str] | None = None) -> Answer:
        """The answer as it came: for what is no JSON, and where `headers` ask only for what has changed."""
        return self._patiently(lambda: self._ask(path, params=params, headers=headers))

    def _patiently(self, ask: Callable[[], _T]) -> _T:
        attempt = 1
        while True:
            try:
                return ask()
            except CollectorError as error:
                wait = max(error.retry_after or 0.0, _FIRST_WAIT * 2 ** (attempt - 1))
                if error.permanent or attempt == _ATTEMPTS or wait > _LONGEST_WAIT:
                    error.permanent = error.permanent and not self._is_open
                    raise
            self._tools.sleep(wait)
            attempt += 1

    def exchange(self, method: str, path: str, *, headers: Mapping[str, str], content: bytes) -> Answer:
        """The answer to what a vendor's client made up, whatever its status, within our bounds. It is asked once."""
        with self._asked(method, path, headers=headers, content=content) as (response, deadline):
            body = self._body(response, path, deadline)
            return Answer(str(response.url), response.status_code, response.headers, body)

    def _ask(
        self,
        path: str,
        method: str = "GET",
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> Answer:
        with self._asked(method, path, params=params, headers=headers, body=body) as (response, deadline):
            self._check_status(response, path, deadline)
            unchanged = response.status_code == _NOT_MODIFIED
            content = None if unchanged else self._body(response, path, deadline)
            return Answer(str(response.url), response.status_code, response.headers, content)

    @contextmanager
    def _asked(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
        content: bytes | None = None,
    ) -> Iterator[tuple[httpx.Response, float]]:
        """The head of an answer, and until when the rest must be here."""
        self._tools.meter.count()
        deadline = time.monotonic() + self._longest
        asked = self._client.stream(
            method, path, params=params, headers=headers, json=body, content=content, extensions={"deadline": deadline}
        )
        try:
            with asked as response:
                self._on_answer(response.headers)
                yield response, deadline
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise CollectorError(f"{self._name} cannot be reached: {type(error).__name__} at {path}.") from error

    def _check_status(self, response: httpx.Response, path: str, deadline: float) -> None:
        status = response.status_code
        was_conditional = {"if-none-match", "if-modified-since"} & set(response.request.headers)
        if status != _OK and not (status == _NOT_MODIFIED and was_conditional):
            raise self._refusal(response, path, deadline) or CollectorError(
                f"{self._name} answered {status} at {path}.",
                permanent=status < _SERVER_ERROR and status not in _TRY_AGAIN,
                retry_after=retry_after(response.headers.get("Retry-After"), now=self._tools.clock()),
            )

    def _refusal(self, response: httpx.Response, path: str, deadline: float) -> CollectorError | None:
        try:
            answer: object = json.loads(self._body(response, path, deadline))
        except (ValueError, RecursionError, CollectorError, httpx.HTTPError):
            answer = None
        return self._on_refusal(response.status_code, answer)

    def _parsed(self, answer: Answer, path: str) -> object:
        try:
            parsed: object = json.loads(answer.body or b"")
        except (ValueError, RecursionError) as error:
            raise CollectorError(f"{self._name} answered something other than JSON at {path}.") from error
        return parsed

    def _body(self, response: httpx.Response, path: str, deadline: float) -> bytes:
        if response.headers.get("Content-Encoding", "").strip().lower() not in _PACKED:
            raise CollectorError(f"{self._name} sent an answer packed in a way that was not asked for at {path}.")
        body = bytearray()
        for chunk in response.iter_bytes():  # decompressed, so that the limit holds for what was packed small
            body += chunk
            if len(body) > self._limit:
                raise CollectorError(f"{self._name} sent more than {self._limit} bytes at {path}.", permanent=True)
            if time.monotonic() > deadline:  # a byte now and then would keep the client's own timeout from ending it
                raise CollectorError(f"{self._name} took more than {self._longest:.0f} seconds to answer at {path}.")
        return bytes(body)


def retry_after(header: str | None, *, now: datetime) -> float | None:
    """Seconds: the header holds them, or a date, or nonsense."""
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(header) - now).total_seconds()
        except (ValueError, TypeError):
            return None
    return min(seconds, _LONGEST_RETRY_AFTER) if seconds > 0 else None
