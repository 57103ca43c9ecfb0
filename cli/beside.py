"""Work that is done again and again: as a task it is told of here, and done in threads or by workers."""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy.exc import SQLAlchemyError

from overheard.errors import OverheardError

logger = logging.getLogger(__name__)


class Queue(StrEnum):
    """Where tasks wait for a worker: what waits in one keeps nothing in another from being done."""

    COLLECT = "collect"
    """Reading sources: a job for each account, which stays."""
    CLASSIFY = "classify"
    """All that needs the model."""
    SEND = "send"
    """What is said to the world outside, and heard from it."""
    UPKEEP = "upkeep"
    """Deletions, retention, and the jobs themselves."""
    TRAIN = "train"
    """Retraining, where the settings ask for it: the extra `train` is needed for it, and time."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is done again and again, by one at a time. It finds its work in the tables, so it may be left out, done
    twice and ended at any time: the next time makes up for it.
    """

    name: str
    queue: Queue
    every: float
    """Seconds between two times."""
    once: Callable[[], object]


@contextmanager
def beside(tasks: Iterable[Task], stop: threading.Event) -> Iterator[None]:
    """While the block runs, do each of these in a thread of its own. A pass that fails is logged and keeps no other
    out. `stop` is set as the block ends: for work that takes long and is to end with it.
    """

    def repeat(task: Task) -> None:
        while not stop.is_set():
            try:
                task.once()
            except (OverheardError, SQLAlchemyError):
                logger.exception("%s failed", task.name.capitalize(), extra={"action": f"{task.name}_failed"})
            stop.wait(task.every)

    threads = [threading.Thread(target=repeat, args=(task,), name=task.name) for task in tasks]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
