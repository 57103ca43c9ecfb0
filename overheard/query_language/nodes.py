"""What a query says, as a tree. Every node knows where in the expression it stands."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

At = tuple[int, int]
"""Start and end in the expression. What a variable brought stands where the variable stands."""


class FieldName(StrEnum):
    """What a condition can be put on, besides title and body."""

    AUTHOR = "author"
    COMMUNITY = "community"
    PLATFORM = "platform"
    TYPE = "type"
    LANG = "lang"
    HAS = "has"
    MIN_WORDS = "min_words"


@dataclass(frozen=True, slots=True)
class Word:
    """One whole word, normalised. A `*` in it stands for any letters and digits, also none."""

    text: str
    span: At
    is_inflected: bool = False
    """Its other regular English forms are met too. Such a word holds no `*`."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that follow one another, normalised. A `*` in one is as in `Word`; a lone `*` is any one word."""

    words: tuple[str, ...]
    span: At


@dataclass(frozen=True, slots=True)
class Symbol:
    """These very characters, case and all, as they were written."""

    text: str
    span: At


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain, normalised, and what stands below it; also written example[.]com or example (dot) com."""

    name: str
    span: At


@dataclass(frozen=True, slots=True)
class Field:
    """A condition on what is known of the post besides its text. `value` is normalised."""

    name: FieldName
    value: str
    span: At


@dataclass(frozen=True, slots=True)
class Everything:
    """Every post."""

    span: At


@dataclass(frozen=True, slots=True)
class Within:
    """What is to be met in the `title`, or in the `body`, alone."""

    field: str
    part: "Node"
    span: At


@dataclass(frozen=True, slots=True)
class Not:
    """What must not be met."""

    part: "Node"
    span: At


@dataclass(frozen=True, slots=True)
class And:
    """All of these."""

    parts: tuple["Node", ...]
    span: At


@dataclass(frozen=True, slots=True)
class Or:
    """At least one of these."""

    parts: tuple["Node", ...]
    span: At


@dataclass(frozen=True, slots=True)
class Near:
    """Both in one field, with at most `distance` words between them; `is_ordered`: the left one first.

    Either side is a word, phrase, symbol or domain, an `Or` of them, or another `Near`.
    """

    left: "Node"
    right: "Node"
    distance: int
    is_ordered: bool
    span: At


Node = Word | Phrase | Symbol | Domain | Field | Everything | Within | Not | And | Or | Near


def children(node: Node) -> tuple[Node, ...]:
    """The nodes right below."""
    match node:
        case And() | Or():
            return node.parts
        case Not() | Within():
            return (node.part,)
        case Near():
            return (node.left, node.right)
        case _:
            return ()


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it, in reading order."""
    pending = [node]
    while pending:
        one = pending.pop()
        yield one
        pending += reversed(children(one))
