"""Labels on the command line."""

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from overheard.db import make_engine, make_sessions
from overheard.labelling.editor import LabelQueue, say
from overheard.models import Campaign, IntentLabel
from overheard.users import accounts
from overheard.vocabulary import Intent, Role
from tests.cli.process import run_command
from tests.factories import make_campaign, new_post, store

AT = datetime(2026, 11, 20, tzinfo=UTC)


def test_labels_leave_and_come_in_and_slots_and_rights_are_set(tmp_path: Path) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OVERHEARD_")}
    environment = clean | {"OVERHEARD_HOME": str(tmp_path / "home")}

    def overheard(*words: str) -> "subprocess.CompletedProcess[str]":
        return run_command(words, environment=environment, cwd=tmp_path)

    assert overheard("labels", "doubts").stdout.startswith("0 of 0 labels are in doubt.")
    sessions = make_sessions(make_engine(f"sqlite:///{tmp_path}/home/overheard.db"))
    with sessions.begin() as session:
        make_campaign(session, now=AT, name="Rye")
        eli = accounts.add_user(session, email="eli@example.org", name="Eli", role=Role.ML_ENGINEER, now=AT)
        post = store(session, new_post(), now=AT)[0]
        say(session, post.id, Intent.PAIN, is_unsure=False, queue=LabelQueue.RANDOM, actor=eli, now=AT)
    for form in ("jsonl", "parquet", "label-studio"):
        file = f"labels.{form}"
        assert overheard("labels", "export", file, "--format", form).stdout.startswith("Wrote 1 labels of 1 posts")
        with sessions.begin() as session:
            session.query(IntentLabel).delete()
        assert "Took 1 labels in; 0 were known." in overheard("labels", "import", file, "--format", form).stdout
    refused = overheard("labels", "import", "labels.parquet")
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "5% by chance" in overheard("labels", "slots", "Rye", "--random", "0.05").stdout
    assert overheard("labels", "slots", "Oat", "--random", "0.05").returncode == 1
    assert "Rye" in overheard("labels", "measure").stdout
    assert "your word" in overheard("labels", "rights", "reddit", "r/bakers", "--forbid").stdout
    assert overheard("labels", "export", "none.jsonl").stdout.startswith("Wrote 0 labels")
    with sessions() as session:
        assert session.query(Campaign).one().random_share == 0.05
