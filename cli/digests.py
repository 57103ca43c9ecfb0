"""Sending people their unread notices."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError

from cli.context import Context, clock, out, start
from overheard.errors import OverheardError
from overheard.notifications.digests import Deliver, Outgoing, send_due
from overheard.notifications.mail import send
from overheard.notifications.outbound_vocabulary import DigestWay
from overheard.settings import Settings

logger = logging.getLogger(__name__)

_EVERY = 60.0  # seconds


def digest() -> None:
    """Gather notices, and send each digest that is due, once. `overheard run` does it by itself."""
    context = start()
    sent = send_due(context.sessions, context.settings, make_deliver(context.settings), clock=clock)
    out.print(f"{sent:,} digests were sent.")


def make_deliver(settings: Settings) -> Deliver:
    """Sends a digest by the way its reader chose."""
    from collectors.webhook import post

    def deliver(outgoing: Outgoing) -> None:
        if outgoing.way is DigestWay.MAIL:
            send(settings, to=outgoing.to, subject=outgoing.subject, text=outgoing.text)
        else:
            post(settings, outgoing.to, f"{outgoing.subject}\n{outgoing.text}")

    return deliver


@contextmanager
def digesting(context: Context) -> Iterator[None]:
    """While the block runs, a thread of its own gathers notices and sends what is due."""
    stop = threading.Event()
    deliver = make_deliver(context.settings)

    def work() -> None:
        while not stop.is_set():
            try:
                send_due(context.sessions, context.settings, deliver, clock=clock)
            except (OverheardError, SQLAlchemyError):
                logger.exception("Digests failed", extra={"action": "digests_failed"})
            stop.wait(_EVERY)

    thread = threading.Thread(target=work, name="digests")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
