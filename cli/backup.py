"""Backups, and coming back from them."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from cli.context import clock, err, out, start
from overheard.db import make_engine
from overheard.operations import backup as backups


def backup(
    folder: Annotated[Path | None, typer.Argument(help="Where to; default: `backups` in the home folder.")] = None,
    keep: Annotated[
        int | None, typer.Option(min=1, help="Remove backups there that are older than so many days.")
    ] = None,
) -> None:
    """Write all that cannot be had again into one file: database, keys, trained models. Others can go on working."""
    context = start()
    folder = folder or context.settings.home / "backups"
    kept_for = timedelta(days=keep) if keep else None
    written = backups.back_up(context.settings, context.engine, folder, now=clock(), kept_for=kept_for)
    out.print(
        f"{written} was written: {written.stat().st_size / 1e6:,.1f} MB. Keep it as secret as the database.",
        soft_wrap=True,
    )
    if kept_for:
        gone = backups.expire(folder, older_than=kept_for, now=clock())
        out.print(f"{len(gone):,} older backups were removed.")


def restore(
    archive: Annotated[Path, typer.Argument(help="A file that `overheard backup` wrote.")],
    *,
    ledger: Annotated[
        Path | None,
        typer.Option(help="The erasures.jsonl of the installation that was; default: beside the backup, and at home."),
    ] = None,
) -> None:
    """Put an installation back from a backup, where nothing is yet. Replies stay stopped until somebody has looked."""
    context = start()
    engine = make_engine(context.settings.effective_database_url)  # as it is: it must be empty
    restored = backups.restore(context.settings, engine, archive, now=clock(), ledger_file=ledger)
    manifest, erasures = restored.manifest, restored.erasures
    out.print(
        f"All is as it was on {manifest.at:%Y-%m-%d at %H:%M} UTC. Replies are stopped: say `overheard replies go`",
        soft_wrap=True,
    )
    out.print("once you have looked at what was answered since, and at who asked not to be written to.")
    if not erasures.ledgers:
        err.print(
            f"[yellow]No list of erasures (erasures.jsonl) was found beside the backup or in the home folder:[/] what "
            f"was erased on request since {manifest.at:%Y-%m-%d %H:%M} UTC is here again. Erase it again by the "
            "receipts that you have.",
            soft_wrap=True,
        )
        return
    out.print(f"Erased again, as it was erased since: {erasures.done:,}.")
    if erasures.foreign:
        err.print(
            f"[yellow]Erased with another secret key, so not found by it:[/] {', '.join(erasures.foreign)}. Look these "
            "receipts up, and erase again what they were about.",
            soft_wrap=True,
        )
