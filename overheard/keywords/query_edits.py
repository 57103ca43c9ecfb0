"""Small changes of an expression that a proposal asks for: a word more, or one that must not occur."""

from overheard.text import normalise

_SIGNS = frozenset(" \t\n\"'`(){}[]|:*~$-")


def with_term(expression: str, term: str) -> str:
    """Also meet posts that say the term. OR binds loosest, so nothing else needs brackets."""
    return f"{expression} OR {written(term)}" if expression.strip() else written(term)


def without_term(expression: str, term: str) -> str:
    """Leave out the posts that say the term."""
    if not expression.strip():
        return f"* -{written(term)}"
    return f"{f'({expression})' if ' OR ' in expression else expression} -{written(term)}"


def written(term: str) -> str:
    """A term as a query takes it: of several words, or with a sign in it, as a phrase."""
    bare = " ".join(normalise(term).text.replace('"', " ").split())
    is_word = bare and not _SIGNS.intersection(bare) and bare not in ("and", "or", "not")
    return bare if is_word else f'"{bare}"'
