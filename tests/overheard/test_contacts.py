from datetime import datetime

import pytest
from sqlalchemy.orm import Session

from overheard.errors import InvalidInput, NotFound, WrongStage
from overheard.leads import contacts, funnel
from overheard.leads.contacts import Finding, checked
from overheard.models import User
from overheard.vocabulary import ContactKind
from tests.factories import make_lead

EMAIL, PHONE, SITE = ContactKind.EMAIL, ContactKind.PHONE, ContactKind.SITE


@pytest.mark.parametrize(
    ("kind", "text", "kept"),
    [
        (EMAIL, " Rosa@EXAMPLE.com ", "Rosa@example.com"),
        (PHONE, "+49 30/901820", "+49 30 901820"),
        (SITE, "Bakery.example.com/", "https://bakery.example.com"),
        (SITE, "http://bakery.example.com/about/", "http://bakery.example.com/about"),
    ],
)
def test_a_contact_is_kept_in_its_one_form(kind: ContactKind, text: str, kept: str) -> None:
    assert checked(kind, text)[0] == kept


@pytest.mark.parametrize(
    ("kind", "text", "told"),
    [
        (EMAIL, "rosa@", "no e-mail address and was not kept"),
        (EMAIL, "rosa at example.com", "no e-mail address and was not kept"),
        (PHONE, "030 901820", "Write it like"),
        (PHONE, "+49 1", "was not kept"),
        (PHONE, "call me", "was not kept"),
        (SITE, "javascript:alert(1)", "no web address"),
        (SITE, "ftp://example.com", "no web address"),
        (SITE, "https://localhost", "no web address"),
        (SITE, "https://rosa:bread@example.com", "holds a password"),
        (SITE, "https://[example.com", "no web address"),
        (SITE, "a b.example.com", "no web address"),
        (SITE, " ", "1 to 500 characters"),
    ],
)
def test_what_cannot_be_right_is_not_kept_and_it_is_said_why(kind: ContactKind, text: str, told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        checked(kind, text)


def test_the_same_contact_twice_is_one(session: Session, sam: User, now: datetime) -> None:
    lead = make_lead(session, now=now)
    first = contacts.add_contact(session, lead.id, kind=SITE, value="example.com", actor=sam, now=now)
    again = contacts.add_contact(session, lead.id, kind=SITE, value="https://EXAMPLE.com/", actor=sam, now=now)
    assert again.id == first.id
    contacts.remove_contact(session, lead.id, first.id, actor=sam, now=now)
    assert contacts.contacts_of(session, [lead.id]) == []
    told = [(event.action.value, event.note) for event in funnel.timeline(session, lead.id)[-2:]]
    assert told == [("contact", "added: site"), ("contact", "removed: site")]


def test_what_a_check_said_is_kept_with_its_time(session: Session, sam: User, now: datetime) -> None:
    lead = make_lead(session, now=now)
    contact = contacts.add_contact(session, lead.id, kind=SITE, value="example.com", actor=sam, now=now)
    assert (contact.is_reachable, contact.checked_at) == (None, None)
    contacts.record_finding(session, lead.id, contact.id, Finding(False, "There is no such host."), now=now)
    assert (contact.is_reachable, contact.finding, contact.checked_at) == (False, "There is no such host.", now)


def test_a_phone_number_is_not_asked_by_the_network(session: Session, sam: User, now: datetime) -> None:
    lead = make_lead(session, now=now)
    contact = contacts.add_contact(session, lead.id, kind=PHONE, value="+49 30 901820", actor=sam, now=now)
    assert contact.finding == "A valid number (DE)."
    with pytest.raises(WrongStage, match="by calling it"):
        contacts.contact_to_check(session, lead.id, contact.id)


def test_a_contact_belongs_to_its_lead(session: Session, sam: User, now: datetime) -> None:
    lead, other = make_lead(session, now=now), make_lead(session, now=now)
    contact = contacts.add_contact(session, lead.id, kind=SITE, value="example.com", actor=sam, now=now)
    with pytest.raises(NotFound, match="has no contact"):
        contacts.remove_contact(session, other.id, contact.id, actor=sam, now=now)
