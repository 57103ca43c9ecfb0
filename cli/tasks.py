"""All that is done again and again, once: the one process on SQLite and the workers on PostgreSQL do the same."""

import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from cli.beside import Queue, Task
from cli.context import Context, clock
from cli.deliver import delivering
from cli.digests import digesting
from cli.retrain import retraining
from cli.send import sending
from overheard.days import live_in

_SWEEP_EVERY = 900.0  # seconds


def tasks(context: Context, stop: threading.Event) -> list[Task]:
    """What an installation does beside reading its sources and judging what they bring."""
    all_of_them = [
        *sending(context),
        *delivering(context),
        *digesting(context),
        *_sweeping(context, stop),
        *retraining(context, stop),
    ]
    return [replace(task, once=partial(_where_the_team_lives, context, task.once)) for task in all_of_them]


def _where_the_team_lives(context: Context, once: Callable[[], object]) -> object:
    """Each thread begins in UTC, and what a guardrail or a mail says of a time is read by people."""
    live_in(context.settings.zone)
    return once()


def _sweeping(context: Context, stop: threading.Event) -> list[Task]:
    """Deletions and retention."""
    from collectors.sweep import sweep

    def sleep(seconds: float) -> None:
        stop.wait(seconds)

    sweep_all = partial(sweep, context.sessions, context.settings, clock=clock, sleep=sleep)
    return [Task("sweep", Queue.UPKEEP, _SWEEP_EVERY, sweep_all)]
