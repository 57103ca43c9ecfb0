"""The product at work: listening without end, and listening and serving together."""

import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from cli.context import clock, start
from cli.sources import watch_something
from cli.work import check_port_is_free, run_server
from overheard.errors import OverheardError
from overheard.log import configure_log

logger = logging.getLogger(__name__)

Every = Annotated[float, typer.Option(help="Seconds between two passes.", min=1)]


def listen(*, every: Every = 60.0) -> None:
    """Collect and classify, again and again, until interrupted. It may be ended in any way at any time."""
    from classifier.model import load_model
    from classifier.run import classify_pending
    from collectors.run import collect

    context = start()
    configure_log(as_json=context.settings.log_json)
    model = load_model(context.settings.model_path, context.settings.encoder_path)
    with context.sessions.begin() as session:
        watch_something(session, now=clock())
    while True:
        try:
            collect(context.sessions, context.settings, clock=clock)
            classify_pending(context.sessions, model, clock=clock)
        except OverheardError:
            # One of the two loops that must go on: what failed is tried again with the next pass.
            logger.exception("A pass failed", extra={"action": "pass_failed"})
        time.sleep(every)


def run(
    *,
    port: Annotated[int | None, typer.Option(help="Port to listen on; default: OVERHEARD_PORT.")] = None,
    every: Every = 60.0,
) -> None:
    """Do it all: collect, classify and serve, in one group of processes on one machine."""
    context = start()
    host, port = context.settings.host, context.settings.port if port is None else port
    check_port_is_free(host, port)
    with listening(every):
        run_server(context, host, port)


@contextmanager
def listening(every: float) -> Iterator[None]:
    """While the block runs, a process of its own listens: the pages never wait for the model."""
    listener = subprocess.Popen([sys.executable, "-m", "cli", "listen", "--every", str(every)])  # noqa: S603 - our own
    try:
        yield
    finally:
        listener.terminate()  # harmless at any moment: cursor and rows are committed together
        listener.wait()
