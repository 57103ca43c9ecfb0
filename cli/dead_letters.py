"""Items that could not be taken in: listing them, reading them again, letting them go."""

from typing import Annotated

import typer
from rich.table import Table

from cli.context import clock, err, out, start
from overheard.errors import OverheardError
from overheard.listening import dead_letters
from overheard.listening.dead_letters import Retried

app = typer.Typer(help="Items that could not be taken in: list them, with the reason; try them again, or drop them.")

Ids = Annotated[list[int], typer.Argument(help="Their numbers, as the list shows them.", show_default=False)]


@app.command("list")
def list_all(
    *,
    limit: Annotated[int, typer.Option(help="How many, the newest first.", min=1)] = dead_letters.PAGE_SIZE,
) -> None:
    """List items that could not be taken in, with the reason."""
    table = Table("no.", "at", "from", "where", "reason", box=None)
    with start().sessions() as session:
        for letter in dead_letters.page(session, limit=limit)[:limit]:
            table.add_row(str(letter.id), f"{letter.at:%Y-%m-%d %H:%M}", letter.origin, letter.locator, letter.reason)
    out.print(table, markup=False)


@app.command("retry")
def retry(ids: Ids) -> None:
    """Ask their platforms for them, or read a file's line once more, and take in what can be read."""
    from collectors.rereading import Rereading

    context, refused = start(), 0
    reread = Rereading(context.sessions, context.settings, clock)
    for letter_id in ids:
        try:
            with context.sessions() as session:
                letter = dead_letters.get(session, letter_id)
            items = reread(letter)
            with context.typed.begin() as session:
                retried = dead_letters.take_again(session, context.settings, letter_id, items, actor=None, now=clock())
        except OverheardError as error:
            refused += 1
            err.print(f"{letter_id}: {error}", markup=False, soft_wrap=True)
            continue
        refused += retried is not Retried.TAKEN_IN
        out.print(f"{letter_id}: {retried.value.replace('_', ' ')}")
    if refused:
        raise OverheardError(f"{refused:,} of {len(ids):,} stay as they were.")


@app.command("drop")
def drop(ids: Ids) -> None:
    """Let them go: what was kept of them is gone."""
    with start().typed.begin() as session:
        for letter_id in ids:
            dead_letters.drop(session, letter_id, actor=None, now=clock())
    out.print(f"{len(ids):,} dropped.")
