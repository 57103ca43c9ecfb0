"""Model versions: one champion at any time, roll backs, the shadow, and who did it."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from overheard.errors import InvalidInput, ModelError, NotFound, WrongStage
from overheard.modelling import versions
from overheard.modelling.vocabulary import ModelState
from overheard.models import AuditEntry, ModelVersion
from overheard.settings import Settings
from tests.factories import Cast, make_campaign
from tests.model_versions import make_version, settings_in


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path)


def _states(session: Session) -> dict[str, str]:
    return {one.name: one.state.value for one in versions.versions(session)}


def test_activating_and_rolling_back_lead_from_version_to_version_and_are_told(
    session: Session, settings: Settings, cast: Cast, now: datetime
) -> None:
    make_version(session, settings, "first-1", state=ModelState.CHAMPION, now=now)
    for day, name in enumerate(("second-2", "third-3"), start=1):
        make_version(session, settings, name, now=now)
        versions.activate(session, settings, name, actor=cast.eli, now=now + timedelta(days=day))
    assert _states(session) == {"third-3": "champion", "second-2": "retired", "first-1": "retired"}
    with pytest.raises(WrongStage, match="third-3 is in use already"):
        versions.activate(session, settings, "third", actor=None, now=now)

    back = [versions.rollback(session, settings, actor=cast.alice, now=now).name for _ in range(2)]
    assert back == ["second-2", "first-1"]  # each leads to what was there before, not to and fro
    with pytest.raises(WrongStage, match="nothing to roll back to"):
        versions.rollback(session, settings, actor=None, now=now)
    told = session.execute(sa.select(AuditEntry.action, AuditEntry.subject, AuditEntry.detail, AuditEntry.actor_id))
    assert [(action.value, subject, detail, actor) for action, subject, detail, actor in told] == [
        ("model_activated", "model second-2", "in place of first-1", cast.eli.id),
        ("model_activated", "model third-3", "in place of second-2", cast.eli.id),
        ("model_rolled_back", "model second-2", "in place of third-3", cast.alice.id),
        ("model_rolled_back", "model first-1", "in place of second-2", cast.alice.id),
    ]


def test_the_table_holds_one_champion_and_one_shadow(session: Session, settings: Settings, now: datetime) -> None:
    for state in (ModelState.CHAMPION, ModelState.SHADOW):
        make_version(session, settings, f"one-{state}", state=state, now=now)
        with pytest.raises(IntegrityError), session.begin_nested():
            make_version(session, settings, f"two-{state}", state=state, now=now)


def test_what_cannot_be_used_is_not_activated(session: Session, settings: Settings, now: datetime) -> None:
    make_version(session, settings, "intent-1", state=ModelState.CHAMPION, now=now)
    version = make_version(session, settings, "intent-2", now=now)
    (versions.folder_of(settings, version) / "model.json").unlink()
    with pytest.raises(ModelError, match=r"intent-2 lacks model\.json"):
        versions.activate(session, settings, "intent-2", actor=None, now=now)
    with pytest.raises(NotFound, match="no model version other"):
        versions.get(session, "other")
    with pytest.raises(InvalidInput, match="intent-1 or intent-2"):
        versions.get(session, "intent")
    pinned = settings.model_copy(update={"model_path": settings.home})
    with pytest.raises(WrongStage, match="OVERHEARD_MODEL_PATH"):
        versions.activate(session, pinned, "intent-2", actor=None, now=now)
    assert _states(session) == {"intent-1": "champion", "intent-2": "challenger"}


def test_a_shadow_steps_back_for_another_and_becomes_champion(
    session: Session, settings: Settings, now: datetime
) -> None:
    make_version(session, settings, "old", state=ModelState.CHAMPION, now=now)
    for name in ("a", "b"):
        make_version(session, settings, name, now=now)
        versions.start_shadow(session, name, actor=None, now=now)
    assert _states(session) == {"old": "champion", "b": "shadow", "a": "challenger"}
    with pytest.raises(WrongStage, match="its own shadow"):
        versions.start_shadow(session, "old", actor=None, now=now)
    versions.activate(session, settings, "b", actor=None, now=now)
    assert _states(session) == {"b": "champion", "old": "retired", "a": "challenger"}
    assert session.scalars(sa.select(ModelVersion.shadow_since).where(ModelVersion.name == "b")).one() is None
    versions.stop_shadow(session, actor=None, now=now)  # there is none: nothing happens


def test_a_campaigns_own_head_stands_beside_the_champion_and_rests_under_another_encoder(
    session: Session, settings: Settings, cast: Cast, now: datetime
) -> None:
    campaign = make_campaign(session, now=now)
    for name, reader, state in (("all-1", "a", ModelState.CHAMPION), ("all-2", "b", ModelState.CHALLENGER)):
        make_version(session, settings, name, state=state, now=now).reader = reader
    for name, reader in (("own-1", "a"), ("own-2", "a"), ("own-3", "b")):
        own = make_version(session, settings, name, now=now)
        own.campaign_id, own.reader = campaign.id, reader
    for name in ("own-1", "own-2"):
        versions.activate(session, settings, name, actor=cast.eli, now=now)
    assert _states(session) == {
        "all-1": "champion", "own-1": "retired", "own-2": "champion", "own-3": "challenger", "all-2": "challenger"
    }  # fmt: skip
    with pytest.raises(WrongStage, match="own-3 was made for another encoder than that of all-1"):
        versions.activate(session, settings, "own-3", actor=None, now=now)
    with pytest.raises(WrongStage, match="campaign's own head"):
        versions.start_shadow(session, "own-1", actor=None, now=now)
    assert [one.name for one in versions.own_heads(session)] == ["own-2"]
    versions.activate(session, settings, "all-2", actor=None, now=now)
    assert versions.own_heads(session) == []
    versions.rollback(session, settings, actor=None, now=now)
    assert [one.name for one in versions.own_heads(session)] == ["own-2"]
    back = [versions.rollback_own(session, settings, campaign.id, actor=None, now=now) for _ in range(2)]
    assert [one.name if one else None for one in back] == ["own-1", None]
    with pytest.raises(WrongStage, match="no head of its own"):
        versions.rollback_own(session, settings, campaign.id, actor=None, now=now)
    assert _states(session)["all-1"] == "champion"
