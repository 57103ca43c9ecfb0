"""Asking Reddit through PRAW, which keeps the token. Every other answer is judged here, before PRAW sees it.

PRAW sleeps and retries where nobody sees it, and some of its exceptions break while they are made (a 429 whose
Retry-After is a date is a ValueError). So what goes wrong is told as a `CollectorError` from within its requestor.
"""

import configparser
import re
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from importlib.metadata import version
from urllib.parse import urlsplit

import praw
import requests
from praw.exceptions import PRAWException
from prawcore import Requestor
from prawcore.exceptions import OAuthException, PrawcoreException, RequestException

from collectors.base import Tools
from collectors.http import retry_after
from overheard.errors import CollectorError

_ATTEMPTS = 4
_FIRST_WAIT = 0.5  # seconds, doubled each time
_LONGEST_WAIT = 60.0  # longer than this nobody waits inside a pass: the error says when to come back
_MAX_ANSWER = 16 * 2**20  # bytes; a hundred posts of the longest kind are a quarter of it
_CHUNK = 65_536
# While more than half of the budget is left nobody is held up; the rest is spread over the time until it is renewed.
_LONGEST_PACE = 10.0
_A_DAY = 86_400.0

_TOKEN_PATH = "/api/v1/access_token"  # noqa: S105 - an address
_RATE_HEADERS = {"remaining": "x-ratelimit-remaining", "used": "x-ratelimit-used", "resets_in": "x-ratelimit-reset"}
_USER_NAME = re.compile(r"(?:/?u/)?([A-Za-z0-9_-]{3,20})")

_BLOCKED = (
    "Reddit answered with a web page instead of data: it blocks this network or this app. "
    "Do not try again and again; ask Reddit, then: overheard sources enable"
)
_WITHDRAWN = (
    "Reddit has withdrawn the access (it refuses its own fresh token). See whether the app is still approved at "
    "https://www.reddit.com/prefs/apps, then: overheard sources add reddit"
)


class RedditRefusal(CollectorError):
    """An answer that is no success. Who sends something must know its status."""

    def __init__(self, told: CollectorError, status: int) -> None:
        super().__init__(str(told), permanent=told.permanent, retry_after=told.retry_after)
        self.status = status


class _PageInsteadOfData(CollectorError):
    """Passes now and then by itself, and so is tried again before it is believed."""


class _TokenRefused(Exception):
    """401: expired, or withdrawn."""


class RedditClient:
    """Reads from Reddit's API with the operator's own app. One thread at a time."""

    def __init__(self, tools: Tools) -> None:
        """Nothing is asked for yet."""
        self._tools = tools
        self._requestor_options = {"tools": tools, "pacing": Pacing(tools)}
        self.contact = _user_name(tools.secrets.get("contact", ""))
        self._session = requests.Session()
        self._session.auth = _as_it_is
        self._session.headers["Accept-Encoding"] = "gzip"
        self._reddit = self._connect()

    def close(self) -> None:
        """Hang up."""
        self._session.close()

    def get(self, path: str, params: Mapping[str, str | int] | None = None) -> object:
        """The answer, whatever JSON it is. Failures that may pass are tried again, `_ATTEMPTS` times in all."""
        attempt = 1
        while True:
            try:
                return self._ask(path, dict(params or {}))
            except CollectorError as error:
                wait = max(error.retry_after or 0.0, _FIRST_WAIT * 2 ** (attempt - 1))
                is_final = error.permanent and not isinstance(error, _PageInsteadOfData)
                if is_final or attempt == _ATTEMPTS or wait > _LONGEST_WAIT:
                    raise
            self._tools.sleep(wait)
            attempt += 1

    def _ask(self, path: str, params: dict[str, str | int]) -> object:
        try:
            try:
                return self._request(path, params)
            except _TokenRefused:
                # A token that has run out and one that was withdrawn look alike until a fresh one is refused too.
                self._reddit = self._connect()
                return self._request(path, params)
        except _TokenRefused:
            raise CollectorError(_WITHDRAWN, permanent=True) from None

    def post_once(self, path: str, data: Mapping[str, str]) -> object:
        """The answer to a POST. What goes wrong is raised from below PRAW's retries, so it is sent once.

        `RedditRefusal` has the status; any other `CollectorError` may mean that the answer was lost.
        """
        try:
            return self._request(path, {}, method="POST", data=dict(data))
        except _TokenRefused:
            raise RedditRefusal(CollectorError(_WITHDRAWN, permanent=True), HTTPStatus.UNAUTHORIZED) from None

    def _request(
        self, path: str, params: dict[str, str | int], *, method: str = "GET", data: dict[str, str] | None = None
    ) -> object:
        try:
            answer: object = self._reddit.request(method=method, path=path, params=params, data=data)
        except OAuthException as error:
            raise CollectorError(_bad_credentials(error.error), permanent=True) from None
        except (PrawcoreException, PRAWException) as error:
            raise CollectorError(f"Reddit answered in an unknown form: {type(error).__name__} at {path}.") from error
        except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
            # PRAW unpacks answers, those with tokens above all, without looking.
            raise CollectorError(f"Reddit answered in an unknown form: {type(error).__name__} at {path}.") from error
        return answer

    def _connect(self) -> praw.Reddit:
        settings, secrets = self._tools.settings, self._tools.secrets
        try:
            # All that PRAW would look up in the environment or in a praw.ini if it were not given is given.
            return praw.Reddit(
                "DEFAULT",
                client_id=secrets.get("client_id", ""),
                client_secret=secrets.get("client_secret") or None,
                refresh_token=secrets.get("refresh_token") or None,
                username=None,
                password=None,
                redirect_uri=None,
                user_agent=f"python:overheard:v{version('overheard')} (by /u/{self.contact})",
                reddit_url=str(settings.reddit.base_url).rstrip("/"),
                oauth_url=str(settings.reddit.oauth_url).rstrip("/") + "/",
                ratelimit_seconds=0,
                timeout=max(1, int(settings.http_timeout)),
                check_for_updates=False,
                check_for_async=False,
                requestor_class=_Requestor,
                requestor_kwargs={**self._requestor_options, "session": self._session},
            )
        except (PrawcoreException, PRAWException, configparser.Error) as error:
            message = f"PRAW could not be set up ({type(error).__name__}). Is there a broken praw.ini?"
            raise CollectorError(message, permanent=True) from error


class Pacing:
    """What Reddit says of our request budget, and the waiting that follows from it."""

    def __init__(self, tools: Tools) -> None:
        """Nothing is known yet."""
        self._tools = tools
        self._wait = 0.0
        self._not_before: datetime | None = None

    def hold(self) -> None:
        """Wait a little where the budget is short; where it is spent, say when it will be renewed."""
        now = self._tools.clock()
        if self._not_before is not None and self._not_before > now:
            seconds = (self._not_before - now).total_seconds()
            raise CollectorError("Reddit's request budget is spent.", retry_after=seconds)
        if self._wait:
            self._tools.sleep(self._wait)

    def note(self, headers: Mapping[str, str]) -> float | None:
        """Keep what an answer says; the seconds until the budget is renewed."""
        told = {name: _number(headers.get(header)) for name, header in _RATE_HEADERS.items()}
        remaining, used, resets_in = told["remaining"], told["used"], told["resets_in"]
        self._wait = 0.0
        if remaining is None or resets_in is None:
            return resets_in
        limit = remaining + (used or 0.0)
        self._tools.meter.budget = {"limit": limit, "remaining": remaining, "resets_in": resets_in}
        if remaining < 1:
            self._not_before = self._tools.clock() + timedelta(seconds=resets_in)
        elif remaining < limit / 2:
            self._wait = min(resets_in / remaining, _LONGEST_PACE)
        return resets_in


class _Requestor(Requestor):
    """PRAW's way to the network: each request is counted, bounded and judged."""

    def __init__(self, *, tools: Tools, pacing: Pacing, **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self._tools = tools
        self._pacing = pacing
        self._timeout = tools.settings.http_timeout

    def request(self, *args: object, timeout: float | None = None, **options: object) -> requests.Response:
        """The answer, if it is one that PRAW can do something with."""
        path = _path(str(args[1]))
        self._pacing.hold()
        self._tools.meter.count()
        try:
            response = super().request(*args, timeout=self._timeout, stream=True, **options)
            _read(response, path, deadline=time.monotonic() + 3 * self._timeout)
        except RequestException as error:
            raise _unreachable(path, error.original_exception) from None
        except requests.RequestException as error:
            raise _unreachable(path, error) from None
        resets_in = self._pacing.note(response.headers)
        for header in _RATE_HEADERS.values():  # or PRAW sleeps too, for up to ten minutes
            response.headers.pop(header, None)
        self._judge(response, path, resets_in)
        return response

    def _judge(self, response: requests.Response, path: str, resets_in: float | None) -> None:
        status = response.status_code
        if path.endswith(_TOKEN_PATH):
            if status in {400, 401, 403}:
                raise CollectorError(_bad_credentials(str(status)), permanent=True)
        elif status == HTTPStatus.UNAUTHORIZED:
            raise _TokenRefused
        if status < HTTPStatus.MULTIPLE_CHOICES:
            if _is_page(response):
                raise _PageInsteadOfData(_BLOCKED, permanent=True)
        else:
            wait = retry_after(response.headers.get("retry-after"), now=self._tools.clock())
            raise RedditRefusal(_refusal(response, path, wait, resets_in), status)


def _read(response: requests.Response, path: str, *, deadline: float) -> None:
    """Read the body within bounds: it may have been packed small, or come a byte now and then."""
    body = b""
    with response:
        if response.headers.get("content-encoding", "").lower() not in {"", "identity", "gzip"}:
            raise CollectorError(f"Reddit packed its answer in a way that was not asked for at {path}.")
        for chunk in response.iter_content(_CHUNK):
            body += chunk
            if len(body) > _MAX_ANSWER:
                raise CollectorError(f"Reddit sent more than {_MAX_ANSWER} bytes at {path}.", permanent=True)
            if time.monotonic() > deadline:
                raise CollectorError(f"Reddit took too long to answer at {path}.")
    response._content = body  # noqa: SLF001 - requests has no other way to bound what it reads


def _refusal(response: requests.Response, path: str, wait: float | None, resets_in: float | None) -> CollectorError:
    """What a status means for the operator."""
    status, reason = response.status_code, _reason(response)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        longest = max(wait or 0.0, resets_in or 0.0)
        return CollectorError(f"Reddit asked us to slow down (429 at {path}).", retry_after=longest or None)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in {408, 425}:
        return CollectorError(f"Reddit answered {status} at {path}.", retry_after=wait)
    if status == HTTPStatus.FORBIDDEN:
        return _forbidden(response, path, reason)
    if status in {301, 302, 303, 307, 308}:
        message = f"There is no such place at Reddit: {path}. It may have been renamed; look it up and add it anew."
        return CollectorError(message, permanent=True)
    if status == HTTPStatus.NOT_FOUND:
        why = f"is {reason}" if reason else "is not there"
        message = f"Reddit says that {path} {why}. To stop reading it and erase its posts: overheard erase --source"
        return CollectorError(message, permanent=True)
    return CollectorError(f"Reddit answered {status} ({reason or 'without a reason'}) at {path}.", permanent=True)


def _forbidden(response: requests.Response, path: str, reason: str | None) -> CollectorError:
    if "insufficient_scope" in response.headers.get("www-authenticate", ""):
        return CollectorError("The refresh token lacks a scope; it needs: identity read.", permanent=True)
    if _is_page(response):
        return CollectorError(_BLOCKED, permanent=True)
    message = f"Reddit does not let us read {path}: it is {reason or 'forbidden'}. It is asked again in a day."
    return CollectorError(message, retry_after=_A_DAY)


def _is_page(response: requests.Response) -> bool:
    return response.content.lstrip().startswith(b"<")


def _reason(response: requests.Response) -> str | None:
    """The word in an error's body: private, quarantined, banned."""
    try:
        answer: object = response.json()
    except (ValueError, RecursionError):
        return None
    reason = answer.get("reason") if isinstance(answer, dict) else None
    return reason[:40] if isinstance(reason, str) else None


def _unreachable(path: str, error: Exception) -> CollectorError:
    return CollectorError(f"Reddit cannot be reached: {type(error).__name__} at {path}.")


def _bad_credentials(what: str) -> str:
    return (
        f"Reddit does not accept the app's credentials ({what[:40]}). Copy the client id and secret anew from "
        "https://www.reddit.com/prefs/apps, or make a new refresh token, then: overheard sources add reddit"
    )


def _user_name(contact: str) -> str:
    found = _USER_NAME.fullmatch(contact.strip())
    if found is None:
        raise CollectorError(
            "Reddit wants to know who runs an app: give your Reddit user name as contact, without spaces.",
            permanent=True,
        )
    return found[1]


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """No authorisation of ours: with none at all, requests looks for one in ~/.netrc and puts it over the token."""
    return request


def _path(url: str) -> str:
    """The address without host and parameters, for messages."""
    return urlsplit(url).path.lstrip("/")


def _number(header: str | None) -> float | None:
    try:
        return min(max(0.0, float(header)), _A_DAY) if header is not None else None
    except ValueError:
        return None
