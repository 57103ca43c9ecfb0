"""What a platform posts to us: one room takes it in, another one answers it, and neither knows the other."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HookAnswer:
    """What the platform gets back."""

    status: int = 200
    body: bytes = b""
    media_type: str = "text/plain"


Hook = Callable[[Mapping[str, str], bytes], HookAnswer]
"""Is given the headers, their names in lower case, and the body as it came. It trusts neither."""
