"""The keyword language: how a query is read, what it means, and where it meets a post. `docs/queries.md` teaches it."""

from overheard.query_language.explaining import explain
from overheard.query_language.expression import Expression, Hint, read
from overheard.query_language.matcher import Matcher
from overheard.query_language.nodes import Node
from overheard.query_language.reading import tokens
from overheard.query_language.text import PostText, Span

__all__ = ["Expression", "Hint", "Matcher", "Node", "PostText", "Span", "explain", "read", "tokens"]
