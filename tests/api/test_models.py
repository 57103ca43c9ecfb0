"""Model versions on pages and under /v1."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from overheard.errors import InvalidInput
from overheard.leads import funnel
from overheard.modelling import retrainings, versions
from overheard.modelling.vocabulary import ModelState
from overheard.models import AuditEntry, Campaign, Dataset, ModelVersion, Retraining, ShadowPrediction
from overheard.settings import Settings
from overheard.vocabulary import Intent
from tests.api.conftest import World
from tests.factories import MODEL, make_campaign, make_lead, new_post, predict, store
from tests.model_versions import make_version

EVIL = "<script>alert(1)</script>"


@pytest.fixture
def judged(world: World, settings: Settings) -> World:
    """A champion, a shadow that finds what the champion misses, and a decision."""
    with world.sessions.begin() as session:
        make_campaign(session, now=world.now, name="Rye", queries={"crm": "crm"})
        make_version(session, settings, MODEL, state=ModelState.CHAMPION, now=world.now, report={"f1": 0.8})
        shadow = make_version(session, settings, "dark-2", state=ModelState.SHADOW, now=world.now)
        post = store(session, new_post(title=f"crm {EVIL}", body=f"Need a crm {EVIL}", author=EVIL), now=world.now)[0]
        predict(session, post, now=world.now, score=0.2)
        said = {"score": 0.9, "intent": Intent.PURCHASE, "evidence": [["title", 0, 3, 0.5]], "is_judged": True}
        session.add(ShadowPrediction(post_id=post.id, version_id=shadow.id, at=world.now, **said))
        lead = make_lead(session, now=world.now)
        funnel.promote(session, lead.id, actor=world.cast.sam, now=world.now)
    return world


def test_the_page_shows_versions_the_shadow_and_drift_and_escapes_what_strangers_wrote(judged: World) -> None:
    page = judged.browser(judged.cast.eli).get("/models").text
    evidence = '<mark><span class="met">crm</span></mark>'  # of both
    for shown in (MODEL, "dark-2", "champion", "0.800", "only the shadow", evidence, "r/bakers", "1 of 1"):
        assert shown in page
    assert "<script>alert" not in page
    source = page.split("/models/drift/")[1].split('"')[0]
    drift = judged.browser(judged.cast.alice).get(f"/models/drift/{source}").text
    assert "too few" in drift
    assert "<script>alert" not in drift
    assert 'href="/models"' not in judged.browser(judged.cast.sam).get("/queue").text


def test_the_page_says_whose_own_head_a_version_is_and_what_was_erased_of_it(judged: World) -> None:
    with judged.sessions.begin() as session:
        own = versions.get(session, "dark-2")
        dataset = Dataset(checksum="any", created_at=judged.now, examples=3, lines=0)
        session.add(dataset)
        session.flush()
        campaign = session.scalars(sa.select(Campaign)).one()
        own.state, own.campaign_id, own.dataset_id = ModelState.CHAMPION, campaign.id, dataset.id
    page = judged.browser(judged.cast.eli).get("/models").text
    assert f'<a href="/campaigns/{campaign.id}"><bdi>Rye</bdi></a>: it judges for this campaign alone' in page
    assert "3 of the posts it was made from were erased since" in page
    assert "/models/rollback" not in page


def test_a_version_is_activated_and_rolled_back_by_a_form_and_the_log_says_who(judged: World) -> None:
    eli = judged.browser(judged.cast.eli)
    with judged.rows() as session:
        number = versions.get(session, "dark-2").id
    assert eli.submit(f"/models/{number}/activate").headers["location"] == "/models"
    assert "dark-2 is in use." in eli.get("/models").text
    assert eli.submit(f"/models/{number}/activate").status_code == 409
    eli.submit("/models/rollback")
    assert eli.submit("/models/rollback").status_code == 409
    eli.submit(f"/models/{number}/shadow")
    eli.submit("/models/shadow/stop")
    with judged.rows() as session:
        assert {one.name: one.state.value for one in session.query(ModelVersion)} == {
            MODEL: "champion",
            "dark-2": "retired",
        }
        told = [(one.action.value, one.actor_id) for one in session.query(AuditEntry).order_by(AuditEntry.id)]
    made = [action for action, actor in told if action.startswith("model") and actor == judged.cast.eli.id]
    assert made == ["model_activated", "model_rolled_back", "model_shadowed", "model_shadowed"]


def test_programs_read_and_change_the_same(judged: World) -> None:
    program = judged.program(judged.cast.eli)
    models = program.get("/v1/models").json()["items"]
    assert [(one["name"], one["state"], one["figures"]) for one in models] == [
        (MODEL, "champion", {"f1": "0.800"}),
        ("dark-2", "shadow", {}),
    ]
    shadow = program.get("/v1/models/shadow").json()
    assert (shadow["shadow"], shadow["posts"], shadow["only_shadow"]) == ("dark-2", 1, 1)
    assert shadow["differences"][0]["shadow"] == {"score": 0.9, "intent": "purchase", "shows": True}
    drift = program.get("/v1/models/drift").json()
    assert (drift["model"], drift["places"][0]["drift"], drift["weeks"][0]["leads"]) == (MODEL, "too_few", 1)
    dark = models[1]["id"]
    assert program.post(f"/v1/models/{dark}/activate").json()["state"] == "champion"
    assert program.get("/v1/models/shadow").json()["shadow"] is None
    assert program.post("/v1/models/rollback").json()["name"] == MODEL
    assert program.put(f"/v1/models/{dark}/shadow").json()["state"] == "shadow"
    assert program.delete("/v1/models/shadow").status_code == 204
    assert program.post("/v1/models/99/activate").status_code == 404


def test_a_campaigns_own_head_is_taken_back_by_a_form_and_by_programs(judged: World, settings: Settings) -> None:
    with judged.sessions.begin() as session:
        campaign = session.scalars(sa.select(Campaign)).one()
        for name in ("own-1", "own-2"):
            own = make_version(session, settings, name, state=ModelState.CHALLENGER, now=judged.now)
            own.campaign_id = campaign.id
            session.flush()
            versions.activate(session, settings, name, actor=None, now=judged.now)
    eli, program = judged.browser(judged.cast.eli), judged.program(judged.cast.eli)
    assert "Let own-1 judge for this campaign again?" in eli.get("/models").text
    eli.submit(f"/models/own/{campaign.id}/rollback")
    assert "own-1 judges for Rye again." in (page := eli.get("/models").text)
    assert "Let the shared head judge for this campaign again?" in page
    back = program.post(f"/v1/models/own/{campaign.id}/rollback")
    assert back.json() == {"campaign_id": campaign.id, "head": None}
    assert program.post(f"/v1/models/own/{campaign.id}/rollback").status_code == 409
    assert program.post("/v1/models/own/99/rollback").status_code == 404
    assert judged.browser(judged.cast.sam).submit(f"/models/own/{campaign.id}/rollback").status_code == 403
    with judged.rows() as session:
        assert {one.name: one.state for one in session.query(ModelVersion)} == {
            MODEL: ModelState.CHAMPION,
            "dark-2": ModelState.SHADOW,
            "own-1": ModelState.RETIRED,
            "own-2": ModelState.RETIRED,
        }


def test_before_anything_is_registered_the_page_says_what_is_in_use(world: World) -> None:
    page = world.browser(world.cast.eli).get("/models").text
    assert "The model that is shipped is in use" in page
    assert world.program(world.cast.eli).get("/v1/models/drift").json() == {"model": None, "places": [], "weeks": []}
    with world.sessions.begin() as session:
        make_lead(session, now=world.now - timedelta(days=1))
    assert f"by <bdi>{MODEL}</bdi>" in world.browser(world.cast.eli).get("/models").text


def test_the_page_says_how_far_a_retraining_is_and_how_the_last_one_ended(world: World) -> None:
    eli, now = world.browser(world.cast.eli), world.now
    run = retrainings.UnderWay(world.sessions, lambda: now)
    run.tell("learning on the processor", 30, 120)
    page = eli.get("/models").text
    assert "learning on the processor, 30 of 120" in page
    assert '<progress value="30" max="120"' in page
    assert "25 %" in page
    with world.sessions.begin() as session:
        silent = now - timedelta(minutes=11)
        session.execute(sa.update(Retraining).values(begun_at=silent, updated_at=silent))
    assert "Nothing was heard of it since" in eli.get("/models").text
    with pytest.raises(InvalidInput), retrainings.UnderWay(world.sessions, lambda: now).watched():
        raise InvalidInput(f"Too few labels. {EVIL}")
    page = eli.get("/models").text
    assert "Nothing came of it: <bdi>Too few labels. &lt;script" in page
    retrainings.UnderWay(world.sessions, lambda: now).end(version="tiny-1", is_accepted=False)
    assert "It made <bdi>tiny-1</bdi>, which the gate refused." in eli.get("/models").text
    with world.rows() as session:
        errors = session.scalars(sa.select(Retraining.error).order_by(Retraining.id)).all()
    assert errors == [retrainings.KILLED, f"Too few labels. {EVIL}", None]
