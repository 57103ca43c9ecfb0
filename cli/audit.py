"""The audit log as a file."""

import csv
import json
import sys
from collections.abc import Iterable
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Annotated

import typer

from cli.context import clock, start
from overheard.db import make_reading_sessions
from overheard.errors import InvalidInput
from overheard.models import AuditEntry
from overheard.users import audit
from overheard.vocabulary import AuditAction

app = typer.Typer(help="Who did what of which somebody may have to answer for.", no_args_is_help=True)
Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="YYYY-MM-DD, in the team's time zone.")]

COLUMNS = ("id", "at", "actor", "door", "action", "subject", "detail")


class LogFormat(StrEnum):
    """What file the log becomes."""

    JSONL = "jsonl"
    CSV = "csv"


@app.command("export")
def export(
    *,
    since: Day = None,
    until: Day = None,
    form: Annotated[LogFormat, typer.Option("--format", help="JSON Lines, or CSV in which no cell is a formula.")] = (
        LogFormat.JSONL
    ),
) -> None:
    """Write the audit log to standard output, oldest first: all of it, or from the first day to the last."""
    context = start()
    zone = context.settings.zone
    first = datetime.combine(since, time(), zone) if since else None
    end = datetime.combine(until + timedelta(days=1), time(), zone) if until else None
    if since and until and since > until:
        raise InvalidInput("--since is after --until.")
    with context.typed.begin() as session:
        told = f"from {since:%Y-%m-%d}" if since else "from the beginning"
        told += f" to {until:%Y-%m-%d}" if until else ""
        audit.record(session, None, AuditAction.EXPORTED, "audit log", told, now=clock())
    with make_reading_sessions(context.engine)() as session:  # whoever reads slowly keeps nobody from writing
        rows = (_row(entry) for entry in audit.between(session, first, end))
        (_write_csv if form is LogFormat.CSV else _write_lines)(rows)


def _row(entry: AuditEntry) -> dict[str, object]:
    actor = entry.actor.email if entry.actor else None
    return dict(
        zip(
            COLUMNS,
            (entry.id, entry.at.isoformat(), actor, entry.door, entry.action.value, entry.subject, entry.detail),
            strict=True,
        )
    )


def _write_lines(rows: Iterable[dict[str, object]]) -> None:
    for row in rows:
        sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")


def _write_csv(rows: Iterable[dict[str, object]]) -> None:
    from api.spreadsheets import harmless

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([harmless(value) if isinstance(value, str) else value for value in row.values()])
