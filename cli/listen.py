"""The product at work: listening without end, and listening and serving together."""

import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Annotated

import typer
from sqlalchemy.exc import SQLAlchemyError

from cli.beside import beside
from cli.context import Context, clock, start
from cli.judging import Judging
from cli.retrain import must_be_able_to_retrain
from cli.sources import watch_something
from cli.tasks import tasks
from cli.work import check_address, run_server
from cli.worker import is_shared, work
from overheard.errors import OverheardError
from overheard.log import configure_log

logger = logging.getLogger(__name__)

Every = Annotated[float, typer.Option(help="Seconds between two passes of the classifier.", min=1)]


def listen(*, every: Every = 10.0) -> None:
    """Read each source when it is due, and classify, until interrupted. It may be ended in any way at any time."""
    context = start()
    configure_log(as_json=context.settings.log_json)
    with context.sessions.begin() as session:
        watch_something(session, now=clock())
    if is_shared(context):
        work(context)
    else:
        _alone(context, every)


def _alone(context: Context, every: float) -> None:
    """One process does it all: on SQLite."""
    from collectors.watch import Watch

    watch = Watch(context.sessions, context.settings, clock)
    judging = Judging(context, watch.stop)
    must_be_able_to_retrain(context)
    judging.in_use.judge()  # before anything else is begun: without a model nothing here makes sense
    with _stopped_by_signals(watch.stop), beside(tasks(context, watch.stop), watch.stop):
        watching = threading.Thread(target=watch.run, name="watch")
        watching.start()
        while not watch.stop.is_set():
            wait = every
            try:
                wait = 0.0 if judging.once() else every
            except (OverheardError, SQLAlchemyError):
                # One of the two loops that must go on: what failed is tried again with the next pass.
                logger.exception("A pass failed", extra={"action": "pass_failed"})
            watch.stop.wait(wait)
        watching.join()


@contextmanager
def _stopped_by_signals(stop: threading.Event) -> Iterator[None]:
    """Ctrl-C and a polite kill end the passes at their next page, so that sockets are closed in order."""

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
        stop.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        stop.set()
        for number, handler in before.items():
            signal.signal(number, handler)


def run(
    *,
    port: Annotated[int | None, typer.Option(help="Port to listen on; default: OVERHEARD_PORT.")] = None,
    every: Every = 10.0,
) -> None:
    """Do it all: collect, classify and serve, in one group of processes on one machine."""
    context = start()
    host, port = context.settings.host, context.settings.port if port is None else port
    check_address(context.settings, host, port)
    with listening(every):
        run_server(context, host, port)


@contextmanager
def listening(every: float) -> Iterator[None]:
    """While the block runs, a process of its own listens: the pages never wait for the model."""
    # A polite kill ends us like Ctrl-C: by default it would end this process alone, and the listener would go on.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    listener = subprocess.Popen([sys.executable, "-m", "cli", "listen", "--every", str(every)])  # noqa: S603 - our own
    try:
        yield
    finally:
        listener.terminate()  # harmless at any moment: cursor and rows are committed together
        try:
            listener.wait(timeout=10)
        except subprocess.TimeoutExpired:
            listener.kill()
            listener.wait()
