"""Wrong passwords are counted, and too many of them close the door for a while: by e-mail address and by network."""

import hashlib
import ipaddress
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.models import LoginFailure

WINDOW = timedelta(minutes=15)
# Five wrong passwords for one address close it for a quarter of an hour: hopeless for guessing, bearable for a typist.
MAX_FAILURES = 5
# One network may be a whole office behind one address; ten people at their limit do not lock out the eleventh before.
MAX_CLIENT_FAILURES = 50


def is_closed(session: Session, email: str, client: str | None, *, now: datetime) -> bool:
    """Whether there were too many failures for this e-mail address, or from this network address."""
    if _count(session, LoginFailure.email_hash == _hash(email), now=now) >= MAX_FAILURES:
        return True
    if client is None:
        return False
    return _count(session, LoginFailure.client_hash == _hash(_network(client)), now=now) >= MAX_CLIENT_FAILURES


def count_failure(session: Session, email: str, client: str | None, *, now: datetime) -> int:
    """Count a wrong password; how many there are now for this e-mail address. Old ones are forgotten on the way."""
    session.execute(sa.delete(LoginFailure).where(LoginFailure.at <= now - WINDOW))
    client_hash = None if client is None else _hash(_network(client))
    session.add(LoginFailure(email_hash=_hash(email), client_hash=client_hash, at=now))
    session.flush()
    return _count(session, LoginFailure.email_hash == _hash(email), now=now)


def forget(session: Session, email: str) -> None:
    """Somebody knew the password after all. What else came from their network stays counted."""
    session.execute(sa.delete(LoginFailure).where(LoginFailure.email_hash == _hash(email)))


def _count(session: Session, whose: sa.ColumnElement[bool], *, now: datetime) -> int:
    return session.scalar(sa.select(sa.func.count()).where(whose, LoginFailure.at > now - WINDOW)) or 0


def _network(client: str) -> str:
    """The address; of IPv6 the network, as one household has as many addresses as it likes."""
    try:
        address = ipaddress.ip_address(client.partition("%")[0])
    except ValueError:
        return client
    return str(address) if address.version == 4 else str(ipaddress.ip_network((int(address), 64), strict=False))  # noqa: PLR2004 - IPv4


def _hash(word: str) -> str:
    return hashlib.sha256(word.encode("utf-8", "surrogatepass")).hexdigest()
