"""Model versions as files, and a champion that changes while posts are judged."""

import json
import shutil
import threading
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from classifier import registry
from classifier.head import SCHEME_FILE, WEIGHTS_FILE
from classifier.in_use import InUse
from classifier.model import SHIPPED, IntentModel, version_of
from classifier.run import Judge, classify_pending
from classifier.shadow import Shadow
from overheard.db import Sessions
from overheard.errors import ModelError
from overheard.listening.intake import Erased, take_in
from overheard.modelling import versions
from overheard.modelling.vocabulary import ModelState
from overheard.models import Lead, ModelVersion, Prediction, ShadowPrediction
from overheard.settings import Settings
from overheard.vocabulary import Platform
from tests.factories import make_campaign, new_post
from tests.model_versions import WordJudge, make_version, said_by, settings_in


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path)


def test_the_shipped_model_is_the_champion_until_another_one_is_activated(
    sessions: Sessions, settings: Settings, tmp_path: Path, now: datetime, model: IntentModel
) -> None:
    assert version_of(SHIPPED) == model.version  # told without loading the encoder
    trained = tmp_path / "trained"
    shutil.copytree(SHIPPED, trained)
    scheme = json.loads((trained / SCHEME_FILE).read_text()) | {"threshold": 0.7}
    (trained / SCHEME_FILE).write_text(json.dumps(scheme))
    with pytest.raises(ModelError, match="was taught by"), sessions.begin() as session:
        registry.register(session, settings, trained, parent=None, report={}, now=now)
    for file in trained.glob("first_stage.*"):
        file.unlink()
    with sessions.begin() as session:
        assert registry.champion(session, settings) == SHIPPED
        versions_made = [
            registry.register(session, settings, trained, parent=model.version, report={"f1": 0.9}, now=now)
            for _ in range(2)
        ]
        assert versions_made[0] is versions_made[1]
        made = versions_made[0]
        kept = [(one.name, one.state) for one in versions.versions(session)]
        assert kept == [(model.version, ModelState.CHAMPION), (made.name, ModelState.CHALLENGER)]
        assert registry.champion(session, settings) == settings.home / "models" / model.version
        registry.activate(session, settings, made.name, actor=None, now=now)
        folder = registry.champion(session, settings)
        assert (version_of(folder), made.threshold, made.parent) == (made.name, 0.7, model.version)
        assert {path.name for path in folder.iterdir()} == {
            "MODEL_CARD.md",
            "adapters.safetensors",
            "model.json",
            "model.safetensors",
            "ranges.json",
            "report.json",
        }
        assert json.loads((folder / "report.json").read_text()) == {"f1": 0.9}
        named = settings.model_copy(update={"model_path": trained})
        assert registry.champion(session, named) == trained  # who names a folder means that one
        (trained / WEIGHTS_FILE).write_bytes(b"damaged")
        with pytest.raises(ModelError, match="is not a model of Overheard"):
            registry.register(session, settings, trained, parent=None, report={}, now=now)


def test_a_roll_back_under_load_loses_no_post(
    sessions: Sessions, settings: Settings, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Posts keep coming in while the real loop judges them and the champion changes at every turn."""
    monkeypatch.setattr("classifier.backlog.BATCH", 16)
    judges = {"good-1": WordJudge("good-1", need=0.9), "bad-2": WordJudge("bad-2", need=0.2)}
    total = 100
    with sessions.begin() as session:
        make_campaign(session, now=now)
        make_version(session, settings, "good-1", state=ModelState.CHAMPION, now=now)
        make_version(session, settings, "bad-2", now=now)

    def bring_in() -> None:
        for start in range(0, total, 10):
            posts = [new_post(author=f"a{n}", body="I need it") for n in range(start, start + 10)]
            with sessions.begin() as session:
                take_in(session, posts, origin="t", now=now)

    def change() -> None:
        with sessions.begin() as session:
            champion = versions.champion(session)
            if champion and champion.name == "good-1":
                versions.activate(session, settings, "bad-2", actor=None, now=now)
            else:
                versions.rollback(session, settings, actor=None, now=now)

    in_use = InUse(sessions, settings, lambda folder: judges[folder.name])
    coming = threading.Thread(target=bring_in)
    coming.start()
    changes = 0
    while coming.is_alive() or changes < 4:
        judge = in_use.judge()
        classify_pending(sessions, judge, clock=lambda: now, is_current=in_use.is_current)
        change()
        changes += 1
    coming.join()
    with sessions.begin() as session:
        champion = versions.champion(session)
        if champion and champion.name == "bad-2":
            versions.rollback(session, settings, actor=None, now=now)
    classify_pending(sessions, in_use.judge(), clock=lambda: now, is_current=in_use.is_current)
    assert said_by(sessions, "good-1", 0.9) == [total] * 4


def test_a_run_ends_where_another_model_takes_over_and_a_roll_back_judges_nothing_twice(
    sessions: Sessions, settings: Settings, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("classifier.backlog.BATCH", 16)
    judges = {"first": WordJudge("first", need=0.9), "second": WordJudge("second", need=0.2)}
    with sessions.begin() as session:
        make_campaign(session, now=now)
        make_version(session, settings, "first", state=ModelState.CHAMPION, now=now)
        make_version(session, settings, "second", now=now)
        posts = [new_post(title=str(n), author=f"a{n}", body="I need it") for n in range(26)]
        take_in(session, posts, origin="t", now=now)
    in_use = InUse(sessions, settings, lambda folder: judges[folder.name])

    def activate(_posts: int) -> None:
        with sessions.begin() as session:
            versions.activate(session, settings, "second", actor=None, now=now)

    cut = classify_pending(
        sessions, in_use.judge(), clock=lambda: now, is_current=in_use.is_current, on_progress=activate
    )
    assert (cut.posts, cut.leads, cut.is_done) == (16, 16, False)
    # Meanwhile the queue shows what the former version said; then the new one's word replaces it, post by post.
    second = in_use.judge()
    again = classify_pending(sessions, second, clock=lambda: now, is_current=in_use.is_current, again=6)
    assert (again.posts, again.is_done) == (16, False)
    assert judges["second"].judged[:10] == [str(n) for n in range(9, -1, -1)]  # what nobody had judged comes first
    with sessions() as session:
        shown = session.execute(sa.select(Lead.score, sa.func.count()).group_by(Lead.score)).all()
        assert [tuple(row) for row in shown] == [(0.9, 10)]  # six went: nobody had touched them
    assert classify_pending(sessions, second, clock=lambda: now, is_current=in_use.is_current).is_done
    with sessions.begin() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Lead)) == 0
        versions.rollback(session, settings, actor=None, now=now)
    back = classify_pending(sessions, in_use.judge(), clock=lambda: now, is_current=in_use.is_current)
    assert (back.posts, back.leads) == (10, 26)  # only what it had never seen is judged
    with sessions() as session:
        newest = sa.select(sa.func.max(Prediction.id)).group_by(Prediction.post_id)
        said = session.scalars(sa.select(Prediction.model_version).where(Prediction.id.in_(newest)).distinct()).all()
    assert said == ["first"]  # whoever asks for the newest word gets the champion's


def test_stored_posts_are_judged_anew_in_the_order_of_the_queue(sessions: Sessions, now: datetime) -> None:
    bodies = ["need", "Hm.", "want", "Hm.", "need", "wish"]
    with sessions.begin() as session:
        make_campaign(session, now=now)
        posts = [new_post(title=str(n), author=f"a{n}", body=body) for n, body in enumerate(bodies)]
        take_in(session, posts, origin="t", now=now)
    classify_pending(sessions, WordJudge("old", need=0.7, want=0.9, wish=0.8), clock=lambda: now)
    with sessions.begin() as session:
        take_in(session, [new_post(title="new", author="z")], origin="t", now=now)
    new = WordJudge("new", need=0.6)
    classify_pending(sessions, new, clock=lambda: now)
    assert new.judged == ["new", "2", "5", "4", "0", "3", "1"]  # new ones, open leads by rank, the others by age


def test_a_champion_that_cannot_be_loaded_leaves_the_one_before_at_work(
    sessions: Sessions, settings: Settings, now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    def load(folder: Path) -> Judge:
        if folder.name == "broken":
            raise ModelError("It is damaged.")
        return WordJudge(folder.name)

    with sessions.begin() as session:
        make_version(session, settings, "sound", state=ModelState.CHAMPION, now=now)
        make_version(session, settings, "broken", now=now)
    in_use = InUse(sessions, settings, load)
    assert in_use.judge().version == "sound"
    with sessions.begin() as session:
        versions.activate(session, settings, "broken", actor=None, now=now)
        assert not in_use.is_current(session)
    assert in_use.judge().version == "sound"
    assert "sound goes on" in caplog.text
    with sessions() as session:
        assert in_use.is_current(session)  # it is not tried again and again


def test_the_shadow_judges_what_comes_in_and_no_queue_shows_it(
    sessions: Sessions, settings: Settings, now: datetime
) -> None:
    def load(folder: Path) -> Judge:
        return WordJudge(folder.name, need=0.95)

    shadow = Shadow(sessions, settings, load)
    with sessions.begin() as session:
        make_campaign(session, now=now)
        take_in(session, [new_post(body="I need it")], origin="t", now=datetime(2026, 1, 1, tzinfo=now.tzinfo))
    assert shadow.judge_batch(clock=lambda: now) == 0  # there is none
    with sessions.begin() as session:
        make_version(session, settings, "dark", state=ModelState.SHADOW, now=now)
        posts = [new_post(external_id=f"t3_live{n}", author=f"a{n}", body="I need it") for n in range(3)]
        take_in(session, posts, origin="t", now=now)
    classify_pending(sessions, WordJudge("light", need=0.2), clock=lambda: now)
    assert shadow.judge_batch(clock=lambda: now) == 3  # and not what came in before it began
    assert shadow.judge_batch(clock=lambda: now) == 0
    with sessions.begin() as session:
        assert session.scalars(sa.select(ShadowPrediction.score)).all() == [0.95] * 3
        assert session.scalars(sa.select(Lead)).all() == []
        take_in(session, [Erased(Platform.REDDIT, "t3_live0")], origin="t", now=now)
        edit = new_post(external_id="t3_live1", author="a1", body="Found it.", as_of=now)
        take_in(session, [edit], origin="t", now=now)
        assert len(session.scalars(sa.select(ShadowPrediction)).all()) == 1
        versions.stop_shadow(session, actor=None, now=now)
    assert shadow.judge_batch(clock=lambda: now) == 0
    with sessions() as session:
        assert session.scalars(sa.select(ModelVersion.state)).all() == [ModelState.CHALLENGER]
