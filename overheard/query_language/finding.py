"""Whether a post meets a query, and where: a query's tree made ready for being asked again and again."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from overheard.query_language.nodes import (
    And,
    Domain,
    Everything,
    Field,
    FieldName,
    Near,
    Node,
    Not,
    Or,
    Phrase,
    Symbol,
    Within,
    Word,
)
from overheard.query_language.patterns import Literal, Pattern, pattern_of
from overheard.query_language.text import PostText, Span
from overheard.query_language.values import KINDS, bare_name
from overheard.query_language.words import folded
from overheard.text import Normalised, normalise

_WORD = re.compile(r"\w+")
_LINK = re.compile(r"\bh(?:tt|xx)ps?://|\bwww\.\w")

Met = list[Span] | None
"""Where a condition is met, perhaps nowhere in the text (`*`, `platform:`); None: it is not."""


@dataclass(slots=True, eq=False)
class View:
    """One post, as the conditions of many queries look at it: what was found once is not looked for again."""

    post: PostText
    present: Collection[Literal] | None = None
    """All literals of the queries asked that stand in the post; None: not known."""
    fields: dict[str, Normalised] = field(init=False)
    _found: dict[Pattern, list[Span]] = field(default_factory=dict, init=False)
    _starts: dict[str, list[int]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.fields = {"title": normalise(self.post.title), "body": normalise(self.post.body)}

    def squeezed(self) -> str:
        """The normalised text with single blanks: what is a phrase's literal stands there in one piece."""
        text = "\n".join(" ".join(text.text.split()) for text in self.fields.values())
        return text if text.isascii() else text.replace("\u2019", "'")

    def spans(self, pattern: Pattern) -> list[Span]:
        """Where a pattern stands in title and body."""
        found = self._found.get(pattern)
        if found is None:
            found = self._found[pattern] = [] if self._is_absent(pattern.literal) else self._look(pattern)
        return found

    def _is_absent(self, literal: Literal | None) -> bool:
        return literal is not None and self.present is not None and literal not in self.present

    def _look(self, pattern: Pattern) -> list[Span]:
        found: list[Span] = []
        for name, text in self.fields.items():
            hits = pattern.compiled.finditer(text.original if pattern.is_exact else text.text)
            found += [
                (name, *(hit.span() if pattern.is_exact else text.span(*hit.span())))
                for hit in hits
                if pattern.accepts is None or pattern.accepts(hit[0])
            ]
        return found

    def word_starts(self, name: str) -> list[int]:
        """Where the words of a field begin, in the text as it was written."""
        if name not in self._starts:
            text = self.fields[name]
            self._starts[name] = [text.span(*hit.span())[0] for hit in _WORD.finditer(text.text)]
        return self._starts[name]

    @property
    def known_as(self) -> str:
        """Author's name without signs before it."""
        return bare_name(folded(self.post.author or ""))


# --- conditions ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Condition:
    """A part of a query, ready to be asked. `needed`: of these literals one stands in each post that meets it."""

    needed: frozenset[Literal] | None

    def met(self, view: View) -> Met:
        """Where the post meets it."""
        raise NotImplementedError

    def literals(self) -> Iterable[Literal]:
        """All literals that anything in it asks for."""
        return self.needed or ()

    def is_out_of_question(self, view: View) -> bool:
        """Whether what the post holds rules it out already."""
        return self.needed is not None and view.present is not None and self.needed.isdisjoint(view.present)


@dataclass(frozen=True, eq=False)
class _Stands(Condition):
    pattern: Pattern
    field: str | None

    def met(self, view: View) -> Met:
        found = view.spans(self.pattern)
        if self.field is not None:
            found = [span for span in found if span[0] == self.field]
        return found or None


@dataclass(frozen=True, eq=False)
class _Holds(Condition):
    """A condition on what is no text: it is met nowhere in particular."""

    holds: Callable[[View], bool]

    def met(self, view: View) -> Met:
        return [] if self.holds(view) else None


@dataclass(frozen=True, eq=False)
class _None(Condition):
    part: Condition

    def met(self, view: View) -> Met:
        return [] if self.part.met(view) is None else None

    def literals(self) -> Iterable[Literal]:
        return self.part.literals()


@dataclass(frozen=True, eq=False)
class _All(Condition):
    parts: Sequence[Condition]

    def met(self, view: View) -> Met:
        if any(part.is_out_of_question(view) for part in self.parts):
            return None
        spans: list[Span] = []
        for part in self.parts:
            found = part.met(view)
            if found is None:
                return None
            spans += found
        return spans

    def literals(self) -> Iterable[Literal]:
        return (literal for part in self.parts for literal in part.literals())


@dataclass(frozen=True, eq=False)
class _Any(Condition):
    parts: Sequence[Condition]

    def met(self, view: View) -> Met:
        found = [spans for part in self._in_question(view) if (spans := part.met(view)) is not None]
        return [span for spans in found for span in spans] if found else None

    def literals(self) -> Iterable[Literal]:
        return (literal for part in self.parts for literal in part.literals())

    def _in_question(self, view: View) -> Iterable[Condition]:
        """Of a list of thousands of words the few that the post holds, without asking them all."""
        present = view.present
        if present is None:
            return self.parts
        by_literal, others = self._by_literal
        if len(present) > len(by_literal):
            near = {part for literal, parts in by_literal.items() if literal in present for part in parts}
        else:
            near = {part for literal in present for part in by_literal.get(literal, ())}
        return [*near, *others]

    @cached_property
    def _by_literal(self) -> tuple[dict[Literal, list[Condition]], list[Condition]]:
        by_literal: dict[Literal, list[Condition]] = {}
        for part in self.parts:
            for literal in part.needed or ():
                by_literal.setdefault(literal, []).append(part)
        return by_literal, [part for part in self.parts if part.needed is None]


@dataclass(frozen=True, eq=False)
class _Close(Condition):
    left: Condition
    right: Condition
    distance: int
    is_ordered: bool

    def met(self, view: View) -> Met:
        left = self.left.met(view)
        right = self.right.met(view) if left else None
        if not left or not right:
            return None
        found: list[Span] = []
        for name in ("title", "body"):
            ones, others = ([span for span in spans if span[0] == name] for spans in (left, right))
            if ones and others:
                starts = view.word_starts(name)
                found += self._paired(ones, others, starts, may_follow=True, may_precede=not self.is_ordered)
                found += self._paired(others, ones, starts, may_follow=not self.is_ordered, may_precede=True)
        return list(dict.fromkeys(found)) or None  # each once: in a chain they would double from link to link

    def literals(self) -> Iterable[Literal]:
        yield from self.left.literals()
        yield from self.right.literals()

    def _paired(
        self, ones: list[Span], others: list[Span], starts: list[int], *, may_follow: bool, may_precede: bool
    ) -> list[Span]:
        """Those of `ones` that one of `others` follows, or precedes, closely enough: the closest of them decides."""
        begins, ends = sorted(span[1] for span in others), sorted(span[2] for span in others)
        found = []
        for span in ones:
            after, before = bisect_left(begins, span[2]), bisect_right(ends, span[1]) - 1
            follows = may_follow and after < len(begins) and self._reaches(starts, span[2], begins[after])
            if follows or (may_precede and before >= 0 and self._reaches(starts, ends[before], span[1])):
                found.append(span)
        return found

    def _reaches(self, starts: list[int], end: int, start: int) -> bool:
        return bisect_left(starts, start) - bisect_left(starts, end) <= self.distance


# --- making them ---------------------------------------------------------------------------------------------------


def ready(node: Node, *, field: str | None = None, is_wanted: bool = True) -> Condition:  # noqa: PLR0911 - a table
    """The condition of a node. `field`: where alone it looks; `is_wanted`: not below a NOT."""
    match node:
        case Word() | Phrase() | Symbol() | Domain():
            pattern = pattern_of(node)
            return _Stands(None if pattern.literal is None else frozenset([pattern.literal]), pattern, field)
        case Within():
            return ready(node.part, field=node.field, is_wanted=is_wanted)
        case Not():
            return _None(None, ready(node.part, field=field, is_wanted=not is_wanted))
        case And():
            parts = [ready(part, field=field, is_wanted=is_wanted) for part in node.parts]
            return _All(_rarest(parts), parts)
        case Or():
            parts = [ready(part, field=field, is_wanted=is_wanted) for part in node.parts]
            return _Any(_union(parts), parts)
        case Near():
            left, right = (ready(side, field=field, is_wanted=is_wanted) for side in (node.left, node.right))
            return _Close(_rarest([left, right]), left, right, node.distance, node.is_ordered)
        case Everything():
            return _Holds(None, lambda _: True)
        case Field():
            return _Holds(None, _test(node, is_wanted=is_wanted))


def _rarest(parts: Iterable[Condition]) -> frozenset[Literal] | None:
    """Of conditions that must all be met, what the one needs that fewest posts will hold: few and long literals."""
    needs = [part.needed for part in parts if part.needed is not None]
    return min(needs, key=lambda need: (len(need), -min(len(one.text) for one in need)), default=None)


def _union(parts: Iterable[Condition]) -> frozenset[Literal] | None:
    needs = [part.needed for part in parts]
    return None if any(need is None for need in needs) else frozenset[Literal]().union(*(n for n in needs if n))


def _test(field: Field, *, is_wanted: bool) -> Callable[[View], bool]:  # noqa: PLR0911 - a table
    value = field.value
    match field.name:
        case FieldName.AUTHOR:
            is_alike = _name_test(value)
            return lambda view: is_alike(view.known_as)
        case FieldName.COMMUNITY:
            is_alike = _name_test(value)
            return lambda view: is_alike(bare_name(folded(view.post.community)))
        case FieldName.PLATFORM:
            return lambda view: view.post.platform == value
        case FieldName.TYPE:
            return lambda view: view.post.kind == KINDS[value]
        case FieldName.LANG:
            # While it is not known, the post must not be lost: lang:de and -lang:de are met alike.
            return lambda view: is_wanted if view.post.language is None else view.post.language == value
        case FieldName.HAS:
            return _has_question if value == "question" else _has_link
        case FieldName.MIN_WORDS:
            return lambda view: len(view.word_starts("title")) + len(view.word_starts("body")) >= int(value)


def _name_test(value: str) -> Callable[[str], bool]:
    if "*" not in value:
        return lambda name: name == value
    pieces = value.split("*")

    def is_alike(name: str) -> bool:
        if len(name) < len(value) - value.count("*") or not name.startswith(pieces[0]) or not name.endswith(pieces[-1]):
            return False
        at, end = len(pieces[0]), len(name) - len(pieces[-1])
        for piece in pieces[1:-1]:
            at = name.find(piece, at, end)
            if at < 0:
                return False
            at += len(piece)
        return at <= end

    return is_alike


def _has_question(view: View) -> bool:
    return any("?" in text.text or "\u061f" in text.text for text in view.fields.values())


def _has_link(view: View) -> bool:
    return any(_LINK.search(text.text) for text in view.fields.values())
