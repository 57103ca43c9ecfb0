"""The champion changes again and again while a flood is judged, each in a process of its own, and one is killed."""

import multiprocessing
import os
import signal
from datetime import datetime
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from classifier import backlog
from classifier.in_use import InUse
from classifier.run import classify_pending
from overheard.db import Sessions, make_engine, make_sessions
from overheard.listening.intake import take_in
from overheard.modelling import versions
from overheard.modelling.vocabulary import ModelState
from overheard.models import Post, Prediction, UnjudgedPost
from overheard.settings import Settings
from tests.factories import make_campaign, new_post
from tests.model_versions import WordJudge, make_version, said_by, settings_in

CHANGES = 4
_SCORES = {"good-1": 0.9, "bad-2": 0.2}


def judge_it(url: str, settings: Settings, now: datetime, seen: "Synchronized[int]") -> None:
    """Judge what comes until killed, and count how often another version took over."""
    backlog.BATCH = 16
    sessions = make_sessions(make_engine(url))
    judges = {name: WordJudge(name, need=score) for name, score in _SCORES.items()}
    in_use, before = InUse(sessions, settings, lambda folder: judges[folder.name]), ""
    while True:
        judge = in_use.judge()
        if judge.version != before:
            seen.value, before = seen.value + 1, judge.version
        classify_pending(sessions, judge, clock=lambda: now, is_current=in_use.is_current)


def change_it(url: str, settings: Settings, now: datetime, stop: Event) -> None:
    """Activate and roll back in turns."""
    sessions = make_sessions(make_engine(url))
    while not stop.wait(0.05):
        with sessions.begin() as session:
            champion = versions.champion(session)
            if champion and champion.name == "good-1":
                versions.activate(session, settings, "bad-2", actor=None, now=now)
            else:
                versions.rollback(session, settings, actor=None, now=now)


@pytest.mark.alternate_databases
def test_a_roll_back_under_load_loses_no_post_though_the_one_who_judges_is_killed(
    sessions: Sessions, database_url: str, tmp_path: Path, now: datetime
) -> None:
    settings = settings_in(tmp_path)
    with sessions.begin() as session:
        make_campaign(session, now=now)
        make_version(session, settings, "good-1", state=ModelState.CHAMPION, now=now)
        make_version(session, settings, "bad-2", now=now)
    spawn = multiprocessing.get_context("spawn")
    seen, stop = spawn.Value("i", 0), spawn.Event()
    judging = spawn.Process(target=judge_it, args=(database_url, settings, now, seen))
    changing = spawn.Process(target=change_it, args=(database_url, settings, now, stop))
    for process in (judging, changing):
        process.start()
    total = 0
    try:
        while seen.value < CHANGES or total < 120:
            assert judging.is_alive()
            assert changing.is_alive()
            some: list[Any] = [new_post(author=f"a{n}", body="I need it") for n in range(total, total + 5)]
            with sessions.begin() as session:
                take_in(session, some, origin="t", now=now)
            total += len(some)
    finally:
        os.kill(judging.pid or 0, signal.SIGKILL)
        stop.set()
        judging.join()
        changing.join(60)
    assert (judging.exitcode, changing.exitcode) == (-signal.SIGKILL, 0)

    with sessions.begin() as session:
        champion = versions.champion(session)
        assert champion is not None
        judged = sa.exists().where(Prediction.post_id == Post.id)  # by it, or by the other: then it is judged anew
        waits = sa.exists().where(UnjudgedPost.post_id == Post.id)
        lost = session.scalars(sa.select(Post.id).where(~judged, ~waits)).all()
        assert lost == []
        if champion.name == "bad-2":
            versions.rollback(session, settings, actor=None, now=now)
    in_use = InUse(sessions, settings, lambda folder: WordJudge(folder.name, need=_SCORES[folder.name]))
    classify_pending(sessions, in_use.judge(), clock=lambda: now, is_current=in_use.is_current)
    with sessions() as session:
        newest = sa.select(sa.func.max(Prediction.id)).group_by(Prediction.post_id)
        last = session.scalars(sa.select(Prediction.model_version).where(Prediction.id.in_(newest)).distinct()).all()
    assert said_by(sessions, "good-1", _SCORES["good-1"]) == [total] * 4
    assert last == ["good-1"]
