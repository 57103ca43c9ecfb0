"""The page of the sources, and `/v1/sources`: what is told, what can be done, and what must be typed first."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from overheard.errors import CollectorError
from overheard.listening import sources
from overheard.listening.sources import Pause
from overheard.listening.terms import Terms
from overheard.models import Gap, Post, Source
from overheard.vocabulary import Platform, SourceState
from tests.api.conftest import Browser, World
from tests.factories import make_lead, new_post, watch_source

EVIL = "<script>alert(1)</script>\u202e'\"{{7*7}}"


@pytest.fixture
def mara(world: World) -> Browser:
    return world.browser(world.cast.mara)


@pytest.fixture
def bakers(world: World) -> int:
    """A source that is read live, with one lead."""
    with world.sessions.begin() as session:
        source = watch_source(session, now=world.now, platform=Platform.REDDIT, community="r/bakers")
        sources.record_success(session, source.id, new=1, pause=Pause(), now=world.now)
        make_lead(session, now=world.now)
        return source.id


def _state(world: World, source_id: int) -> SourceState | None:
    with world.rows() as session:
        return session.get_one(Source, source_id).state


def test_where_nothing_is_read_the_page_says_how_to_begin(mara: Browser) -> None:
    page = mara.get("/sources").text
    assert "No source yet" in page
    assert "overheard sources add" in page
    assert "Facebook groups, LinkedIn and Quora cannot be read by a program" in page


def test_a_source_is_paused_and_enabled(world: World, mara: Browser, bakers: int) -> None:
    assert mara.submit(f"/sources/{bakers}/pause").headers["location"] == "/sources"
    assert "r/bakers is paused" in mara.get("/sources").text
    assert _state(world, bakers) is SourceState.PAUSED
    assert mara.submit(f"/sources/{bakers}/enable").status_code == 303
    assert _state(world, bakers) is SourceState.WATCHING
    assert mara.submit("/sources/99/pause").status_code == 404


def test_a_removed_source_keeps_its_posts(world: World, mara: Browser, bakers: int) -> None:
    assert mara.submit(f"/sources/{bakers}/remove").status_code == 303
    assert _state(world, bakers) is None
    with world.rows() as session:
        assert session.query(Post).count() == 1
    refused = mara.submit(f"/sources/{bakers}/pause")
    assert refused.status_code == 422
    assert "is not read live" in refused.text


def test_who_may_only_read_sees_no_forms(world: World, bakers: int) -> None:
    page = world.browser(world.cast.sam).get("/sources").text
    assert page.count("<form") == 1  # logging out
    assert f'id="source-{bakers}"' in page


def test_the_worst_comes_first_and_says_what_to_do(world: World, mara: Browser, bakers: int) -> None:
    with world.sessions.begin() as session:
        slack = watch_source(session, now=world.now, platform=Platform.SLACK, community="rye/#tools")
        error = CollectorError("The token was revoked: give a new one.", permanent=True)
        sources.record_failure(session, slack.id, error, now=world.now - timedelta(minutes=5))
        session.add(Gap(source_id=bakers, first="17", last="19", reason="gone for good", found_at=world.now))
    page = mara.get("/sources").text
    assert page.index("rye/#tools") < page.index("r/bakers")
    assert "The token was revoked: give a new one. (5 min ago)" in page
    assert "Nothing is asked for until you have mended this" in page
    assert "<code>17</code> to <code>19</code>" in page


def test_hostile_names_and_errors_are_shown_as_text(world: World, mara: Browser) -> None:
    with world.sessions.begin() as session:
        source = watch_source(session, now=world.now, community=EVIL)
        source.permitted_by = EVIL
        source.terms = Terms(permission=EVIL).as_json()
        sources.record_failure(session, source.id, CollectorError(EVIL), now=world.now)
        session.add(Gap(source_id=source.id, first=EVIL, last="2", reason=EVIL, found_at=world.now))
    page = mara.get("/sources").text
    assert "<script>alert" not in page
    assert "{{7*7}}" in page
    assert "\u202e" not in page.split("</main>")[0].replace("<bdi>", "").replace(EVIL, "")


def test_a_program_reads_and_steers_the_sources(world: World, bakers: int) -> None:
    program = world.program(world.cast.mara)
    (told,) = program.get("/v1/sources").json()["items"]
    assert (told["id"], told["community"], told["state"], told["concern"]) == (bakers, "r/bakers", "watching", "none")
    assert told["permitted_by"] == "alice@example.org"
    assert program.post(f"/v1/sources/{bakers}/pause").json()["state"] == "paused"
    assert program.post(f"/v1/sources/{bakers}/enable").json()["state"] == "watching"
    assert program.post("/v1/sources/99/enable").status_code == 404
    assert program.post(f"/v1/sources/{bakers}/remove").json()["state"] is None
    with world.rows() as session:
        assert session.query(Post).count() == 1


def test_a_lead_says_where_it_is_from_how_to_answer_and_how_long_it_is_kept(world: World) -> None:
    with world.sessions.begin() as session:
        lead = make_lead(session, now=world.now, post=new_post(author="flour_power")).id
        source = session.scalars(sa.select(Source)).one()
        source.terms = Terms(permission="None.", retention_hours=48).as_json()
    page = world.browser(world.cast.sam).get(f"/leads/{lead}").text
    assert "from Reddit</span>" in page
    assert '<bdi class="community">r/bakers</bdi>' in page
    assert "u/flour_power" in page
    assert 'href="https://example.org/bakers/1"' in page
    assert "Answers: by hand in your own browser. Kept until 2026-11-22 09:30 UTC, even as a lead." in page


def test_communities_are_suggested_on_a_page_and_by_v1(world: World) -> None:
    with world.sessions.begin() as session:
        make_lead(session, now=world.now, post=new_post(body="Ask in r/pastry", permalink="https://example.org/1"))
    mara = world.browser(world.cast.mara)
    assert 'href="/campaigns/1/suggestions"' in mara.get("/campaigns/1").text
    page = mara.get("/campaigns/1/suggestions").text
    assert "<bdi>r/pastry</bdi>" in page
    assert "1 person in 1 post" in page
    assert mara.get("/campaigns/99/suggestions").status_code == 404
    program: TestClient = world.program(world.cast.mara)
    (told,) = program.get("/v1/campaigns/1/suggestions").json()["items"]
    assert (told["community"], told["examples"]) == ("r/pastry", ["https://example.org/1"])
