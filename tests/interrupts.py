"""A long run that is interrupted ends, and leaves nothing behind: by Ctrl-C, and by SIGTERM as CI sends it."""

import logging
import multiprocessing
import signal
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.process import BaseProcess

_TIMES = 5  # that a process is told to end, a second each, before it is killed


def end_when_told() -> None:
    """SIGTERM becomes an exit, so that what was begun is put away; by itself it ends a process where it stands."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


@contextmanager
def side_by_side(jobs: int | None) -> Iterator[ProcessPoolExecutor]:
    """Processes for a pool, with silent logs, as every fault would be told, and a folder for all that they make. They
    end when the block does, and at once when that is interrupted, whatever is still to be done.
    """
    with tempfile.TemporaryDirectory(prefix="overheard-soak-", ignore_cleanup_errors=True) as folder:
        pool = ProcessPoolExecutor(jobs, initializer=_begin, initargs=(folder,))
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            _end(multiprocessing.active_children())
            raise
        pool.shutdown()


def _end(processes: list[BaseProcess]) -> None:
    for _ in range(_TIMES):  # as one may have taken the next piece of work
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(1.0)
    for process in processes:
        process.kill()
        process.join()


def _begin(folder: str) -> None:
    logging.disable()
    tempfile.tempdir = folder
    end_when_told()
