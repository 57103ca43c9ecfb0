"""Work that is done again and again beside the rest of `overheard run`."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError

from overheard.errors import OverheardError

logger = logging.getLogger(__name__)


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
