"""The border for text: what is stored (as written, made safe), and what is matched on (normalised)."""

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

# 40,000 characters is the longest submission that Reddit takes, the longest of the platforms we know.
MAX_BODY = 40_000
MAX_TITLE = 1_000
_TAIL = 8_000

_SURROGATE = re.compile("[\ud800-\udfff]")

# What holds the code points of one visible character together, besides combining marks.
_ZWJ = "\u200d"
_JOINERS = frozenset(_ZWJ + "".join(map(chr, range(0x1F3FB, 0x1F400))))  # and skin tones
_FLAG_LETTERS = "".join(map(chr, range(0x1F1E6, 0x1F200)))
_LONGEST_CHARACTER = 32  # code points; an emoji has at most 14, and whoever stacks more accents loses some


def clean(text: str) -> str:
    """`text` as it can be stored anywhere: without NUL (PostgreSQL refuses it, SQLite's `length` stops at it) and
    with lone surrogates replaced (`json.loads` lets them in, no encoder lets them out).
    """
    if "\x00" in text:
        text = text.replace("\x00", "")
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace") if _SURROGATE.search(text) else text


def cap(text: str, limit: int) -> tuple[str, bool]:
    """`text` of at most `limit` characters, its head and its tail kept, and whether anything was cut."""
    if len(text) <= limit:
        return text, False
    tail = min(_TAIL, limit // 5)
    mark = "\n[…]\n"
    head_end = _between_characters(text, limit - tail - len(mark), -1)
    tail_start = _between_characters(text, len(text) - tail, 1)
    return text[:head_end] + mark + text[tail_start:], True


def _between_characters(text: str, at: int, step: int) -> int:
    """The next place from `at` at which no character, as people see it, is taken apart: a family, a flag, an accent."""
    places = (place for place in range(at, at + _LONGEST_CHARACTER * step, step) if 0 < place < len(text))
    return next((place for place in places if not _is_joined(text, place)), at)


def _is_joined(text: str, at: int) -> bool:
    """Whether what begins there belongs to the character before it."""
    if text[at] in _FLAG_LETTERS:  # two of them make a flag
        return (at - len(text[:at].rstrip(_FLAG_LETTERS))) % 2 == 1
    joins = text[at] in _JOINERS or text[at - 1] == _ZWJ
    return joins or unicodedata.category(text[at]).startswith("M")


def text_hash(title: str, body: str) -> str:
    """SHA-256 of a post's text: equal texts are judged once, and a changed text is judged anew."""
    return hashlib.sha256(f"{title}\x00{body}".encode("utf-8", "surrogatepass")).hexdigest()


# A person may be a bot developer, or quote a bot. So the sentence begins and ends there, and more in it is a bot's.
_BOTS_MARKS = re.compile(r"^ *>.*|[*_~^|`]", re.MULTILINE)
_I_AM_A_BOT = re.compile(r"(?:^|[.!?(\n]|\bboop,?) {0,3}(?:i am|i'm) an? (?:\w+ )?bot\b(?!\s+[\w-]|-)")
_AS_BOTS_SAY = re.compile(
    r"\bautomatic(?:ally)?\b|\bautomated\b|\bbeep\b|\bmoderators of this\b|\b(?:good|bad) bot\b|\bmy creator\b"
)
_DONE_BY_A_BOT = re.compile(
    r"\bthis action was performed automatically\b"
    r"|\bthis (?:comment|message|post|reply) was (?:made|posted|sent|written|generated) by an? (?:\w+ )?bot\b"
)


def says_it_is_a_bots(text: str) -> bool:
    """Whether a text says of itself that no person wrote it."""
    said = _BOTS_MARKS.sub("", text).replace("\u2019", "'").lower()
    is_a_bot = _I_AM_A_BOT.search(said) and _AS_BOTS_SAY.search(said)
    return bool(is_a_bot or _DONE_BY_A_BOT.search(said))


# Letters of other scripts that no eye tells from Latin ones, in both cases: one of them would hide a word from a query.
# Queries are folded alike, so words that are honestly Cyrillic are still met.
_ALIKE = str.maketrans("асеһіјорѕухο", "acehijopsyxo")  # noqa: RUF001 - that is the point


class _Folding(dict[int, str]):
    """Character → how it is matched. Filled as characters are met: the few thousand in use, of a million."""

    def __missing__(self, code: int) -> str:
        folded = unicodedata.normalize("NFKD", chr(code)).casefold().translate(_ALIKE)
        # Cf: zero-width and direction marks; Mn: combining accents. Both are used to slip past keyword filters.
        self[code] = "".join(c for c in folded if unicodedata.category(c) not in {"Cf", "Mn"})
        return self[code]


_FOLDING = _Folding()


@dataclass(frozen=True)
class Normalised:
    """Text for matching, and the text it came from."""

    text: str
    original: str

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The original's span for a non-empty span of the normalised text."""
        return self._origins[start], self._origins[end - 1] + 1

    @cached_property
    def _origins(self) -> Sequence[int]:
        """For each character the index of the one it came from. Made when asked for: most posts meet no query."""
        if self.original.isascii():
            return range(len(self.original))
        return [index for index, character in enumerate(self.original) for _ in _FOLDING[ord(character)]]


def normalise(text: str) -> Normalised:
    """Case, width, accents, invisible and look-alike characters set aside.

    Full-width `CRM`, `Crm` and `c\u200brm` become `crm`.
    """
    return Normalised(text.lower() if text.isascii() else text.translate(_FOLDING), text)
