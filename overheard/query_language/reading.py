"""Reading a query into its tree. The grammar stands in `grammar.lark`; what it cannot read, `mistakes` explains."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from lark import Lark, Token
from lark.exceptions import UnexpectedInput, VisitError
from lark.visitors import Transformer_NonRecursive, v_args

from overheard.errors import InvalidQuery
from overheard.query_language import mistakes, values, words
from overheard.query_language.nodes import (
    And,
    At,
    Everything,
    FieldName,
    Near,
    Node,
    Not,
    Or,
    Within,
    walk,
)

MAX_EXPRESSION = 300_000
MAX_PARTS = 30_000
"""Words, phrases and operators of a query, with all that its variables bring."""
MAX_DEPTH = 100
MAX_DISTANCE = 100
_MAX_VARIABLE_DEPTH = 10
_MAX_BRACKETS = 10_000
_MAX_CHAIN = 5

_HALF = re.compile("[\ud800-\udfff]")
_QUOTES = str.maketrans(dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb\uff02", '"'))


@cache
def parser() -> Lark:
    """The grammar, made into tables when the first query is read."""
    grammar = (Path(__file__).parent / "grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", lexer="basic", propagate_positions=False)


def straight_quotes(expression: str) -> str:
    """The expression with the quotation marks that word processors make as plain ones, character for character."""
    return expression.translate(_QUOTES)


@dataclass(slots=True)
class _Budget:
    """How much of what a query may hold is used up, and which variables are just being read."""

    parts: int = 0
    path: tuple[str, ...] = ()

    def spend(self, at: At) -> None:
        self.parts += 1
        if self.parts > MAX_PARTS:
            message = f"A query has at most {MAX_PARTS:,} words, phrases and operators, with those of its variables"
            raise InvalidQuery(message, position=at[0], suggestion="Make several queries of it.")


@dataclass(frozen=True, slots=True)
class _Part:
    """A node that was read, and how deep the tree below it is."""

    node: Node
    depth: int = 1


def read_tree(expression: str, variables: Mapping[str, str]) -> Node:
    """The tree of a query; `InvalidQuery` says what is wrong, at which character, and what to write instead."""
    node = _read(expression, variables, _Budget(), at=None).node
    mistakes.refuse_without_aim(node)
    return node


def _read(expression: str, variables: Mapping[str, str], budget: _Budget, *, at: At | None) -> _Part:
    """`at`: where the variable stands whose text this is."""
    if len(expression) > MAX_EXPRESSION:
        message = f"A query has at most {MAX_EXPRESSION:,} characters; this one has {len(expression):,}"
        raise InvalidQuery(message, position=MAX_EXPRESSION)
    text = straight_quotes(expression)
    if not text.strip():
        raise InvalidQuery(mistakes.NOTHING, position=0)
    if text.count("(") > _MAX_BRACKETS:
        raise InvalidQuery(f"A query has at most {_MAX_BRACKETS:,} brackets", position=text.index("("))
    if broken := _HALF.search(text):
        raise InvalidQuery("Half of a character stands here", position=broken.start(), suggestion="Type it again.")
    try:
        tree = parser().parse(text)
        read: _Part = _Builder(variables, budget, at).transform(tree)
    except UnexpectedInput as error:
        raise mistakes.explained(text, error, parser().lex(text)) from None
    except VisitError as error:
        if isinstance(error.orig_exc, InvalidQuery):
            raise error.orig_exc from None
        raise
    return read


@v_args(inline=True)
@dataclass
class _Builder(Transformer_NonRecursive[Token, _Part]):
    """Makes nodes of what the parser found, the innermost first, without recursion."""

    variables: Mapping[str, str]
    budget: _Budget
    at: At | None
    _visit_tokens: bool = field(default=False, init=False)

    def _span(self, first: Token, last: Token | None = None) -> At:
        if self.at is not None:
            return self.at
        return first.start_pos or 0, (last or first).end_pos or 0

    def _join(self, node: Node, *parts: _Part) -> _Part:
        self.budget.spend(node.span)
        depth = 1 + max((part.depth for part in parts), default=0)
        if depth > MAX_DEPTH:
            message = f"Brackets and operators stand in one another at most {MAX_DEPTH} deep"
            raise InvalidQuery(message, position=node.span[0], suggestion="Take some of the brackets away.")
        return _Part(node, depth)

    def start(self, part: _Part) -> _Part:
        return part

    def word(self, token: Token) -> _Part:
        return self._join(words.word(str(token), self._span(token)))

    def inflected(self, tilde: Token, token: Token) -> _Part:
        return self._join(words.inflected(str(token), self._span(tilde, token)))

    def phrase(self, token: Token) -> _Part:
        return self._join(words.phrase(str(token)[1:-1], self._span(token)))

    def symbol(self, token: Token) -> _Part:
        return self._join(words.symbol(str(token)[1:-1], self._span(token)))

    def group(self, _left: Token, part: _Part, _right: Token) -> _Part:
        return part

    def negation(self, operator: Token, part: _Part) -> _Part:
        if isinstance(part.node, Everything):
            message = "This excludes every post: * meets them all"
            raise InvalidQuery(message, position=part.node.span[0], suggestion="Say which ones to leave out.")
        return self._join(Not(part.node, self._reach(self._span(operator), part)), part)

    def all_of(self, *found: _Part | Token) -> _Part:
        parts = [part for part in found if isinstance(part, _Part)]
        nodes = tuple(one for part in parts for one in (part.node.parts if isinstance(part.node, And) else [part.node]))
        return self._join(And(nodes, self._reach(parts[0].node.span, parts[-1])), *parts)

    def any_of(self, *found: _Part | Token) -> _Part:
        parts = [part for part in found if isinstance(part, _Part)]
        nodes = tuple(one for part in parts for one in (part.node.parts if isinstance(part.node, Or) else [part.node]))
        return self._join(Or(nodes, self._reach(parts[0].node.span, parts[-1])), *parts)

    def _reach(self, start: At, last: _Part) -> At:
        return start[0], max(start[1], last.node.span[1])

    def nearness(self, left: _Part, operator: Token, right: _Part) -> _Part:
        name, _, number = operator.partition("/")
        at = self._span(operator)
        # Measured before it is made a number, which takes long for long ones.
        if len(number) > len(str(MAX_DISTANCE)) or int(number) > MAX_DISTANCE:
            message = f"At most {MAX_DISTANCE} words can stand between the two sides of {name}"
            raise InvalidQuery(message, position=at[0], suggestion=f"Join them by AND, or write {name}/{MAX_DISTANCE}.")
        for part in (left, right):
            mistakes.refuse_as_side(part.node, str(operator))
        near = Near(
            left.node,
            right.node,
            int(number),
            is_ordered=name.lower().startswith("o"),
            span=self._reach(left.node.span, right),
        )
        if sum(isinstance(node, Near) for node in walk(near)) > _MAX_CHAIN:
            message = f"A chain of near holds at most {_MAX_CHAIN} of them"
            raise InvalidQuery(message, position=at[0], suggestion="Join shorter chains by AND.")
        return self._join(near, left, right)

    def field(self, token: Token, part: _Part) -> _Part:
        name = str(token)[:-1].lower()
        span = self._reach(self._span(token), part)
        if name in {"title", "body"}:
            if any(isinstance(node, Within) for node in walk(part.node)):
                message = f"A title: or body: stands within another {name}:"
                raise InvalidQuery(message, position=span[0], suggestion="Join them by AND instead.")
            return self._join(Within(name, part.node, span), part)
        if name == "domain":
            return _Part(values.each_name(part.node, name, words.domain), part.depth)
        wanted = FieldName(name)
        return _Part(values.each_name(part.node, name, lambda text, at: values.condition(wanted, text, at)), part.depth)

    def variable(self, token: Token) -> _Part:
        name, at = str(token)[2:-1].strip().casefold(), self._span(token)
        path = self.budget.path
        if name in path:
            circle = " → ".join([*path[path.index(name) :], name])
            raise InvalidQuery(f"The variable ${{{name}}} holds itself: {circle}", position=at[0])
        if len(path) >= _MAX_VARIABLE_DEPTH:
            message = f"Variables stand in one another at most {_MAX_VARIABLE_DEPTH} deep"
            raise InvalidQuery(message, position=at[0])
        if name not in self.variables:
            raise mistakes.unknown_variable(name, at, self.variables)
        self.budget.path = (*path, name)
        try:
            return _read(as_one(self.variables[name]), self.variables, self.budget, at=at)
        except InvalidQuery as error:
            if path:
                raise
            message = f"In the variable ${{{name}}}: {error.message}"
            raise InvalidQuery(message, position=at[0], suggestion=error.suggestion) from None
        finally:
            self.budget.path = path


def as_one(text: str) -> str:
    """A variable as one expression: of several lines each is one alternative."""
    lines = [line for line in text.splitlines() if line.strip()]
    return " OR ".join(f"({line})" for line in lines) if len(lines) > 1 else text


def tokens(expression: str) -> list[tuple[str, int, int]]:
    """What stands where in an expression, for colours: kind, start, end. Whatever is written, it raises nothing.

    Kinds: `word`, `phrase`, `symbol`, `operator`, `field`, `variable`, `bracket`; `error`: from here on unreadable.
    """
    text = straight_quotes(expression[:MAX_EXPRESSION])
    found: list[tuple[str, int, int]] = []
    try:
        for token in parser().lex(text):
            found.append((_KINDS[token.type], token.start_pos or 0, token.end_pos or 0))  # noqa: PERF401 - kept so far
    except UnexpectedInput as error:
        found.append(("error", mistakes.place_of(error), len(text)))
    return found


_KINDS = {
    **dict.fromkeys(("AND", "OR", "NOT", "NEAR", "MINUS", "TILDE"), "operator"),
    **dict.fromkeys(("LPAR", "RPAR"), "bracket"),
    **{name: name.lower() for name in ("WORD", "PHRASE", "SYMBOL", "VARIABLE", "FIELD")},
}
