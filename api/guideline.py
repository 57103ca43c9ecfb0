"""The labelling guideline as a part of a page: the very file that people read in `docs/`."""

from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markupsafe import Markup

_FILE = Path(__file__).parent / "labelling.md"  # a link to that file, so that it is installed with us
_ENDS = "## What labels become"
"""What stands behind it is about training and not about a post."""


@cache
def guideline() -> Markup:
    """Its HTML; no HTML in the file is let through."""
    text = _FILE.read_text(encoding="utf-8").split(_ENDS)[0]
    return Markup(MarkdownIt("commonmark", {"html": False}).enable("table").render(text))  # noqa: S704 - our own file
