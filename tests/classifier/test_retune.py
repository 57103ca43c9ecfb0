"""Retraining with the encoder, on an encoder of two layers: it goes on after a kill, and is the same model then."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import torch

from classifier import config as configuration
from classifier import first_stage_train
from classifier.config import read_config
from classifier.encoder import Encoder
from classifier.encoder_files import checksum_of
from classifier.first_stage import FirstStage
from classifier.head import read_scheme
from classifier.model import load_model, version_of
from classifier.ranges import read_ranges
from classifier.registry import champion, register
from classifier.release import TOLERANCE, checked_onnx
from classifier.retrain import Retrained, retrain
from classifier.retrain_config import RetrainConfig
from classifier.retrain_config import read_config as read_retraining
from classifier.retune import device_of, kept
from classifier.train import train_model, write_model
from overheard.db import Sessions, make_engine, make_sessions
from overheard.errors import InvalidInput, WrongStage
from overheard.modelling import retrainings
from overheard.modelling.files import checkpoint_file
from overheard.modelling.versions import activate
from overheard.models import IntentLabel, ModelVersion, Post, Retraining
from overheard.settings import Settings
from overheard.vocabulary import Intent
from tests.classifier.test_train import invented_rows
from tests.factories import new_post, store
from tests.model_versions import settings_in

WITH_ENCODER = configuration.SHIPPED.with_name("retrain_encoder.toml")
KILLED_AT = 12


@dataclass(frozen=True)
class World:
    sessions: Sessions
    settings: Settings
    config: RetrainConfig
    now: datetime

    def retrain(self, told: list[tuple[str, int, int]] | None = None, *, dry_run: bool = False) -> Retrained:
        return retrain(
            self.sessions,
            self.settings,
            self.config,
            clock=lambda: self.now,
            dry_run=dry_run,
            on_progress=lambda *how_far: told.append(how_far) if told is not None else None,
        )


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Encoder, tiny_encoder_folder: Path) -> Path:
    """A model on the tiny encoder, whose layers nothing has changed."""
    shipped = read_config(configuration.SHIPPED)
    settings = shipped.model_copy(
        update={
            "features": shipped.features.model_copy(update={"layers": (1, 2)}),
            "network": shipped.network.model_copy(update={"members": 2, "hidden": 16}),
            "calibration": shipped.calibration.model_copy(update={"folds": 2}),
            "tuning": None,
            "variations": None,
        }
    )
    folder = tmp_path_factory.mktemp("first")
    checksum = checksum_of(tiny_encoder_folder)
    trained = train_model(invented_rows(120), tiny_encoder, settings, encoder_checksum=checksum)
    write_model(trained, folder, settings, data_checksum="1" * 64)
    return folder


@pytest.fixture
def world(sessions: Sessions, tmp_path: Path, tiny_encoder_folder: Path, first: Path, now: datetime) -> World:
    settings = settings_in(tmp_path).model_copy(update={"encoder_path": tiny_encoder_folder, "precision": "f32"})
    earlier = now - timedelta(days=1)
    with sessions.begin() as session:
        activate(
            session,
            settings,
            register(session, settings, first, parent=None, report={}, now=earlier).name,
            actor=None,
            now=earlier,
        )
        rows = invented_rows(260)
        posts = store(
            session,
            *(
                new_post(external_id=f"t3_{n}", title=row.post.title, body=f"{row.post.body} {n}", author=f"a{n}")
                for n, row in enumerate(rows)
            ),
            now=earlier,
        )
        session.add_all(label(post, row.label, earlier) for post, row in zip(posts[1:], rows[1:], strict=True))
    shipped = read_retraining(WITH_ENCODER)
    assert shipped.tuning
    tuning = shipped.tuning.model_copy(
        update={"frozen_layers": 0, "rank": 4, "checkpoint_every": 5, "learning_rate": 0.01, "first_stage_posts": 400}
    )
    gate = shipped.gate.model_copy(update={"samples": 100})
    return World(sessions, settings, shipped.model_copy(update={"tuning": tuning, "gate": gate}), now)


def label(post: Post, intent: Intent, at: datetime) -> IntentLabel:
    return IntentLabel(
        post_id=post.id, intent=intent, origin="elsewhere", at=at, text_hash=post.text_hash, shown_because="imported"
    )


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads that wait for one another cost more than such small layers."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def retrain_and_die(url: str, settings: Settings, config: RetrainConfig, now: datetime) -> None:
    def die(phase: str, done: int, _total: int) -> None:
        if phase.startswith("learning") and done == KILLED_AT:
            os.kill(os.getpid(), signal.SIGKILL)

    torch.set_num_threads(1)
    retrain(make_sessions(make_engine(url)), settings, config, clock=lambda: now, on_progress=die)


@pytest.mark.alternate_databases
def test_a_retraining_that_is_killed_goes_on_and_ends_in_the_same_bytes(
    world: World, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = tmp_path / "first_stage.toml"
    small.write_text(first_stage_train.SHIPPED.read_text().replace("buckets = 262144", "buckets = 1024"))
    monkeypatch.setattr(first_stage_train, "SHIPPED", small)
    elsewhere = replace(world, settings=world.settings.model_copy(update={"home": tmp_path / "elsewhere"}))
    with world.sessions() as session:  # the same champion, in another home
        folder = champion(session, world.settings)
    elsewhere.settings.home.mkdir()
    (elsewhere.settings.home / "models").symlink_to(folder.parent)
    undisturbed = elsewhere.retrain(dry_run=True)

    arguments: Any = (database_url, world.settings, world.config, world.now)
    process = multiprocessing.get_context("spawn").Process(target=retrain_and_die, args=arguments)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    file = checkpoint_file(world.settings)
    told = kept(file)
    assert told is not None
    assert int(told["step"]) == KILLED_AT // 5 * 5
    with world.sessions.begin() as session:
        run = retrainings.latest(session)
        assert run is not None
        assert (run.phase, run.ended_at) == ("learning on the processor", None)
        assert retrainings.is_silent(run, world.now + timedelta(hours=1))
        # What is labelled meanwhile waits for the next one.
        unlabelled = session.scalars(sa.select(Post).where(Post.external_id == "t3_0")).one()
        session.add(label(unlabelled, Intent.DISCUSSION, world.now))

    steps: list[tuple[str, int, int]] = []
    later = replace(world, now=world.now + timedelta(hours=1))
    resumed = later.retrain(steps)
    learning = [done for phase, done, _ in steps if phase.startswith("learning")]
    assert learning[0] == KILLED_AT // 5 * 5 + 1
    assert resumed.version == undisturbed.version, "the name ends with a fingerprint of all weights"
    assert not file.exists()
    with world.sessions() as session:
        first_run, run = session.scalars(sa.select(Retraining).order_by(Retraining.id))
        assert (first_run.error, run.version) == (retrainings.KILLED, resumed.version)
        assert run.is_accepted is resumed.report["accepted"]
        version = session.scalars(sa.select(ModelVersion).where(ModelVersion.name == resumed.version)).one()
        made = world.settings.home / "models" / version.name

    is_whole(made, world.settings)
    # From a version that has changed layers the next one starts where they stand.
    with world.sessions.begin() as session:
        activate(session, world.settings, version.name, actor=None, now=later.now)
    assert world.config.tuning
    without = world.config.tuning.model_copy(update={"first_stage_posts": 0})
    config = world.config.model_copy(update={"tuning": without})
    again = replace(later, config=config, now=later.now + timedelta(hours=1)).retrain(dry_run=True)
    assert again.version != version.name


def is_whole(made: Path, settings: Settings) -> None:
    """The changed layers stand in place of those that the champion's head looked at, and everything reads them."""
    assert read_scheme(made).layers == (3, 4)
    assert FirstStage.load(made) is not None
    assert "First stage: taught anew" in (made / "MODEL_CARD.md").read_text()
    assert load_model(made, settings.encoder_path).version == made.name == version_of(made)
    ranges = read_ranges(made)
    assert ranges, "of its own changed layers, so that eight bits are read where the processor can"
    assert len(ranges) == len({place: ends for place, ends in ranges.items() if ends[0] < ends[1]})
    _, far = checked_onnx(made, settings.encoder_path or Path())
    assert far < TOLERANCE


@pytest.mark.alternate_databases
def test_two_retrainings_at_once_and_a_gpu_that_is_not_there_are_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with retrainings.alone(world.settings), pytest.raises(WrongStage, match="A retraining is under way"):
        world.retrain()
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert device_of("auto").type == "cpu"
    with pytest.raises(InvalidInput, match="torch finds none"):
        device_of("cuda")
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert (device_of("auto").type, device_of("cpu").type) == ("cuda", "cpu")
