"""From decisions to a challenger, and through the gate, in a small invented world with ready-made vectors."""

import json
import random
import zlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from classifier import registry
from classifier.config import SHIPPED, read_config
from classifier.datasets import Side, divide
from classifier.encoder_files import Vectors
from classifier.examples import Examples
from classifier.fit import fit_head
from classifier.head import INTENTS, SCHEME_FILE, WEIGHTS_FILE, Scheme, head_bytes, scheme_bytes
from classifier.model import version_of
from classifier.retrain import Retrained, retrain
from classifier.retrain_config import read_config as read_retraining
from classifier.vector_cache import Encode
from overheard.db import Sessions
from overheard.errors import InvalidInput, WrongStage
from overheard.labelling.examples import training_examples
from overheard.listening.intake import Erased, take_in
from overheard.modelling.files import erased_examples, follow_erasures
from overheard.modelling.vocabulary import ModelState
from overheard.models import CachedVector, Dataset, DatasetExample, IntentLabel, ModelVersion, Post
from overheard.settings import Settings
from overheard.vocabulary import Intent
from tests.factories import new_post, store
from tests.model_versions import settings_in

WORDS = ("need", "seek", "offer", "story")
POSTS = 260
NOWHERE = Path("nowhere")


def encode(texts: Sequence[str]) -> Vectors:
    """A reader that sees four words and some noise."""
    rows = []
    for text in texts:
        noise = np.random.default_rng(zlib.crc32(text.encode())).normal(scale=0.3, size=8)
        rows.append(np.concatenate([[float(word in text.split()) for word in WORDS], noise]))
    return np.array(rows, dtype=np.float32)


def load(_folder: Path, _settings: Settings) -> Encode:
    return encode


def invented(word: str, number: int) -> str:
    dice = random.Random(number)  # noqa: S311 - no secret
    return " ".join([word, *(f"w{dice.randrange(10_000)}" for _ in range(12))])


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that knows one of the two words by which people ask."""
    texts = [invented(WORDS[number % 4], 10_000 + number) for number in range(400)]
    asks = np.array(["need" in text for text in texts])
    labels = np.where(asks, INTENTS.index(Intent.RECOMMENDATION), INTENTS.index(Intent.DISCUSSION))
    rows = Examples(labels, np.ones(len(texts), dtype=np.float32), np.arange(len(texts)), encode(texts))
    shipped = read_config(SHIPPED)
    network = shipped.network.model_copy(update={"members": 2, "hidden": 8})
    folder = tmp_path_factory.mktemp("first")
    scheme = Scheme(
        format=1,
        name="tiny",
        encoder="0" * 64,
        layers=(1,),
        intents=INTENTS,
        slope=1.0,
        intercept=0.0,
        threshold=0.5,
        evidence_floor=0.5,
    )
    (folder / WEIGHTS_FILE).write_bytes(head_bytes(fit_head(rows, network, shipped.fit, seed=1)))
    (folder / SCHEME_FILE).write_bytes(scheme_bytes(scheme))
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path)


@pytest.fixture
def champion(sessions: Sessions, settings: Settings, first: Path, now: datetime) -> str:
    with sessions.begin() as session:
        version = registry.register(session, settings, first, parent=None, report={}, now=now)
        registry.activate(session, settings, version.name, actor=None, now=now)
        return version.name


def decide(sessions: Sessions, now: datetime, *, shuffled: bool = False) -> list[Post]:
    """People say of each post what it is, or anything; two posts an author."""
    dice = random.Random(1)  # noqa: S311 - no secret
    words = [WORDS[number % 4] for number in range(POSTS)]
    leads = [word in {"need", "seek"} for word in words]
    if shuffled:
        dice.shuffle(leads)
    with sessions.begin() as session:
        posts = store(
            session,
            *(
                new_post(external_id=f"t3_{n}", title="", body=invented(word, n), author=f"who{n // 2}", permalink=None)
                for n, word in enumerate(words)
            ),
            now=now,
        )
        session.add_all(
            IntentLabel(
                post_id=post.id,
                intent=Intent.RECOMMENDATION if is_lead else Intent.DISCUSSION,
                origin="elsewhere",
                at=now,
                text_hash=post.text_hash,
                shown_because="imported",
            )
            for post, is_lead in zip(posts, leads, strict=True)
        )
        return posts


def make_challenger(sessions: Sessions, settings: Settings, now: datetime, *, dry_run: bool = False) -> Retrained:
    return retrain(sessions, settings, read_retraining(), clock=lambda: now, dry_run=dry_run, load=load)


def test_a_better_challenger_is_made_measured_and_put_to_use_and_an_erased_author_is_in_no_file(
    sessions: Sessions, settings: Settings, champion: str, now: datetime
) -> None:
    posts = decide(sessions, now)
    tried = make_challenger(sessions, settings, now, dry_run=True)
    with sessions() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Dataset)) == 0
        assert version_of(registry.champion(session, settings)) == champion
    done = make_challenger(sessions, settings, now)
    assert done.version == tried.version, "the same labels, configuration and seed give the same bytes"
    assert done.is_active
    assert done.report["refusals"] == []
    assert done.report["average_precision"] > done.report["champion"]["average_precision"] + 0.05
    assert json.loads(json.dumps(done.report)) == done.report
    assert "The gate: accepted" in done.page
    with sessions() as session:
        version = session.scalars(sa.select(ModelVersion).where(ModelVersion.name == done.version)).one()
        dataset = session.get_one(Dataset, version.dataset_id)
        assert (version.state, version.parent) == (ModelState.CHAMPION, champion)
        assert registry.champion(session, settings).joinpath("MODEL_CARD.md").read_text() == done.page
        assert dataset.examples == POSTS
    file = settings.home / "datasets" / f"{dataset.checksum}.jsonl"
    assert len(file.read_text().splitlines()) == POSTS
    assert not [path for path in settings.home.rglob("*") if path.is_file() and b"w1" in path.read_bytes()[:99]]

    erased = [post for post in posts if post.author == "who7"]
    assert len(erased) == 2
    with sessions.begin() as session:
        take_in(session, [Erased(post.platform, post.external_id, "deleted") for post in erased], origin="x", now=now)
    with sessions.begin() as session:
        assert erased_examples(session) == {dataset.id: 2}
        assert follow_erasures(session, settings) == 4  # two vectors, two lines
        assert follow_erasures(session, settings) == 0
    for path in settings.home.rglob("*"):
        for post in erased:
            assert post.text_hash not in path.name
            assert path.is_dir() or post.text_hash.encode() not in path.read_bytes()
    with sessions() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(CachedVector)) == POSTS - 2
        hashes = {one.text_hash for one in training_examples(session)}
    assert len(hashes) == POSTS - 2
    assert not hashes & {post.text_hash for post in erased}


def test_a_challenger_that_learned_from_shuffled_labels_is_kept_and_not_used(
    sessions: Sessions, settings: Settings, champion: str, now: datetime
) -> None:
    with pytest.raises(InvalidInput, match="There are 0 labelled posts"):
        make_challenger(sessions, settings, now)
    decide(sessions, now, shuffled=True)
    done = make_challenger(sessions, settings, now)
    assert not done.is_active
    assert done.report["refusals"]
    with sessions() as session:
        states = {one.name: one.state for one in registry.versions(session)}
    assert states[champion] is ModelState.CHAMPION
    assert states[done.version] is ModelState.CHALLENGER
    named = settings.model_copy(update={"model_path": NOWHERE})
    with pytest.raises(WrongStage, match="OVERHEARD_MODEL_PATH"):
        make_challenger(sessions, named, now)


def test_what_is_frozen_once_is_never_learned_from_and_kin_stay_on_one_side(sessions: Sessions, now: datetime) -> None:
    decide(sessions, now)
    with sessions.begin() as session:
        examples = training_examples(session)
        earlier = divide(session, examples[:200], frozen_share=0.3, recent_share=0.1, seed=1)
        dataset = Dataset(checksum="any", created_at=now, examples=200, lines=200)
        session.add(dataset)
        session.flush()
        session.add_all(
            DatasetExample(
                dataset_id=dataset.id,
                post_id=one.post_id,
                text_hash=one.text_hash,
                is_lead=bool(one.is_lead),
                weight=1.0,
                origin="top",
                side=side.value,
            )
            for side, some in earlier.items()
            for one in some
        )
        session.flush()
        later = divide(session, examples, frozen_share=0.3, recent_share=0.1, seed=2)
    ids = {side: {one.post_id for one in some} for side, some in later.items()}
    before = {side: {one.post_id for one in some} for side, some in earlier.items()}
    assert 30 < len(before[Side.FROZEN]) < 90
    assert before[Side.FROZEN] <= ids[Side.FROZEN]
    assert before[Side.TRAIN] <= ids[Side.TRAIN]
    assert sum(map(len, later.values())) == POSTS
    authors = [{one.author for one in some} for some in later.values()]
    assert all(one.isdisjoint(other) for one in authors for other in authors if one is not other)
