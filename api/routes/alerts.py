"""The page of what goes out: alert rules, feeds, and the log of deliveries."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from sqlalchemy.orm import Session
from starlette.responses import Response

from api.access import Action, may
from api.alert_bodies import NewAlert
from api.deps import MAX_ID, Db, Id, Now, ReadDb, StateDep, on_page
from api.errors import status_of
from api.filters import none_if_empty
from api.pages import Flash, done, page
from api.routes.v1_alerts import check_way, whose_log
from api.state import state_of
from overheard.desk import views
from overheard.errors import OverheardError
from overheard.marketing import campaigns
from overheard.models import User
from overheard.notifications import alert_recipients, alerts, deliveries, feeds, mail, webhooks
from overheard.notifications.outbound_vocabulary import AlertWay, OutboundState
from overheard.users import people

router = APIRouter(prefix="/alerts")

HERE = "/alerts"

_Empty = BeforeValidator(none_if_empty)
_Choice = Annotated[str | None, _Empty]
Teller = Annotated[User, on_page(Action.CHANGE_ALERTS)]
OptionalId = Annotated[int | None, _Empty, Field(ge=1, le=MAX_ID)]
Hour = Annotated[int | None, _Empty, Field(ge=0, le=23)]


class RuleForm(NewAlert):
    """The same as a form sends it: what is left alone is empty, and what is shown is one list."""

    model_config = ConfigDict(extra="ignore")  # the form's token stands beside

    campaign_id: OptionalId = None
    view_id: OptionalId = None
    webhook_id: OptionalId = None
    hook: Annotated[str | None, _Empty] = Field(None, max_length=500)
    quiet_from: Hour = None
    quiet_until: Hour = None
    min_score: Annotated[float | None, _Empty] = Field(None, ge=0, le=1, allow_inf_nan=False)
    about: str = ""
    """`campaign 3`, `view 7`, or nothing: all leads."""

    @model_validator(mode="before")
    @classmethod
    def _is_hot(cls, sent: dict[str, Any]) -> dict[str, Any]:
        """`hot` stands among the scores."""
        return {**sent, "min_score": None, "only_hot": True} if sent.get("min_score") == "hot" else sent

    @property
    def wanted(self) -> alerts.Wanted:
        """As the rules take it."""
        kind, _, number = self.about.partition(" ")
        chosen = {f"{kind}_id": int(number)} if kind in ("campaign", "view") and number.isdecimal() else {}
        people = {"people": self.people if self.way is AlertWay.MAIL else ()}
        return alerts.Wanted(**self.model_dump(exclude={"about"}) | chosen | people)


class LogParams(BaseModel):
    """Which deliveries are shown."""

    model_config = ConfigDict(extra="forbid")

    webhook: OptionalId = None
    state: Annotated[OutboundState | None, _Empty] = None
    before: OptionalId = None


@router.get("")
def all_alerts(
    request: Request,
    viewer: Annotated[User, on_page(Action.READ_ALERTS)],
    db: ReadDb,
    campaign: Annotated[int | None, Query(ge=1, le=MAX_ID)] = None,
) -> Response:
    """One's own rules and feeds, and the webhooks for those who may see them; `campaign`: what a new one is about."""
    return show(request, viewer, db, campaign=campaign)


@router.post("/rules")
def make_rule(
    *, request: Request, viewer: Teller, state: StateDep, db: Db, now: Now, form: Annotated[RuleForm, Form()]
) -> Response:
    """Be told from now on."""
    try:
        check_way(viewer, form.way)
        with db.begin_nested():
            rule = alerts.make(db, state.settings, people.get(db, viewer.id), form.wanted, now=now)
    except OverheardError as error:
        return show(request, viewer, db, refused=error, at="rules", typed=form)
    told = ", ".join(row.user.name for row in alert_recipients.open_recipients(db, rule)) or "You"
    return done(request, HERE, Flash(f"Told by {rule.name} from now on: {told}."))


@router.post("/rules/{rule_id}")
def change_rule(
    *,
    request: Request,
    rule_id: Id,
    viewer: Teller,
    state: StateDep,
    db: Db,
    now: Now,
    form: Annotated[RuleForm, Form()],
) -> Response:
    """Be told otherwise; a rule that was paused goes on."""
    rule = alerts.get(db, viewer, rule_id)
    check_way(viewer, form.way)
    alerts.change(db, state.settings, rule, form.wanted, now=now)
    return done(request, HERE, Flash(f"{rule.name} is changed."))


@router.post("/rules/{rule_id}/delete")
def delete_rule(request: Request, rule_id: Id, viewer: Teller, db: Db) -> Response:
    """Be told no more."""
    rule = alerts.get(db, viewer, rule_id)
    alerts.delete(db, rule)
    return done(request, HERE, Flash(f"{rule.name} is deleted."))


@router.post("/rules/{rule_id}/stop")
def stop_rule(request: Request, rule_id: Id, viewer: Teller, db: Db, now: Now) -> Response:
    """Be told no more by a rule, oneself only."""
    told = alert_recipients.stop(db, viewer, rule_id, now=now)
    return done(request, HERE, Flash(f"{told.rule.name} tells you no more. Others are told as before."))


@router.post("/rules/{rule_id}/resume")
def hear_again(request: Request, rule_id: Id, viewer: Teller, db: Db) -> Response:
    """Be told again by a rule that one has stopped, or whose mails did not arrive."""
    told = alert_recipients.hear_again(db, viewer, rule_id)
    return done(request, HERE, Flash(f"{told.rule.name} tells you again."))


@router.post("/feeds")
def make_feed(
    *,
    request: Request,
    viewer: Teller,
    state: StateDep,
    db: Db,
    now: Now,
    view_id: Annotated[OptionalId, Form()] = None,
    with_text: Annotated[bool, Form()] = False,
) -> Response:
    """A new address, shown on the page that answers and nowhere else again."""
    _, token = feeds.make(db, people.get(db, viewer.id), view_id=view_id, with_text=with_text, now=now)
    address = f"{state.settings.address}/feeds/{token}/queue.xml"
    return show(request, viewer, db, secret=("The address of your feed", address))


@router.post("/feeds/{feed_id}/revoke")
def revoke_feed(request: Request, feed_id: Id, viewer: Teller, db: Db, now: Now) -> Response:
    """Close an address."""
    feeds.revoke(db, viewer, feed_id, now=now)
    return done(request, HERE, Flash("Nothing can be read at that address any more."))


@router.get("/deliveries")
def delivery_log(
    request: Request,
    viewer: Annotated[User, on_page(Action.READ_ALERTS)],
    db: ReadDb,
    params: Annotated[LogParams, Query()],
) -> Response:
    """What was told to whom, the newest first."""
    whose = whose_log(viewer)
    found = deliveries.log(db, whose, webhook_id=params.webhook, state=params.state, before=params.before)
    shown = found[: deliveries.PAGE_SIZE]
    return page(
        request,
        "alert_deliveries.html",
        viewer=viewer,
        found=shown,
        older=shown[-1].id if len(found) > len(shown) else None,
        params=params,
        webhooks=webhooks.everything(db) if whose is None else [],
        states=OutboundState,
    )


@router.post("/deliveries/{delivery_id}/replay")
def replay(request: Request, delivery_id: Id, viewer: Teller, db: Db, now: Now) -> Response:
    """Send one again."""
    deliveries.replay(db, delivery_id, of=whose_log(viewer), now=now)
    return done(request, f"{HERE}/deliveries", Flash("It is sent again with the next pass."))


def show(
    request: Request,
    viewer: User,
    db: Session,
    *,
    campaign: int | None = None,
    secret: tuple[str, str] | None = None,
    refused: OverheardError | None = None,
    at: str = "",
    typed: BaseModel | None = None,
) -> Response:
    """The page, with what a form before was refused for and what its sender typed."""
    settings = state_of(request).settings
    db.flush()
    sees_webhooks = may(viewer, Action.READ_WEBHOOKS)
    return page(
        request,
        "alerts.html",
        viewer=viewer,
        status=status_of(refused) if refused else HTTPStatus.OK,
        rules=alerts.rules(db, viewer),
        from_others=alert_recipients.from_others(db, viewer),
        people=alert_recipients.tellable(db),
        feeds=feeds.own(db, viewer),
        webhooks=webhooks.everything(db) if sees_webhooks else [],
        events=webhooks.EVENTS,
        campaigns=campaigns.names(db),
        views=views.visible(db, viewer),
        ways=[way for way in AlertWay if sees_webhooks or way is not AlertWay.WEBHOOK],
        can_mail=mail.can_send(settings),
        campaign=campaign,
        secret=secret,
        refused=refused,
        refused_at=at,
        typed=typed,
    )
