"""What a query will find, in plain words."""

from overheard.query_language.expression import Expression
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
from overheard.vocabulary import Platform

_SHOWN = 5
"""Of a longer list so many are named, and the rest is counted."""


def explain(expression: Expression) -> str:
    """What the query will find: one sentence."""
    return f"Posts {_said(expression.root)}."


def _said(node: Node) -> str:  # noqa: PLR0911 - a table
    """A relative clause or a few words that end "posts …"."""
    match node:
        case Word() | Phrase() | Symbol() | Domain():
            return f"with {_named(node)}"
        case Near():
            return _near(node)
        case Everything():
            return "of every kind"
        case Field():
            return _condition(node)
        case Within():
            return f"{_said(node.part)}, looking at the {node.field} only"
        case Not():
            return f"but not those {_in_brackets(node.part)}"
        case Or():
            return _one_of(node)
        case And():
            wanted = [_in_brackets(part) for part in node.parts if not isinstance(part, Not | Everything)]
            excluded = [_in_brackets(part.part) for part in node.parts if isinstance(part, Not)]
            said = " and ".join(wanted) or "of every kind"
            return said + (f", but not those {' nor those '.join(excluded)}" if excluded else "")


def _in_brackets(node: Node) -> str:
    is_plain = isinstance(node, Or) and all(isinstance(part, Word | Phrase | Symbol | Domain) for part in node.parts)
    said = _said(node)
    return f"({said})" if isinstance(node, And | Or | Within) and not is_plain else said


def _one_of(node: Or) -> str:
    parts = node.parts
    shown = parts[:_SHOWN] if len(parts) > _SHOWN + 1 else parts
    more = f" or {len(parts) - len(shown):,} more" if len(shown) < len(parts) else ""
    if all(isinstance(part, Word | Phrase | Symbol | Domain) for part in parts):
        names = [_named(part) for part in shown]
        return f"with {', '.join(names)}{more}" if more else f"with {_or(names)}"
    said = [_in_brackets(part) for part in shown]
    return ", ".join(said) + more if more else _or(said)


def _or(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]


def _named(node: Node) -> str:  # noqa: PLR0911 - a table
    match node:
        case Word(is_inflected=True):
            return f"the word “{node.text}” in any of its forms"
        case Word() if "*" in node.text:
            return f"a word like “{node.text}”"
        case Word():
            return f"the word “{node.text}”"
        case Phrase():
            return f"the phrase “{' '.join(node.words)}”"
        case Symbol():
            return f"exactly “{node.text}”"
        case Domain():
            return f"the domain {node.name}"
        case Or():
            return _or([_named(part) for part in node.parts[:_SHOWN]]) + (
                f" or {len(node.parts) - _SHOWN:,} more" if len(node.parts) > _SHOWN else ""
            )
        case _:
            return _said(node)


def _near(node: Near) -> str:
    between = {0: "no word", 1: "at most one word"}.get(node.distance, f"at most {node.distance} words")
    order = "followed by" if node.is_ordered else "near"
    left = _named(node.left) if not isinstance(node.left, Near) else _said(node.left).removeprefix("with ")
    right = _named(node.right) if not isinstance(node.right, Near) else _said(node.right).removeprefix("with ")
    return f"with {left} {order} {right}, {between} between them"


def _condition(node: Field) -> str:  # noqa: PLR0911 - a table
    match node.name:
        case FieldName.AUTHOR:
            return f"by {node.value}"
        case FieldName.COMMUNITY:
            return f"from the community {node.value}"
        case FieldName.PLATFORM:
            return f"from {Platform(node.value).display}"
        case FieldName.TYPE:
            return {"post": "that begin a thread", "comment": "that are comments", "message": "that are messages"}[
                node.value
            ]
        case FieldName.LANG:
            return f"in the language “{node.value}”"
        case FieldName.HAS:
            return f"that hold a {node.value}"
        case FieldName.MIN_WORDS:
            return f"of at least {node.value} words"
