"""All that is done again and again, once: the one process on SQLite and the workers on PostgreSQL do the same."""

import threading
from functools import partial

from cli.beside import Queue, Task
from cli.context import Context, clock
from cli.deliver import delivering
from cli.digests import digesting
from cli.retrain import retraining
from cli.send import sending

_SWEEP_EVERY = 900.0  # seconds


def tasks(context: Context, stop: threading.Event) -> list[Task]:
    """What an installation does beside reading its sources and judging what they bring."""
    return [
        *sending(context),
        *delivering(context),
        *digesting(context),
        *_sweeping(context, stop),
        *retraining(context, stop),
    ]


def _sweeping(context: Context, stop: threading.Event) -> list[Task]:
    """Deletions and retention."""
    from collectors.sweep import sweep

    def sleep(seconds: float) -> None:
        stop.wait(seconds)

    sweep_all = partial(sweep, context.sessions, context.settings, clock=clock, sleep=sleep)
    return [Task("sweep", Queue.UPKEEP, _SWEEP_EVERY, sweep_all)]
