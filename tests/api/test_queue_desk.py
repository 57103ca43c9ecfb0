"""The queue as a desk: claims, snoozing, assignment, saved views, several put out for one reason; pages and `/v1`."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.engine import Engine

from api.app import create_app
from api.pages import Flash
from overheard.leads import claims, do_not_contact
from overheard.models import Lead
from overheard.settings import Settings
from overheard.vocabulary import DisqualifyReason, Platform, Stage
from tests.api.conftest import Browser, World
from tests.factories import make_campaign, make_lead, new_post

SCRIPT = {"Accept": "application/json"}


def _shown(browser: Browser, address: str = "/queue") -> list[int]:
    return [int(lead) for lead in re.findall(r'data-lead="(\d+)"', browser.get(address).text)]


def test_a_claimed_lead_is_offered_to_nobody_else_and_acting_on_it_says_whose_it_is(world: World) -> None:
    one, other = world.lead(score=0.9), world.lead(score=0.8)
    sam, sue = world.browser(world.cast.sam), world.browser(world.cast.sue)
    assert sam.submit("/queue/claims", lead=one).json() == {"held": [one], "others": {}}
    assert sue.submit("/queue/claims", lead=one).json() == {"held": [], "others": {str(one): "Sam"}}
    assert _shown(sue) == [other]
    assert "<bdi>Sam</bdi> is looking at 1 more" in sue.get("/queue").text
    assert _shown(sam) == [one, other]
    for action, fields in (("promote", {}), ("disqualify", {"reason": "stale"}), ("snooze", {"until": "tomorrow"})):
        refused = sue.submit(f"/leads/{one}/{action}", **fields)
        assert refused.status_code == 409
        assert "Sam is looking at lead" in refused.text
        assert "until 09:35 UTC" in refused.text
    world.passes(timedelta(minutes=5))
    assert _shown(sue) == [one, other]
    assert sue.submit(f"/leads/{one}/promote").status_code == 303


def test_a_page_that_is_left_gives_its_leads_back(world: World) -> None:
    lead = world.lead()
    sam, sue = world.browser(world.cast.sam), world.browser(world.cast.sue)
    sam.submit("/queue/claims", lead=lead)
    sue.submit("/queue/claims/release", lead=lead)
    assert _shown(sue) == []
    sam.submit("/queue/claims/release", lead=lead)
    assert _shown(sue) == [lead]


@pytest.mark.parametrize(
    ("until", "day"), [("tomorrow", 21), ("three_days", 23), ("next_week", 23), ("2026-12-24", 24)]
)
def test_a_snoozed_lead_comes_back_when_its_day_begins(world: World, until: str, day: int) -> None:
    lead = world.lead()
    sam = world.browser(world.cast.sam)
    sam.submit(f"/leads/{lead}/snooze", until=until)
    assert f"Snoozed until {'Thursday' if day == 24 else 'Saturday' if day == 21 else 'Monday'}, {day}" in (
        page := sam.get("/queue").text
    )
    assert f'action="/leads/{lead}/wake"' in page  # the flash line takes it back
    assert _shown(sam) == []
    assert _shown(sam, "/queue?snoozed=true") == [lead]
    with world.rows() as session:
        snoozed_until = session.get_one(Lead, lead).snoozed_until
    assert snoozed_until is not None
    assert (snoozed_until.day, snoozed_until.hour) == (day, 0)
    sam.submit(f"/leads/{lead}/wake")
    assert _shown(sam) == [lead]


def test_days_begin_where_the_team_is(engine: Engine, settings: Settings, world: World) -> None:
    """At 10:15 UTC on a Friday, Saturday has begun on Kiritimati."""
    app = create_app(
        settings.model_copy(update={"time_zone": "Pacific/Kiritimati"}), engine=engine, clock=lambda: world.clock[0]
    )
    there = replace(world, app=app)
    snoozed, due, decided = there.lead(), there.lead(), there.lead()
    sam = there.browser(world.cast.sam)
    sam.submit(f"/leads/{decided}/promote")
    world.passes(timedelta(minutes=45))  # their midnight was at ten
    sam.submit(f"/leads/{snoozed}/snooze", until="tomorrow")
    assert "Snoozed until Sunday, 22 November" in (page := sam.get("/queue").text)
    assert "Since midnight, Pacific/Kiritimati" in page
    assert "you promoted <b>0</b>" in page
    with world.rows() as session:
        assert session.get_one(Lead, snoozed).snoozed_until == datetime(2026, 11, 21, 10, tzinfo=UTC)
    assert "not on 2026-11-20" in sam.submit(f"/leads/{due}/follow_up", on="2026-11-20").text
    sam.submit(f"/leads/{due}/follow_up", on="2026-11-21")
    assert "Due today" in sam.get(f"/leads/{due}").text
    assert f'href="/leads/{due}"' in sam.get("/queue?stage=sales_qualified").text  # among the reminders
    assert "<option selected>Pacific/Kiritimati" in sam.get("/me").text
    until = '<time datetime="2026-11-21T10:00:00+00:00">Sunday, 22 November 2026, 00:00</time>'
    assert f"snoozed until {until}" in (page := sam.get("/queue?snoozed=true").text)
    assert page.count("Times are in Pacific/Kiritimati.") == 1
    assert "promoted it on 2026-11-20 at 23:30 +14." in sam.submit(f"/leads/{decided}/promote").text


def test_a_lead_is_assigned_and_asked_for_by_whose_it_is(world: World) -> None:
    hers, nobodys = world.lead(score=0.9), world.lead(score=0.8)
    sam, sue = world.browser(world.cast.sam), world.browser(world.cast.sue)
    told = sam.post(f"/leads/{hers}/assign?to={world.cast.sue.id}", data={"csrf": _csrf(sam)}, headers=SCRIPT).json()
    assert (told["text"], told["assignee"]) == ("Assigned to Sue.", "Sue")
    assert told["undo"] == f"/leads/{hers}/assign?to=0"
    assert "assigned to <bdi>Sue</bdi>" in sam.get("/queue").text
    assert _shown(sue, "/queue?assigned=me") == _shown(sam, f"/queue?assigned={world.cast.sue.id}") == [hers]
    assert _shown(sam, "/queue?assigned=nobody") == [nobodys]
    assert _shown(sam, "/queue?assigned=me") == []
    assert sam.submit(f"/leads/{hers}/assign?to={world.cast.eli.id}").status_code == 422


def _csrf(browser: Browser) -> str:
    found = re.search(r'data-csrf="(\w+)"', browser.get("/queue").text)
    assert found
    return found[1]


def test_several_are_put_out_for_one_reason_and_taken_back_as_one_step(world: World) -> None:
    leads = [world.lead() for _ in range(3)]
    sam = world.browser(world.cast.sam)
    with world.sessions.begin() as session:
        claims.claim(session, leads[2], world.cast.sue, world.now)
    fields = {"csrf": _csrf(sam), "reason": "not_a_buyer", "lead": [str(lead) for lead in leads]}
    told = sam.post("/queue/disqualify", data=fields, headers=SCRIPT).json()
    assert told["text"].startswith("Disqualified 2 leads: not a buyer. Left as it was: Sue is looking at lead")
    assert told["refused"] == [leads[2]]
    assert _stages(world, leads) == [Stage.DISQUALIFIED, Stage.DISQUALIFIED, Stage.MARKETING_QUALIFIED]
    back = sam.post(told["undo"], data={"csrf": fields["csrf"]}, headers=SCRIPT).json()
    assert back["text"] == "Taken back: 2 leads."
    assert set(_stages(world, leads)) == {Stage.MARKETING_QUALIFIED}
    assert sam.submit("/queue/disqualify", reason="stale").status_code == 422


def _stages(world: World, leads: list[int]) -> list[Stage]:
    with world.rows() as session:
        return [session.get_one(Lead, lead).stage for lead in leads]


def test_a_card_says_what_matters_about_its_author(world: World) -> None:
    with world.sessions.begin() as session:
        make_campaign(session, now=world.now)
        second = make_campaign(session, now=world.now, name="Second").id
        for community in ("r/b", "r/a"):
            post = new_post(author="ann", community=community, permalink=f"https://example.org/{community}")
            make_lead(session, now=world.now, post=post, score=0.9 if community == "r/a" else 0.8)
            key = world.app.state.overheard.key
        do_not_contact.add(session, key, Platform.REDDIT, "ann", reason="", actor=world.cast.sam, now=world.now)
    page = world.browser(world.cast.sam).get(f"/queue?campaign={second}").text
    assert "<b>Do not contact.</b>" in page
    assert '<a href="https://example.org/r/b"' in page
    assert "also in" in page
    assert "posts by this person" not in page
    assert "marketing-qualified</a> in <bdi>Rye CRM</bdi>" in page


def test_the_background_is_a_page_and_says_so_when_there_is_nothing(world: World) -> None:
    lead = world.lead()
    sam = world.browser(world.cast.sam)
    page = sam.get(f"/queue/{lead}/background").text
    assert "Nothing else is stored." in page
    assert "Nobody has decided on a post like this one." in page
    assert sam.get("/queue/77/background").status_code == 404


def test_views_are_saved_shared_and_deleted_on_their_page(world: World) -> None:
    world.lead(score=0.9)
    world.lead(score=0.6)
    sam, sue = world.browser(world.cast.sam), world.browser(world.cast.sue)
    saved = sam.submit("/queue/views", name="Strong", params="score=0.8&after=&platform=")
    assert saved.headers["location"] == "/queue?score=0.8"
    page = sam.get("/queue/views").text
    assert re.search(r'data-count="1">\s*<a href="/queue\?score=0.8"><bdi>Strong</bdi>', page)
    assert "Strong" not in sue.get("/queue/views").text
    sam.submit("/queue/views/1/share", shared="true")
    assert "by <bdi>Sam</bdi>" in sue.get("/queue/views").text
    assert sue.submit("/queue/views/1/delete").status_code == 404
    sam.submit("/queue/views/1/delete")
    assert "No views yet" in sam.get("/queue/views").text
    assert sam.submit("/queue/views", name="Odd", params="stage=sold").status_code == 422


def test_the_tally_counts_what_was_done_today(world: World) -> None:
    leads = [world.lead() for _ in range(3)]
    sam, sue = world.browser(world.cast.sam), world.browser(world.cast.sue)
    sam.submit(f"/leads/{leads[0]}/promote")
    sue.submit(f"/leads/{leads[1]}/disqualify", reason="stale")
    page = sam.get("/queue").text
    assert "Today you promoted <b>1</b>, disqualified <b>0</b> and replied to <b>0</b>." in page
    assert "The team: <b>1</b>, <b>1</b> and <b>0</b>." in page
    sue.submit(f"/leads/{leads[2]}/disqualify", reason="stale")
    assert "<h2>All clear</h2>" in sam.get("/queue").text


def test_a_program_claims_snoozes_assigns_and_gives_back(world: World) -> None:
    lead = world.lead()
    sam, sue = world.program(world.cast.sam), world.program(world.cast.sue)
    claimed = sam.post(f"/v1/leads/{lead}/claim")
    assert (claimed.status_code, claimed.json()["until"]) == (200, "2026-11-20T09:35:00Z")
    assert sue.post(f"/v1/leads/{lead}/claim").json()["error"] == "Claimed"
    assert sue.get("/v1/queue").json()["items"] == []
    assert sam.post(f"/v1/leads/{lead}/release").status_code == 204
    assert sue.post(f"/v1/leads/{lead}/claim").status_code == 200
    assert sue.post(f"/v1/leads/{lead}/assign", json={"assignee_id": world.cast.sam.id}).json() == {
        "lead_id": lead,
        "assignee_id": world.cast.sam.id,
        "snoozed_until": None,
    }
    snoozed = sue.post(f"/v1/leads/{lead}/snooze", json={"until": "2026-11-24T08:00:00+01:00"})
    assert snoozed.json()["snoozed_until"] == "2026-11-24T07:00:00Z"
    assert sue.post(f"/v1/leads/{lead}/snooze", json={"until": "2026-11-24T08:00:00"}).status_code == 422
    assert [item["id"] for item in sue.get("/v1/queue?snoozed=true").json()["items"]] == [lead]
    assert sue.post(f"/v1/leads/{lead}/snooze", json={"until": None}).json()["snoozed_until"] is None
    assert sue.post("/v1/leads/77/release").status_code == 404


def test_a_program_puts_several_out_and_is_told_which_could_not_be(world: World) -> None:
    lead = world.lead()
    sam = world.program(world.cast.sam)
    body = {"lead_ids": [lead, 77], "reason": DisqualifyReason.STALE.value}
    told = sam.post("/v1/queue/disqualify", json=body).json()
    assert told["done"] == [lead]
    assert [refused["lead_id"] for refused in told["refused"]] == [77]
    assert sam.post("/v1/queue/disqualify", json=body | {"lead_ids": []}).status_code == 422


def test_a_program_keeps_views(world: World) -> None:
    world.lead(score=0.9)
    sam, sue = world.program(world.cast.sam), world.program(world.cast.sue)
    made = sam.post("/v1/views", json={"name": "Strong", "params": "score=0.8&after=x"})
    assert made.status_code == 201
    assert made.json() == {
        "id": 1, "name": "Strong", "params": "score=0.8", "shared": False, "owner": "Sam", "mine": True, "count": 1,
    }  # fmt: skip
    assert sue.get("/v1/views").json()["items"] == []
    assert sam.patch("/v1/views/1", json={"shared": True}).json()["shared"] is True
    assert [view["mine"] for view in sue.get("/v1/views").json()["items"]] == [False]
    assert sue.delete("/v1/views/1").status_code == 404
    assert sam.post("/v1/views", json={"name": "Odd", "params": "colour=red"}).status_code == 422
    assert sam.delete("/v1/views/1").status_code == 204
    assert sam.get("/v1/views").json()["items"] == []


def test_a_line_says_where_it_is_undone() -> None:
    assert Flash("Promoted.", 3).undo_address == "/leads/3/undo"
    assert Flash("Snoozed.", undo="/leads/3/wake").undo_address == "/leads/3/wake"
    assert Flash("Saved.").undo_address is None
