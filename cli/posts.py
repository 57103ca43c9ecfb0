"""Posts that a person hands over."""

import sys
from typing import Annotated

import typer

from cli.context import clock, err, out, start
from overheard.listening.by_hand import Outcome, take_by_hand

app = typer.Typer(help="Posts that you hand over yourself.", no_args_is_help=True)


@app.command("add")
def add(
    url: Annotated[str, typer.Argument(help="Address of the post; platform and id are read from it.")],
    *,
    text: Annotated[str | None, typer.Option(help="What was written; else it is read from standard input.")] = None,
    title: Annotated[str, typer.Option(help="Its title.")] = "",
    author: Annotated[str, typer.Option(help="Who wrote it.")] = "",
    community: Annotated[str, typer.Option(help="Where it was said, if the address does not tell.")] = "",
) -> None:
    """Add a post that you read: its address, and its text from an option or standard input."""
    if text is None:
        if sys.stdin.isatty():
            err.print("Paste the text, then press Ctrl-D.")
        text = sys.stdin.read()
    context = start()
    told = {"url": url, "text": text, "title": title, "author": author, "community": community}
    with context.sessions.begin() as session:
        taken = take_by_hand(session, now=clock(), settings=context.settings, **told)
    out.print(taken.sentence, markup=False, soft_wrap=True)
    if taken.outcome is Outcome.ERASED:
        raise typer.Exit(1)
