"""Posting to addresses that somebody typed, with care and in one attempt: a line to an incoming webhook, as Slack and
those that follow it take it, or a body that is signed already.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx

from collectors.base import Tools
from collectors.http import retry_after
from collectors.web import CheckedTransport, Resolve, web_address
from overheard.errors import CollectorError
from overheard.settings import Settings

_FIRST_WORDS = 500  # bytes of an answer that anybody reads


@dataclass(frozen=True, slots=True)
class Posted:
    """What a receiver answered."""

    status: int
    said: str
    """The first words."""
    retry_after: float | None
    """Seconds, when it said when to come back."""


def post(settings: Settings, address: str, text: str, *, resolve: Resolve | None = None) -> None:
    """Post a text; `CollectorError` when it was not taken. Somebody typed the address, so it is asked with care."""
    tools = Tools(settings, lambda: datetime.now(UTC), time.sleep)
    url = web_address(address)
    body = {"text": text, "unfurl_links": False}
    with httpx.Client(transport=CheckedTransport(tools, resolve), timeout=settings.http_timeout) as client:
        try:
            answer = client.post(url, json=body)
        except httpx.HTTPError as error:
            raise CollectorError(f"The webhook on {url.host} cannot be reached: {type(error).__name__}.") from error
    if not answer.is_success:
        raise CollectorError(f"The webhook on {url.host} answered with {answer.status_code}.")


def post_signed(
    settings: Settings, address: str, body: str, headers: Mapping[str, str], *, resolve: Resolve | None = None
) -> Posted:
    """Post a body as it is, and go nowhere else where that is asked for. `CollectorError` when nobody answered."""
    tools = Tools(settings, lambda: datetime.now(UTC), time.sleep)
    url = web_address(address)
    with httpx.Client(transport=CheckedTransport(tools, resolve), timeout=settings.http_timeout) as client:
        try:
            with client.stream("POST", url, content=body.encode(), headers=dict(headers)) as answer:
                said = next(answer.iter_raw(_FIRST_WORDS), b"")
        except httpx.HTTPError as error:
            raise CollectorError(f"The webhook on {url.host} cannot be reached: {type(error).__name__}.") from error
    come_back = retry_after(answer.headers.get("Retry-After"), now=datetime.now(UTC))
    return Posted(answer.status_code, said[:_FIRST_WORDS].decode("utf-8", "replace"), come_back)
