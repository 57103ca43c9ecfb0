"""All queries at once: one pass over a post for the words of them all, then only those queries that it can meet."""

from collections.abc import Hashable, Mapping
from typing import Generic, TypeVar

from ahocorasick_rs import AhoCorasick

from overheard.query_language.expression import Expression, in_reading_order
from overheard.query_language.finding import View
from overheard.query_language.patterns import Literal
from overheard.query_language.text import PostText, Span

Key = TypeVar("Key", bound=Hashable)


class Matcher(Generic[Key]):
    """Many queries. What it says of a post is what `Expression.find` says of each."""

    def __init__(self, expressions: Mapping[Key, Expression]) -> None:
        """Take up the queries, by whatever key the caller knows them."""
        self._conditions = [(key, expression.condition) for key, expression in expressions.items()]
        self._always = [number for number, (_, condition) in enumerate(self._conditions) if condition.needed is None]
        self._by_literal: dict[Literal, list[int]] = {}
        by_text: dict[str, set[Literal]] = {}
        for number, (_, condition) in enumerate(self._conditions):
            for literal in condition.needed or ():
                self._by_literal.setdefault(literal, []).append(number)
            for literal in condition.literals():
                by_text.setdefault(literal.text, set()).add(literal)
        self._literals = [[(one, one.is_start, one.is_end) for one in literals] for literals in by_text.values()]
        self._search = AhoCorasick(list(by_text), store_patterns=False) if by_text else None

    def match(self, post: PostText) -> dict[Key, list[Span]]:
        """The queries that the post meets, and where each does."""
        view = View(post)
        present = view.present = self._present(view.squeezed())
        numbers = {number for literal in present for number in self._by_literal.get(literal, ())}
        met: dict[Key, list[Span]] = {}
        for number in sorted(numbers.union(self._always)):
            key, condition = self._conditions[number]
            found = condition.met(view)
            if found is not None:
                met[key] = in_reading_order(found)
        return met

    def _present(self, text: str) -> set[Literal]:
        """The literals that stand in the text, as whole words where they are."""
        present: set[Literal] = set()
        if self._search is None or not text:
            return present
        if not text.isascii():  # half a surrogate pair is no text to the search, and no query holds one
            text = text.encode("utf-8", "replace").decode("utf-8")
        last = len(text)
        for index, start, end in self._search.find_matches_as_indexes(text, overlapping=True):
            for literal, is_start, is_end in self._literals[index]:
                if literal in present:
                    continue
                if is_start and start and _is_of_word(text[start - 1]):
                    continue
                if is_end and end < last and _is_of_word(text[end]):
                    continue
                present.add(literal)
        return present


def _is_of_word(character: str) -> bool:
    return character.isalnum() or character == "_"
