"""From decisions over `/v1` to a challenger and through the gate; and what was erased stands nowhere afterwards."""

import os
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy.engine import Engine

from api.app import create_app
from classifier import registry
from classifier.retrain import Retrained, retrain
from classifier.retrain_config import read_config
from overheard.db import Sessions
from overheard.labelling import parquet, slots
from overheard.labelling.exchange import labelled_posts
from overheard.labelling.formats import LabelFormat, encode
from overheard.leads.qualify import qualify
from overheard.listening.intake import Erased, take_in
from overheard.modelling.files import erased_examples, follow_erasures
from overheard.models import Base, CampaignScore, Label, ModelVersion, Post, Prediction
from overheard.settings import Settings
from overheard.users import accounts
from overheard.vocabulary import Intent, Platform
from tests.classifier.test_retrain import WORDS, champion, first, invented, load, settings
from tests.factories import MODEL, make_campaign, make_cast, new_post, store

__all__ = ["champion", "first", "settings"]  # fixtures of theirs

DECISIONS = int(os.environ.get("DECISIONS", "500"))
"""`make soak-gate` asks for 2,000, which take minutes."""

_CANARY = "quagga"
_ERASED = (8, 9)
"""Posts of one author, which are erased in the end."""


def _decide(
    engine: Engine, sessions: Sessions, settings: Settings, now: datetime, *, decisions: int, shuffled: bool = False
) -> None:
    """An SDR works through the top of a queue, some of it drawn by chance, and errs now and then; or says anything."""
    posts = decisions + 40
    dice = np.random.default_rng(5)
    asks = [WORDS[number % 4] in {"need", "seek"} for number in range(posts)]
    said = dice.permutation(asks) if shuffled else np.array(asks) ^ (dice.random(posts) < 0.04)
    with sessions.begin() as session:
        cast = make_cast(session, now=now)
        token = accounts.make_token(session, cast.sam, name="desk", now=now).token
        campaign = make_campaign(session, now=now, threshold=0.1)
        slots.set_shares(session, campaign.id, random=0.1, uncertain=0.1)
        texts = [f"{invented(WORDS[n % 4], n)}{f' {_CANARY}' if n in _ERASED else ''}" for n in range(posts)]
        written = [new_post(title="", body=text, author=_author(n), permalink=None) for n, text in enumerate(texts)]
        rows = store(session, *written, now=now)
        place = {row.id: number for number, row in enumerate(rows)}
        for number, row in enumerate(rows):
            score = (0.85 if WORDS[number % 4] == "need" else 0.35) + dice.uniform(-0.14, 0.14)
            about = {"model_version": MODEL, "intent": Intent.PAIN, "probabilities": {}, "evidence": []}
            session.add(Prediction(post_id=row.id, score=score, at=now, **about))
        session.flush()
        qualify(session, model_version=MODEL, threshold=0.5, now=now)
    app = create_app(settings, engine=engine, clock=lambda: now)
    with TestClient(app, headers={"Authorization": f"Bearer {token}"}) as sam:
        for _ in range(decisions // 50):
            items = sam.get("/v1/queue", params={"limit": 50}).raise_for_status().json()["items"]
            for position, item in enumerate(items, start=1):
                path, decision = f"/v1/leads/{item['id']}", {"position": position}
                if said[place[item["post"]["id"]]]:
                    sam.post(f"{path}/promote", json=decision).raise_for_status()
                else:
                    sam.post(f"{path}/disqualify", json=decision | {"reason": "no_need"}).raise_for_status()


def _author(number: int) -> str:
    return _CANARY if number in _ERASED else f"who{number}"


def _holds(folder: Path, *words: str) -> list[Path]:
    """The files that hold one of the words, in their name or inside."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if any(word in path.name or word.encode() in path.read_bytes() for word in words)]


def _retrain(sessions: Sessions, settings: Settings, now: datetime) -> Retrained:
    return retrain(sessions, settings, read_config(), clock=lambda: now, load=load)


@pytest.mark.usefixtures("champion")
@pytest.mark.alternate_databases
@pytest.mark.parametrize("shuffled", [False, True], ids=["better", "shuffled"])
def test_decisions_over_v1_make_a_better_model_and_shuffled_ones_none(
    engine: Engine, sessions: Sessions, settings: Settings, now: datetime, *, shuffled: bool
) -> None:
    _decide(engine, sessions, settings, now, decisions=DECISIONS, shuffled=shuffled)
    with sessions() as session:
        why = dict(session.execute(sa.select(Label.shown_because, sa.func.count()).group_by(Label.shown_because)).all())
    assert sum(why.values()) == DECISIONS
    assert {"top", "random", "uncertain"} == why.keys()
    done = _retrain(sessions, settings, now)
    assert done.is_active is not shuffled, done.page
    assert bool(done.report["refusals"]) is shuffled
    with sessions() as session:
        in_use = registry.champion(session, settings).name
    assert (in_use == done.version) is not shuffled


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")  # MLflow's own
@pytest.mark.usefixtures("champion")
@pytest.mark.alternate_databases
def test_of_an_erased_author_nothing_stands_in_any_file_or_table(
    engine: Engine, sessions: Sessions, settings: Settings, now: datetime
) -> None:
    _decide(engine, sessions, settings, now, decisions=250)
    if find_spec("mlflow"):
        settings = settings.model_copy(update={"mlflow_uri": SecretStr(f"sqlite:///{settings.home / 'mlflow.db'}")})
    _retrain(sessions, settings, now)
    retrain(sessions, settings, read_config(), clock=lambda: now, load=load, campaign="Rye CRM")
    with sessions.begin() as session:
        own = session.scalars(sa.select(ModelVersion).where(ModelVersion.campaign_id.is_not(None))).one()
        of_them = session.scalars(sa.select(Post.id).where(Post.author == _CANARY)).all()
        session.add_all(CampaignScore(post_id=post_id, version_id=own.id, score=0.875) for post_id in of_them)
    with sessions() as session:
        hashes = set(session.scalars(sa.select(Label.text_hash).where(Label.lead_id.is_not(None))))
        assert _CANARY in "".join(encode(labelled_posts(session), LabelFormat.JSONL)), "there is something to erase"
        about = {one.text_hash for one in labelled_posts(session) if _CANARY in one.body}
        ids = session.scalars(sa.select(Post.external_id).where(Post.author == _CANARY)).all()
    assert about < hashes
    assert len(ids) == 2, "the lead's other post was not decided on, and goes too"
    assert _holds(settings.home, *about), "vectors and datasets name it by its hash"
    with sessions.begin() as session:
        take_in(session, [Erased(Platform.REDDIT, one, "deleted") for one in ids], origin="x", now=now)
    with sessions.begin() as session:
        assert set(erased_examples(session).values()) == {len(about)}, "it can be told of each version"
        follow_erasures(session, settings)
    done = _retrain(sessions, settings, now)
    exports = settings.home / "exports"
    exports.mkdir()
    with sessions() as session:
        for form in LabelFormat:
            (exports / form.value).write_text("".join(encode(labelled_posts(session), form)))
        parquet.write(list(labelled_posts(session)), exports / "labels.parquet")
        for table in Base.metadata.sorted_tables:
            for row in session.execute(sa.select(table)):
                assert not {_CANARY, *about} & {word for value in row for word in str(value).split()}, table.name
                assert _CANARY not in str(row), table.name
        assert session.scalar(sa.select(sa.func.count()).select_from(CampaignScore)) == 0
    for made in ("models", "datasets", "vectors", "exports", *(["mlflow", "mlflow.db"] if find_spec("mlflow") else [])):
        assert (settings.home / made).exists(), made
    assert done.version
    assert _holds(settings.home, _CANARY, *about) == []
