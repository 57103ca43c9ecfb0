"""Items that could not be taken in: listing them, reading them again, letting them go."""

from collections.abc import Callable
from typing import Annotated

import typer
from rich.table import Table

from cli.context import clock, err, out, start
from overheard.days import told
from overheard.errors import OverheardError
from overheard.listening import dead_letters
from overheard.listening.dead_letters import Retried

app = typer.Typer(help="Items that could not be taken in: list them, with the reason; try them again, or drop them.")

Ids = Annotated[list[int], typer.Argument(help="Their numbers, as the list shows them.", show_default=False)]

_SAYS = {
    Retried.TAKEN_IN: "taken in",
    Retried.UNREADABLE: "still cannot be read: the list says why, under a new number",
    Retried.UNKNOWN: "its platform says nothing of it: gone there, or not for us to see. Drop it, or try later",
}


@app.command("list")
def list_all(
    *,
    limit: Annotated[int, typer.Option(help="How many, the newest first.", min=1)] = dead_letters.PAGE_SIZE,
) -> None:
    """List items that could not be taken in, with the reason."""
    table = Table("no.", "at", "from", "where", "reason", box=None)
    with start().sessions() as session:
        shown, there_are = dead_letters.page(session, limit=limit)[:limit], dead_letters.count(session)
    if not shown:
        out.print("None: all that came in could be read.")
        return
    for letter in shown:
        table.add_row(str(letter.id), told(letter.at), letter.origin, letter.locator, letter.reason)
    out.print(table, markup=False)
    if there_are > len(shown):
        out.print(f"{there_are - len(shown):,} older ones: --limit {there_are}")


@app.command("retry")
def retry(ids: Ids) -> None:
    """Ask their platforms for them, or read a file's line once more, and take in what can be read."""
    from collectors.rereading import Rereading

    context = start()
    reread = Rereading(context.sessions, context.settings, clock)

    def retry_one(letter_id: int) -> bool:
        with context.sessions() as session:
            letter = dead_letters.get(session, letter_id)
        items = reread(letter)
        with context.typed.begin() as session:
            retried = dead_letters.take_again(session, context.settings, letter_id, items, actor=None, now=clock())
        out.print(f"{letter_id}: {_SAYS[retried]}.")
        return retried is Retried.TAKEN_IN

    _each(ids, retry_one, "could not be taken in and stay")


@app.command("drop")
def drop(ids: Ids) -> None:
    """Let them go: what was kept of them is gone."""
    context = start()

    def drop_one(letter_id: int) -> bool:
        with context.typed.begin() as session:
            dead_letters.drop(session, letter_id, actor=None, now=clock())
        out.print(f"{letter_id}: dropped.")
        return True

    _each(ids, drop_one, "could not be dropped")


def _each(ids: list[int], act: Callable[[int], bool], left: str) -> None:
    """One by one, so that a bad one keeps none of the others."""
    done = 0
    for letter_id in ids:
        try:
            done += act(letter_id)
        except OverheardError as error:
            err.print(f"{letter_id}: {error}", markup=False, soft_wrap=True)
    if done < len(ids):
        raise OverheardError(
            f"{len(ids) - done:,} of {len(ids):,} {left}. All that are left: overheard dead-letters list"
        )
