"""Signed values, form tokens, cookies, and addresses that may be redirected to."""

import base64
import binascii
import hashlib
import hmac
import secrets
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import Response

from api.state import state_of

LOGIN_COOKIE = "overheard_login"
VISIT_COOKIE = "overheard_visit"
"""Binds the form tokens of somebody who is not logged in yet."""

_PAGES = (
    "/admin",
    "/alerts",
    "/crm",
    "/insights",
    "/models",
    "/labels",
    *("/board", "/queue", "/leads/", "/campaigns", "/sources", "/posts/", "/replies", "/snippets"),
    *("/people", "/me", "/notices", "/audit", "/privacy", "/accounts"),
)


def signature(key: str, purpose: str, value: str) -> str:
    """An HMAC; `purpose` keeps a signature made for one use from being good for another."""
    return hmac.new(key.encode(), f"{purpose}:{value}".encode(), hashlib.sha256).hexdigest()


def sign(key: str, purpose: str, text: str) -> str:
    """`text` as one word that only we can have made."""
    word = base64.urlsafe_b64encode(text.encode()).decode()
    return f"{word}.{signature(key, purpose, word)}"


def unsign(key: str, purpose: str, signed: str) -> str | None:
    """Back from `sign`; None when we did not make it."""
    word, _, mac = signed.partition(".")
    if not _same(mac, signature(key, purpose, word)):
        return None
    try:
        return base64.urlsafe_b64decode(word).decode()
    except (binascii.Error, UnicodeError):  # pragma: no cover - we signed it, so it is well-formed
        return None


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())


def binding(connection: HTTPConnection) -> str | None:
    """What this browser's form tokens hang on: its login, or its visit before that."""
    return connection.cookies.get(LOGIN_COOKIE) or connection.cookies.get(VISIT_COOKIE)


def new_binding() -> str:
    """The secret of a new visit."""
    return secrets.token_urlsafe(16)


def form_token(key: str, bound_to: str) -> str:
    """The token that a form sent back must carry."""
    return signature(key, "form", bound_to)


def is_own_form(connection: HTTPConnection, token: str) -> bool:
    """Whether a form was made by us for this browser."""
    bound_to = binding(connection)
    return bound_to is not None and _same(token, form_token(state_of(connection).key, bound_to))


def set_cookie(connection: HTTPConnection, response: Response, name: str, value: str, *, max_age: int) -> None:
    """Set a cookie that scripts cannot read and other sites cannot send along with a form."""
    secure = state_of(connection).settings.sends_secure_cookies
    response.set_cookie(name, value, max_age=max_age, httponly=True, samesite="lax", secure=secure)


def own_page(address: str | None) -> str:
    """`address` if it is one of our pages, else the queue: nobody is sent elsewhere by a link that looks like ours."""
    if not address or not address.startswith(_PAGES) or not address.isprintable() or "\\" in address:
        return "/queue"
    try:
        parts = urlsplit(address)
    except ValueError:
        return "/queue"
    if parts.scheme or parts.netloc or ".." in parts.path.split("/"):
        return "/queue"
    return address
