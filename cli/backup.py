"""Backups, and coming back from them."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from cli.context import clock, out, start
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
    written = backups.back_up(context.settings, context.engine, folder, now=clock())
    out.print(
        f"{written} was written: {written.stat().st_size / 1e6:,.1f} MB. Keep it as secret as the database.",
        soft_wrap=True,
    )
    if keep:
        gone = backups.expire(folder, older_than=timedelta(days=keep), now=clock())
        out.print(f"{len(gone):,} older backups were removed.")


def restore(archive: Annotated[Path, typer.Argument(help="A file that `overheard backup` wrote.")]) -> None:
    """Put an installation back from a backup, where nothing is yet. Replies stay stopped until somebody has looked."""
    context = start()
    engine = make_engine(context.settings.effective_database_url)  # as it is: it must be empty
    manifest = backups.restore(context.settings, engine, archive, now=clock())
    out.print(
        f"All is as it was on {manifest.at:%Y-%m-%d at %H:%M} UTC. Replies are stopped: say `overheard replies go`",
        soft_wrap=True,
    )
    out.print("once you have looked at what was answered since, and at who asked not to be written to.")
