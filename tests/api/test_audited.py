"""What is done on pages and by programs stands in the audit log, and what was refused does not."""

import pytest

from overheard.leads import do_not_contact
from overheard.models import Campaign
from overheard.replying import reply_stops
from overheard.users import audit
from overheard.users.audit import Wanted
from overheard.vocabulary import AuditAction, Platform
from tests.api.conftest import World

NEW = {"name": "Oven care", "offer": "We mend ovens.", "query": "ovens", "expression": "oven"}


def _log(world: World) -> list[tuple[str, str, str | None]]:
    with world.rows() as session:
        found = audit.entries(session, Wanted(), limit=100)
        told = [(entry.action.value, entry.subject, entry.actor.name if entry.actor else None) for entry in found]
    return [line for line in reversed(told) if line[0] not in ("logged_in", "token_made")]


def test_settings_of_campaigns_are_told_by_whom_and_where(world: World) -> None:
    mara, program = world.browser(world.cast.mara), world.program(world.cast.alice)
    mara.submit("/campaigns", **NEW)
    with world.rows() as session:
        number = session.query(Campaign).one().id
    mara.submit(f"/campaigns/{number}/threshold", percent=70)
    program.patch(f"/v1/campaigns/{number}", json={"threshold": 0.5})
    program.post(f"/v1/campaigns/{number}/queries", json={"name": "more", "expression": "baker"})
    assert _log(world) == [
        ("campaign_created", "/campaigns", "Mara"),
        ("campaign_changed", f"/campaigns/{number}/threshold", "Mara"),
        ("campaign_changed", f"/v1/campaigns/{number}", "Alice"),
        ("query_saved", f"/v1/campaigns/{number}/queries", "Alice"),
    ]


def test_what_was_refused_or_only_read_is_not_told(world: World) -> None:
    mara, sam = world.browser(world.cast.mara), world.browser(world.cast.sam)
    assert mara.submit("/campaigns", **{**NEW, "expression": '"'}).status_code == 422
    assert sam.submit("/campaigns", **NEW).status_code == 403
    assert world.program(world.cast.mara).post("/v1/campaigns", json={}).status_code == 422
    assert mara.get("/campaigns").status_code == 200
    assert _log(world) == []


def test_the_kill_switch_and_do_not_contact_are_told_without_a_handle(world: World) -> None:
    with world.sessions.begin() as session:
        reply_stops.stop(session, because="A complaint came in.", actor=world.cast.alice, now=world.now)
        reply_stops.lift(session, actor=world.cast.alice, now=world.now)
        reply_stops.lift(session, actor=world.cast.alice, now=world.now)  # nothing stood
        for _ in range(2):
            do_not_contact.add(
                session, "key", Platform.REDDIT, "flour_power", reason="asked", actor=world.cast.sam, now=world.now
            )
    assert _log(world) == [
        ("replies_stopped", "all replies", "Alice"),
        ("replies_resumed", "all replies", "Alice"),
        ("do_not_contact_added", "somebody at Reddit", "Sam"),
    ]


def test_taking_somebody_off_the_list_again_is_told(world: World) -> None:
    lead = world.lead()
    sam = world.browser(world.cast.sam)
    sam.submit(f"/leads/{lead}/disqualify", reason="do_not_contact")
    sam.submit(f"/leads/{lead}/undo")
    assert [line[0] for line in _log(world)][-1:] == ["do_not_contact_removed"]


@pytest.mark.parametrize("action", list(AuditAction))
def test_every_word_of_the_log_fits_its_column(action: AuditAction) -> None:
    assert len(action.value) <= 32
