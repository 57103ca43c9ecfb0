"""A query that was read: its tree, and where it meets a post."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from overheard.query_language.finding import Condition, View, ready
from overheard.query_language.nodes import Field, FieldName, Node, Word, walk
from overheard.query_language.reading import read_tree
from overheard.query_language.text import PostText, Span


@dataclass(frozen=True, slots=True)
class Hint:
    """Something that can be read, but was perhaps meant otherwise."""

    message: str
    start: int
    end: int
    replacement: str


@dataclass(frozen=True)
class Expression:
    """A query that was read."""

    text: str
    root: Node

    def find(self, post: PostText) -> list[Span] | None:
        """Where the query meets the post, in reading order; None when it does not. `*` meets all, nowhere."""
        return self.find_in(View(post))

    def find_in(self, view: View) -> list[Span] | None:
        """The same for a post that is asked about many queries."""
        found = self.condition.met(view)
        return None if found is None else in_reading_order(found)

    @cached_property
    def condition(self) -> Condition:
        """The query, ready to be asked."""
        return ready(self.root)

    @cached_property
    def asks_for_language(self) -> bool:
        """Whether it can only be decided once the post's language is known."""
        return any(isinstance(node, Field) and node.name is FieldName.LANG for node in walk(self.root))

    @cached_property
    def hints(self) -> tuple[Hint, ...]:
        """What was perhaps meant otherwise: `or` is a word, `OR` an operator."""
        return tuple(
            Hint(
                f"“{node.text}” is a word to look for here; the operator is written {node.text.upper()}.",
                *node.span,
                node.text.upper(),
            )
            for node in walk(self.root)
            if isinstance(node, Word) and node.text in {"and", "or", "not"} and self._is_bare(node)
        )

    def _is_bare(self, node: Word) -> bool:
        return self.text[slice(*node.span)].lower() == node.text


def in_reading_order(spans: Iterable[Span]) -> list[Span]:
    """Each once, the title first."""
    return sorted(set(spans), key=lambda span: (span[0] != "title", span[1], span[2]))


def read(expression: str, variables: Mapping[str, str] | None = None) -> Expression:
    """Read a query; `InvalidQuery` says what is wrong, at which character, and what to write instead.

    `variables`: by name, what `${name}` stands for.
    """
    used = variables if variables and "${" in expression else {}
    return _read(expression, tuple(sorted(used.items())))


@lru_cache(maxsize=4096)
def _read(expression: str, variables: tuple[tuple[str, str], ...]) -> Expression:
    return Expression(expression, read_tree(expression, dict(variables)))
