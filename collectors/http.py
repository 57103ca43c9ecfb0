"""GET requests to a platform: retried within bounds, and every way to fail said as a `CollectorError`."""

import json
from collections.abc import Callable
from datetime import datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self

import httpx

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


class JsonReader:
    """Reads JSON from one platform. May be used by several threads."""

    def __init__(
        self, name: str, base_url: str, *, timeout: float, clock: Callable[[], datetime], sleep: Callable[[float], None]
    ) -> None:
        """`name`: the platform's, for messages."""
        self._name = name
        self._client = httpx.Client(base_url=base_url, timeout=timeout, headers={"User-Agent": "overheard"})
        self._clock = clock
        self._sleep = sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._client.close()

    def get(self, path: str) -> object:
        """The answer, whatever JSON it is."""
        attempt = 1
        while True:
            try:
                return self._ask(path)
            except CollectorError as error:
                wait = max(error.retry_after or 0.0, _FIRST_WAIT * 2 ** (attempt - 1))
                if error.permanent or attempt == _ATTEMPTS or wait > _LONGEST_WAIT:
                    raise
            self._sleep(wait)
            attempt += 1

    def _ask(self, path: str) -> object:
        try:
            with self._client.stream("GET", path) as response:
                self._check_status(response, path)
                return self._parsed(response, path)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise CollectorError(f"{self._name} cannot be reached: {type(error).__name__} at {path}.") from error

    def _check_status(self, response: httpx.Response, path: str) -> None:
        status = response.status_code
        if status != _OK:
            raise CollectorError(
                f"{self._name} answered {status} at {path}.",
                permanent=status < _SERVER_ERROR and status not in _TRY_AGAIN,
                retry_after=self._retry_after(response.headers.get("Retry-After")),
            )

    def _parsed(self, response: httpx.Response, path: str) -> object:
        answer = b""
        for chunk in response.iter_bytes():  # decompressed, so that the limit holds for what was packed small
            answer += chunk
            if len(answer) > _MAX_ANSWER:
                raise CollectorError(f"{self._name} sent more than {_MAX_ANSWER} bytes at {path}.", permanent=True)
        try:
            parsed: object = json.loads(answer)
        except (ValueError, RecursionError) as error:
            raise CollectorError(f"{self._name} answered something other than JSON at {path}.") from error
        return parsed

    def _retry_after(self, header: str | None) -> float | None:
        """Seconds: the header holds them, or a date, or nonsense."""
        if header is None:
            return None
        try:
            seconds = float(header)
        except ValueError:
            try:
                seconds = (parsedate_to_datetime(header) - self._clock()).total_seconds()
            except (ValueError, TypeError):
                return None
        return min(seconds, _LONGEST_RETRY_AFTER) if seconds > 0 else None
