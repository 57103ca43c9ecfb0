"""What moves in a CRM comes back: our lead goes where its record went, onwards and never back.

The rule where both moved: the further stage wins, and of won and lost the one that was there first here. So nothing
depends on whose clock is right, a lead never goes back unless somebody here decides it, and what is not taken over is
a line of the log.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.crm import connections
from overheard.errors import WrongStage
from overheard.leads import funnel
from overheard.models import CrmConnection, CrmLink, Lead
from overheard.notifications.outbound_vocabulary import CrmDeed, OutboundState
from overheard.vocabulary import Stage

POLLS_EVERY = timedelta(minutes=5)


def due(session: Session, now: datetime) -> Sequence[CrmConnection]:
    """Connections that are to be asked what has moved; they are asked again after a while, whatever comes of it."""
    waited = sa.or_(CrmConnection.polled_at.is_(None), CrmConnection.polled_at <= now - POLLS_EVERY)
    rested = sa.or_(CrmConnection.resting_until.is_(None), CrmConnection.resting_until <= now)
    statement = sa.select(CrmConnection).where(CrmConnection.paused_at.is_(None), waited, rested)
    found = session.scalars(statement.with_for_update(skip_locked=True)).all()
    for connection in found:
        connection.polled_at = now
    session.flush()
    return found


def linked(session: Session, connection_id: int) -> dict[str, int]:
    """Records whose lead is still here: their id, and that of the link. What is on its way is asked for later."""
    statement = sa.select(CrmLink.remote_id, CrmLink.id).where(
        CrmLink.connection_id == connection_id,
        CrmLink.remote_id.is_not(None),
        CrmLink.state.in_((OutboundState.DELIVERED, OutboundState.PENDING, OutboundState.FAILED)),
        sa.exists().where(Lead.id == CrmLink.lead_id),
    )
    return {str(remote_id): link_id for remote_id, link_id in session.execute(statement)}


def take_over(session: Session, links: Mapping[str, int], stages: Mapping[str, str], *, now: datetime) -> int:
    """Let leads follow their records; how many moved. A record that was asked for and is not told of is gone."""
    moved = 0
    for remote_id, link_id in links.items():
        link = session.get(CrmLink, link_id, populate_existing=True, with_for_update=True)
        if link is None or link.state is OutboundState.SENDING:
            continue
        if remote_id not in stages:
            link.state, link.error = OutboundState.DROPPED, "The record was deleted in the CRM."
            connections.write_down(session, link.connection_id, link.lead_id, CrmDeed.GONE, link.error, now)
        elif stages[remote_id] != link.remote_stage:
            moved += _follow(session, link, stages[remote_id], now)
    session.flush()
    return moved


def _follow(session: Session, link: CrmLink, seen: str, now: datetime) -> bool:
    connection = connections.get(session, link.connection_id)
    names = {stage.id: stage.name for stage in connections.remote_stages(connection)}
    link.remote_stage = seen
    lead = session.get(Lead, link.lead_id, populate_existing=True)
    meant = connection.stages_in.get(seen)
    there = names.get(seen, seen)
    if lead is None:
        return False
    if meant is None or lead.stage == meant:
        _say_ours_again(link, lead, now)
        return False
    because = f"{connection.name} ({connection.platform.display}) has it at {there}."
    try:
        funnel.follow(session, lead.id, Stage(meant), because=because, now=now)
    except WrongStage:
        told = f"It stands at {there} there and stays {lead.stage.display} here."
        connections.write_down(session, connection.id, lead.id, CrmDeed.KEPT, told, now)
        _say_ours_again(link, lead, now)
        return False
    link.pushed_stage = Stage(meant)  # they know
    told = f"It stands at {there} there, and is {Stage(meant).display} here now."
    connections.write_down(session, connection.id, lead.id, CrmDeed.MOVED, told, now)
    return True


def _say_ours_again(link: CrmLink, lead: Lead, now: datetime) -> None:
    """A move of ours that was held back because the record had been moved there."""
    if link.pushed_stage is not lead.stage and link.state is OutboundState.DELIVERED:
        link.state, link.next_at = OutboundState.PENDING, now
