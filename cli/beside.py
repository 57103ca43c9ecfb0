"""Work that is done again and again: as a task it is told of here, and done in threads or by workers."""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
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
    """Deletions, retention, retraining, and the jobs themselves."""


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


def all_beside(tasks: Iterable[Task]) -> AbstractContextManager[object]:
    """While the block runs, do all of these in this process."""
    stack = ExitStack()
    for task in tasks:
        stack.enter_context(beside({task.name: task.once}, every=task.every))
    return stack


@contextmanager
def beside(
    work: Mapping[str, Callable[[], object]], *, every: float, stop: threading.Event | None = None
) -> Iterator[None]:
    """While the block runs, do each of these by its name, in a thread of its own, with `every` seconds between two
    passes. A pass that fails is logged and keeps no other out.

    `stop` is set as the block ends: for work that takes long and is to end with it.
    """
    stop = stop or threading.Event()

    def repeat(name: str, once: Callable[[], object]) -> None:
        while not stop.is_set():
            try:
                once()
            except (OverheardError, SQLAlchemyError):
                logger.exception("%s failed", name.capitalize(), extra={"action": f"{name}_failed"})
            stop.wait(every)

    threads = [threading.Thread(target=repeat, args=item, name=item[0]) for item in work.items()]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
