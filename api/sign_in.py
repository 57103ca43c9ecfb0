"""What the pages ask of an identity provider. `api/oidc.py` is the one there is; the roof hands it in."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from overheard.users.sign_in import Identity


@dataclass(frozen=True, slots=True)
class Attempt:
    """One sign-in under way, kept in the browser that began it."""

    state: str
    """Comes back with the answer: it was this browser that asked."""
    nonce: str
    """Stands in the signed answer: it was made for this attempt."""
    verifier: str
    """Of PKCE: who has only seen the code cannot use it."""
    next: str
    until: float


class SignIn(Protocol):
    """An identity provider."""

    def address(self, attempt: Attempt, back: str) -> str:
        """Where the browser goes to sign in; it comes back to `back` with a code."""
        ...

    def identity(self, code: str, attempt: Attempt, back: str, *, now: datetime) -> Identity:
        """Who signed in; `LoginRefused` when the answer is not one for us, now."""
        ...
