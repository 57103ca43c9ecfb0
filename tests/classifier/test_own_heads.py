"""A campaign's own head: made from its decisions, judging for it alone in the one reading, and taken back."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from classifier import registry
from classifier.encoder_files import Enough, Reading, Vectors
from classifier.head import INTENTS, SCHEME_FILE, WEIGHTS_FILE, Head, Scheme, head_bytes, scheme_bytes
from classifier.in_use import InUse
from classifier.model import IntentModel
from classifier.retrain import Retrained, retrain
from classifier.retrain_config import read_config
from classifier.run import Classified, classify_pending
from overheard.db import Sessions
from overheard.errors import NotFound
from overheard.modelling import versions
from overheard.models import Campaign, CampaignScore, Lead, Post, Prediction, Sample, Signal, StratumDay
from overheard.settings import Settings
from overheard.vocabulary import Intent, SampleAnswer, Stratum
from tests.classifier.test_retrain import WORDS, champion, encode, invented, load, settings
from tests.factories import make_campaign, make_cast, new_post, store

__all__ = ["champion", "settings"]  # fixtures of theirs

LABELLED = 520


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that is sure of one word: whoever needs something is a lead, and nobody else."""
    hidden = np.zeros((1, Words.dimensions, len(WORDS)), dtype=np.float32)
    output = np.zeros((1, len(WORDS), len(INTENTS)), dtype=np.float32)
    for place in range(len(WORDS)):
        hidden[0, place, place] = 2.0
        output[0, place, INTENTS.index(Intent.DISCUSSION if place else Intent.RECOMMENDATION)] = 2.0
    head = Head(
        mean=np.zeros(Words.dimensions, dtype=np.float32),
        scale=np.ones(Words.dimensions, dtype=np.float32),
        hidden_weight=hidden,
        hidden_bias=np.zeros((1, len(WORDS)), dtype=np.float32),
        output_weight=output,
        output_bias=np.zeros((1, len(INTENTS)), dtype=np.float32),
    )
    scheme = Scheme(
        format=1,
        name="words",
        encoder="0" * 64,
        layers=(1,),
        intents=INTENTS,
        slope=1.0,
        intercept=0.0,
        threshold=0.5,
        evidence_floor=0.02,
    )
    folder = tmp_path_factory.mktemp("words")
    (folder / WEIGHTS_FILE).write_bytes(head_bytes(head))
    (folder / SCHEME_FILE).write_bytes(scheme_bytes(scheme))
    return folder


class Words:
    """Reads the four words, and counts the texts that it read."""

    dimensions, layers = 12, 1
    later: tuple[int, ...] = ()

    def __init__(self) -> None:
        self.texts = 0

    def encode_layers(self, texts: Sequence[str], layers: Sequence[int], *, enough: Enough | None = None) -> Vectors:
        self.texts += len(texts)
        return encode(texts)[:, None, :]

    def read(self, texts: Sequence[str], layers: Sequence[int], *, enough: Enough | None = None) -> list[Reading]:
        vectors = self.encode_layers(texts, layers)
        states = np.zeros((1, 1, self.dimensions), dtype=np.float32)
        return [Reading(row, states, np.array([[0, len(text)]])) for row, text in zip(vectors, texts, strict=True)]


def _answer(sessions: Sessions, now: datetime) -> None:
    """Two campaigns, blind answers of each: to one `offer` is a lead too, to the other only what always was."""
    with sessions.begin() as session:
        cast = make_cast(session, now=now)
        by_campaign = [make_campaign(session, now=now, name=name) for name in ("Oat", "Rye")]
        days = [
            StratumDay(campaign_id=one.id, day=now.date(), stratum=Stratum.NEAR, size=999, drawn=500, threshold=0.5)
            for one in by_campaign
        ]
        session.add_all(days)
        session.flush()
        words = [WORDS[number // 2 % 4] for number in range(LABELLED)]
        written = [
            new_post(external_id=f"t3_{n}", title="", body=invented(word, n), author=f"who{n}", permalink=None)
            for n, word in enumerate(words)
        ]
        for number, post in enumerate(store(session, *written, now=now)):
            wanted = {"need"} if number % 2 else {"need", "offer"}
            session.add(
                Sample(
                    stratum_day_id=days[number % 2].id,
                    post_id=post.id,
                    drawn_at=now,
                    answer=SampleAnswer.LEAD if words[number] in wanted else SampleAnswer.NO,
                    answered_by_id=cast.sam.id,
                    answered_at=now,
                    text_hash=post.text_hash,
                )
            )


def _own_head(sessions: Sessions, settings: Settings, now: datetime, name: str) -> Retrained:
    config = read_config()
    eager = config.adaptation.model_copy(update={"prior": 5.0, "calibration_prior": 1.0, "learning_rate": 0.005})
    config = config.model_copy(update={"adaptation": eager})
    return retrain(sessions, settings, config, clock=lambda: now, load=load, campaign=name)


def _leads(sessions: Sessions, campaign: str, word: str) -> int:
    statement = (
        sa.select(sa.func.count(sa.distinct(Lead.id)))
        .join(Campaign, Campaign.id == Lead.campaign_id)
        .join(Signal, Signal.lead_id == Lead.id)
        .join(Post, Post.id == Signal.post_id)
        .where(Campaign.name == campaign, Post.body.contains(word))
    )
    with sessions() as session:
        return session.scalar(statement) or 0


def test_a_campaigns_own_head_judges_for_it_alone_in_one_reading_and_is_taken_back_without_reading_again(
    sessions: Sessions, settings: Settings, champion: str, now: datetime
) -> None:
    _answer(sessions, now)
    reader = Words()
    in_use = InUse(sessions, settings, lambda folder: IntentModel.load(folder, reader))

    def judge() -> Classified:
        return classify_pending(sessions, in_use.judge(), clock=lambda: now, is_current=in_use.is_current)

    judge()
    before = {name: _leads(sessions, name, "offer") for name in ("Oat", "Rye")}
    everywhere = LABELLED // 4
    assert max(before.values()) < everywhere // 10, "to the shared head an offer is no lead"
    with pytest.raises(NotFound, match="There is no campaign 'Spelt'"):
        _own_head(sessions, settings, now, "Spelt")

    made = _own_head(sessions, settings, now, "Oat")
    assert made.is_active, made.page
    assert made.report["own_head_of"] == "Oat"
    assert list(made.report["per_campaign"]) == ["Oat"], "it is measured with the campaign's own labels alone"
    with sessions() as session:
        assert registry.champion(session, settings).name == champion, "the shared head stays"
        assert [head.name for head in versions.own_heads(session)] == [made.version]
        assert not in_use.is_current(session), "workers see it before their next batch"

    read = reader.texts
    with sessions.begin() as session:
        store(
            session,
            *(new_post(title="", body=invented("offer", n), author=f"new{n}") for n in range(900, 920)),
            now=now,
        )
    judge()
    assert _leads(sessions, "Rye", "offer") <= before["Rye"] + 2
    assert _leads(sessions, "Oat", "offer") > (everywhere + 20) * 0.7, "stored posts and new ones"
    with sessions() as session:
        floor = in_use.judge().read_from  # type: ignore[attr-defined] # an `IntentModel`
        over = sa.select(sa.func.count()).where(Prediction.score >= floor)
        assert session.scalar(sa.select(sa.func.count()).select_from(CampaignScore)) == session.scalar(over)
        oat = session.scalars(sa.select(Campaign).where(Campaign.name == "Oat")).one()
    assert reader.texts <= read + LABELLED + 20, "each stored post once more, each new one once for both heads"

    read = reader.texts
    with sessions.begin() as session:
        assert versions.rollback_own(session, settings, oat.id, actor=None, now=now) is None
    judge()
    assert _leads(sessions, "Oat", "offer") <= before["Oat"] + 2, "nobody had touched them, so they are gone"
    with sessions.begin() as session:
        versions.activate(session, settings, made.version, actor=None, now=now)
    judge()
    assert _leads(sessions, "Oat", "offer") > (everywhere + 20) * 0.7
    assert reader.texts == read, "what the head has said stands, and nothing is read again"

    with sessions.begin() as session:
        scored = sa.select(Post).join(CampaignScore, CampaignScore.post_id == Post.id).order_by(Post.id).limit(1)
        post = session.scalars(scored).one()
        edited = new_post(external_id=post.external_id, title="", body="else", author=post.author, as_of=now)
        store(session, edited, now=now)
        of_it = sa.select(sa.func.count()).where(CampaignScore.post_id == post.id)
        assert session.scalar(of_it) == 0, "what was said of another text counts no more"
