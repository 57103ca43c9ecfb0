"""GET requests to a platform: retried within bounds, and every way to fail said as a `CollectorError`."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime

import httpx

from collectors.base import Tools
from overheard.errors import CollectorError

_ATTEMPTS = 4
_FIRST_WAIT = 0.5  # seconds, doubled each time
# Longer than this nobody waits inside a pass: the error says when to come back.
_LONGEST_WAIT = 60.0
_LONGEST_RETRY_AFTER = 86_400.0  # some servers say a billion seconds
_MAX_ANSWER = 8 * 2**20  # bytes; a hundred times the longest item

_OK = 200
_TRY_AGAIN = frozenset({408, 425, 429})
_SERVER_ERROR = 500


OnRefusal = Callable[[int, object], CollectorError | None]
"""Is shown the status and the JSON of an answer that is not good (None where it is no JSON), for a better error."""

Params = Mapping[str, str | int | Sequence[str]]
"""The query of a request; several values under one name are said one after the other."""


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
    ) -> None:
        """`name`: the platform's, for messages. `on_answer` is shown the headers of every answer, good or bad.

        `is_open`: an API that needs no key. What it refuses today it may answer tomorrow, so no refusal is permanent.
        """
        self._name = name
        timeout = tools.settings.http_timeout
        agent = {"User-Agent": "overheard (self-hosted social listening)"}
        self._client = httpx.Client(base_url=base_url, timeout=timeout, headers=agent | dict(headers or {}))
        self._longest = 3 * timeout
        self._tools = tools
        self._on_answer = on_answer
        self._on_refusal = on_refusal
        self._is_open = is_open

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def get(self, path: str, params: Params | None = None) -> object:
        """The answer, whatever JSON it is. Failures that may pass are tried again, `_ATTEMPTS` times in all."""
        attempt = 1
        while True:
            try:
                return self._ask(path, params)
            except CollectorError as error:
                wait = max(error.retry_after or 0.0, _FIRST_WAIT * 2 ** (attempt - 1))
                if error.permanent or attempt == _ATTEMPTS or wait > _LONGEST_WAIT:
                    error.permanent = error.permanent and not self._is_open
                    raise
            self._tools.sleep(wait)
            attempt += 1

    def _ask(self, path: str, params: Params | None) -> object:
        self._tools.meter.count()
        try:
            with self._client.stream("GET", path, params=params) as response:
                self._on_answer(response.headers)
                self._check_status(response, path)
                return self._parsed(response, path)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise CollectorError(f"{self._name} cannot be reached: {type(error).__name__} at {path}.") from error

    def _check_status(self, response: httpx.Response, path: str) -> None:
        status = response.status_code
        if status != _OK:
            raise self._refusal(response, path) or CollectorError(
                f"{self._name} answered {status} at {path}.",
                permanent=status < _SERVER_ERROR and status not in _TRY_AGAIN,
                retry_after=retry_after(response.headers.get("Retry-After"), now=self._tools.clock()),
            )

    def _refusal(self, response: httpx.Response, path: str) -> CollectorError | None:
        try:
            answer: object = json.loads(self._body(response, path))
        except (ValueError, RecursionError, CollectorError, httpx.HTTPError):
            answer = None
        return self._on_refusal(response.status_code, answer)

    def _parsed(self, response: httpx.Response, path: str) -> object:
        try:
            parsed: object = json.loads(self._body(response, path))
        except (ValueError, RecursionError) as error:
            raise CollectorError(f"{self._name} answered something other than JSON at {path}.") from error
        return parsed

    def _body(self, response: httpx.Response, path: str) -> bytes:
        body, deadline = b"", time.monotonic() + self._longest
        for chunk in response.iter_bytes():  # decompressed, so that the limit holds for what was packed small
            body += chunk
            if len(body) > _MAX_ANSWER:
                raise CollectorError(f"{self._name} sent more than {_MAX_ANSWER} bytes at {path}.", permanent=True)
            if time.monotonic() > deadline:  # a byte now and then would keep the client's own timeout from ending it
                raise CollectorError(f"{self._name} took more than {self._longest:.0f} seconds to answer at {path}.")
        return body


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
