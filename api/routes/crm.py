"""The page of CRMs: connect, map stages, try, pause, and see what went there and came back."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session
from starlette.responses import Response

from api.access import Action
from api.crm_bodies import DEEDS, CrmAccess
from api.deps import MAX_ID, Db, Id, Now, ReadDb, StateDep, Text, on_page
from api.errors import status_of
from api.pages import Flash, done, page
from api.routes.alerts import OptionalId
from api.routes.v1_crm import again, push_test, stages_of, tried
from api.state import state_of
from overheard.crm import connections
from overheard.errors import OverheardError
from overheard.marketing import campaigns
from overheard.models import User
from overheard.notifications.outbound_vocabulary import CrmPlatform
from overheard.vocabulary import Stage

router = APIRouter(prefix="/crm")

HERE = "/crm"

Keeper = Annotated[User, on_page(Action.CHANGE_CRM)]


class AccessForm(CrmAccess):
    """What opens a CRM, as a form sends it."""

    model_config = ConfigDict(extra="ignore")  # the form's token stands beside


class NewForm(AccessForm):
    """A new connection; what is pushed and mapped is set on the page that follows."""

    platform: CrmPlatform
    name: Text = Field(min_length=1, max_length=connections.MAX_NAME)


class WishesForm(BaseModel):
    """What is pushed and how stages are mapped, as a form sends it."""

    model_config = ConfigDict(extra="ignore")

    name: Text = Field(min_length=1, max_length=connections.MAX_NAME)
    push_from: Stage = Stage.SALES_QUALIFIED
    campaign_id: OptionalId = None
    with_text: bool = False
    with_notes: bool = False
    with_contact: bool = False
    maps_out: list[Text] = Field([])
    """`won default/closedwon` of each of our stages that is mapped; empty where it is not."""
    maps_in: list[Text] = Field([])

    @property
    def wanted(self) -> connections.Wanted:
        """As the connections take it."""
        kept = self.model_dump(exclude={"maps_out", "maps_in"})
        return connections.Wanted(
            **kept,
            stages_out=dict(_pairs(self.maps_out)),
            stages_in={remote: ours for ours, remote in _pairs(self.maps_in)},
        )


def _pairs(maps: list[str]) -> list[tuple[Stage, str]]:
    known = {stage.value for stage in Stage}
    said = [one.partition(" ") for one in maps]
    return [(Stage(ours), remote) for ours, _, remote in said if ours in known and remote]


@router.get("")
def all_crms(
    request: Request,
    viewer: Annotated[User, on_page(Action.READ_CRM)],
    db: ReadDb,
    before: Annotated[int | None, Query(ge=1, le=MAX_ID)] = None,
) -> Response:
    """The connections, and what happened between us and them."""
    return _show(request, viewer, db, before=before)


@router.post("")
def connect(
    *, request: Request, viewer: Keeper, state: StateDep, db: Db, now: Now, form: Annotated[NewForm, Form()]
) -> Response:
    """The token is tried before anything is kept."""
    try:
        access = connections.checked_access(state.settings, form.of(form.platform))
        stages = stages_of(state, access)
        with db.begin_nested():
            wanted = connections.Wanted(name=form.name)
            made = connections.make(db, state.settings, access, stages, wanted, actor=viewer, now=now)
    except OverheardError as error:
        return _show(request, viewer, db, refused=error, typed=form)
    said = f"{made.name} is connected. Look whether the stages are mapped as you want; leads that move go there now."
    return done(request, f"{HERE}#crm-{made.id}", Flash(said))


@router.post("/{connection_id}")
def change(
    *, request: Request, connection_id: Id, viewer: Keeper, db: Db, now: Now, form: Annotated[WishesForm, Form()]
) -> Response:
    """Let it be like this."""
    connection = connections.get(db, connection_id)
    connections.change(db, connection, form.wanted, actor=viewer, now=now)
    return done(request, HERE, Flash(f"{connection.name} is changed."))


@router.post("/{connection_id}/token")
def renew(
    *,
    request: Request,
    connection_id: Id,
    viewer: Keeper,
    state: StateDep,
    db: Db,
    now: Now,
    form: Annotated[AccessForm, Form()],
) -> Response:
    """Another token, tried first; the stages are read anew."""
    try:
        access, stages = tried(state, connection_id, form)
    except OverheardError as error:
        return done(request, HERE, Flash(str(error), is_bad=True))
    connection = connections.get(db, connection_id)
    connections.renew(db, state.settings, connection, access, stages, actor=viewer, now=now)
    return done(request, HERE, Flash(f"{connection.name} has a new token, and goes on."))


@router.post("/{connection_id}/test")
def test(request: Request, connection_id: Id, _viewer: Keeper, state: StateDep) -> Response:
    """Make an invented record there, and delete it."""
    try:
        connection = push_test(state, connection_id)
    except OverheardError as error:
        return done(request, HERE, Flash(str(error), is_bad=True))
    return done(request, HERE, Flash(f"A test record was made in {connection.name} and deleted again: it works."))


@router.post("/{connection_id}/pause")
def pause(request: Request, connection_id: Id, viewer: Keeper, db: Db, now: Now) -> Response:
    """Push and ask nothing until it is resumed."""
    connection = connections.get(db, connection_id)
    connections.pause(db, connection, actor=viewer, now=now)
    return done(request, HERE, Flash(f"{connection.name} is paused. What happens meanwhile waits."))


@router.post("/{connection_id}/resume")
def resume(request: Request, connection_id: Id, viewer: Keeper, db: Db, now: Now) -> Response:
    """Go on, with what was given up too."""
    connection = connections.get(db, connection_id)
    connections.resume(db, connection, actor=viewer, now=now)
    return done(request, HERE, Flash(f"{connection.name} goes on."))


@router.post("/{connection_id}/leads/{lead_id}")
def push_again(request: Request, connection_id: Id, lead_id: Id, _viewer: Keeper, db: Db, now: Now) -> Response:
    """Push a lead again."""
    connection = again(db, connection_id, lead_id, now=now)
    return done(request, HERE, Flash(f"Lead {lead_id} is pushed to {connection.name} again with the next pass."))


@router.post("/{connection_id}/remove")
def remove(request: Request, connection_id: Id, viewer: Keeper, db: Db, now: Now) -> Response:
    """Forget it. What stands in the CRM stays there."""
    connection = connections.get(db, connection_id)
    connections.remove(db, connection, actor=viewer, now=now)
    return done(request, HERE, Flash(f"{connection.name} is removed. What was pushed stays in the CRM."))


def _show(
    request: Request,
    viewer: User,
    db: Session,
    *,
    before: int | None = None,
    refused: OverheardError | None = None,
    typed: NewForm | None = None,
) -> Response:
    db.flush()
    found = connections.log(db, before=before)
    shown = found[: connections.PAGE_SIZE]
    return page(
        request,
        "crm.html",
        viewer=viewer,
        status=status_of(refused) if refused else HTTPStatus.OK,
        connections=connections.everything(db),
        counts=connections.counts(db),
        stages_of=connections.remote_stages,
        pushes_from=connections.PUSHES_FROM,
        mapped_out=connections.MAPPED_OUT,
        mapped_in=connections.MAPPED_IN,
        platforms=CrmPlatform,
        campaigns=campaigns.names(db),
        log=shown,
        deeds=DEEDS,
        before=before,
        older=shown[-1].id if len(found) > len(shown) else None,
        can_ask=state_of(request).crm is not None,
        refused=refused,
        typed=typed,
    )
