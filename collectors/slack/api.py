"""Slack's Web API: every answer is checked, every failure is a `CollectorError`, and what may pass is tried again."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.request import Request

from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web import WebClient

from collectors.base import Tools
from collectors.http import JsonReader, retry_after
from collectors.rows import Row
from overheard.errors import CollectorError

# The vendor's own log may quote an answer, and so a post. All that it tells comes to us as an exception too.
QUIET = logging.Logger("slack_sdk", logging.CRITICAL + 1)  # noqa: LOG001 - nobody else shall find and open it

_ATTEMPTS = 4
_FIRST_WAIT = 0.5  # seconds, doubled each time
# Slack says up to a minute. Longer than this nobody waits inside a pass: the error says when to come back.
_LONGEST_WAIT = 60.0
_UNTOLD_WAIT = 30.0  # where Slack limits us and does not say for how long

# What an app gets that Slack takes for a product outside of its marketplace: 15 messages, once a minute.
# https://docs.slack.dev/changelog/2025/05/29/rate-limit-changes-for-non-marketplace-apps
_SLOWED_LENGTH, _SLOWED_WAIT = 15, 60.0

_MAX_ANSWER = 32 * 2**20  # bytes; two hundred messages, of which each may have 40,000 characters

_OK, _LIMITED, _SERVER_ERROR = 200, 429, 500

# What only a person can mend: the account as a whole is shut out.
_REFUSED = frozenset(
    {
        "account_inactive", "access_denied", "enterprise_is_restricted", "invalid_auth", "missing_scope",
        "not_allowed_token_type", "not_authed", "no_permission", "org_login_required", "team_access_not_granted",
        "token_expired", "token_revoked", "two_factor_setup_required",
    }
)  # fmt: skip
# This channel cannot be read now; somebody may invite us again, and then it goes on from where it stood.
_SHUT = {
    "not_in_channel": "the app is not in the channel: invite it there with /invite",
    "channel_not_found": "there is no such channel, or it is private and the app is not in it",
    "is_archived": "the channel is archived",
}
_PASSING = frozenset(
    {"fatal_error", "internal_error", "ratelimited", "rate_limited", "request_timeout", "service_unavailable"}
)


class SlackError(CollectorError):
    """Slack answered with an error. `code` is its own word for it; empty when there was no such answer."""

    def __init__(
        self, message: str, *, code: str = "", permanent: bool = False, retry_after: float | None = None
    ) -> None:
        """`code`: what stands in the answer's `error`."""
        super().__init__(message, permanent=permanent, retry_after=retry_after)
        self.code = code


@dataclass(frozen=True, slots=True)
class Messages:
    """One answer full of messages."""

    messages: Sequence[object]
    has_more: bool
    next_cursor: str
    is_limited: bool
    """Slack hides what is older: a workspace without a paid plan."""


class _Client(WebClient):
    """The vendor's client, whose requests are sent by ours: its own bounds neither an answer's size nor its time."""

    def __init__(self, reader: JsonReader, base_url: str, token: str) -> None:
        # The vendor's handlers would send again without a word, and wait with a clock of their own.
        super().__init__(token, base_url, retry_handlers=[], logger=QUIET)
        self._reader = reader

    def _perform_urllib_http_request_internal(self, url: str, req: Request) -> dict[str, Any]:
        content = req.data if isinstance(req.data, bytes) else b""
        path, headers = url.removeprefix(self.base_url), dict(req.header_items())
        answer = self._reader.exchange("POST", path, headers=headers, content=content)
        return {"status": answer.status, "headers": answer.headers, "body": (answer.body or b"").decode()}


class SlackApi:
    """Asks one workspace. May be used by several threads."""

    def __init__(self, tools: Tools) -> None:
        """Nothing is asked for yet."""
        self._tools = tools
        base_url = str(tools.settings.slack.base_url)
        self._reader = JsonReader("Slack", base_url, tools, limit=_MAX_ANSWER)
        self.client: WebClient = _Client(self._reader, base_url, tools.secrets.get("bot_token", ""))
        self.is_slowed = False
        """Slack gives us few messages at a time, and only one answer a minute: an app that it takes for a product."""

    def close(self) -> None:
        """Hang up."""
        self._reader.close()

    def messages(self, method: str, params: Mapping[str, str | int]) -> Messages:
        """The answer to a method that gives messages. `SlackError` when it holds none, not even an empty list."""
        if self.is_slowed:
            self._tools.sleep(_SLOWED_WAIT)
        answer = self.call(method, params)
        found, metadata = answer.get("messages"), answer.get("response_metadata")
        if not isinstance(found, list):
            raise SlackError(f"Slack answered {method} in an unknown form: without messages.")
        has_more = answer.get("has_more") is True
        self.is_slowed = self.is_slowed or (has_more and len(found) == _SLOWED_LENGTH)
        next_cursor = metadata.get("next_cursor") if isinstance(metadata, dict) else None
        return Messages(found, has_more, str(next_cursor or ""), answer.get("is_limited") is True)

    def open_socket(self, app_token: str) -> str:
        """An address for one connection of Socket Mode."""
        url = self.call("apps.connections.open", {"token": app_token}).get("url")
        if not isinstance(url, str) or not url.startswith(("wss://", "ws://")):
            raise SlackError("Slack answered apps.connections.open in an unknown form: without an address.")
        return url

    def call(self, method: str, params: Mapping[str, str | int] | None = None) -> Row:
        """The answer to a method that only reads. Failures that may pass are tried again, `_ATTEMPTS` times in all."""
        attempt = 1
        while True:
            try:
                return self._ask(method, dict(params or {}))
            except SlackError as error:
                wait = max(error.retry_after or 0.0, _FIRST_WAIT * 2 ** (attempt - 1))
                is_passing = not error.permanent and error.code not in _SHUT
                if not is_passing or attempt == _ATTEMPTS or wait > _LONGEST_WAIT:
                    raise
            self._tools.sleep(wait)
            attempt += 1

    def _ask(self, method: str, params: dict[str, str | int]) -> Row:
        try:
            answer = self.client.api_call(method, params=params)
        except SlackApiError as error:
            raise self._said_no(method, error) from None  # the vendor's message quotes the answer
        except CollectorError as error:
            raise SlackError(str(error), permanent=error.permanent) from None
        except (SlackClientError, ValueError, AttributeError, RecursionError) as error:
            # What the vendor's client trips over: bytes that are no text, a list where an object should be.
            raise SlackError(f"Slack answered {method} in an unknown form: {type(error).__name__}.") from None
        if not isinstance(answer.data, dict):
            raise SlackError(f"Slack answered {method} with something other than JSON.")
        return answer.data

    def _said_no(self, method: str, error: SlackApiError) -> SlackError:
        answer = error.response
        status = answer.status_code
        data: Row = answer.data if isinstance(answer.data, dict) else {}
        code, headers = str(data.get("error", "")), {name.lower(): value for name, value in answer.headers.items()}
        if status == _LIMITED or code in ("ratelimited", "rate_limited"):
            wait = retry_after(headers.get("retry-after"), now=self._tools.clock()) or _UNTOLD_WAIT
            return SlackError(f"Slack limits how often {method} may be asked.", code="ratelimited", retry_after=wait)
        if status != _OK:
            permanent = status < _SERVER_ERROR
            return SlackError(f"Slack answered {status} at {method}.", permanent=permanent)
        return explained(method, code, str(data.get("needed", "")))


def explained(method: str, code: str, needed: str = "") -> SlackError:
    """An `{"ok": false}`, by what can be done about it."""
    if code in _SHUT:
        return SlackError(f"Slack says {code} at {method}: {_SHUT[code]}.", code=code)
    if code in _PASSING:
        return SlackError(f"Slack is in trouble: {code} at {method}.", code=code)
    if code in _REFUSED:
        scope = f" The app needs the scope {needed}." if needed else ""
        return SlackError(
            f"Slack refuses us: {code} at {method}.{scope} Look at the app at https://api.slack.com/apps, install it "
            "anew, and give its tokens: overheard sources add slack.",
            code=code,
            permanent=True,
        )
    if not code.replace("_", "").isalnum():  # the vendor puts its own sentence there when it met no JSON
        return SlackError(f"Slack answered {method} with something other than JSON.")
    return SlackError(
        f"Slack answered {method} with {code[:80]}, which we do not know. Please report it.", code=code, permanent=True
    )
