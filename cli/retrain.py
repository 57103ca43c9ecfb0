"""Making a challenger from decisions, by hand or when enough new labels have come."""

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markdown import Markdown

from cli.beside import beside
from cli.context import Context, clock, out, progress_bar, start
from cli.training import ask_for_training
from overheard.modelling.labels_since import labels_since, last_trained

logger = logging.getLogger(__name__)

_EVERY = 600.0  # seconds between two looks at how many labels are new
_PATIENCE = 10.0


def retrain(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Measure only: keep nothing, activate nothing.")] = False,
    config: Annotated[Path | None, typer.Option(help="Configuration; default: the shipped one.", exists=True)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Make a challenger from the labels, and use it if the gate finds it better. The report says why, or why not."""
    from classifier.retrain import retrain as make_challenger
    from classifier.retrain_config import read_config

    context = start()
    with progress_bar() as progress:
        task = progress.add_task("reading posts", total=None, rate="")
        done = make_challenger(
            context.typed,
            context.settings,
            read_config(config),
            clock=clock,
            dry_run=dry_run,
            on_read=lambda read, total: progress.update(task, completed=read, total=total),
        )
    if as_json:
        typer.echo(json.dumps({"version": done.version, "is_active": done.is_active, **done.report}, indent=2))
        return
    out.print(Markdown(done.page))
    if dry_run:
        out.print(f"Nothing was kept. {done.version} would {'' if done.report['accepted'] else 'not '}be used.")
    elif done.is_active:
        out.print(f"In use: {done.version}. Undo: overheard model rollback", soft_wrap=True)
    else:
        out.print(f"Kept as a challenger: {done.version}. The model in use stays.", soft_wrap=True)


@contextmanager
def retraining(context: Context) -> Iterator[None]:
    """While the block runs, a challenger is made whenever enough labels are new, in a process of its own.

    The setting says how many are enough; 0, the default, is never.
    """
    enough = context.settings.retrain_after
    if not enough:
        yield
        return
    ask_for_training()
    stop = threading.Event()
    tried: datetime | None = None

    def work() -> None:
        nonlocal tried
        with context.sessions() as session:
            since = max(filter(None, (tried, last_trained(session))), default=None)
            new = labels_since(session, since)
        if new >= enough:
            tried = clock()
            _run(stop)

    with beside({"retraining": work}, every=_EVERY, stop=stop):
        yield


def _run(stop: threading.Event) -> None:
    """The command in another process: its memory is given back, and ending it at any moment harms nothing."""
    process = subprocess.Popen([sys.executable, "-m", "cli", "retrain", "--json"], stdout=subprocess.DEVNULL)
    while process.poll() is None:
        if stop.wait(1.0):
            process.terminate()
            try:
                process.wait(timeout=_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
    logger.info("Retrained", extra={"action": "retrained", "exit": process.returncode})
