"""Webhooks on the page of what goes out."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from pydantic import ConfigDict, Field
from starlette.responses import Response

from api.access import Action
from api.alert_bodies import NewWebhook
from api.deps import Db, Id, Now, StateDep, on_page
from api.pages import Flash, done
from api.routes.alerts import HERE, OptionalId, show
from overheard.errors import OverheardError
from overheard.models import User
from overheard.notifications import deliveries, webhooks
from overheard.notifications.outbound_vocabulary import OutboundEvent

router = APIRouter(prefix="/alerts/webhooks")

Keeper = Annotated[User, on_page(Action.CHANGE_WEBHOOKS)]


class WebhookForm(NewWebhook):
    """The same as a form sends it."""

    model_config = ConfigDict(extra="ignore")  # the form's token stands beside

    campaign_id: OptionalId = None
    events: list[OutboundEvent] = Field([])
    """A box that is not ticked is not sent: none is none."""

    @property
    def wanted(self) -> webhooks.Wanted:
        """As the webhooks take it."""
        return webhooks.Wanted(**self.model_dump() | {"address": self.address or None})


@router.post("")
def make(
    *, request: Request, viewer: Keeper, state: StateDep, db: Db, now: Now, form: Annotated[WebhookForm, Form()]
) -> Response:
    """A new webhook. Its secret is shown on the page that answers, and nowhere else again."""
    try:
        with db.begin_nested():
            webhook, secret = webhooks.make(db, state.settings, form.wanted, actor=viewer, now=now)
    except OverheardError as error:
        return show(request, viewer, db, refused=error, at="webhooks", typed=form)
    return show(request, viewer, db, secret=(f"The secret of {webhook.name}", secret))


@router.post("/{webhook_id}")
def change(
    *,
    request: Request,
    webhook_id: Id,
    viewer: Keeper,
    state: StateDep,
    db: Db,
    now: Now,
    form: Annotated[WebhookForm, Form()],
) -> Response:
    """Let it be like this."""
    webhook = webhooks.get(db, webhook_id)
    webhooks.change(db, state.settings, webhook, form.wanted, actor=viewer, now=now)
    return done(request, HERE, Flash(f"{webhook.name} is changed."))


@router.post("/{webhook_id}/rotate")
def rotate(*, request: Request, webhook_id: Id, viewer: Keeper, state: StateDep, db: Db, now: Now) -> Response:
    """A new secret, shown on the page that answers."""
    webhook = webhooks.get(db, webhook_id)
    secret = webhooks.rotate(db, state.settings, webhook, actor=viewer, now=now)
    return show(request, viewer, db, secret=(f"The new secret of {webhook.name}", secret))


@router.post("/{webhook_id}/pause")
def pause(request: Request, webhook_id: Id, viewer: Keeper, db: Db, now: Now) -> Response:
    """Send nothing until it is resumed."""
    webhook = webhooks.get(db, webhook_id)
    webhooks.pause(db, webhook, actor=viewer, now=now)
    return done(request, HERE, Flash(f"{webhook.name} is paused. What happens meanwhile waits."))


@router.post("/{webhook_id}/resume")
def resume(request: Request, webhook_id: Id, viewer: Keeper, db: Db, now: Now) -> Response:
    """Send again."""
    webhook = webhooks.get(db, webhook_id)
    webhooks.resume(db, webhook, actor=viewer, now=now)
    return done(request, HERE, Flash(f"{webhook.name} goes on."))


@router.post("/{webhook_id}/test")
def send_test(request: Request, webhook_id: Id, _viewer: Keeper, db: Db, now: Now) -> Response:
    """Send an event that means nothing."""
    webhook = webhooks.get(db, webhook_id)
    webhooks.test(db, webhook, now=now)
    back = f"{HERE}/deliveries?webhook={webhook.id}"
    return done(request, back, Flash("A test is sent with the next pass: this page tells what became of it."))


@router.post("/{webhook_id}/replay")
def replay_failed(request: Request, webhook_id: Id, _viewer: Keeper, db: Db, now: Now) -> Response:
    """Send all again that were given up."""
    number = deliveries.replay_failed(db, webhook_id, now=now)
    told = f"{number} {'is' if number == 1 else 'are'} sent again with the next pass."
    return done(request, f"{HERE}/deliveries?webhook={webhook_id}", Flash(told))


@router.post("/{webhook_id}/delete")
def delete(request: Request, webhook_id: Id, viewer: Keeper, db: Db, now: Now) -> Response:
    """Forget it, with its deliveries and the alert rules that use it."""
    webhook = webhooks.get(db, webhook_id)
    webhooks.delete(db, webhook, actor=viewer, now=now)
    return done(request, HERE, Flash(f"{webhook.name} is deleted."))
