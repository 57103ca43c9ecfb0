"""The API for programs, of CRM connections. A CRM is asked before the transaction begins in which the answer is kept:
what asks stands before `Db` among what a route asks for.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Query
from sqlalchemy.orm import Session
from starlette.responses import Response

from api.access import Action
from api.crm_bodies import CrmAccess, CrmBody, CrmEntryBody, CrmWishes, NewCrm
from api.deps import BeforeAsking, Db, Id, Now, ReadDb, StateDep, by_token
from api.errors import TooLarge
from api.openapi import problems
from api.paging import Page, PageParams, page_from, page_of
from api.routing import ApiRouter
from api.state import State
from overheard.crm import connections, pushes
from overheard.crm.connections import Access
from overheard.crm.records import CrmDoor, RecordRefused, RemoteStage
from overheard.errors import CollectorError, InvalidInput, NotFound
from overheard.models import CrmConnection, User

router = ApiRouter(tags=["crm"])

Reader = Annotated[User, by_token(Action.READ_CRM)]
Keeper = Annotated[User, by_token(Action.CHANGE_CRM)]

Asked = tuple[Access, Sequence[RemoteStage]]
"""A CRM that opens, and its stages."""


def asked_first(_keeper: Keeper, _before: BeforeAsking, state: StateDep, body: NewCrm) -> Asked:
    """The CRM that somebody wants to connect."""
    access = connections.checked_access(state.settings, body.access.of(body.platform))
    return access, stages_of(state, access)


def asked_anew(_keeper: Keeper, _before: BeforeAsking, state: StateDep, connection_id: Id, body: CrmAccess) -> Asked:
    """A CRM with a new token."""
    return tried(state, connection_id, body)


def tested(_keeper: Keeper, _before: BeforeAsking, state: StateDep, connection_id: Id) -> CrmConnection:
    """A connection by which a record was made and deleted just now."""
    return push_test(state, connection_id)


_WRITES = problems(NotFound, InvalidInput, TooLarge)


@router.get("/crm", operation_id="readCrms", summary="CRM connections", responses=problems(InvalidInput))
def read_crms(_user: Reader, db: ReadDb, params: Annotated[PageParams, Query()]) -> Page[CrmBody]:
    """In the order in which they were made."""
    return page_of(connections.everything(db), params, CrmBody.of, key=lambda connection: [connection.id])


@router.post("/crm", status_code=201, operation_id="connectCrm", summary="Connect a CRM", responses=_WRITES)
def connect_crm(
    *, user: Keeper, asked: Annotated[Asked, Depends(asked_first)], db: Db, now: Now, state: StateDep, body: NewCrm
) -> CrmBody:
    """Its token is tried, and its stages are read, before anything is kept."""
    access, stages = asked
    made = connections.make(db, state.settings, access, stages, body.wanted, actor=user, now=now)
    return CrmBody.of(made)


@router.put("/crm/{connection_id}", operation_id="changeCrm", summary="Change a CRM connection", responses=_WRITES)
def change_crm(user: Keeper, connection_id: Id, db: Db, now: Now, body: CrmWishes) -> CrmBody:
    """Its token stays."""
    connection = connections.get(db, connection_id)
    connections.change(db, connection, body.wanted, actor=user, now=now)
    return CrmBody.of(connection)


@router.put("/crm/{connection_id}/access", operation_id="renewCrm", summary="Give a new token", responses=_WRITES)
def renew_crm(
    *, user: Keeper, connection_id: Id, asked: Annotated[Asked, Depends(asked_anew)], db: Db, now: Now, state: StateDep
) -> CrmBody:
    """It is tried first; a paused connection goes on."""
    access, stages = asked
    connection = connections.get(db, connection_id)
    connections.renew(db, state.settings, connection, access, stages, actor=user, now=now)
    return CrmBody.of(connection)


@router.post("/crm/{connection_id}/test", operation_id="testCrm", summary="Push a test", responses=_WRITES)
def try_crm(_user: Keeper, connection: Annotated[CrmConnection, Depends(tested)], _db: Db) -> CrmBody:
    """An invented record is made there, and deleted at once."""
    return CrmBody.of(connection)


@router.post("/crm/{connection_id}/pause", operation_id="pauseCrm", summary="Pause a connection", responses=_WRITES)
def pause_crm(user: Keeper, connection_id: Id, db: Db, now: Now) -> CrmBody:
    """What happens meanwhile waits."""
    connection = connections.get(db, connection_id)
    connections.pause(db, connection, actor=user, now=now)
    return CrmBody.of(connection)


@router.post("/crm/{connection_id}/resume", operation_id="resumeCrm", summary="Resume a connection", responses=_WRITES)
def resume_crm(user: Keeper, connection_id: Id, db: Db, now: Now) -> CrmBody:
    """What waited is pushed, and so is what had been given up."""
    connection = connections.get(db, connection_id)
    connections.resume(db, connection, actor=user, now=now)
    return CrmBody.of(connection)


@router.post(
    "/crm/{connection_id}/leads/{lead_id}", operation_id="pushLead", summary="Push a lead again", responses=_WRITES
)
def push_lead(_user: Keeper, connection_id: Id, lead_id: Id, db: Db, now: Now) -> CrmBody:
    """With the next pass, whether or not something has changed."""
    connection = again(db, connection_id, lead_id, now=now)
    return CrmBody.of(connection)


@router.delete(
    "/crm/{connection_id}", status_code=204, operation_id="removeCrm", summary="Remove a connection", responses=_WRITES
)
def remove_crm(user: Keeper, connection_id: Id, db: Db, now: Now) -> Response:
    """With its token and its log. What stands in the CRM stays there."""
    connections.remove(db, connections.get(db, connection_id), actor=user, now=now)
    return Response(status_code=204)


@router.get(
    "/crm/{connection_id}/log",
    operation_id="readCrmLog",
    summary="What happened",
    responses=problems(NotFound, InvalidInput),
)
def read_log(
    _user: Reader, connection_id: Id, db: ReadDb, params: Annotated[PageParams, Query()]
) -> Page[CrmEntryBody]:
    """The newest first, of the last 30 days."""
    connections.get(db, connection_id)
    place = params.place(int)
    before = None if place is None else int(place[0])
    found = connections.log(db, connection_id=connection_id, before=before, limit=params.limit)
    return page_from(found, params, CrmEntryBody.of, key=lambda entry: [entry.id])


# --- asking a CRM --------------------------------------------------------------------------------------------------


def stages_of(state: State, access: Access) -> Sequence[RemoteStage]:
    """The stages of a CRM, which is the proof that it opens. `InvalidInput` says what the CRM has against it."""
    try:
        return _door(state).stages(access.platform, access.address, access.secrets)
    except (CollectorError, RecordRefused) as error:
        raise InvalidInput(str(error)) from error


def tried(state: State, connection_id: int, body: CrmAccess) -> tuple[Access, Sequence[RemoteStage]]:
    """A new token for a connection, tried."""
    with state.reading() as session:
        connection = connections.get(session, connection_id)
    given = body.model_copy(update={"address": body.address or connection.address})
    access = connections.checked_access(state.settings, given.of(connection.platform))
    return access, stages_of(state, access)


def push_test(state: State, connection_id: int) -> CrmConnection:
    """Make an invented record there, and delete it."""
    with state.reading() as session:
        connection = connections.get(session, connection_id)
    access = connections.access_of(state.settings, connection)
    try:
        _door(state).test(access.platform, access.address, access.secrets, connections.first_stage(connection))
    except (CollectorError, RecordRefused) as error:
        raise InvalidInput(str(error)) from error
    return connection


def again(db: Session, connection_id: int, lead_id: int, *, now: datetime) -> CrmConnection:
    """Push a lead again; `NotFound` where it was never pushed there."""
    connection = connections.get(db, connection_id)
    if not pushes.again(db, connection, lead_id, now=now):
        raise NotFound(f"Lead {lead_id} was not pushed to {connection.name}.")
    return connection


def _door(state: State) -> CrmDoor:
    if state.crm is None:
        raise InvalidInput("No CRM can be asked from here.")
    return state.crm
