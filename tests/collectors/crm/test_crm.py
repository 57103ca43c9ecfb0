"""Leads in a CRM, with the real client libraries against the three wires on the loopback interface."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from collectors.crm.run import CrmWorker, Door, Tally
from overheard.crm import connections, pushes
from overheard.crm.connections import Access, Wanted
from overheard.db import Sessions
from overheard.errors import CollectorError, InvalidInput
from overheard.home import secret_key
from overheard.leads import do_not_contact, funnel, lead_notes
from overheard.listening.erasure import erase
from overheard.models import CrmConnection, CrmEntry, CrmLink, Lead, LeadEvent, LeadNews, Notice, Post, User
from overheard.notifications import webhooks
from overheard.notifications.outbound_vocabulary import CrmDeed, CrmPlatform, OutboundState
from overheard.settings import Settings
from overheard.vocabulary import DisqualifyReason, Platform, Stage
from tests.factories import make_cast, make_lead, new_post, watch_source
from tests.fakeworld.crms import TOKEN, CrmWorld, serve_crm

pytestmark = pytest.mark.alternate_databases

MINUTE = timedelta(minutes=1)
PLAIN = Wanted(name="Our CRM")


@dataclass
class Office:
    """A connection to a CRM, one lead, and the worker between them."""

    world: CrmWorld
    sessions: Sessions
    settings: Settings
    now: datetime
    platform: CrmPlatform
    connection_id: int = 0
    lead_id: int = 0

    @property
    def access(self) -> Access:
        return Access(self.platform, self.world.address, TOKEN, "key")

    def connect(self, wanted: Wanted = PLAIN) -> None:
        stages = Door(self.settings).stages(self.platform, self.world.address, self.access.secrets)
        with self.sessions.begin() as session:
            alice = make_cast(session, now=self.now).alice
            made = connections.make(session, self.settings, self.access, stages, wanted, actor=alice, now=self.now)
            mapped = {Stage(ours): there for ours, there in made.stages_out.items()}
            wanted = replace(wanted, stages_out={**mapped, Stage.PROSPECT: self.stage("2")})
            connections.change(session, made, wanted, actor=alice, now=self.now)
            watch_source(session, now=self.now)
            post = new_post(
                external_id="1",
                platform=Platform.HACKERNEWS,
                community="Hacker News",
                body="Looking for a simple CRM. Flour and butter.",
            )
            self.connection_id, self.lead_id = made.id, make_lead(session, now=self.now, post=post).id

    def stage(self, name: str) -> str:
        """A stage as this CRM's client names it."""
        return f"default/{name}" if self.platform is CrmPlatform.HUBSPOT else name

    def work(self) -> Tally:
        with self.sessions.begin() as session:
            webhooks.fan_out(session, now=self.now)
        return CrmWorker(self.sessions, self.settings, lambda: self.now).run_once()

    def later(self, by: timedelta = 6 * MINUTE) -> Tally:
        self.now += by
        return self.work()

    def act(self, *steps: str) -> None:
        with self.sessions.begin() as session:
            sam = session.scalars(sa.select(User).where(User.name == "Sam")).one()
            for step in steps:
                note = {"note": "Too dear."} if step == "lose" else {}
                getattr(funnel, step)(session, self.lead_id, actor=sam, now=self.now, **note)

    @property
    def lead_stage(self) -> Stage | None:
        with self.sessions() as session:
            return session.scalar(sa.select(Lead.stage).where(Lead.id == self.lead_id))

    @property
    def link(self) -> CrmLink:
        with self.sessions() as session:
            return session.scalars(sa.select(CrmLink)).one()

    def deeds(self) -> list[CrmDeed]:
        with self.sessions() as session:
            return list(session.scalars(sa.select(CrmEntry.deed).order_by(CrmEntry.id)))


@pytest.fixture(params=list(CrmPlatform))
def office(request: pytest.FixtureRequest, sessions: Sessions, now: datetime, tmp_path: Path) -> Iterator[Office]:
    settings = Settings(home=tmp_path / "home", allow_private_addresses=True, http_timeout=5)
    with serve_crm() as world:
        if request.param is CrmPlatform.SALESFORCE:  # an admin of Salesforce made them
            world.fields = {"deal": {"Overheard_Id__c"}, "person": {"Overheard_Id__c"}}
        yield Office(world, sessions, settings, now, request.param)


def test_a_lead_is_one_record_that_follows_its_stages_and_says_no_more_than_it_must(office: Office) -> None:
    office.connect()
    office.work()
    assert office.world.deals == {}  # what is only marketing-qualified stays here
    office.act("promote")
    office.work()
    [deal] = office.world.deals.values()
    assert (deal["name"], deal["stage"]) == ("Rye CRM: Hacker News", "1")
    [told] = [deal.get("text"), *(note["text"] for note in office.world.notes.values())][-1:]
    assert "https://example.org/bakers/1" in told
    assert "Score: 0.90" in told
    assert "butter" not in told
    assert office.world.people == {}
    office.act("record_reply", "make_prospect")
    office.work()
    assert deal["stage"] == "2"
    office.act("win")
    office.work()
    assert deal["stage"] == "won"
    before = office.world.writes
    with office.sessions.begin() as session:  # something that the CRM is not told
        sam = session.scalars(sa.select(User).where(User.name == "Sam")).one()
        lead_notes.add_note(session, office.lead_id, text="Only for us.", actor=sam, now=office.now)
    office.work()
    assert (office.world.writes, len(office.world.deals)) == (before, 1)
    assert set(office.deeds()) == {CrmDeed.PUSHED}


def test_a_push_whose_answer_is_lost_or_whose_worker_is_killed_makes_no_second_record(office: Office) -> None:
    office.connect(replace(PLAIN, with_contact=True))
    office.act("promote")
    making = {"hubspot": "POST /crm/v3/objects/deals/batch/upsert", "pipedrive": "POST /api/v2/deals"}
    office.world.faults.append((making.get(office.platform, "PATCH /services/data"), None))
    assert office.work() == Tally(failed=1)
    office.now += 2 * MINUTE
    with office.sessions.begin() as session:  # the next worker is killed between the call and the commit
        job = pushes.take(session, office.settings, office.now)
    assert job is not None
    CrmWorker(office.sessions, office.settings, lambda: office.now).attempt(job)
    assert office.work() == Tally()  # its lease holds
    assert office.later() == Tally(pushed=1)
    assert (len(office.world.deals), len(office.world.people)) == (1, 1)
    assert [len(office.world.notes)] == [1 if office.platform is CrmPlatform.PIPEDRIVE else 0]
    [deal], [person] = office.world.deals.values(), office.world.people.values()
    assert (deal["person"], person["name"]) == (person["id"], "flour_power")
    # A connection that is removed and made anew finds the record again.
    with office.sessions.begin() as session:
        alice = session.scalars(sa.select(User).where(User.name == "Alice")).one()
        connections.remove(session, connections.get(session, office.connection_id), actor=alice, now=office.now)
        stages = Door(office.settings).stages(office.platform, office.world.address, office.access.secrets)
        connections.make(
            session, office.settings, office.access, stages, Wanted(name="Anew"), actor=alice, now=office.now
        )
    office.act("record_reply")
    office.work()
    assert len(office.world.deals) == 1


def test_a_crm_that_asks_to_wait_is_waited_for_and_one_that_shuts_us_out_is_paused_with_a_notice(
    office: Office,
) -> None:
    office.connect()
    office.act("promote")
    office.world.faults += [("", 429)] if office.platform is not CrmPlatform.SALESFORCE else [("query", 429)]
    assert office.work().failed == 1
    assert office.link.next_at >= office.now + timedelta(seconds=70)
    assert office.later(MINUTE) == Tally()
    office.world.token = "another"
    assert office.later().failed == 1
    with office.sessions() as session:
        connection = session.scalars(sa.select(CrmConnection)).one()
        assert connection.paused_at is not None
        assert connection.last_error
        assert "is paused" in session.scalars(sa.select(Notice.text)).one()
    office.world.token = TOKEN
    with office.sessions.begin() as session:
        alice = session.scalars(sa.select(User).where(User.name == "Alice")).one()
        connections.resume(session, connections.get(session, office.connection_id), actor=alice, now=office.now)
    assert office.later(12 * 60 * MINUTE).pushed == 1
    assert len(office.world.deals) == 1


def test_won_and_lost_come_back_step_by_step_and_nothing_goes_backwards(office: Office) -> None:
    office.connect()
    office.act("promote")
    office.work()
    [deal] = office.world.deals.values()
    _move(deal, "won")
    assert office.later().moved == 1
    with office.sessions() as session:
        events = session.scalars(sa.select(LeadEvent).order_by(LeadEvent.id)).all()
    assert [event.to_stage for event in events[-3:]] == [Stage.REPLIED, Stage.PROSPECT, Stage.WON]
    assert {event.actor_id for event in events[-3:]} == {None}
    assert "Our CRM" in str(events[-1].note)
    _move(deal, "1")  # sales opens it again there
    office.later()
    assert office.lead_stage is Stage.WON
    _move(deal, "lost")
    office.later()
    assert office.lead_stage is Stage.WON
    assert deal["stage"] == "lost"  # nor do we push ours over theirs
    assert office.deeds()[-1] is CrmDeed.KEPT


def test_where_both_moved_the_crm_is_not_overwritten_unseen_and_the_further_stage_wins(office: Office) -> None:
    office.connect()
    office.act("promote")
    office.work()
    [deal] = office.world.deals.values()
    _move(deal, "lost")
    office.act("record_reply", "make_prospect")
    office.later(2 * MINUTE)
    assert deal["stage"] == "lost"
    office.later()
    assert office.lead_stage is Stage.LOST
    office.later()
    assert (deal["stage"], office.link.state) == ("lost", OutboundState.DELIVERED)


def test_what_was_told_of_an_erased_lead_or_of_one_who_wants_no_contact_is_taken_back(office: Office) -> None:
    office.connect(replace(PLAIN, with_contact=True, with_text=True, with_notes=True))
    office.act("promote")
    office.work()
    told = str([*office.world.deals.values(), *office.world.people.values(), *office.world.notes.values()])
    assert "butter" in told
    assert "flour_power" in told
    with office.sessions.begin() as session:
        if office.platform is CrmPlatform.SALESFORCE:
            sam = session.scalars(sa.select(User).where(User.name == "Sam")).one()
            reason = DisqualifyReason.DO_NOT_CONTACT
            funnel.disqualify(
                session, office.lead_id, reason=reason, actor=sam, now=office.now, key=secret_key(office.settings)
            )
        else:
            erase(session, {(Platform.HACKERNEWS, "1"): "deleted"}, now=office.now)
    assert office.work().pushed == 1
    [deal] = office.world.deals.values()
    assert (deal["name"], deal.get("text") or "") == ("Erased in Overheard", "")
    assert (office.world.people, office.world.notes) == ({}, {})
    assert office.deeds()[-1] is CrmDeed.ERASED
    with office.sessions() as session:
        assert session.scalars(sa.select(CrmLink)).all() == []


def test_a_record_that_was_deleted_there_stays_deleted(office: Office) -> None:
    office.connect()
    office.act("promote")
    office.work()
    office.world.deals.clear()
    office.later()
    assert (office.link.state, office.deeds()[-1]) == (OutboundState.DROPPED, CrmDeed.GONE)
    office.act("record_reply")
    office.work()
    assert office.world.deals == {}


def test_a_token_is_tried_at_once_and_a_test_leaves_nothing_behind(office: Office) -> None:
    door = Door(office.settings)
    secrets = office.access.secrets
    office.world.token = "another"
    with pytest.raises(CollectorError) as refused:
        door.stages(office.platform, office.world.address, secrets)
    assert refused.value.permanent
    office.world.token = TOKEN
    kinds = [stage.kind for stage in door.stages(office.platform, office.world.address, secrets)]
    assert kinds == ["open", "open", "won", "lost"]
    before = len(office.world.requests)
    door.test(office.platform, office.world.address, secrets, office.stage("1"))
    assert len(office.world.requests) > before
    assert office.world.deals == {}
    strict = office.settings.model_copy(update={"allow_private_addresses": False})
    with pytest.raises(InvalidInput, match="looks like https"):
        connections.checked_access(strict, replace(office.access, address="https://evil.example.org"))


def test_without_webhook_and_crm_no_news_is_written(session: Session, now: datetime) -> None:
    sam = make_cast(session, now=now).sam
    funnel.promote(session, make_lead(session, now=now).id, actor=sam, now=now)
    assert session.scalars(sa.select(LeadNews)).all() == []
    assert do_not_contact.count(session) == 0
    assert session.scalars(sa.select(Post)).all() != []


def _move(deal: dict[str, str], stage: str) -> None:
    """As somebody does in the CRM's own pages."""
    deal["stage"] = stage
    if "status" in deal:
        deal["status"] = stage if stage in ("won", "lost") else "open"
        deal["stage_id"] = deal["stage_id"] if stage in ("won", "lost") else stage
