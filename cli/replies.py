"""Who is not to be contacted, and the kill switch of replies."""

import csv
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from cli.context import clock, err, out, start
from overheard.errors import InvalidInput
from overheard.home import secret_key
from overheard.leads import do_not_contact
from overheard.replying import reply_stops
from overheard.users import audit
from overheard.vocabulary import AuditAction, Platform

unwanted = typer.Typer(help="Who does not want to hear from us.", no_args_is_help=True)
app = typer.Typer(help="Stop and go of all replies.", no_args_is_help=True)

_MOST_BAD_SHOWN = 10


@unwanted.command("add")
def add(
    platform: Platform,
    handle: str,
    *,
    reason: Annotated[str, typer.Option(help="Why, in a few words.")] = "They asked for it.",
) -> None:
    """Write somebody down who does not want to hear from us."""
    context = start()
    with context.typed.begin() as session:
        key = secret_key(context.settings)
        do_not_contact.add(session, key, platform, handle, reason=reason, actor=None, now=clock())
    out.print(f"Nobody writes to {handle} at {platform.display} any more.", markup=False)


@unwanted.command("import")
def import_list(
    file: Annotated[Path, typer.Argument(help="CSV with the column hash, or platform and handle.")],
) -> None:
    """Take in a list: a CSV file of hashes, or of platforms and handles."""
    context = start()
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"The file {file} cannot be read: {error}. It has to be a CSV file in UTF-8.") from error
    with context.typed.begin() as session:
        key = secret_key(context.settings)
        done = do_not_contact.import_rows(session, key, text.splitlines(), actor=None, now=clock())
    out.print(f"Written down: {done.added:,}. Known before: {done.known:,}. Not taken: {len(done.bad):,}.")
    for line in done.bad[:_MOST_BAD_SHOWN]:
        err.print(line, markup=False, soft_wrap=True)


@unwanted.command("export")
def export_list() -> None:
    """Write the list to standard output as CSV: hashes only, of use with the same secret key."""
    from api.spreadsheets import harmless

    context = start()
    with context.typed.begin() as session:
        rows = list(do_not_contact.export_rows(session, secret_key(context.settings)))
        audit.record(session, None, AuditAction.EXPORTED, "do not contact", f"{len(rows)} hashes", now=clock())
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(do_not_contact.COLUMNS)
    writer.writerows([harmless(cell) for cell in row] for row in rows)


@unwanted.command("list")
def list_all() -> None:
    """Show how many are on the list, and why and since when."""
    table = Table("hash", "reason", "since", box=None)
    with start().sessions() as session:
        entries = do_not_contact.entries(session)
    for entry in entries:
        table.add_row(entry.handle_hash[:12], entry.reason, f"{entry.at:%Y-%m-%d}")
    out.print(table)
    out.print(f"{len(entries):,} on the list.")


@app.command("stop")
def stop(because: Annotated[str, typer.Argument(help="Why, for those who will ask.")]) -> None:
    """Let no reply be approved or sent from now on."""
    with start().typed.begin() as session:
        reply_stops.stop(session, because=because, actor=None, now=clock())
    out.print("All replies are stopped. Let them go on with: overheard replies go")


@app.command("go")
def go() -> None:
    """Let replies go on."""
    with start().typed.begin() as session:
        lifted = reply_stops.lift(session, now=clock())
    out.print("Replies go on." if lifted else "Replies were not stopped.")
