"""Posting a line to an incoming webhook, as Slack and those that follow it take it. One attempt."""

import time
from datetime import UTC, datetime

import httpx

from collectors.base import Tools
from collectors.web import CheckedTransport, Resolve, web_address
from overheard.errors import CollectorError
from overheard.settings import Settings


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
