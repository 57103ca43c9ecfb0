"""Ways to reach a lead. Each is checked when it is written down: what cannot be right is refused, with the reason.

Whether it can be reached is another question, which takes the network: whoever runs the application hands in a
function that answers it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit, urlunsplit

import phonenumbers
import sqlalchemy as sa
from email_validator import EmailNotValidError, validate_email
from sqlalchemy.orm import Session

from overheard.errors import InvalidInput, NotFound, WrongStage
from overheard.leads.funnel import add_word, get
from overheard.models import Contact, User
from overheard.vocabulary import ContactKind, LeadAction

MAX_CONTACTS = 20
_MAX_VALUE = 500


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check of a contact said."""

    is_reachable: bool | None
    """None: it could not be told."""
    sentence: str


Reach = Callable[[ContactKind, str], Finding]
"""Asks the network whether somebody can be reached by this."""


def not_asked(_kind: ContactKind, _value: str) -> Finding:
    """A `Reach` for where there is no network."""
    return Finding(None, "It was not checked: this server asks nobody.")


def add_contact(
    session: Session, lead_id: int, *, kind: ContactKind, value: str, actor: User, now: datetime
) -> Contact:
    """Keep a way to reach a lead; the same one twice is one. `InvalidInput` says why it cannot be right."""
    lead = get(session, lead_id)
    value, finding = checked(kind, value)
    present = contacts_of(session, [lead.id])
    if same := next((contact for contact in present if (contact.kind, contact.value) == (kind, value)), None):
        return same
    if len(present) >= MAX_CONTACTS:
        raise InvalidInput(f"A lead has at most {MAX_CONTACTS} contacts: remove one first.")
    contact = Contact(lead_id=lead.id, kind=kind, value=value, is_reachable=None, finding=finding)
    session.add(contact)
    session.flush()
    add_word(session, lead, LeadAction.CONTACT, actor=actor, now=now, note=f"added: {kind.display}")
    return contact


def remove_contact(session: Session, lead_id: int, contact_id: int, *, actor: User, now: datetime) -> None:
    """Forget a way to reach a lead. The timeline tells that there was one, and not which."""
    contact = _one(session, lead_id, contact_id)
    note = f"removed: {contact.kind.display}"
    session.delete(contact)
    add_word(session, get(session, lead_id), LeadAction.CONTACT, actor=actor, now=now, note=note)


def contact_to_check(session: Session, lead_id: int, contact_id: int) -> Contact:
    """The contact, if there is something that the network could tell about it."""
    contact = _one(session, lead_id, contact_id)
    if contact.kind is ContactKind.PHONE:
        raise WrongStage("A phone number is checked by calling it: its form is right.")
    return contact


def record_finding(session: Session, lead_id: int, contact_id: int, finding: Finding, *, now: datetime) -> Contact:
    """Keep what a check said."""
    contact = _one(session, lead_id, contact_id)
    contact.is_reachable, contact.finding, contact.checked_at = finding.is_reachable, finding.sentence, now
    return contact


def contacts_of(session: Session, lead_ids: Iterable[int]) -> Sequence[Contact]:
    """All ways to reach some leads."""
    statement = sa.select(Contact).where(Contact.lead_id.in_(list(lead_ids)))
    return session.scalars(statement.order_by(Contact.kind, Contact.id)).all()


def checked(kind: ContactKind, text: str) -> tuple[str, str | None]:
    """A contact in its one form, and what its form alone tells; `InvalidInput` says why it cannot be right."""
    text = text.strip()
    if not 1 <= len(text) <= _MAX_VALUE:
        raise InvalidInput(f"A contact has 1 to {_MAX_VALUE} characters.")
    return _FORMS[kind](text)


def _email(text: str) -> tuple[str, None]:
    try:
        # Whether its domain takes mail is asked later, on request: it takes the network.
        return validate_email(text, check_deliverability=False).normalized, None
    except EmailNotValidError as error:
        raise InvalidInput(f"This is no e-mail address and was not kept: {error}") from error


def _phone(text: str) -> tuple[str, str]:
    try:
        number = phonenumbers.parse(text)
    except phonenumbers.NumberParseException as error:
        raise InvalidInput(
            f"This is no phone number with a country code and was not kept: {error}. Write it like +49 30 901820."
        ) from error
    if not phonenumbers.is_valid_number(number):
        raise InvalidInput("No phone has this number, so it was not kept: see whether a digit is missing.")
    form = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    region = phonenumbers.region_code_for_number(number)
    return form, f"A valid number ({region})." if region else "A valid number."


def _site(text: str) -> tuple[str, None]:
    address = text if "://" in text else f"https://{text}"
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise InvalidInput(f"This is no web address and was not kept: {error}.") from error
    if parts.scheme not in ("http", "https") or "." not in host or any(c.isspace() for c in address):
        raise InvalidInput("This is no web address and was not kept: write it like https://example.org.")
    if parts.username or parts.password:
        raise InvalidInput("This address holds a password and was not kept: leave it out.")
    return urlunsplit((parts.scheme, parts.netloc.lower(), parts.path.rstrip("/"), parts.query, "")), None


_FORMS: dict[ContactKind, Callable[[str], tuple[str, str | None]]] = {
    ContactKind.EMAIL: _email,
    ContactKind.PHONE: _phone,
    ContactKind.SITE: _site,
}


def _one(session: Session, lead_id: int, contact_id: int) -> Contact:
    contact = session.get(Contact, contact_id)
    if contact is None or contact.lead_id != lead_id:
        raise NotFound(f"Lead {lead_id} has no contact {contact_id}.")
    return contact
