"""The loop that makes a challenger when enough labels are new."""

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from cli import retrain
from cli.beside import beside
from cli.context import Context
from overheard.db import Sessions
from overheard.models import IntentLabel, Retraining
from overheard.settings import read_settings
from overheard.vocabulary import Intent
from tests.factories import new_post, store

PASSES = 5


class Counted(Context):
    """A context that tells how often somebody looked into the database."""

    passes = 0
    enough = threading.Event()

    @property
    def sessions(self) -> Sessions:
        Counted.passes += 1
        with super().sessions() as session:
            has_ended = session.scalars(sa.select(Retraining.id).where(Retraining.ended_at.is_not(None))).first()
        Counted.passes = Counted.passes if has_ended else 0
        if Counted.passes >= PASSES:
            Counted.enough.set()
        return super().sessions


@pytest.fixture
def context(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    monkeypatch.setenv("OVERHEARD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OVERHEARD_DATABASE_URL", database_url)
    monkeypatch.setenv("OVERHEARD_RETRAIN_AFTER", "2")
    monkeypatch.setattr(retrain, "_EVERY", 0.01)
    context = Counted(read_settings())
    yield context
    context.engine.dispose()


@pytest.mark.alternate_databases
def test_enough_new_labels_are_retrained_from_once_and_a_failure_is_not_tried_again_and_again(
    context: Context, sessions: Sessions, now: datetime
) -> None:
    earlier = now - timedelta(days=1)
    with sessions.begin() as session:
        for number in range(2):
            post = store(session, new_post(external_id=f"t3_{number}"), now=earlier)[0]
            session.add(
                IntentLabel(
                    post_id=post.id,
                    intent=Intent.PAIN,
                    origin="elsewhere",
                    at=earlier,
                    text_hash=post.text_hash,
                    shown_because="imported",
                )
            )
    stop = threading.Event()
    with beside(retrain.retraining(context, stop), stop):
        assert Counted.enough.wait(300), "the loop looks on, pass by pass"
    with sessions() as session:
        (run,) = session.scalars(sa.select(Retraining))
    assert run.error is not None
    assert run.error.startswith("There are 2 labelled posts to learn from")
