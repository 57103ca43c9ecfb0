"""Sending what SDRs approved, and hearing what comes back: by hand once, or beside the rest."""

from contextlib import AbstractContextManager

from cli.beside import beside
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


def sending(context: Context, *, every: float = 5.0) -> AbstractContextManager[None]:
    """While the block runs, a thread sends what is approved, and another one listens."""
    from collectors.replying.listening import Listening
    from collectors.replying.outbox import Outbox

    outbox = Outbox(context.sessions, context.settings, _guard(context), clock)
    listening = Listening(context.sessions, context.settings, clock)
    return beside({"outbox": outbox.run_once, "listening": listening.run_once}, every=every)


def _guard(context: Context) -> Guard:
    return Guard(context.settings.replies, secret_key(context.settings))
