"""Where words, phrases, symbols and domains stand in a text: regular expressions made of parts that cannot run away.

Every pattern is bounded by the length of the text: a star takes what it can get and gives nothing back (`(?>…)`,
`*+`), so `a*a*a*a*` reads each word once.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import takewhile
from typing import Self

import snowballstemmer

from overheard.query_language.nodes import Domain, Phrase, Symbol, Word
from overheard.query_language.words import folded

_LONGEST_LITERAL = 24
"""Characters. What begins alike is told apart afterwards, and a text of one letter cannot end in too many of them."""
_LONGEST_ENDING = 12

_STEMMER = snowballstemmer.stemmer("english")


class Literal(str):
    """Characters without which a pattern cannot be met, and whether a word begins or ends with them.

    One string, whose hash is reckoned once: literals are looked up by the hundred for every post.
    """

    __slots__ = ()

    def __new__(cls, text: str, *, is_start: bool = False, is_end: bool = False) -> Self:
        """Its first two characters are the marks."""
        return super().__new__(cls, f"{'^' if is_start else ' '}{'$' if is_end else ' '}{text}")

    @property
    def text(self) -> str:
        """The characters."""
        return self[2:]

    @property
    def is_start(self) -> bool:
        """Whether a word begins with them."""
        return self[0] == "^"

    @property
    def is_end(self) -> bool:
        """Whether a word ends with them."""
        return self[1] == "$"


@dataclass(frozen=True, eq=False)
class Pattern:
    """What one atom of a query looks for. Equal atoms share one pattern, so it is looked for once in a post."""

    source: str
    literal: Literal | None
    """Stands in the squeezed, normalised text of every post that the pattern meets."""
    is_exact: bool = False
    """Looked for in the text as it was written."""
    accepts: Callable[[str], bool] | None = None
    """What else must hold of the characters that were met."""

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        """Made when it is first needed: most words of a long list are met by no post of the day."""
        return re.compile(self.source)


Atom = Word | Phrase | Symbol | Domain


def pattern_of(atom: Atom) -> Pattern:
    """The pattern of an atom."""
    match atom:
        case Word(is_inflected=True):
            return _inflected(atom.text)
        case Word():
            return _row((atom.text,))
        case Phrase():
            return _row(atom.words)
        case Symbol():
            return _symbol(atom.text)
        case Domain():
            return _domain(atom.name)


@lru_cache(maxsize=65_536)
def _row(words: tuple[str, ...]) -> Pattern:
    return Pattern(_bounded(r"\s++".join(_any_word(word) for word in words), words[0][0]), _literal(" ".join(words)))


def _bounded(source: str, first: str) -> str:
    # Not \b: a term such as c++ or .net begins or ends with a sign, at which \b would never hold.
    if first == "*":
        return rf"(?<!\w){source}(?!\w)"
    # The look back stands after the first character, which the engine can then search for (13 times faster).
    first = _escaped(first)
    return rf"{first}(?<!\w{first}){source.removeprefix(first)}(?!\w)"


def _any_word(word: str) -> str:
    if word == "*":
        return r"\S++"
    first, *rest = word.split("*")
    if not rest:
        return _escaped(first)
    *middle, last = rest
    inner = "".join(rf"(?>\w*?{_escaped(piece)})" for piece in middle)
    return _escaped(first) + inner + (rf"\w*{_escaped(last)}" if last else r"\w*+")


def _escaped(text: str) -> str:
    return re.escape(text).replace("'", "['\u2019]")


def _literal(row: str) -> Literal | None:
    """The longest piece without a star."""
    pieces = row.split("*")
    found = [
        Literal(
            piece.strip(),
            is_start=number == 0 or piece.startswith(" "),
            is_end=number == len(pieces) - 1 or piece.endswith(" "),
        )
        for number, piece in enumerate(pieces)
        if piece.strip()
    ]
    return _shortened(max(found, key=lambda literal: len(literal.text))) if found else None


def _shortened(literal: Literal) -> Literal:
    if len(literal.text) <= _LONGEST_LITERAL:
        return literal
    return Literal(literal.text[:_LONGEST_LITERAL], is_start=literal.is_start)


@lru_cache(maxsize=4_096)
def _inflected(word: str) -> Pattern:
    """Words of one stem that begin alike: the regular forms."""
    stem = _stem(word)
    beginning = "".join(a for a, _ in takewhile(lambda pair: pair[0] == pair[1], zip(word, stem, strict=False)))
    if len(beginning) > 2 and beginning[-1] in "iey":  # noqa: PLR2004 - hope, hoping; try, tries
        beginning = beginning[:-1]
    if not beginning:
        return _row((word,))
    ending = rf"\w{{0,{_LONGEST_ENDING + len(word) - len(beginning)}}}+"
    return Pattern(
        _bounded(_escaped(beginning) + ending, beginning[0]),
        _shortened(Literal(beginning, is_start=True)),
        accepts=lambda found: _stem(found) == stem,
    )


@lru_cache(maxsize=65_536)
def _stem(word: str) -> str:
    return str(_STEMMER.stemWord(word))


@lru_cache(maxsize=4_096)
def _symbol(text: str) -> Pattern:
    """A sign at either end may stand against anything, a letter or digit only against what is none."""
    before = r"(?<!\w)" if _is_of_word(text[0]) else ""
    after = r"(?!\w)" if _is_of_word(text[-1]) else ""
    literal = " ".join(folded(text).split())
    return Pattern(before + re.escape(text) + after, _shortened(Literal(literal)) if literal else None, is_exact=True)


def _is_of_word(character: str) -> bool:
    return character.isalnum() or character == "_"


# example.com, example[.]com, example (dot) com, example dot com
_DOT = r"(?:\.|\s?[\[({<]\s?(?:\.|dot)\s?[\])}>]\s?|\sdot\s)"


@lru_cache(maxsize=4_096)
def _domain(name: str) -> Pattern:
    labels = name.split(".")
    source = _DOT.join(_escaped(label) for label in labels)
    literal = _shortened(Literal(max(labels, key=len), is_start=True, is_end=True))
    # Neither my-example.com nor example.com.au is example.com; a full stop behind it is one of a sentence.
    return Pattern(rf"(?<![\w-]){source}(?!\w|\.\w)", literal)
