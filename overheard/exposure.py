"""What other machines can reach is not served with a secret that everybody could guess."""

import ipaddress
from collections.abc import Iterator

import sqlalchemy as sa
from pydantic import SecretStr

from overheard.errors import InvalidInput
from overheard.settings import Settings

_SHORTEST_KEY = 32
_FEWEST_CHARACTERS = 10

# What stands in examples and in defaults of other people's images.
_WELL_KNOWN = frozenset(
    {"admin", "change-me", "change_me", "changeme", "example", "overheard", "password", "postgres", "secret", "test"}
)


def refuse_what_anybody_could_guess(settings: Settings, host: str) -> None:
    """`InvalidInput` with the first reason not to listen at `host`. On this machine alone everything goes."""
    if is_local(host) and is_local(settings.public_url.host or "" if settings.public_url else host):
        return
    # the first is enough: each says what to do, and the next start says the next one
    for reason in _reasons(settings, host):
        raise InvalidInput(f"Other machines can reach {settings.address}, so this is not served: {reason}")


def is_local(host: str) -> bool:
    """Whether only this machine reaches it."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _reasons(settings: Settings, host: str) -> Iterator[str]:
    keys = {"OVERHEARD_SECRET_KEY": settings.secret_key, "OVERHEARD_CREDENTIALS_KEY": settings.credentials_key}
    for name, key in keys.items():
        if key is not None and _is_weak(key):
            yield f"{name} is short or an example. Leave it out and one is made, or take: openssl rand -base64 32"
    password = sa.make_url(settings.effective_database_url).password
    if isinstance(password, str) and password.lower() in {"", *_WELL_KNOWN}:
        yield "the password in OVERHEARD_DATABASE_URL is an example. Give the user another: openssl rand -hex 24"
    for name, secret in {
        "OVERHEARD_MAIL__PASSWORD": settings.mail.password,
        "OVERHEARD_OIDC__CLIENT_SECRET": settings.oidc.client_secret,
    }.items():
        if secret is not None and secret.get_secret_value().lower() in _WELL_KNOWN:
            yield f"{name} is an example. Set the one that you were given."
    is_plain = not settings.address.startswith("https:")
    if is_plain and settings.secure_cookies is not False:
        yield (
            f"at {host} passwords and logins would travel unencrypted. Put a reverse proxy with TLS before it and set "
            "OVERHEARD_PUBLIC_URL=https://… (docs/deploy.md); or, in a network that you trust, "
            "OVERHEARD_SECURE_COOKIES=false."
        )


def _is_weak(key: SecretStr) -> bool:
    word = key.get_secret_value()
    return len(word) < _SHORTEST_KEY or len(set(word)) < _FEWEST_CHARACTERS
