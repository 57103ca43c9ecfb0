"""Alerts, webhooks and leads for CRMs go out: by hand once, or beside the rest."""

from datetime import datetime
from functools import partial

from cli.beside import Queue, Task
from cli.context import Context, clock, out, start
from overheard.desk.review_queue import Filters
from overheard.models import User
from overheard.notifications import mail
from overheard.notifications.alerts import ReadFilters
from overheard.notifications.deliveries import Answer, Send, deliver_due
from overheard.notifications.outbound_content import Outbound
from overheard.notifications.outbound_vocabulary import AlertWay
from overheard.settings import Settings

_EVERY = 5.0  # seconds


def deliver() -> None:
    """Tell of new leads by mail, Slack, webhooks and CRMs, once. `overheard run` does it by itself."""
    from collectors.crm.run import CrmWorker

    context = start()
    tally = deliver_due(
        context.sessions, context.settings, make_send(context.settings), make_read_filters(), clock=clock
    )
    out.print(f"{tally.delivered:,} delivered, {tally.failed:,} failed.")
    at_crms = CrmWorker(context.sessions, context.settings, clock).run_once()
    if at_crms.pushed or at_crms.failed or at_crms.moved:
        out.print(f"CRMs: {at_crms.pushed:,} pushed, {at_crms.failed:,} failed, {at_crms.moved:,} leads followed.")


def make_send(settings: Settings) -> Send:
    """Sends one delivery by its way."""
    from collectors.webhook import post, post_signed

    def send(outbound: Outbound) -> Answer:
        if outbound.way is AlertWay.MAIL:
            mail.send(settings, to=outbound.to, subject=outbound.subject, text=outbound.text)
            return Answer()
        if outbound.way is AlertWay.SLACK:
            post(settings, outbound.to, f"{outbound.subject}\n\n{outbound.text}")
            return Answer()
        posted = post_signed(settings, outbound.to, outbound.text, outbound.headers)
        return Answer(posted.status, posted.said, posted.retry_after)

    return send


def make_read_filters() -> ReadFilters:
    """Reads the filters of a saved view as the pages do."""
    from api.filters import read_params

    def read_filters(params: str, viewer: User, now: datetime) -> Filters | None:
        kept = read_params(params)
        return None if kept is None else kept.everybodys_filters(viewer, now)

    return read_filters


def delivering(context: Context) -> list[Task]:
    """Sending what is due, and, by itself as they may take their time, speaking with CRMs."""
    from collectors.crm.run import CrmWorker

    send, read_filters = make_send(context.settings), make_read_filters()
    deliver_all = partial(deliver_due, context.sessions, context.settings, send, read_filters, clock=clock)
    worker = CrmWorker(context.sessions, context.settings, clock)
    return [
        Task("deliveries", Queue.SEND, _EVERY, deliver_all),
        Task("crm", Queue.SEND, _EVERY, worker.run_once),
    ]
