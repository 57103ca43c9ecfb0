"""What may stand behind the fields that are not text: who, where, what kind."""

import re
from collections.abc import Callable
from difflib import get_close_matches

from overheard.errors import InvalidQuery
from overheard.query_language.nodes import At, Domain, Field, FieldName, Node, Or, Phrase, Symbol, Word
from overheard.vocabulary import Platform, PostKind

KINDS = {"post": PostKind.SUBMISSION, "comment": PostKind.COMMENT, "message": PostKind.MESSAGE}
HAVINGS = ("question", "link")
_MAX_WORDS = 10_000

_OTHER_NAMES = {"hn": "hackernews", "twitter": "x", "submission": "post", "questions": "question", "links": "link"}
_CLOSED = {
    FieldName.PLATFORM: tuple(platform.value for platform in Platform),
    FieldName.TYPE: tuple(KINDS),
    FieldName.HAS: HAVINGS,
}
_SIGNS_BEFORE = re.compile(r"^/?(?:[ur]/|[@#])")


def each_name(node: Node, field: str, make: Callable[[str, At], Node]) -> Node:
    """What `field:` makes of a name, or of several joined by OR or by a bar."""
    match node:
        case Or():
            return Or(tuple(each_name(part, field, make) for part in node.parts), node.span)
        case Word(is_inflected=False):
            names = [name for name in node.text.split("|") if name]
        case Phrase():
            names = [" ".join(node.words)]
        case Domain():
            names = [node.name]
        case Symbol():
            names = [node.text]
        case _:
            message = f"{field}: takes a name, or several in brackets joined by OR"
            raise InvalidQuery(message, position=node.span[0])
    made = tuple(make(name, node.span) for name in names)
    return made[0] if len(made) == 1 else Or(made, node.span)


def condition(name: FieldName, value: str, at: At) -> Field:
    """A condition that was checked."""
    if name in _CLOSED:
        value = _OTHER_NAMES.get(value, value)
        if value not in _CLOSED[name]:
            near = get_close_matches(value, _CLOSED[name], n=1)
            suggestion = f"Did you mean {name}:{near[0]}?" if near else f"There are: {', '.join(_CLOSED[name])}."
            raise InvalidQuery(f"{name}: does not know {value!r}", position=at[0], suggestion=suggestion)
    elif name is FieldName.LANG:
        if not re.fullmatch(r"[a-z]{2,3}", value):
            message = f"{value!r} is no code of a language"
            raise InvalidQuery(message, position=at[0], suggestion="Write two letters, such as lang:en.")
    elif name is FieldName.MIN_WORDS:
        if not re.fullmatch(r"[0-9]{1,5}", value) or not 1 <= int(value) <= _MAX_WORDS:
            message = f"min_words: takes a number from 1 to {_MAX_WORDS:,}"
            raise InvalidQuery(message, position=at[0], suggestion="Write it as in min_words:20.")
    else:
        value = bare_name(value)
        if not value.strip("*"):
            raise InvalidQuery(f"{name}: needs a name", position=at[0])
    return Field(name, value, at)


def bare_name(normalised: str) -> str:
    """A handle or a community without the signs that platforms put before it: u/, r/, @, #."""
    return _SIGNS_BEFORE.sub("", normalised, count=1)
