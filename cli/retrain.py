"""Making a challenger from decisions, by hand or when enough new labels have come."""

import json
import logging
import os
import shlex
import subprocess
import sys
import threading
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markdown import Markdown

from cli.beside import Queue, Task
from cli.context import Context, clock, out, progress_bar, start
from cli.training import ask_for_training
from overheard.modelling.files import checkpoint_file
from overheard.modelling.labels_since import labels_since, last_trained

logger = logging.getLogger(__name__)

_EVERY = 600.0  # seconds between two looks at how many labels are new
_PATIENCE = 5.0
_NICE = 10  # what is idle goes first to whoever collects and judges


def retrain(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Measure only: keep nothing, activate nothing.")] = False,
    config: Annotated[Path | None, typer.Option(help="Configuration; default: the shipped one.", exists=True)] = None,
    campaign: Annotated[
        str | None, typer.Option(help="A head for this campaign alone, measured with its own labels.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Make a challenger from the labels, and use it if the gate finds it better. The report says why, or why not."""
    from classifier.retrain import retrain as make_challenger
    from classifier.retrain_config import read_config

    context = start()
    with progress_bar() as progress:
        task = progress.add_task("beginning", total=None, rate="")
        done = make_challenger(
            context.typed,
            context.settings,
            read_config(config),
            clock=clock,
            dry_run=dry_run,
            campaign=campaign,
            on_progress=lambda phase, steps, total: progress.update(
                task, description=phase, completed=steps, total=total or None
            ),
        )
    if as_json:
        typer.echo(json.dumps({"version": done.version, "is_active": done.is_active, **done.report}, indent=2))
        return
    out.print(Markdown(done.page))
    if dry_run:
        out.print(f"Nothing was kept. {done.version} would {'' if done.report['accepted'] else 'not '}be used.")
    elif done.is_active:
        undo = "overheard model rollback" + ("" if campaign is None else f" --campaign {shlex.quote(campaign)}")
        out.print(f"In use: {done.version}. Undo: {undo}", soft_wrap=True)
    else:
        out.print(f"Kept as a challenger: {done.version}. The model in use stays.", soft_wrap=True)


def must_be_able_to_retrain(context: Context) -> None:
    """Raise an error with the way out where this is to be done and cannot be."""
    if context.settings.retrain_after:
        ask_for_training()


def retraining(context: Context, stop: threading.Event) -> list[Task]:
    """A challenger is made whenever enough labels are new, in a process of its own, which ends with `stop`.

    The setting says how many are enough; 0, the default, is never.
    """
    enough = context.settings.retrain_after
    if not enough:
        return []
    tried: datetime | None = None
    is_unfinished = checkpoint_file(context.settings).exists()

    def work() -> None:
        nonlocal tried, is_unfinished
        with context.sessions() as session:
            since = max(filter(None, (tried, last_trained(session))), default=None)
            new = labels_since(session, since)
        if new >= enough or is_unfinished:
            # Once, whatever comes of it: one that fails is tried again when as many labels are new again.
            tried, is_unfinished = clock(), False
            _run(context.settings.retrain_config, stop)

    return [Task("retraining", Queue.TRAIN, _EVERY, work)]


def _run(config: Path | None, stop: threading.Event) -> None:
    """The command in another process, behind all others: its memory is given back, and ending it at any moment harms
    nothing.
    """
    command = [sys.executable, "-m", "cli", "retrain", "--json"]
    if config is not None:
        command += ["--config", str(config)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603 - ourselves
    os.setpriority(os.PRIO_PROCESS, process.pid, _NICE)
    while process.poll() is None:
        if stop.wait(1.0):
            process.terminate()
            try:
                process.wait(timeout=_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
    logger.info("Retrained", extra={"action": "retrained", "exit": process.returncode})
