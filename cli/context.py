"""What every command needs: settings, database, clock, a place to print to."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text
from sqlalchemy.engine import Engine

from cli.telemetry import trace_if_asked
from overheard.days import live_in
from overheard.db import Sessions, make_engine, make_sessions, upgrade
from overheard.home import prepare_home
from overheard.log import configure_log
from overheard.settings import Settings, read_settings
from overheard.users import audit

# Control characters but for tab and newline, and the marks that turn the direction of writing: a post, a name or an
# error text could move the cursor, clear the screen, or make a line say something else than it does.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class _Terminal(Console):
    """A console on which strangers' texts are only texts: all that is printed comes by here, cells of tables too."""

    def render_str(self, text: str, **options: Any) -> Text:  # noqa: ANN401 - handed on as they are
        return super().render_str(_CONTROL.sub("\ufffd", text), **options)


out = _Terminal(highlight=False)
err = _Terminal(stderr=True, highlight=False)


def clock() -> datetime:
    """Now, in UTC; below the roof a time is always passed in."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Context:
    """One command's run."""

    settings: Settings

    @cached_property
    def engine(self) -> Engine:
        """The database, brought to the newest form."""
        prepare_home(self.settings)
        engine = make_engine(self.settings.effective_database_url)
        upgrade(engine)
        return engine

    @property
    def sessions(self) -> Sessions:
        """Transactions on the database."""
        return make_sessions(self.engine)

    @property
    def typed(self) -> Sessions:
        """Transactions of what a person does by a command: the audit log says so."""
        sessions = make_sessions(self.engine)
        sessions.configure(info={audit.DOOR: "command line"})
        return sessions


def start() -> Context:
    """Read the settings, set up the log, and traces where they are collected."""
    settings = read_settings()
    live_in(settings.zone)
    # A person reads what a command prints; whoever asked for JSON wants the log.
    configure_log(as_json=settings.log_json, level=logging.INFO if settings.log_json else logging.WARNING)
    trace_if_asked()
    return Context(settings)


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A bar with rate and remaining time; where output is not a terminal it stays silent."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        yield progress
