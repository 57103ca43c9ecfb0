"""The product at work: listening without end, and listening and serving together."""

import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from types import FrameType
from typing import Annotated

import typer
from sqlalchemy.exc import SQLAlchemyError

from cli.context import clock, start
from cli.deliver import delivering
from cli.digests import digesting
from cli.retrain import retraining
from cli.send import sending
from cli.sources import watch_something
from cli.work import check_address, run_server
from overheard.errors import OverheardError
from overheard.home import secret_key
from overheard.labelling import samples
from overheard.log import configure_log
from overheard.modelling import drift

logger = logging.getLogger(__name__)

# Posts judged anew in one pass, when another model has taken over: answers, samples and the shadow wait no longer.
_AGAIN = 1024

Every = Annotated[float, typer.Option(help="Seconds between two passes of the classifier.", min=1)]


def listen(*, every: Every = 10.0) -> None:
    """Read each source when it is due, and classify, until interrupted. It may be ended in any way at any time."""
    from classifier.answers import propose_pending
    from classifier.in_use import InUse
    from classifier.looking_back import LookingBack
    from classifier.meaning import Meaning
    from classifier.model import make_loader
    from classifier.run import classify_pending
    from classifier.shadow import Shadow
    from collectors.watch import Watch

    context = start()
    configure_log(as_json=context.settings.log_json)
    load = make_loader(context.settings)
    in_use = InUse(context.sessions, context.settings, load)
    shadow = Shadow(context.sessions, context.settings, load)
    in_use.judge()  # before anything else is begun: without a model nothing here makes sense
    meaning = Meaning(context.settings.encoder_path)
    with context.sessions.begin() as session:
        watch_something(session, now=clock())
    key = secret_key(context.settings)
    watch = Watch(context.sessions, context.settings, clock)
    with (
        _stopped_by_signals(watch.stop),
        sending(context),
        digesting(context),
        delivering(context),
        retraining(context),
    ):
        watching = threading.Thread(target=watch.run, name="watch")
        watching.start()
        told, looking_back = date.min, LookingBack()
        while not watch.stop.is_set():
            wait = every
            try:
                model = in_use.judge()
                done = classify_pending(
                    context.sessions,
                    model,
                    meaning=meaning,
                    clock=clock,
                    key=key,
                    is_current=in_use.is_current,
                    again=_AGAIN,
                    looking_back=looking_back,
                )
                with context.sessions.begin() as session:
                    samples.draw(session, clock(), model_version=model.version, threshold=model.threshold, key=key)
                propose_pending(context.sessions)
                unseen = shadow.judge_batch(clock=clock)
                wait = every if done.is_done and not unseen else 0.0
                if told != clock().date():
                    with context.sessions.begin() as session:
                        drift.tell(session, model_version=model.version, threshold=model.threshold, now=clock())
                    told = clock().date()
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
