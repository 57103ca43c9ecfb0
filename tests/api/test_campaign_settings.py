"""The settings on a campaign's page, and who may change them."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from overheard.models import Campaign, Exclusion, Lead, QualifyingQuestion, Source, User
from overheard.vocabulary import Stage
from tests.api.conftest import World
from tests.factories import make_campaign, new_post

PLACE = {"platform": "reddit", "kind": "author", "name": "u/spelt"}


@pytest.fixture
def database_url(sqlite_template: Path, tmp_path: Path) -> str:
    """Nothing here depends on the database; `tests/overheard/test_campaign_settings.py` does."""
    path = tmp_path / "overheard.db"
    path.write_bytes(sqlite_template.read_bytes())
    return f"sqlite:///{path}"


def test_a_marketer_settles_a_campaign_by_forms_alone(world: World) -> None:
    world.lead(post=new_post(author="spelt"))
    mara = world.browser(world.cast.mara)
    offer = {"name": "Rye & Co", "offer": "Something else.", "languages": "en, de"}
    assert mara.submit("/campaigns/1/settings", **offer).headers["location"] == "/campaigns/1#settings"
    page = mara.get("/campaigns/1").text
    assert "Posts are compared with the new offer when they are classified next." in page
    assert "<bdi>Rye &amp; Co</bdi>" in page
    assert mara.submit("/campaigns/1/settings", **offer | {"languages": "german"}).status_code == 422
    with world.rows() as session:
        assert session.get_one(Campaign, 1).languages == "de en"
        source = session.scalars(sa.select(Source.id)).one()
    mara.submit("/campaigns/1/sources", source=source)
    mara.submit("/campaigns/1/members", member=world.cast.sue.id)
    with world.sessions.begin() as session:
        make_campaign(session, now=world.now, name="An earlier name", queries={"none": "zebra"})

    def first(user: User) -> str:
        return world.browser(user).get("/campaigns").text.partition("<tbody>")[2].partition("</tr>")[0]

    assert ("An earlier name" in first(world.cast.sam), "yours" in first(world.cast.sue)) == (True, True)
    page = mara.get("/campaigns/1").text
    assert "Sources (1)" in page
    assert "Members (1)" in page
    mara.submit("/campaigns/1/quiet-hours", quiet_from=20, quiet_until=7)
    page = mara.get("/campaigns/1").text
    assert "Nobody is told of its leads at once from 20:00 to 07:00." in page
    assert "Quiet hours (20:00 to 07:00)" in page
    assert mara.submit("/campaigns/1/quiet-hours", quiet_from=20, quiet_until="").status_code == 422
    mara.submit("/campaigns/1/quiet-hours", quiet_from="", quiet_until="")
    assert "Quiet hours (none)" in mara.get("/campaigns/1").text
    mara.submit("/campaigns/1/questions", topic="need", question="Do they bake?")
    mara.submit("/campaigns/questions/1/weight", weight=4)
    with world.rows() as session:
        assert session.get_one(QualifyingQuestion, 1).weight == 4


def test_what_an_exclusion_takes_out_is_counted_before_it_is_made_and_comes_back_when_it_is_lifted(
    world: World,
) -> None:
    lead = world.lead(post=new_post(author="spelt"))
    mara = world.browser(world.cast.mara)
    assert "1 lead would leave the queue." in mara.submit("/campaigns/1/exclusions/count", **PLACE).text
    with world.rows() as session:
        assert session.scalars(sa.select(Exclusion)).all() == []
    mara.submit("/campaigns/1/exclusions", **PLACE)
    page = mara.get("/campaigns/1").text
    assert "The author spelt is excluded; 1 lead left the queue." in page
    assert "<bdi>spelt</bdi>" in page
    sam = world.browser(world.cast.sam)
    assert "The author spelt is excluded from the campaign." in sam.get(f"/leads/{lead}").text
    mara.submit("/campaigns/exclusions/1/lift")
    mara.submit("/campaigns/1/archive")
    assert "1 lead left the queue" in mara.get("/campaigns/1").text
    assert "nobody new becomes its lead" in sam.get("/campaigns/1").text
    mara.submit("/campaigns/1/restore")
    with world.rows() as session:
        assert session.get_one(Lead, lead).stage is Stage.MARKETING_QUALIFIED


def test_who_may_not_tune_reads_the_settings_and_changes_none(world: World) -> None:
    world.lead()
    sam = world.browser(world.cast.sam)
    assert "Languages: all. Members: everybody. Quiet hours: none." in sam.get("/campaigns/1").text
    for path in (
        "settings",
        "sources",
        "members",
        "exclusions",
        "exclusions/count",
        "archive",
        "restore",
        "quiet-hours",
    ):
        assert sam.submit(f"/campaigns/1/{path}", **PLACE).status_code == 403


def test_a_program_settles_a_campaign(world: World) -> None:
    lead = world.lead(post=new_post(author="spelt"))
    mara = world.program(world.cast.mara)
    change = {"languages": ["en"], "members": [world.cast.sam.id], "sources": [1]}
    settled = mara.patch("/v1/campaigns/1/settings", json=change).json()
    assert (settled["languages"], settled["members"], settled["sources"]) == (["en"], [world.cast.sam.id], [1])
    assert settled["name"] == "Rye CRM"
    limits = {"daily_budget": None, "hot_floor": 0.9, "samples_a_day": 6}
    assert limits.items() <= mara.patch("/v1/campaigns/1/settings", json=limits).json().items()
    kept = mara.patch("/v1/campaigns/1/settings", json={"daily_budget": 20}).json()
    assert (kept["daily_budget"], kept["hot_floor"], kept["samples_a_day"]) == (20, 0.9, 6)
    assert mara.patch("/v1/campaigns/1/settings", json={"samples_a_day": 2}).status_code == 422
    night = {"quiet_hours": {"begin": 20, "end": 7}}
    assert night.items() <= mara.patch("/v1/campaigns/1/settings", json=night).json().items()
    assert mara.patch("/v1/campaigns/1/settings", json={"archived": False}).json()["quiet_hours"] is not None
    assert mara.patch("/v1/campaigns/1/settings", json={"quiet_hours": {"begin": 7, "end": 7}}).status_code == 422
    assert mara.patch("/v1/campaigns/1/settings", json={"quiet_hours": None}).json()["quiet_hours"] is None
    counted = mara.post("/v1/campaigns/1/exclusions", json=PLACE | {"dry_run": True}).json()
    assert counted == {"exclusion": None, "leads": [lead]}
    made = mara.post("/v1/campaigns/1/exclusions", json=PLACE).json()
    assert mara.get("/v1/campaigns/1/settings").json()["exclusions"] == [made["exclusion"]]
    assert mara.delete("/v1/exclusions/1").json()["leads"] == [lead]
    assert mara.patch("/v1/campaigns/1/settings", json={"archived": True}).json()["archived_at"]
    assert mara.patch("/v1/campaigns/1/settings", json={"archived": False}).json()["archived_at"] is None
    found = mara.post("/v1/campaigns/propose", json={"text": "Bookkeeping for bakers. Unlike Xero."}).json()
    assert [(one["name"], one["posts"]) for one in found["competitors"]] == [("Xero", 0)]
    assert found["competitors"][0]["expression"].startswith("xero ")
    assert world.program(world.cast.sam).patch("/v1/campaigns/1/settings", json=change).status_code == 403


def test_a_program_keeps_the_words_that_queries_share(world: World) -> None:
    world.lead()
    mara, sam = world.program(world.cast.mara), world.program(world.cast.sam)
    for text in ("xero", 'xero\n"big books"'):
        assert mara.post("/v1/variables", json={"name": "Brands", "text": text}).status_code == 200
    [kept] = sam.get("/v1/variables").json()["items"]
    assert (kept["name"], kept["text"]) == ("brands", 'xero\n"big books"')
    mara.post("/v1/campaigns/1/queries", json={"name": "brands", "expression": "${brands}"})
    assert mara.delete("/v1/variables/brands").status_code == 422
    assert mara.post("/v1/variables", json={"name": "brands", "text": '"open'}).status_code == 422
    mara.post("/v1/variables", json={"name": "free", "text": "oven"})
    assert sam.delete("/v1/variables/free").status_code == 403
    assert [mara.delete("/v1/variables/free").status_code for _ in range(2)] == [204, 404]
    assert [one["name"] for one in sam.get("/v1/variables").json()["items"]] == ["brands"]
