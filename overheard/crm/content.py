"""What a CRM is told of a lead, made when it is pushed: as little as was asked for, and nothing that was erased."""

import hmac

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.crm import connections
from overheard.crm.records import Person, Record
from overheard.home import secret_key
from overheard.leads.lead_summaries import LeadSummary
from overheard.models import Contact, CrmConnection, CrmLink, LeadEvent
from overheard.settings import Settings
from overheard.vocabulary import ContactKind, LeadAction

_LONGEST_NAME = 110
_LONGEST_BODY = 5_000
_NOTES = 20
"""The newest."""


def key_of(settings: Settings, lead_id: int) -> str:
    """Our name for a lead in any CRM: of this installation, and the same when a connection is made anew."""
    return f"overheard-{hmac.digest(secret_key(settings).encode(), b'crm records', 'sha256').hex()[:10]}-{lead_id}"


def record_of(
    session: Session, settings: Settings, connection: CrmConnection, link: CrmLink, told: LeadSummary
) -> Record:
    """A lead as it is pushed now. Its stage is said where the CRM does not know it yet."""
    lead = told.lead
    mapped = connection.stages_out.get(lead.stage.value)
    return Record(
        key=key_of(settings, lead.id),
        name=_clipped(f"{told.campaign}: {told.need or told.community}"),
        text="\n".join(_lines(session, settings, connection, told)),
        first_stage=mapped or connections.first_stage(connection),
        stage=mapped if lead.stage is not link.pushed_stage else None,
        known_stage=link.remote_stage,
        person=_person(session, told) if connection.with_contact else None,
        remote_id=link.remote_id,
        contact_id=link.contact_id,
        note_id=link.note_id,
    )


def _lines(session: Session, settings: Settings, connection: CrmConnection, told: LeadSummary) -> list[str]:
    lead = told.lead
    lines = [
        f"Need: {told.need}" if told.need else "",
        f"Post: {told.permalink}" if told.permalink else "",
        f"Heard at {lead.platform.display}, {told.community}, on {told.posted_at:%Y-%m-%d}",
        f"Campaign: {told.campaign}",
        f"Score: {lead.score:.2f}, {lead.intent.value.replace('_', ' ')}",
        f"In Overheard: {settings.address}/leads/{lead.id}",
    ]
    if connection.with_text and (told.title or told.text):
        lines += ["", f"{told.title}\n{told.text}".strip()[:_LONGEST_BODY]]
    if connection.with_notes:
        lines += ["", *_notes(session, lead.id)]
    return [line for line in lines if line]


def _notes(session: Session, lead_id: int) -> list[str]:
    written = (LeadEvent.lead_id == lead_id, LeadEvent.action == LeadAction.NOTE, LeadEvent.note.is_not(None))
    statement = sa.select(LeadEvent.at, LeadEvent.note).where(*written).order_by(LeadEvent.id.desc()).limit(_NOTES)
    return [f"Note of {at:%Y-%m-%d}: {note}" for at, note in session.execute(statement)]


def _person(session: Session, told: LeadSummary) -> Person | None:
    if not told.author:
        return None
    kept = session.scalars(sa.select(Contact).where(Contact.lead_id == told.lead.id).order_by(Contact.id)).all()

    def first(kind: ContactKind) -> str | None:
        return next((contact.value for contact in kept if contact.kind is kind), None)

    return Person(told.author, first(ContactKind.EMAIL), first(ContactKind.PHONE))


def _clipped(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_NAME else line[: _LONGEST_NAME - 1] + "…"
