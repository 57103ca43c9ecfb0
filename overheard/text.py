"""The border for text: what is stored (as written, made safe), and what is matched on (normalised)."""

import hashlib
import unicodedata
from dataclasses import dataclass

# 40,000 characters is the longest submission that Reddit takes, the longest of the platforms we know.
MAX_BODY = 40_000
MAX_TITLE = 1_000
_TAIL = 8_000


def clean(text: str) -> str:
    """`text` as it can be stored anywhere: without NUL (PostgreSQL refuses it, SQLite's `length` stops at it) and
    with lone surrogates replaced (`json.loads` lets them in, no encoder lets them out).
    """
    if "\x00" in text:
        text = text.replace("\x00", "")
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace") if _has_surrogate(text) else text


def _has_surrogate(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)


def cap(text: str, limit: int) -> tuple[str, bool]:
    """`text` of at most `limit` characters, its head and its tail kept, and whether anything was cut."""
    if len(text) <= limit:
        return text, False
    tail = min(_TAIL, limit // 5)
    mark = "\n[…]\n"
    return text[: limit - tail - len(mark)] + mark + text[-tail:], True


def text_hash(title: str, body: str) -> str:
    """SHA-256 of a post's text: equal texts are judged once, and a changed text is judged anew."""
    return hashlib.sha256(f"{title}\x00{body}".encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Normalised:
    """Text for matching, and for each of its characters the index of the character it came from."""

    text: str
    origins: range | list[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The original's span for a non-empty span of the normalised text."""
        return self.origins[start], self.origins[end - 1] + 1


def normalise(text: str) -> Normalised:
    """Case, width, accents and invisible characters set aside: full-width `CRM`, `Crm` and `c\u200brm` become `crm`."""
    if text.isascii():
        return Normalised(text.lower(), range(len(text)))
    characters: list[str] = []
    origins: list[int] = []
    for index, character in enumerate(text):
        for folded in unicodedata.normalize("NFKD", character).casefold():
            # Cf: zero-width and direction marks; Mn: combining accents. Both are used to slip past keyword filters.
            if unicodedata.category(folded) not in ("Cf", "Mn"):
                characters.append(folded)
                origins.append(index)
    return Normalised("".join(characters), origins)
