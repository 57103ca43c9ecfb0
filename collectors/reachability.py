"""Whether a site answers and whether a domain takes mail: asked only when a person wants to know.

A site is what a stranger wrote, so it is asked as all such addresses are: on the public internet alone.
"""

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx
from email_validator import EmailNotValidError, EmailUndeliverableError, validate_email

from collectors.base import Tools
from collectors.web import CheckedTransport, Resolve
from overheard.errors import CollectorError
from overheard.leads.contacts import Finding, Reach
from overheard.settings import Settings
from overheard.vocabulary import ContactKind

if TYPE_CHECKING:
    from dns.resolver import Resolver

_MOST_REDIRECTS = 5
_DNS_TIMEOUT = 5
_GONE = (httpx.codes.NOT_FOUND, httpx.codes.GONE)


def make_reach(settings: Settings, *, resolve: Resolve | None = None, dns: "Resolver | None" = None) -> Reach:
    """A function that asks the network about a contact. `resolve`: a host and port → its addresses. `dns`: who is asked
    for a domain's records; default: whom this machine asks, for some seconds.
    """

    def reach(kind: ContactKind, value: str) -> Finding:
        if kind is ContactKind.SITE:
            return _site(settings, value, resolve)
        if kind is ContactKind.EMAIL:
            return _email(value, dns)
        return Finding(None, "A phone number is checked by calling it.")

    return reach


def _site(settings: Settings, address: str, resolve: Resolve | None) -> Finding:
    tools = Tools(settings, lambda: datetime.now(UTC), time.sleep)
    client = httpx.Client(
        transport=CheckedTransport(tools, resolve),
        timeout=settings.http_timeout,
        follow_redirects=True,
        max_redirects=_MOST_REDIRECTS,
        trust_env=False,
    )
    try:
        with client, client.stream("GET", address) as answer:
            status, host = answer.status_code, answer.url.host
    except CollectorError as error:
        return Finding(None if "private network" in str(error) else False, str(error))
    except httpx.HTTPError as error:
        return Finding(False, f"It does not answer: {type(error).__name__}.")
    if status in _GONE:
        return Finding(False, f"{host} answers, but there is no such page (HTTP {status}).")
    return Finding(True, f"{host} answers (HTTP {status}).")


def _email(value: str, dns: "Resolver | None") -> Finding:
    """By the domain's records; whether the box itself exists could only be told by writing to it."""
    try:
        timeout = None if dns else _DNS_TIMEOUT  # one that is handed in has its own
        found = validate_email(value, check_deliverability=True, timeout=timeout, dns_resolver=dns)
    except EmailUndeliverableError as error:
        return Finding(False, str(error))
    except EmailNotValidError as error:
        return Finding(False, f"It is no e-mail address: {error}")
    if getattr(found, "mx", None):
        return Finding(True, "Its domain takes mail.")
    return Finding(None, "Its domain could not be looked up now.")
