"""The API for programs, of alert rules, webhooks and what was delivered."""

from typing import Annotated

from fastapi import Query
from pydantic import Field
from starlette.responses import Response

from api.access import Action, may
from api.alert_bodies import AlertBody, DeliveryBody, NewAlert, NewWebhook, ToldBody, WebhookBody, WebhookSecretBody
from api.deps import MAX_ID, Db, Id, Now, ReadDb, StateDep, by_token
from api.errors import Forbidden, TooLarge
from api.openapi import problems
from api.paging import Page, PageParams, page_from, page_of
from api.people_bodies import CountBody
from api.routing import ApiRouter
from overheard.errors import InvalidInput, NotFound, WrongStage
from overheard.models import User
from overheard.notifications import alert_recipients, alerts, deliveries, webhooks
from overheard.notifications.outbound_vocabulary import AlertWay, OutboundState
from overheard.users import people

router = ApiRouter(tags=["alerts"])

Reader = Annotated[User, by_token(Action.READ_ALERTS)]
Teller = Annotated[User, by_token(Action.CHANGE_ALERTS)]
Keeper = Annotated[User, by_token(Action.CHANGE_WEBHOOKS)]

_WRITES = problems(NotFound, InvalidInput, TooLarge)


class DeliveryParams(PageParams):
    """Which deliveries, and the place in their list."""

    webhook_id: int | None = Field(None, ge=1, le=MAX_ID)
    state: OutboundState | None = None


# --- rules ---------------------------------------------------------------------------------------------------------


@router.get("/alerts", operation_id="readAlerts", summary="One's own alert rules", responses=problems(InvalidInput))
def read_alerts(user: Reader, db: ReadDb, params: Annotated[PageParams, Query()]) -> Page[AlertBody]:
    """In the order in which they were made."""
    return page_of(alerts.rules(db, user), params, AlertBody.of, key=lambda rule: [rule.id])


@router.post("/alerts", status_code=201, operation_id="makeAlert", summary="Make an alert rule", responses=_WRITES)
def make_alert(user: Teller, db: Db, now: Now, state: StateDep, body: NewAlert) -> AlertBody:
    """It tells of leads from now on, each once: to whom the token belongs, or to the people that are named."""
    check_way(user, body.way)
    return AlertBody.of(alerts.make(db, state.settings, people.get(db, user.id), body.wanted, now=now))


@router.put("/alerts/{rule_id}", operation_id="changeAlert", summary="Change an alert rule", responses=_WRITES)
def change_alert(*, user: Teller, rule_id: Id, db: Db, now: Now, state: StateDep, body: NewAlert) -> AlertBody:
    """A rule that was paused goes on."""
    check_way(user, body.way)
    rule = alerts.get(db, user, rule_id)
    alerts.change(db, state.settings, rule, body.wanted, now=now)
    return AlertBody.of(rule)


@router.delete(
    "/alerts/{rule_id}", status_code=204, operation_id="deleteAlert", summary="Delete an alert rule", responses=_WRITES
)
def delete_alert(user: Teller, rule_id: Id, db: Db) -> Response:
    """Nothing is told by it any more."""
    alerts.delete(db, alerts.get(db, user, rule_id))
    return Response(status_code=204)


@router.get(
    "/alerts/from-others",
    operation_id="readAlertsFromOthers",
    summary="Rules of others that tell oneself",
    responses=problems(InvalidInput),
)
def read_from_others(user: Reader, db: ReadDb, params: Annotated[PageParams, Query()]) -> Page[ToldBody]:
    """By mail, with those that one has stopped for oneself."""
    return page_of(alert_recipients.from_others(db, user), params, ToldBody.of, key=lambda told: [told.id])


@router.post("/alerts/{rule_id}/stop", operation_id="stopAlert", summary="Hear of it no more", responses=_WRITES)
def stop_alert(user: Teller, rule_id: Id, db: Db, now: Now) -> ToldBody:
    """By mail, oneself only: others are told as before, and who set the rule cannot turn it on again for you."""
    return ToldBody.of(alert_recipients.stop(db, user, rule_id, now=now))


@router.post("/alerts/{rule_id}/resume", operation_id="resumeAlert", summary="Hear of it again", responses=_WRITES)
def resume_alert(user: Teller, rule_id: Id, db: Db) -> ToldBody:
    """What came meanwhile stays untold."""
    return ToldBody.of(alert_recipients.hear_again(db, user, rule_id))


def check_way(user: User, way: AlertWay) -> None:
    """`Forbidden` unless this user may have leads told by this way."""
    if way is AlertWay.WEBHOOK and not may(user, Action.CHANGE_WEBHOOKS):
        raise Forbidden("To a webhook leads are told by marketers and admins. Choose mail or Slack.")


# --- webhooks ------------------------------------------------------------------------------------------------------


@router.get("/webhooks", operation_id="readWebhooks", summary="All webhooks", responses=problems(InvalidInput))
def read_webhooks(
    _user: Annotated[User, by_token(Action.READ_WEBHOOKS)], db: ReadDb, params: Annotated[PageParams, Query()]
) -> Page[WebhookBody]:
    """In the order in which they were made."""
    return page_of(webhooks.everything(db), params, WebhookBody.of, key=lambda webhook: [webhook.id])


@router.post("/webhooks", status_code=201, operation_id="makeWebhook", summary="Make a webhook", responses=_WRITES)
def make_webhook(user: Keeper, db: Db, now: Now, state: StateDep, body: NewWebhook) -> WebhookSecretBody:
    """It is told what happens from now on. Its secret is given here and nowhere else again."""
    webhook, secret = webhooks.make(db, state.settings, body.wanted, actor=user, now=now)
    return WebhookSecretBody(webhook=WebhookBody.of(webhook), secret=secret)


@router.put("/webhooks/{webhook_id}", operation_id="changeWebhook", summary="Change a webhook", responses=_WRITES)
def change_webhook(*, user: Keeper, webhook_id: Id, db: Db, now: Now, state: StateDep, body: NewWebhook) -> WebhookBody:
    """Its secret stays."""
    webhook = webhooks.get(db, webhook_id)
    webhooks.change(db, state.settings, webhook, body.wanted, actor=user, now=now)
    return WebhookBody.of(webhook)


@router.delete(
    "/webhooks/{webhook_id}",
    status_code=204,
    operation_id="deleteWebhook",
    summary="Delete a webhook",
    responses=_WRITES,
)
def delete_webhook(user: Keeper, webhook_id: Id, db: Db, now: Now) -> Response:
    """With its deliveries, and the alert rules that use it."""
    webhooks.delete(db, webhooks.get(db, webhook_id), actor=user, now=now)
    return Response(status_code=204)


@router.post("/webhooks/{webhook_id}/rotate", operation_id="rotateSecret", summary="A new secret", responses=_WRITES)
def rotate_secret(user: Keeper, webhook_id: Id, db: Db, now: Now, state: StateDep) -> WebhookSecretBody:
    """For 24 hours the one before signs too."""
    webhook = webhooks.get(db, webhook_id)
    secret = webhooks.rotate(db, state.settings, webhook, actor=user, now=now)
    return WebhookSecretBody(webhook=WebhookBody.of(webhook), secret=secret)


@router.post("/webhooks/{webhook_id}/pause", operation_id="pauseWebhook", summary="Pause a webhook", responses=_WRITES)
def pause_webhook(user: Keeper, webhook_id: Id, db: Db, now: Now) -> WebhookBody:
    """What happens meanwhile waits, for 30 days at most."""
    webhook = webhooks.get(db, webhook_id)
    webhooks.pause(db, webhook, actor=user, now=now)
    return WebhookBody.of(webhook)


@router.post(
    "/webhooks/{webhook_id}/resume", operation_id="resumeWebhook", summary="Resume a webhook", responses=_WRITES
)
def resume_webhook(user: Keeper, webhook_id: Id, db: Db, now: Now) -> WebhookBody:
    """What waited is sent."""
    webhook = webhooks.get(db, webhook_id)
    webhooks.resume(db, webhook, actor=user, now=now)
    return WebhookBody.of(webhook)


@router.post("/webhooks/{webhook_id}/test", operation_id="testWebhook", summary="Send a test", responses=_WRITES)
def send_test(_user: Keeper, webhook_id: Id, db: Db, now: Now) -> WebhookBody:
    """`webhook.test`, with the next pass."""
    webhook = webhooks.get(db, webhook_id)
    webhooks.test(db, webhook, now=now)
    return WebhookBody.of(webhook)


@router.post(
    "/webhooks/{webhook_id}/replay", operation_id="replayFailed", summary="Send all failed again", responses=_WRITES
)
def replay_failed(_user: Keeper, webhook_id: Id, db: Db, now: Now) -> CountBody:
    """How many were given up, and are pending now."""
    return CountBody(count=deliveries.replay_failed(db, webhook_id, now=now))


# --- deliveries ----------------------------------------------------------------------------------------------------


@router.get("/deliveries", operation_id="readDeliveries", summary="What was told", responses=problems(InvalidInput))
def read_deliveries(user: Reader, db: ReadDb, params: Annotated[DeliveryParams, Query()]) -> Page[DeliveryBody]:
    """The newest first: those of one's own rules; for marketers and admins those of webhooks too."""
    place = params.place(int)
    found = deliveries.log(
        db,
        whose_log(user),
        webhook_id=params.webhook_id,
        state=params.state,
        before=None if place is None else int(place[0]),
        limit=params.limit,
    )
    return page_from(found, params, DeliveryBody.of, key=lambda delivery: [delivery.id])


@router.post(
    "/deliveries/{delivery_id}/replay",
    operation_id="replayDelivery",
    summary="Send one again",
    responses=problems(NotFound, WrongStage, InvalidInput, TooLarge),
)
def replay_delivery(user: Teller, delivery_id: Id, db: Db, now: Now) -> DeliveryBody:
    """Under the same `webhook-id`, and with what is true now."""
    return DeliveryBody.of(deliveries.replay(db, delivery_id, of=whose_log(user), now=now))


def whose_log(user: User) -> User | None:
    """Of whose rules somebody sees the deliveries; None: all there are."""
    return None if may(user, Action.READ_WEBHOOKS) else user
