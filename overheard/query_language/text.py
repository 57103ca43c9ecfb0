"""What a query may look at, and what it met."""

from dataclasses import dataclass

from overheard.vocabulary import Platform, PostKind

Span = tuple[str, int, int]
"""Field of the post (`title` or `body`), and start and end of the characters met there."""


@dataclass(frozen=True, slots=True)
class PostText:
    """What a query may look at."""

    title: str
    body: str
    author: str | None = None
    community: str = ""
    platform: Platform = Platform.OTHER
    kind: PostKind = PostKind.SUBMISSION
    language: str | None = None
    """ISO 639 code; None while it is not known: then every condition on it counts as met."""
    url: str | None = None
