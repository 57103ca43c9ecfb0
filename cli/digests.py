"""Sending people their unread notices."""

from functools import partial

from cli.beside import Queue, Task
from cli.context import Context, clock, out, start
from overheard.notifications.digests import Deliver, Outgoing, send_due
from overheard.notifications.mail import send
from overheard.notifications.outbound_vocabulary import DigestWay
from overheard.settings import Settings

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


def digesting(context: Context) -> list[Task]:
    """Gathering notices, and sending digests that are due."""
    send_all = partial(send_due, context.sessions, context.settings, make_deliver(context.settings), clock=clock)
    return [Task("digests", Queue.SEND, _EVERY, send_all)]
