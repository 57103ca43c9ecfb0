"""The keyword language: how a query is read, what it means, and where it meets a post."""

from overheard.query_language.nodes import Node
from overheard.query_language.text import PostText, Span

__all__ = ["Node", "PostText", "Span"]
