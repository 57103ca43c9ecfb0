"""Sending what SDRs approved, and hearing what comes back: by hand once, or beside the rest."""

from cli.beside import Queue, Task
from cli.context import Context, clock, err, out, start
from overheard.errors import OverheardError
from overheard.home import secret_key
from overheard.replying.guardrails import Guard

_EVERY = 5.0  # seconds


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


def sending(context: Context) -> list[Task]:
    """Sending what is approved, and listening to what comes back."""
    from collectors.replying.listening import Listening
    from collectors.replying.outbox import Outbox

    outbox = Outbox(context.sessions, context.settings, _guard(context), clock)
    listening = Listening(context.sessions, context.settings, clock)
    return [
        Task("outbox", Queue.SEND, _EVERY, outbox.run_once),
        Task("listening", Queue.SEND, _EVERY, listening.run_once),
    ]


def _guard(context: Context) -> Guard:
    return Guard(context.settings.replies, secret_key(context.settings))
