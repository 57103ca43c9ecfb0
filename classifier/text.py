"""The text of a post as the model sees it, and its sentences as spans of what the writer typed."""

import re
import sys
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Literal, Self, TypeAlias

if TYPE_CHECKING:
    from spacy.language import Language

Field: TypeAlias = Literal["title", "body"]
FIELDS: tuple[Field, Field] = ("title", "body")

# The encoder reads 256 tokens, which is about 1,200 characters of English; what lies behind is not looked at by
# anything, so a post of a megabyte costs as much as one of a page. Twice that leaves room for scripts with long tokens.
MAX_CHARACTERS: dict[Field, int] = {"title": 400, "body": 2400}
# A post of "a. b. c." has hundreds of sentences; each costs one more reading when evidence is looked for.
MAX_SENTENCES = 40

# Control characters and halves of surrogate pairs: no tokenizer takes them. One space for one character keeps offsets.
_UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
# What is there and not said by the writer. A line that begins with `>` and a number says "more than".
_CODE_OR_QUOTE = re.compile(r"```(?s:.*?)```|^ {0,3}>(?! ?\d).*", re.MULTILINE)
_INDENTED = re.compile(r"(?<=\n\n)(?:(?: {4}|\t).*(?:\n+|\Z))+")
_LIST = re.compile(r"^ {0,3}(?:[-*+•]|\d+[.)])[ \t]", re.MULTILINE)
_INK, _WORD = re.compile(r"\S"), re.compile(r"[^\W_]")
_NOT_BLANK = re.compile(r"\S(?:[^\n]*\S)?")


@dataclass(frozen=True)
class PostText:
    """Title and body as they are judged; either may be empty."""

    title: str
    body: str

    @classmethod
    def of(cls, title: str, body: str) -> Self:
        """The text of a post for training and judging alike: code and quotes are blanked out, character by character.

        What would leave nothing to judge is not done: some feeds give a whole letter as if it were code.
        """
        said = _CODE_OR_QUOTE.sub(_blank, body)
        if not has_word(said) and not has_word(title):
            said = body
        # In a list, what is indented belongs to an item.
        rest = said if _LIST.search(said) else _INDENTED.sub(_blank, said)
        return cls(title, rest if has_word(rest) else said)

    def readable(self, field: Field) -> str:
        """The part of a field that the model looks at. A character's index in it is its index in the original."""
        original = self.title if field == "title" else self.body
        return _UNREADABLE.sub(" ", original[: MAX_CHARACTERS[field]])

    def part(self, span: "Span") -> str:
        """What stands in the span."""
        return self.readable(span.field)[span.start : span.end]

    @property
    def whole(self) -> str:
        """Title and body as one text."""
        return f"{self.readable('title')}\n\n{self.readable('body')}".strip()

    def without(self, sentences: "tuple[Sentence, ...]") -> "PostText":
        """The post with some of its sentences blanked out."""
        kept = {field: self.readable(field) for field in FIELDS}
        for sentence in sentences:
            text = kept[sentence.field]
            blank = " " * (sentence.end - sentence.start)
            kept[sentence.field] = text[: sentence.start] + blank + text[sentence.end :]
        return PostText(title=kept["title"], body=kept["body"])


def has_word(text: str) -> bool:
    """Whether there is a letter or digit in it: of a text without one nothing can be said."""
    return _WORD.search(text) is not None


def _blank(found: re.Match[str]) -> str:
    return _INK.sub(" ", found[0])


@dataclass(frozen=True)
class Span:
    """Characters `start` to `end` (not included) of one field of a post."""

    field: Field
    start: int
    end: int


@dataclass(frozen=True)
class Sentence(Span):
    """A span that is a sentence."""


@lru_cache(maxsize=4)  # evidence, need and signals of a post ask one after the other
def split_sentences(post: PostText) -> tuple[Sentence, ...]:
    """The sentences of title and body in order; a line break ends one too (lists, signatures)."""
    found: list[Sentence] = []
    for field in FIELDS:
        for span in _splitter()(post.readable(field)).sents:
            lines = _NOT_BLANK.finditer(span.text)
            found += [Sentence(field, span.start_char + line.start(), span.start_char + line.end()) for line in lines]
    return tuple(found[:MAX_SENTENCES])


@cache
def _splitter() -> "Language":
    # spaCy imports torch wherever it finds it: seconds and 200 MB, of which these rules need nothing. None in this
    # table means that it cannot be imported, which spaCy takes calmly.
    hidden = sys.modules.setdefault("torch", None) is None  # type: ignore[arg-type] # as Python itself spells it
    try:
        import spacy
    finally:
        if hidden:
            del sys.modules["torch"]
    splitter = spacy.blank("en")
    splitter.add_pipe("sentencizer")
    return splitter
