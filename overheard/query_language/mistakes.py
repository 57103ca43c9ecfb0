"""What is wrong with a query that cannot be read, in words that say what to write instead."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from itertools import takewhile

from lark import Token
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from overheard.errors import InvalidQuery
from overheard.query_language.nodes import (
    And,
    At,
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

NOTHING = 'Say what to look for: a word, a "phrase", or * for every post'
FIELDS = ("title", "body", "domain", *(name.value for name in FieldName))

_OTHER_FIELDS = {
    **dict.fromkeys(("subreddit", "sub", "channel", "in", "group"), "community"),
    **dict.fromkeys(("user", "username", "from", "by"), "author"),
    **dict.fromkeys(("site", "url", "link", "website"), "domain"),
    **dict.fromkeys(("language", "locale"), "lang"),
    **dict.fromkeys(("source", "network"), "platform"),
    **dict.fromkeys(("text", "content", "selftext"), "body"),
    **dict.fromkeys(("kind", "is"), "type"),
    "intitle": "title",
    "minwords": "min_words",
}
_NAMED = re.compile(r"(?P<name>[A-Za-z_]+):(?!//)(?P<value>.+)")
_ALIKE = 0.75  # from this likeness on a name is taken for a misspelt field; other words may hold a colon
_OPERATORS = {"AND", "OR", "NOT", "NEAR", "MINUS", "TILDE"}


def refuse_misspelt(source: str, at: At) -> None:
    """Refuse a word that was clearly meant as something else."""
    if "${" in source:
        message = "The name of a variable ends with }" if "}" not in source else "A variable stands by itself"
        raise InvalidQuery(message, position=at[0] + source.index("${"), suggestion="Write it as in ${brands}.")
    if re.match(r"o?near/", source, re.IGNORECASE):
        message = f"{source!r} does not say how many words may stand between"
        raise InvalidQuery(message, position=at[0], suggestion="Write it as in near/5.")
    named = _NAMED.fullmatch(source)
    if named is None:
        return
    name = named["name"].lower()
    meant = _OTHER_FIELDS.get(name) or next(iter(get_close_matches(name, FIELDS, n=1, cutoff=_ALIKE)), None)
    if meant is not None:
        message = f"There is no field {name}:"
        suggestion = f'Did you mean {meant}:{named["value"]}? To look for the characters themselves write "{source}".'
        raise InvalidQuery(message, position=at[0], suggestion=suggestion)


def unknown_variable(name: str, at: At, known: Iterable[str]) -> InvalidQuery:
    """No such list has been saved."""
    near = get_close_matches(name, list(known), n=1)
    suggestion = f"Did you mean ${{{near[0]}}}?" if near else "Save it first, or write the words themselves."
    return InvalidQuery(f"There is no variable ${{{name}}}", position=at[0], suggestion=suggestion)


def refuse_as_side(node: Node, operator: str) -> None:
    """Refuse what has no place in a text, and so cannot be near anything."""
    match node:
        case Word() | Phrase() | Symbol() | Domain() | Near():
            return
        case Or():
            for part in node.parts:
                refuse_as_side(part, operator)
        case _:
            message = f"`{operator}` stands between words, phrases, and groups of them joined by OR"
            suggestion = (
                f"Put the whole into its brackets: {node.field}:(… {operator} …)."
                if isinstance(node, Within)
                else "Join the rest by AND, outside of it."
            )
            raise InvalidQuery(message, position=node.span[0], suggestion=suggestion)


def refuse_without_aim(root: Node) -> None:
    """Refuse a query, or one side of an OR, that only says what to leave out: it would meet nearly every post."""
    if isinstance(root, Or):
        for part in root.parts:
            if not _has_aim(part):
                message = "This side of OR only says what to leave out, so nearly every post would do"
                suggestion = "Add what to look for there, or put the rest in brackets before it."
                raise InvalidQuery(message, position=part.span[0], suggestion=suggestion)
    elif not _has_aim(root):
        suggestion = "NOT and - only take away: put * before them to look at every other post."
        raise InvalidQuery(NOTHING, position=root.span[0], suggestion=suggestion)


def _has_aim(node: Node) -> bool:
    match node:
        case And():
            return any(_has_aim(part) for part in node.parts)
        case Or():
            return all(_has_aim(part) for part in node.parts)
        case Not():
            return False
        case Within():
            return _has_aim(node.part)
        case Word() | Phrase() | Symbol() | Domain() | Field() | Near() | Everything():
            return True


# --- what the grammar did not expect -------------------------------------------------------------------------------


def place_of(error: UnexpectedInput) -> int:
    """At which character the parser stopped."""
    return getattr(error, "pos_in_stream", None) or 0


def explained(  # noqa: PLR0911 - a table
    text: str, error: UnexpectedInput, tokens: Iterable[Token]
) -> InvalidQuery:
    """The parser's complaint in words. `tokens`: those of the text, as far as they are asked for."""
    place = place_of(error)
    if isinstance(error, UnexpectedCharacters):
        return _unclosed(text, place)
    if not isinstance(error, UnexpectedToken):
        return InvalidQuery("This cannot be read", position=place)
    token = error.token
    seen = list(takewhile(lambda one: token.type == "$END" or one.start_pos != token.start_pos, tokens))
    before = seen[-1] if seen else None
    if token.type == "RPAR":
        return _closing(token, before)
    if token.type == "$END":
        if before is not None and before.type in {*_OPERATORS, "FIELD"}:
            return _lonely(before)
        return _open_bracket(seen, len(text))
    if before is not None and before.type == "NEAR" and token.type in {"NOT", "MINUS"}:
        suggestion = f"Put the whole into brackets: -(… {before} …)."
        return InvalidQuery(f"What `{before}` joins cannot be left out", position=place, suggestion=suggestion)
    # An operator where a word should stand; after another operator the first of the two is as much to blame.
    return _lonely(before if before is not None and before.type == "FIELD" else token)


def _unclosed(text: str, position: int) -> InvalidQuery:
    if text[position] == "`":
        return InvalidQuery("A backtick is not closed: add the second `", position=position)
    return InvalidQuery('A quotation mark is not closed: add the second "', position=position)


def _closing(token: Token, before: Token | None) -> InvalidQuery:
    position = token.start_pos or 0
    if before is not None and before.type == "LPAR":
        message = "Nothing stands between these brackets"
        return InvalidQuery(message, position=before.start_pos or 0, suggestion="Put words there, or take them away.")
    if before is not None and before.type in {*_OPERATORS, "FIELD"}:
        return _lonely(before)
    return InvalidQuery("This bracket closes none that was opened", position=position, suggestion="Take it away.")


def _open_bracket(seen: list[Token], end: int) -> InvalidQuery:
    is_open: list[int] = []
    for token in seen:
        if token.type == "LPAR":
            is_open.append(token.start_pos or 0)
        elif token.type == "RPAR" and is_open:
            is_open.pop()
    if not is_open:
        return InvalidQuery("Something is missing at the end", position=end)
    return InvalidQuery("A bracket is not closed: add )", position=is_open[-1])


def _lonely(token: Token) -> InvalidQuery:
    """An operator or a field that lacks what belongs to it."""
    position = token.start_pos or 0
    if token.type == "FIELD":
        return InvalidQuery(f"`{token}` needs a word after it", position=position)
    if token.type in {"NOT", "MINUS", "TILDE"}:
        return InvalidQuery(f"`{token}` needs a word after it", position=position)
    suggestion = None
    if token.type in {"AND", "OR"}:
        suggestion = f'To look for the word itself write "{token.lower()}".'
    return InvalidQuery(f"`{token}` needs a word on both sides", position=position, suggestion=suggestion)
