"""`/privacy` and its part of `/v1`: what is held is told, what would go is counted first, and a receipt is left."""

import csv
import io
import json

import pytest
import sqlalchemy as sa

from api.state import State
from overheard.home import secret_key
from overheard.leads import do_not_contact
from overheard.models import AuditEntry, Erasure, Lead, Post, Source
from overheard.privacy import erasing, ledger, receipts
from overheard.settings import Settings
from overheard.users import audit
from overheard.users.audit import Wanted
from overheard.vocabulary import AuditAction, Platform
from tests.api.conftest import Browser, World
from tests.factories import make_lead, new_post, store

ROSA = {"kind": "author", "platform": "reddit", "text": "rosa_rye"}


@pytest.fixture
def alice(world: World) -> Browser:
    return world.browser(world.cast.alice)


@pytest.fixture
def rosas(world: World) -> int:
    """The lead that Rosa is; Mia has written of her."""
    with world.sessions.begin() as session:
        lead = make_lead(session, now=world.now, post=new_post(author="rosa_rye", body="A rye oven, please."))
        store(session, new_post(author="rosa_rye"), new_post(author="mia", body="Ask rosa_rye."), now=world.now)
        return lead.id


def test_from_a_lead_to_the_receipt(world: World, alice: Browser, rosas: int) -> None:
    assert f'href="/privacy?lead={rosas}"' in alice.get(f"/leads/{rosas}").text
    begun = alice.get(f"/privacy?lead={rosas}").text
    assert 'value="rosa_rye"' in begun
    seen = alice.submit("/privacy/look", **ROSA)
    assert seen.status_code == 200
    assert "Erase 2 posts" in seen.text
    assert "posts (1)" in seen.text, "what Mia wrote stays, and is told"
    with world.rows() as session:
        assert session.query(Post).count() == 3, "looking changes nothing"
    refused = alice.submit("/privacy/erase", **ROSA)
    assert (refused.status_code, "Nothing was erased" in refused.text) == (422, True)
    named = alice.submit("/privacy/erase", **ROSA, seen="true", reason="rosa_rye wrote")
    assert (named.status_code, "without the name" in named.text) == (422, True)

    done = alice.submit("/privacy/erase", **ROSA, seen="true", for_good="true", reason="A letter.")
    assert done.status_code == 303
    with world.rows() as session:
        [receipt] = receipts.page(session)
        entry = audit.entries(session, Wanted(action=AuditAction.ERASED))[0]
        assert session.scalars(sa.select(Post.author)).all() == ["mia"]
        assert session.query(Lead).count() == 0
        assert do_not_contact.is_listed(session, secret_key(_settings(world)), Platform.REDDIT, "rosa_rye")
    assert (receipt.actor_id, entry.actor_id) == (world.cast.alice.id, world.cast.alice.id)
    assert done.headers["location"] == f"/privacy/receipts/{receipt.receipt}"
    assert [one.receipt for one in ledger.read(_settings(world).home / ledger.NAME)] == [receipt.receipt]
    page = alice.get(done.headers["location"]).text
    assert "A letter." in page
    assert "Alice" in page
    listed = alice.get("/privacy").text
    assert receipt.receipt in listed
    assert "rosa" not in (page + listed).lower()
    file = alice.get(f"/privacy/receipts/{receipt.receipt}/file")
    assert "attachment" in file.headers["content-disposition"]
    assert json.loads(file.text) == receipts.as_json(receipt)
    assert alice.get("/privacy/receipts/E1-nothing").status_code == 404


def test_what_is_large_goes_on_when_the_answer_is_out(
    world: World, alice: Browser, rosas: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "_BATCH", 1)
    monkeypatch.setattr(erasing, "_PAUSE", 0.0)
    assert rosas
    done = alice.submit("/privacy/erase", kind="source", text="r/bakers", seen="true")
    assert done.status_code == 303
    with world.rows() as session:
        assert [session.query(table).count() for table in (Post, Lead, Source)] == [0, 0, 0]
        assert receipts.page(session)[0].counts["posts"] == 3
    with world.sessions.begin() as session:
        session.execute(sa.update(Erasure).values(subject={"key": "r/bakers", "names": [], "last": None}))
    assert "under way" in alice.get("/privacy").text
    assert "Under way" in alice.get(done.headers["location"]).text


def test_who_or_what_is_not_there_is_said_on_the_page(alice: Browser) -> None:
    for asked, said in (
        ({"kind": "source", "text": "r/nowhere"}, "There is no source"),
        ({"kind": "post", "text": "4711"}, "There is no post 4711"),
        ({"kind": "author", "text": " "}, "Say who or what it is about"),
    ):
        refused = alice.submit("/privacy/look", **asked)
        assert (refused.status_code in (404, 422), said in refused.text) == (True, True)
    assert "Nothing of this person is here" in alice.submit("/privacy/look", **ROSA).text
    assert alice.submit("/privacy/erase", kind="post", text="t3_x", seen="true", for_good="true").status_code == 422


def test_what_is_held_of_somebody_is_a_file_and_the_audit_log_says_so_without_the_name(
    world: World, alice: Browser, rosas: int
) -> None:
    assert rosas
    told = alice.submit("/privacy/person", **ROSA, as_text="false")
    assert "rosa" not in told.headers["content-disposition"]
    assert min(post["text"] for post in json.loads(told.text)["posts"]) == "A rye oven, please."
    assert "text: A rye oven, please." in alice.submit("/privacy/person", **ROSA, as_text="true").text
    with world.rows() as session:
        entries = session.scalars(sa.select(AuditEntry).where(AuditEntry.action == AuditAction.EXPORTED)).all()
    assert len(entries) == 2
    assert not any("rosa" in entry.subject for entry in entries)


def test_the_do_not_contact_list_leaves_and_comes_in_as_a_file(world: World, alice: Browser) -> None:
    lines = "platform,handle,reason\nreddit,max,Asked by phone.\nmyspace,tom,?\n"
    came = alice.send_file("/privacy/do-not-contact", "file", "list.csv", lines)
    assert came.status_code == 303
    assert "Written down: 1. Known before: 0. Not taken: 1." in alice.get("/privacy").text
    left = alice.get("/privacy/do-not-contact").text
    [row] = csv.DictReader(io.StringIO(left))
    assert row["reason"] == "Asked by phone."
    with world.rows() as session:
        assert do_not_contact.is_listed(session, secret_key(_settings(world)), Platform.REDDIT, "max")
    assert alice.send_file("/privacy/do-not-contact", "file", "list.csv", "\xff").status_code == 422


def test_a_program_looks_erases_once_and_reads_the_receipts(world: World, rosas: int) -> None:
    assert rosas
    program = world.program(world.cast.alice)
    seen = program.post("/v1/erasures/preview", json={"author": "reddit:rosa_rye"}).json()
    assert (seen["kind"], seen["counts"]["posts"], seen["elsewhere"]) == ("author", 2, {"posts": 1})
    assert program.post("/v1/erasures/preview", json={"author": "reddit:a", "source": "1"}).status_code == 422
    told = program.post("/v1/person", json={"author": "reddit:rosa_rye"}).json()
    assert len(told["posts"]) == 2
    wanted = {"author": "reddit:rosa_rye", "reason": "A letter."}
    key = {"Idempotency-Key": "letter of 3 May"}
    done = program.post("/v1/erasures", json=wanted, headers=key)
    assert (done.status_code, done.json()["counts"]["posts"]) == (201, 2)
    again = program.post("/v1/erasures", json=wanted, headers=key)
    assert again.json() == done.json()
    assert again.headers["idempotency-replayed"] == "true"
    listed = program.get("/v1/erasures").json()
    assert listed == {"items": [done.json()], "next": None}
    assert program.get(f"/v1/erasures/{done.json()['receipt']}").json() == done.json()
    assert program.get("/v1/erasures/E1").status_code == 404
    assert world.program(world.cast.mara).get("/v1/erasures").status_code == 403


def _settings(world: World) -> Settings:
    state: State = world.app.state.overheard
    return state.settings
