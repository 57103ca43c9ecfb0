"""Sending what SDRs approved, and hearing what comes back: by hand once, or beside the rest."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from cli.context import Context, clock, err, out, start
from overheard.errors import OverheardError
from overheard.home import secret_key
from overheard.replying.guardrails import Guard


def send() -> None:
    """Send what was approved, read back what is unclear, and hear answers: once. `overheard run` does it by itself."""
    from classifier.answers import propose_pending
    from collectors.replying.listening import Listening
    from collectors.replying.outbox import Outbox

    context = start()
    tally = Outbox(context.sessions, context.settings, _guard(context), clock).run_once()
    heard = Listening(context.sessions, context.settings, clock).run_once()
    propose_pending(context.sessions)
    out.print(f"{tally.sent:,} sent, {tally.reconciled:,} read back, {heard:,} new answers.")
    if tally.refused or tally.unclear:
        err.print(f"{tally.refused:,} refused, {tally.unclear:,} unclear: each lead's page says why.")
        raise OverheardError("Not every reply could be sent.")


@contextmanager
def sending(context: Context, *, every: float = 5.0) -> Iterator[None]:
    """While the block runs, a thread sends what is approved, and another one listens."""
    from collectors.replying.listening import Listening
    from collectors.replying.outbox import Outbox, run

    stop = threading.Event()
    work = (
        Outbox(context.sessions, context.settings, _guard(context), clock),
        Listening(context.sessions, context.settings, clock),
    )
    threads = [
        threading.Thread(target=run, args=(each, stop), kwargs={"every": every}, name=type(each).__name__)
        for each in work
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _guard(context: Context) -> Guard:
    return Guard(context.settings.replies, secret_key(context.settings))
