"""What is held of an author is told to them whole: posts with their origin, and all that hangs on them."""

import json
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.leads import do_not_contact, lead_notes
from overheard.models import CrmConnection, CrmLink, Exclusion, Lead, Source
from overheard.notifications.outbound_vocabulary import CrmPlatform, OutboundState
from overheard.privacy import erasing, person, subjects
from overheard.replying import answers
from overheard.replying.answers import NewAnswer
from overheard.vocabulary import ExclusionKind, Platform, Stage
from tests.factories import Cast, make_lead, new_post
from tests.overheard.reply_rows import ANSWER, sent

SECRET = "a key of the tests"
TERMS = {"permission": "None: it is public.", "recheck": "all", "can_reply": "assisted", "retention_hours": 48}


@pytest.fixture
def lead(session: Session, cast: Cast, now: datetime) -> Lead:
    """Rosa, whom Sam has answered, who has answered back, and of whom a CRM was told."""
    reply = sent(session, cast.sam, now=now, author="rosa", body="A rye oven, please.")
    answers.hear(session, reply, [NewAnswer("t1_back", "rosa", "Thank you!")], now=now)
    lead = session.get_one(Lead, reply.lead_id)
    lead_notes.add_note(session, lead.id, "Bakes at night.", actor=cast.sam, now=now)
    session.execute(sa.update(Source).values(terms=TERMS, mode="reddit", permitted_by="alice@example.org"))
    crm = CrmConnection(
        platform=CrmPlatform.HUBSPOT, name="Hub", address="", sealed=b"", remote_stages=[], stages_out={}, stages_in={},
        push_from=Stage.SALES_QUALIFIED, with_text=True, with_notes=True, with_contact=True, created_at=now,
        created_by_id=cast.alice.id,
    )  # fmt: skip
    session.add(crm)
    session.flush()
    session.add(
        CrmLink(
            connection_id=crm.id, lead_id=lead.id, campaign_id=lead.campaign_id, state=OutboundState.DELIVERED,
            next_at=now, remote_id="deal 4711",
        )
    )  # fmt: skip
    excluded = {"platform": Platform.REDDIT, "kind": ExclusionKind.AUTHOR, "name": "rosa"}
    session.add(Exclusion(campaign_id=lead.campaign_id, at=now, **excluded))
    make_lead(session, now=now, post=new_post(author="mia", body="An oven of somebody else."))
    return lead


def held(session: Session, now: datetime) -> dict[str, Any]:
    return person.held(session, subjects.author(session, "reddit:rosa"), secret=SECRET, now=now)


@pytest.mark.usefixtures("lead")
def test_everything_of_one_author_is_told_and_nothing_of_another(session: Session, now: datetime) -> None:
    do_not_contact.add(session, SECRET, Platform.REDDIT, "rosa", reason="asked", actor=None, now=now)
    told = held(session, now)
    [post] = told["posts"]
    assert (post["text"], post["collected_at"]) == ("A rye oven, please.", now.isoformat())
    [origin] = told["where_it_comes_from"]
    assert (origin["permission_needed"], origin["permitted_by"], origin["kept_for_hours"]) == (
        "None: it is public.", "alice@example.org", 48,
    )  # fmt: skip
    rest = told["what_hangs_on_them"]
    assert [one["text"] for one in rest["replies"]] == [ANSWER]
    assert [one["text"] for one in rest["answers"]] == ["Thank you!"]
    assert [one["remote_id"] for one in rest["crm_links"]] == ["deal 4711"]
    assert "Bakes at night." in [one.get("note") for one in rest["lead_events"]]
    assert {"leads", "labels", "predictions", "signals", "matches", "exclusions"} <= set(rest)
    assert told["do_not_contact"]["is_on_the_list"]
    whole = json.dumps(told)
    assert "somebody else" not in whole
    text = "\n".join(person.readable(told))
    assert "A rye oven, please." in text
    assert "deal 4711" in text


@pytest.mark.usefixtures("lead")
def test_what_is_told_is_what_an_erasure_takes(session: Session, now: datetime) -> None:
    """Of each table as many rows, but for what stays without their words: replies, answers, what a CRM has."""
    rest = held(session, now)["what_hangs_on_them"]
    gone = erasing.preview(session, subjects.author(session, "reddit:rosa"))
    assert gone.pop("posts") == 1
    stays = {"replies", "answers", "crm_links"}
    assert {name: len(found) for name, found in rest.items() if name not in stays} == {
        name: number for name, number in gone.items() if not name.endswith("_emptied")
    }


def test_of_somebody_who_is_not_here_nothing_is_told(session: Session, now: datetime) -> None:
    told = held(session, now)
    assert (told["posts"], told["what_hangs_on_them"]) == ([], {})
