"""CRM connections: to whose CRM leads are pushed, from which stage on, with what, and how stages are mapped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from overheard.crm.records import LOST, OPEN, WON, RemoteStage
from overheard.errors import InvalidInput, NotFound
from overheard.listening.credentials import open_sealed, seal
from overheard.models import Campaign, CrmConnection, CrmEntry, CrmLink, User
from overheard.notifications.outbound_vocabulary import CrmDeed, CrmPlatform, OutboundState
from overheard.settings import Settings
from overheard.users import audit
from overheard.vocabulary import AuditAction, Stage

MAX_CONNECTIONS = 10
MAX_NAME = 80
PAGE_SIZE = 50
_LONGEST = 500

PUSHES_FROM = (Stage.SALES_QUALIFIED, Stage.REPLIED, Stage.PROSPECT)
MAPPED_OUT = (*PUSHES_FROM, Stage.WON, Stage.LOST, Stage.DISQUALIFIED)
MAPPED_IN = (Stage.REPLIED, Stage.PROSPECT, Stage.WON, Stage.LOST)

HUBSPOT_ADDRESS = "https://api.hubapi.com"
_HOSTS = {
    CrmPlatform.HUBSPOT: ("api.hubapi.com",),
    CrmPlatform.SALESFORCE: (".salesforce.com",),
    CrmPlatform.PIPEDRIVE: (".pipedrive.com",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A connection as somebody wants it."""

    name: str
    push_from: Stage = Stage.SALES_QUALIFIED
    campaign_id: int | None = None
    with_text: bool = False
    with_notes: bool = False
    with_contact: bool = False
    stages_out: Mapping[Stage, str] | None = None
    """None: as it is, or as it is proposed."""
    stages_in: Mapping[str, Stage] | None = None


@dataclass(frozen=True, slots=True)
class Access:
    """Where a CRM is, and what opens it."""

    platform: CrmPlatform
    address: str
    token: str = field(repr=False)
    client_id: str = ""
    """Salesforce: the consumer key of the app whose secret the token is."""

    @property
    def secrets(self) -> dict[str, str]:
        """As they are kept."""
        return {"token": self.token, "client_id": self.client_id}


def everything(session: Session) -> Sequence[CrmConnection]:
    """All connections, by name."""
    return session.scalars(sa.select(CrmConnection).order_by(CrmConnection.name, CrmConnection.id)).all()


def get(session: Session, connection_id: int) -> CrmConnection:
    """The connection; `NotFound` when there is none."""
    connection = session.get(CrmConnection, connection_id)
    if connection is None:
        raise NotFound(f"There is no CRM connection {connection_id}.")
    return connection


def checked_access(settings: Settings, access: Access) -> Access:
    """The same with an address that may be asked; `InvalidInput` says what is missing."""
    address = access.address.strip().rstrip("/")
    if access.platform is CrmPlatform.HUBSPOT:
        address = address or HUBSPOT_ADDRESS
    token, client_id = access.token.strip(), access.client_id.strip()
    if not token or len(token) > _LONGEST or not token.isprintable():
        raise InvalidInput("Give the token: docs/crm.md says where it is made.")
    if access.platform is CrmPlatform.SALESFORCE and not client_id:
        raise InvalidInput("Salesforce needs the consumer key of your app, and its secret as the token.")
    _check_address(settings, access.platform, address)
    return Access(access.platform, address, token, client_id)


def _check_address(settings: Settings, platform: CrmPlatform, address: str) -> None:
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise InvalidInput(f"{address[:100]!r} is no web address.") from error
    is_theirs = any(host == name or (name.startswith(".") and host.endswith(name)) for name in _HOSTS[platform])
    is_plain = parts.path in ("", "/") and parts.username is None and not parts.query
    if settings.allow_private_addresses and parts.scheme in ("http", "https") and host and is_plain:
        return
    if parts.scheme != "https" or not is_theirs or not is_plain or len(address) > _LONGEST:
        example = {
            CrmPlatform.HUBSPOT: HUBSPOT_ADDRESS,
            CrmPlatform.SALESFORCE: "https://yourcompany.my.salesforce.com",
            CrmPlatform.PIPEDRIVE: "https://yourcompany.pipedrive.com",
        }[platform]
        raise InvalidInput(f"The address of your {platform.display} looks like {example}.")


def make(
    session: Session,
    settings: Settings,
    access: Access,
    stages: Sequence[RemoteStage],
    wanted: Wanted,
    *,
    actor: User,
    now: datetime,
) -> CrmConnection:
    """A new connection, of an access that was tried. Leads are pushed that move from now on."""
    if len(everything(session)) >= MAX_CONNECTIONS:
        raise InvalidInput(f"There are {MAX_CONNECTIONS} CRM connections, which is the most: remove one first.")
    connection = CrmConnection(
        platform=access.platform,
        address=access.address,
        sealed=seal(settings, access.secrets),
        remote_stages=_kept(stages),
        created_at=now,
        created_by_id=actor.id,
    )
    proposed = _proposed(stages)
    connection.stages_out, connection.stages_in = proposed
    _fill(session, connection, wanted)
    session.add(connection)
    _record(session, actor, connection, "connected", now)
    return connection


def change(session: Session, connection: CrmConnection, wanted: Wanted, *, actor: User, now: datetime) -> None:
    """Let a connection be like this. What opens it stays."""
    _fill(session, connection, wanted)
    _record(session, actor, connection, "changed", now)


def renew(
    session: Session,
    settings: Settings,
    connection: CrmConnection,
    access: Access,
    stages: Sequence[RemoteStage],
    *,
    actor: User,
    now: datetime,
) -> None:
    """Another token, which was tried; a paused connection goes on."""
    connection.address, connection.sealed = access.address, seal(settings, access.secrets)
    connection.remote_stages = _kept(stages)
    connection.paused_at = connection.failing_since = connection.resting_until = connection.last_error = None
    _record(session, actor, connection, "given a new token", now)


def pause(session: Session, connection: CrmConnection, *, actor: User, now: datetime) -> None:
    """Push and ask nothing until it is resumed. What happens meanwhile waits."""
    connection.paused_at = connection.paused_at or now
    _record(session, actor, connection, "paused", now)


def resume(session: Session, connection: CrmConnection, *, actor: User, now: datetime) -> None:
    """Go on, with what waited, and with what had been given up."""
    connection.paused_at = connection.failing_since = connection.resting_until = None
    failed = (CrmLink.connection_id == connection.id, CrmLink.state == OutboundState.FAILED)
    session.execute(
        sa.update(CrmLink).where(*failed).values(state=OutboundState.PENDING, next_at=now, attempts=0),
        execution_options={"synchronize_session": False},
    )
    _record(session, actor, connection, "resumed", now)


def remove(session: Session, connection: CrmConnection, *, actor: User, now: datetime) -> None:
    """Forget it, with its token and log. What stands in the CRM stays there."""
    _record(session, actor, connection, "removed", now)
    session.delete(connection)
    session.flush()


def access_of(settings: Settings, connection: CrmConnection) -> Access:
    """What opens it. For clients only."""
    whose = f"{connection.name} ({connection.platform.display})"
    opened = open_sealed(settings, connection.sealed, whose, anew="give it a new token on the page of CRMs")
    return Access(connection.platform, connection.address, opened["token"], opened["client_id"])


def remote_stages(connection: CrmConnection) -> list[RemoteStage]:
    """The stages there, in their order."""
    return [RemoteStage(*kept) for kept in connection.remote_stages]


def first_stage(connection: CrmConnection) -> str:
    """Where a new record begins when its lead's stage is mapped to none."""
    mapped = next((connection.stages_out[stage] for stage in MAPPED_OUT if stage in connection.stages_out), None)
    return mapped or next((stage.id for stage in remote_stages(connection) if stage.kind == OPEN), "")


def counts(session: Session) -> dict[int, dict[OutboundState, int]]:
    """How many leads of each connection stand in which state."""
    statement = sa.select(CrmLink.connection_id, CrmLink.state, sa.func.count()).group_by(
        CrmLink.connection_id, CrmLink.state
    )
    found: dict[int, dict[OutboundState, int]] = {}
    for connection_id, state, number in session.execute(statement):
        found.setdefault(connection_id, {})[state] = number
    return found


def write_down(  # noqa: PLR0917 - in the order in which one would say it
    session: Session, connection_id: int, lead_id: int | None, deed: CrmDeed, told: str | None, now: datetime
) -> None:
    """A line of the log."""
    session.add(CrmEntry(connection_id=connection_id, lead_id=lead_id, deed=deed, told=told, at=now))


def log(
    session: Session, *, connection_id: int | None = None, before: int | None = None, limit: int = PAGE_SIZE
) -> Sequence[CrmEntry]:
    """The newest lines, those older than `before`; one more than `limit` where there are more."""
    statement = sa.select(CrmEntry).options(joinedload(CrmEntry.connection))
    if connection_id is not None:
        statement = statement.where(CrmEntry.connection_id == connection_id)
    if before is not None:
        statement = statement.where(CrmEntry.id < before)
    return session.scalars(statement.order_by(CrmEntry.id.desc()).limit(limit + 1)).all()


def _kept(stages: Sequence[RemoteStage]) -> list[list[str]]:
    if not any(stage.kind == OPEN for stage in stages):
        raise InvalidInput("The CRM has no pipeline with an open stage: make one there first.")
    return [[stage.id, stage.name, stage.kind] for stage in stages]


def _proposed(stages: Sequence[RemoteStage]) -> tuple[dict[str, str], dict[str, str]]:
    """The first open stage for all that is open, and won and lost for each other."""
    first = {kind: next((one.id for one in stages if one.kind == kind), None) for kind in (OPEN, WON, LOST)}
    ours = dict.fromkeys(PUSHES_FROM, OPEN) | {Stage.WON: WON, Stage.LOST: LOST, Stage.DISQUALIFIED: LOST}
    out = {stage.value: remote for stage, kind in ours.items() if (remote := first[kind]) is not None}
    means = {WON: Stage.WON.value, LOST: Stage.LOST.value}
    return out, {stage.id: means[stage.kind] for stage in stages if stage.kind in means}


def _fill(session: Session, connection: CrmConnection, wanted: Wanted) -> None:
    name = " ".join(wanted.name.split())
    if not 1 <= len(name) <= MAX_NAME:
        raise InvalidInput(f"A connection's name has 1 to {MAX_NAME} characters.")
    if wanted.push_from not in PUSHES_FROM:
        raise InvalidInput("Leads are pushed from sales-qualified, replied or prospect on.")
    if wanted.campaign_id is not None and session.get(Campaign, wanted.campaign_id) is None:
        raise NotFound(f"There is no campaign {wanted.campaign_id}.")
    known = {stage[0] for stage in connection.remote_stages}
    if wanted.stages_out is not None:
        if not set(wanted.stages_out) <= set(MAPPED_OUT) or not set(wanted.stages_out.values()) <= known:
            raise InvalidInput("Map our stages from sales-qualified on, each to a stage of the CRM.")
        connection.stages_out = {stage.value: remote for stage, remote in wanted.stages_out.items()}
    if wanted.stages_in is not None:
        if not set(wanted.stages_in) <= known or not set(wanted.stages_in.values()) <= set(MAPPED_IN):
            raise InvalidInput("A stage of the CRM can mean replied, prospect, won or lost here.")
        connection.stages_in = {remote: stage.value for remote, stage in wanted.stages_in.items()}
    connection.name, connection.push_from, connection.campaign_id = name, wanted.push_from, wanted.campaign_id
    for switch in ("with_text", "with_notes", "with_contact"):
        setattr(connection, switch, getattr(wanted, switch))


def _record(session: Session, actor: User, connection: CrmConnection, what: str, now: datetime) -> None:
    session.flush()
    told = f"CRM connection {connection.id} ({connection.platform.display})"
    audit.record(session, actor, AuditAction.CRM_CHANGED, told, what, now=now)
