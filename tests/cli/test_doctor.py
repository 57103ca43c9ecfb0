"""`overheard doctor` as a person types it."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from classifier.head import WEIGHTS_FILE
from classifier.model import SHIPPED
from overheard.db import make_engine, make_sessions
from overheard.listening import credentials
from overheard.models import Source
from overheard.settings import Settings
from overheard.vocabulary import Platform
from tests.cli.process import run_command
from tests.factories import watch_source
from tests.fakeworld import faults
from tests.fakeworld.model import World
from tests.fakeworld.server import serve
from tests.fakeworld.wires import github

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def overheard(tmp_path: Path) -> Run:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OVERHEARD_")}

    def run(*words: str, **settings: str) -> "subprocess.CompletedProcess[str]":
        environment = clean | {"OVERHEARD_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1"} | settings
        return run_command(words, environment=environment, cwd=tmp_path)

    return run


def test_the_doctor_says_what_is_broken_and_ends_with_1_and_then_that_all_works(overheard: Run, tmp_path: Path) -> None:
    before = overheard("doctor")
    assert (before.returncode, (tmp_path / "home").exists()) == (1, False)
    assert "broken database: There is no database yet." in before.stdout
    assert "overheard init" in before.stdout
    assert overheard("init").returncode == 0
    after = overheard("doctor", "--json")
    found = {line["what"]: line for line in map(json.loads, after.stdout.splitlines())}
    assert after.returncode == 0, after.stdout
    well = ("database", "migrations", "home", "model", "encoder", "judgement")
    assert {found[what]["state"] for what in well} == {"ok"}
    assert all(line["do"] for line in found.values() if line["state"] != "ok")


def test_without_the_encoder_the_doctor_says_so_and_goes_on(overheard: Run, tmp_path: Path) -> None:
    assert overheard("init").returncode == 0
    done = overheard("doctor", OVERHEARD_ENCODER_PATH=str(tmp_path / "nowhere"), OVERHEARD_SECRET_KEY="do-not-show")
    assert done.returncode == 1
    assert "ok     model:" in done.stdout
    assert "broken encoder:" in done.stdout
    assert "broken judgement:" in done.stdout
    assert "do-not-show" not in done.stdout + done.stderr


def test_a_model_that_is_damaged_is_named_with_what_to_do(overheard: Run, tmp_path: Path) -> None:
    assert overheard("init").returncode == 0
    damaged = tmp_path / "model"
    shutil.copytree(SHIPPED, damaged)
    weights = damaged / WEIGHTS_FILE
    weights.write_bytes(weights.read_bytes()[:1000])
    done = overheard("doctor", OVERHEARD_MODEL_PATH=str(damaged))
    assert done.returncode == 1
    assert f"broken model: {weights}" in done.stdout
    assert "leave `OVERHEARD_MODEL_PATH` out" in done.stdout
    assert "broken judgement: Not tried" in done.stdout
    assert "ok     judging" in done.stdout, "the others are looked at all the same"


def test_online_the_doctor_says_which_account_is_accepted_which_is_refused_and_who_does_not_answer(
    overheard: Run, tmp_path: Path
) -> None:
    world, clock = World(), datetime.now(UTC)
    settings = Settings(home=tmp_path / "home", _env_file=None)  # type: ignore[call-arg] # pydantic-settings' own switch
    assert overheard("init").returncode == 0
    engine = make_engine(settings.effective_database_url)
    with serve(world), make_sessions(engine)() as session:
        accounts = {
            "github": {"token": world.state(github.GitHub).token},
            "discord": {"token": "hunter2"},
            "mastodon": {"instance": "http://127.0.0.1:9", "token": "hunter2"},
        }
        for mode, secrets in accounts.items():
            account = credentials.save(session, settings, mode=mode, name=mode, secrets=secrets, now=clock)
            watch_source(session, now=clock, mode=mode, platform=Platform(mode), community="c", credential_id=account)
        watch_source(session, now=clock)
        session.commit()
        addresses = {
            "OVERHEARD_SERVICES__GITHUB_URL": f"{world.url(Platform.GITHUB)}/",
            "OVERHEARD_SERVICES__DISCORD_URL": f"{world.url(Platform.DISCORD)}/",
            "OVERHEARD_HACKERNEWS__BASE_URL": f"{world.url(Platform.HACKERNEWS)}/v0/",
        }
        done = overheard("doctor", "--online", **addresses)
        assert done.returncode == 1
        for line in (
            "ok     platforms: GitHub accepts ",
            "broken platforms: Discord: ",
            "broken platforms: Mastodon: ",
            "ok     platforms: Hacker News answers (sources: 1)",
            "ok     platforms' clock: as ours",
        ):
            assert line in done.stdout, done.stdout
        assert "hunter2" not in done.stdout + done.stderr
        session.execute(sa.delete(Source).where(Source.mode.in_(accounts)))
        session.commit()
        yesterday = format_datetime(clock - timedelta(days=1), usegmt=True)
        world.fail("maxitem", faults.Answer(200, b"1", {"Date": yesterday}), times=9)
        apart = overheard("doctor", "--online", **addresses).stdout
        assert "broken platforms' clock: 86" in apart
    engine.dispose()
