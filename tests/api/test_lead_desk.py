"""The lead's page, the board and the questions of a campaign, without script."""

import re
from datetime import timedelta

import pytest
import sqlalchemy as sa

from overheard.leads import claims
from overheard.leads.contacts import Finding
from overheard.models import Contact, Lead, LeadEvent, QualifyingQuestion
from overheard.vocabulary import ContactKind, LeadAction, Platform, Stage
from tests.api.conftest import Browser, World
from tests.factories import new_post

DAY = timedelta(days=1)


@pytest.fixture
def lead(world: World) -> int:
    return world.lead()


@pytest.fixture
def sam(world: World) -> Browser:
    return world.browser(world.cast.sam)


def stored(world: World, lead: int) -> Lead:
    with world.rows() as session:
        return session.get_one(Lead, lead)


def words(page: str) -> str:
    """A page's text without its marks."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_a_lead_goes_from_the_queue_to_won_by_forms_alone(world: World, lead: int, sam: Browser) -> None:
    for step in ("promote", "record_reply", "make_prospect", "win"):
        assert f'action="/leads/{lead}/{step}"' in sam.get(f"/leads/{lead}").text
        assert sam.submit(f"/leads/{lead}/{step}", back=f"/leads/{lead}").status_code == 303
    assert stored(world, lead).stage is Stage.WON
    sam.submit(f"/leads/{lead}/undo")
    assert stored(world, lead).stage is Stage.PROSPECT


def test_handing_back_and_losing_ask_why(world: World, lead: int, sam: Browser) -> None:
    sam.submit(f"/leads/{lead}/promote")
    for step in ("push_back", "lose"):
        refused = sam.submit(f"/leads/{lead}/{step}", note=" ")
        assert refused.status_code == 422
        assert "say w" in refused.text
    sam.submit(f"/leads/{lead}/push_back", note="Too <early>")
    assert stored(world, lead).stage is Stage.MARKETING_QUALIFIED
    assert '<blockquote dir="auto">Too &lt;early&gt;</blockquote>' in sam.get(f"/leads/{lead}").text


def test_the_page_says_who_must_not_be_written_to_and_who_looks_at_the_lead(
    world: World, lead: int, sam: Browser
) -> None:
    assert "Do not contact." not in sam.get(f"/leads/{lead}").text
    with world.sessions.begin() as session:
        claims.claim(session, lead, world.cast.sue, world.now)
    other = world.lead(post=new_post(author="quiet_quinn", external_id="t3_quinn"))
    sam.submit(f"/leads/{other}/disqualify", reason="do_not_contact")
    assert "Sue looks at this lead until" in words(sam.get(f"/leads/{lead}").text)
    assert "looks at this lead" not in world.browser(world.cast.sue).get(f"/leads/{lead}").text
    assert "Do not contact. This person does not want to hear from us." in words(sam.get(f"/leads/{other}").text)


def test_a_step_that_is_not_open_says_who_was_there(lead: int, sam: Browser) -> None:
    refused = sam.submit(f"/leads/{lead}/win")
    assert refused.status_code == 409
    assert "cannot be won now: Overheard qualified it" in refused.text


def test_what_is_written_down_is_shown(world: World, lead: int, sam: Browser) -> None:
    on = str(world.now.date() + 3 * DAY)
    for path, field in {
        "notes": {"note": "Met at the <b>fair</b>."},
        "tags": {"tag": "Trade Fair"},
        "follow_up": {"on": on},
        "decision_maker": {"who": "Rosa, the owner"},
        "assign": {"to": str(world.cast.sue.id)},
    }.items():
        assert sam.submit(f"/leads/{lead}/{path}", **field).status_code == 303, path
    page = sam.get(f"/leads/{lead}").text
    for shown in ("Met at the &lt;b&gt;fair&lt;/b&gt;.", "trade fair", f'value="{on}"', "Rosa, the owner", "to Sue"):
        assert shown in page
    assert f'value="{world.cast.sue.id}" selected' in page
    sam.submit(f"/leads/{lead}/tags/remove", tag="trade fair")
    sam.submit(f"/leads/{lead}/follow_up", on="")
    sam.submit(f"/leads/{lead}/assign", to="0")
    row = stored(world, lead)
    assert (row.follow_up_on, row.assignee_id) == (None, None)


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("notes", {"note": " "}),
        ("tags", {"tag": "x" * 41}),
        ("follow_up", {"on": "tomorrow"}),
        ("follow_up", {"on": "2020-01-01"}),
        ("assign", {"to": "9" * 10}),
        ("assign", {"to": "me"}),
        ("contacts", {"kind": "email", "value": "rosa@"}),
        ("contacts", {"kind": "fax", "value": "1"}),
        ("decision_maker", {"who": "x" * 201}),
        ("merge", {"other": "x"}),
    ],
)
def test_what_cannot_be_kept_is_refused_and_said(lead: int, sam: Browser, path: str, fields: dict[str, str]) -> None:
    assert sam.submit(f"/leads/{lead}/{path}", **fields).status_code == 422


def test_a_follow_up_that_is_due_stands_in_the_head_of_the_queue(world: World, lead: int, sam: Browser) -> None:
    sam.submit(f"/leads/{lead}/follow_up", on=str(world.now.date() + DAY))
    assert "follow-up due" not in words(sam.get("/queue").text)
    world.passes(3 * DAY)
    world.now += 3 * DAY  # a login lasts an hour
    page = words(world.browser(world.cast.sam).get("/queue").text)
    assert "1 follow-up due" in page
    assert f"since {world.now.date() - 2 * DAY}" in page


# --- questions and fit ---------------------------------------------------------------------------------------------


def test_questions_of_the_campaign_are_answered_on_the_lead_and_give_its_fit(
    world: World, lead: int, sam: Browser
) -> None:
    mara, campaign = world.browser(world.cast.mara), stored(world, lead).campaign_id
    for topic, question in (("need", "Do they lose <offers>?"), ("budget", "Can they pay?")):
        assert mara.submit(f"/campaigns/{campaign}/questions", topic=topic, question=question).status_code == 303
    assert "Do they lose &lt;offers&gt;?" in mara.get(f"/campaigns/{campaign}").text
    assert "fit unknown, 2 open" in sam.get(f"/leads/{lead}").text
    with world.rows() as session:
        first, second = session.scalars(sa.select(QualifyingQuestion.id).order_by(QualifyingQuestion.id))
    sam.submit(f"/leads/{lead}/answers/{first}", answer="Every week.", fits="yes")
    sam.submit(f"/leads/{lead}/answers/{first}", answer="Never.", fits="no")
    undo = re.search(rf'action="(/leads/{lead}/answers/{first}/undo.change=\d+)"', sam.get("/queue").text)
    assert undo  # the flash line brings back what stood there before
    assert sam.submit(undo[1]).status_code == 303
    for where in (f"/leads/{lead}", "/board"):
        assert "fits 1 of 1 known, 1 open" in sam.get(where).text
    assert sam.submit(f"/leads/{lead}/answers/{second}", answer="x", fits="maybe").status_code == 422
    mara.submit(f"/campaigns/questions/{second}/retire")
    assert "fits 1 of 1 known, 0 open" in sam.get(f"/leads/{lead}").text
    assert sam.submit(f"/leads/{lead}/answers/{second}", answer="x").status_code == 404


def test_both_teams_read_the_same_sentence_about_a_stage(world: World, lead: int, sam: Browser) -> None:
    mara = world.browser(world.cast.mara)
    pages = [mara.get("/campaigns/1").text, *(sam.get(path).text for path in ("/queue", f"/leads/{lead}", "/board"))]
    for page in pages:
        assert Stage.MARKETING_QUALIFIED.sentence in words(page).replace("&#39;", "'")


# --- contacts ------------------------------------------------------------------------------------------------------


def test_a_contact_is_kept_checked_and_forgotten(world: World, lead: int, sam: Browser) -> None:
    sam.submit(f"/leads/{lead}/contacts", kind="site", value="Rosas.example.com")
    with world.rows() as session:
        contact = session.scalars(sa.select(Contact)).one()
    assert "Not checked." in sam.get(f"/leads/{lead}").text
    sam.submit(f"/leads/{lead}/contacts/{contact.id}/check")
    assert "It was not checked: this server asks nobody." in sam.get(f"/leads/{lead}").text
    with world.rows() as session:
        assert session.get_one(Contact, contact.id).checked_at == world.now
    assert sam.submit(f"/leads/{lead + 1}/contacts/{contact.id}/check").status_code == 404
    sam.submit(f"/leads/{lead}/contacts/{contact.id}/remove")
    assert "rosas.example.com" not in sam.get(f"/leads/{lead}").text.split("Contacts")[1].split("Timeline")[0]


def test_what_a_check_found_is_shown(world: World, lead: int, sam: Browser) -> None:
    asked: list[tuple[ContactKind, str]] = []

    def reach(kind: ContactKind, value: str) -> Finding:
        asked.append((kind, value))
        return Finding(False, "There is no host <rosas>.")

    object.__setattr__(world.app.state.overheard, "reach", reach)
    sam.submit(f"/leads/{lead}/contacts", kind="email", value="rosa@example.com")
    with world.rows() as session:
        contact = session.scalars(sa.select(Contact.id)).one()
    sam.submit(f"/leads/{lead}/contacts/{contact}/check")
    assert asked == [(ContactKind.EMAIL, "rosa@example.com")]
    assert "Not reachable." in (page := sam.get(f"/leads/{lead}").text)
    assert "There is no host &lt;rosas&gt;." in page


# --- one person ----------------------------------------------------------------------------------------------------


def test_two_leads_of_one_person_are_proposed_merged_and_parted(world: World, sam: Browser) -> None:
    here = world.lead(post=new_post(author="rosa"))
    there = world.lead(post=new_post(author="rosa", platform=Platform.SLACK, community="crafts", title="CRM anyone?"))
    assert "the same name on Slack" in sam.get(f"/leads/{here}").text
    assert sam.submit(f"/leads/{here}/merge", other=there).headers["location"] == f"/leads/{here}"
    assert "CRM anyone?" in (page := sam.get(f"/leads/{here}").text)
    assert "part of this lead" in page
    assert f'href="/leads/{there}"' not in sam.get("/queue").text
    gone = sam.get(f"/leads/{there}").text
    assert f'This lead is part of <a href="/leads/{here}">' in gone
    assert f'action="/leads/{there}/promote"' not in gone
    sam.submit(f"/leads/{there}/unmerge")
    assert "CRM anyone?" in sam.get(f"/leads/{there}").text


# --- board and roles -----------------------------------------------------------------------------------------------


def test_the_board_shows_every_stage_and_moves_by_forms_alone(world: World, lead: int, sam: Browser) -> None:
    assert f'id="card-{lead}"' in (page := sam.get("/board").text)
    assert re.findall(r'data-stage="(\w+)"', page)[0] == "marketing_qualified"
    assert sam.submit(f"/leads/{lead}/promote", back="/board").headers["location"] == "/board"
    promoted = sam.get("/board").text.split('data-stage="sales_qualified"')[1].split('data-stage="replied"')[0]
    assert f'id="card-{lead}"' in promoted
    ways = re.findall(r'class="way" data-to="(\w+)"', promoted)
    assert ways == ["marketing_qualified", "replied", "lost", "disqualified"]
    assert f'id="card-{lead}"' not in sam.get("/board?mine=true").text
    sam.submit(f"/leads/{lead}/assign", to=world.cast.sam.id)
    assert f'id="card-{lead}"' in sam.get("/board?mine=true").text


def test_whoever_may_only_read_sees_no_form(world: World, lead: int) -> None:
    eli = world.browser(world.cast.eli)
    for path in (f"/leads/{lead}", "/board", "/campaigns/1"):
        forms = re.findall(r'<form[^>]*action="(/(?:leads|campaigns)[^"]*)"', eli.get(path).text)
        assert [
            form for form in forms if not form.endswith(("/assign", "/follow_up", "/decision_maker", "/slots"))
        ] == []
    marketer = world.browser(world.cast.mara).get(f"/leads/{lead}").text
    assert f'action="/leads/{lead}/notes"' in marketer


def test_the_rule_of_the_settings_gives_a_promoted_lead_to_an_sdr(world: World, lead: int, sam: Browser) -> None:
    state = world.app.state.overheard
    in_turn = state.settings.model_copy(update={"assignment": "round_robin"})
    object.__setattr__(state, "settings", in_turn)
    sam.submit(f"/leads/{lead}/promote")
    assert stored(world, lead).assignee_id == world.cast.sam.id
    with world.rows() as session:
        last = session.scalars(sa.select(LeadEvent).order_by(LeadEvent.id.desc())).first()
    assert last is not None
    assert (last.action, last.actor_id, last.note) == (LeadAction.ASSIGN, None, "to Sam")
    assert sam.submit(f"/leads/{lead}/undo").status_code == 303
