"""Idempotency keys: a write that is sent again under the same key is answered with the stored answer, not done again.

The key is taken and the answer kept by the very transaction that does the work (`api.deps.get_db`), so that a crash
leaves both or neither. What asks the outside world does so before, while no transaction is open
(`api.deps.before_asking`). What was refused has done nothing; nothing is kept of it, and its key may be used again.
"""

import base64
import hashlib
import hmac
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import NoReturn

from cryptography.fernet import Fernet
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from api.errors import AnswerErased, KeyReused, StillRunning
from api.state import state_of
from overheard import stored_answers
from overheard.errors import InvalidInput
from overheard.models import StoredAnswer

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
MAX_KEY = 255


class _Answered(Exception):
    def __init__(self, response: Response) -> None:
        self.response = response


class Attempt:
    """One request under a key: taken in `get_db`, kept when the route has answered."""

    def __init__(self, token: str, key: str, request_hash: str) -> None:
        secret = hmac.digest(token.encode(), key.encode(), "sha256")
        self.key_hash = hashlib.sha256(secret).hexdigest()
        self._request_hash = request_hash
        # Only who sends token and key again can read it: an answer may hold a secret, or what was erased since.
        self._box = Fernet(base64.urlsafe_b64encode(secret))
        self._session: Session | None = None

    def take(self, session: Session, *, now: datetime) -> None:
        """Take the key for this transaction, or end the request with what is kept under it."""
        if not stored_answers.lock(session, self.key_hash):
            raise StillRunning
        kept = stored_answers.take(session, self.key_hash, self._request_hash, now=now)
        if kept is None:
            self._session = session
            return
        self._end_with(kept)

    def look(self, session: Session, *, now: datetime) -> None:
        """End the request with what is kept under its key, if anything is; the key is not taken."""
        kept = stored_answers.known(session, self.key_hash, now=now)
        if kept is not None:
            self._end_with(kept)

    def _end_with(self, kept: StoredAnswer) -> NoReturn:
        if kept.request_hash != self._request_hash:
            raise KeyReused
        raise _Answered(self._opened(kept))

    def keep(self, response: Response) -> None:
        """Keep the answer, in the transaction that did the work and is not committed yet."""
        if self._session is None:  # the route has no one transaction, and doing it twice changes nothing
            return
        stored_answers.keep(
            self._session,
            self.key_hash,
            status=response.status_code,
            media_type=response.media_type,
            sealed=self._box.encrypt(bytes(response.body)),
        )

    def _opened(self, kept: StoredAnswer) -> Response:
        if kept.sealed is None:
            raise AnswerErased
        body = self._box.decrypt(kept.sealed)
        return Response(body, kept.status or 200, {REPLAYED: "true"}, kept.media_type)


def attempt_of(request: Request) -> Attempt | None:
    """The attempt that this request is, if it has a key."""
    return getattr(request.state, "attempt", None)


async def answer_once(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
    """Answer a write: once, if it has a key."""
    key = request.headers.get(HEADER)
    if key is None:
        return await answer(request)
    if not (1 <= len(key) <= MAX_KEY and key.isascii() and key.isprintable()):
        raise InvalidInput(f"An {HEADER} has 1 to {MAX_KEY} printable ASCII characters; a random UUID is a good one.")
    attempt = Attempt(request.headers.get("Authorization", ""), key, await _hash_of(request))
    running = state_of(request).running
    if attempt.key_hash in running:
        raise StillRunning
    running.add(attempt.key_hash)
    request.state.attempt = attempt
    try:
        response = await answer(request)
        await run_in_threadpool(attempt.keep, response)
    except _Answered as known:
        return known.response
    finally:
        running.discard(attempt.key_hash)
    return response


async def _hash_of(request: Request) -> str:
    address = f"{request.method} {request.url.path}?{request.url.query}\n"
    return hashlib.sha256(address.encode() + await request.body()).hexdigest()
