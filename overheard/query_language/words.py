"""What single words of a query become: a word, a phrase, a domain, a symbol."""

import re

from overheard.errors import InvalidQuery
from overheard.query_language import mistakes
from overheard.query_language.nodes import At, Domain, Everything, Node, Phrase, Symbol, Word
from overheard.text import normalise

_MAX_PHRASE = 100  # words
_MAX_ANY = 10  # lone stars in one phrase
_MAX_SYMBOL = 200

_DOMAIN = re.compile(r"(?:[\w-]+\.)+[^\W\d_]{2,24}")
_SCHEME = re.compile(r"(?:h(?:tt|xx)ps?://)?(?:www\.)?")
_STARS = re.compile(r"\*{2,}")


def folded(text: str) -> str:
    """Text of a query as it is compared with normalised posts: one apostrophe stands for both."""
    return normalise(text).text.replace("\u2019", "'")


def word(source: str, at: At) -> Node:
    """A whole word, or what its form says it is."""
    if source == "*":
        return Everything(at)
    mistakes.refuse_misspelt(source, at)
    parts = _STARS.sub("*", folded(source)).split()
    if not _has_letter(parts):
        message = f"{source!r} holds no letter or digit to look for"
        raise InvalidQuery(message, position=at[0], suggestion=f"To look for these very signs write `{source}`.")
    if len(parts) > 1:
        return Phrase(tuple(parts), at)
    return Domain(parts[0], at) if _DOMAIN.fullmatch(parts[0]) else Word(parts[0], at)


def inflected(source: str, at: At) -> Word:
    """A word with its other forms."""
    text = folded(source)
    if not text.isalpha():
        message = f"Forms are known of words made of letters, not of {source!r}"
        raise InvalidQuery(message, position=at[0], suggestion="Write it without ~.")
    return Word(text, at, is_inflected=True)


def phrase(source: str, at: At) -> Phrase | Word:
    """Words in a row. Signs in it are met as they stand; a star stands for any end of a word, or for any word."""
    parts = _STARS.sub("*", folded(source)).split()
    if not _has_letter(parts):
        message = f'"{source}" holds no letter or digit to look for'
        raise InvalidQuery(message, position=at[0], suggestion="Put a word between the quotation marks.")
    if len(parts) > _MAX_PHRASE or parts.count("*") > _MAX_ANY:
        message = f"A phrase has at most {_MAX_PHRASE} words, and {_MAX_ANY} stars that stand for any word"
        raise InvalidQuery(message, position=at[0])
    return Word(parts[0], at) if len(parts) == 1 else Phrase(tuple(parts), at)


def symbol(source: str, at: At) -> Symbol:
    """These very characters."""
    if not folded(source).strip():
        message = "Nothing stands between these backticks"
        raise InvalidQuery(message, position=at[0], suggestion="Write the signs to look for, such as `C++`.")
    if len(source) > _MAX_SYMBOL:
        raise InvalidQuery(f"Between backticks stand at most {_MAX_SYMBOL} characters", position=at[0])
    return Symbol(source, at)


def domain(source: str, at: At) -> Domain:
    """A domain, also from a whole address."""
    name = _SCHEME.sub("", folded(source), count=1).partition("/")[0].rstrip(".")
    if not _DOMAIN.fullmatch(name):
        message = f"{source!r} is no domain"
        raise InvalidQuery(message, position=at[0], suggestion="Write it as in domain:example.com.")
    return Domain(name, at)


def _has_letter(parts: list[str]) -> bool:
    return any(character.isalnum() for part in parts for character in part)
