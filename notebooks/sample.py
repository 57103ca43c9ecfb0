"""What the notebooks look at: an installation of yours, or one that is made of the invented posts that ship.

`OVERHEARD_HOME` or `OVERHEARD_DATABASE_URL` in the environment names yours; it is only read. Without them a sample is
made once, in the folder for temporary files: seven weeks of posts, judged by the shipped model, decided on by two
invented SDRs who err now and then, and labelled by both of them where a post was drawn for it.
"""

import hashlib
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import sqlalchemy as sa
from sqlalchemy.orm import Session

from classifier.model import load_model
from classifier.run import classify_pending
from cli.demo import SAMPLE, sample_posts
from overheard.db import Sessions, make_engine, make_reading_sessions, make_sessions, upgrade
from overheard.labelling.editor import LabelQueue, say
from overheard.leads import funnel
from overheard.listening.intake import take_in
from overheard.listening.posts import NewPost
from overheard.marketing import campaigns
from overheard.models import Campaign, Lead, Post, Prediction, Source, User
from overheard.settings import Settings, read_settings
from overheard.users import accounts
from overheard.vocabulary import DisqualifyReason, Intent, Platform, Role, Stage

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
"""The day on which the sample is looked at."""

# Transformers shows bars, and misses a widget for them.
warnings.filterwarnings("ignore", message="IProgress not found")

_WEEKS = 7
_A_DAY = 40
_OPENERS = (
    "Long time reader here.", "Not sure where to ask this.", "Context first.", "Sorry if this comes up often.",
    "Typing on a phone.", "We are five people.", "Second month on the job.", "Asking for my team.",
)  # fmt: skip
_NEW_TALK = (
    "Our agent calls the tool twice and the context window overflows, any gateway that meters tokens?",
    "Prompt caching broke after the last release and inference costs doubled, which router do you use?",
    "We let an agent triage tickets; embeddings drift and the vector store grows without bound.",
)
_PLACES = {Platform.REDDIT: "r/smallbusiness", Platform.HACKERNEWS: "Hacker News", Platform.SLACK: "shopkeepers/#tools"}
_QUERIES = {
    "everything": "*",
    "looking for": '"looking for" OR "recommend*"',
    "alternatives": 'alternative* OR "instead of"',
    "tools": "tool OR software OR app",
}


@dataclass(frozen=True)
class Installation:
    """Something to look at."""

    sessions: Sessions
    settings: Settings
    now: datetime
    is_sample: bool

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that changes nothing."""
        with make_reading_sessions(self.sessions.kw["bind"])() as session:
            yield session


def installation() -> Installation:
    """Yours, where the environment names it; else the sample."""
    if {"OVERHEARD_HOME", "OVERHEARD_DATABASE_URL"} & set(os.environ):
        settings = read_settings()
        return Installation(_sessions(settings), settings, datetime.now(UTC), is_sample=False)
    made_of = hashlib.sha256(SAMPLE.read_bytes() + Path(__file__).read_bytes()).hexdigest()[:12]
    home = Path(tempfile.gettempdir()) / f"overheard-notebooks-{made_of}"
    settings = Settings(home=home, _env_file=None)  # type: ignore[call-arg] # pydantic-settings' own switch
    if not home.exists():
        with tempfile.TemporaryDirectory(prefix="overheard-notebooks-", dir=home.parent) as begun:
            _make(settings.model_copy(update={"home": Path(begun) / "home"}))
            try:
                (Path(begun) / "home").rename(home)  # whole or not at all, however many notebooks begin at once
            except OSError:
                if not home.exists():
                    raise
    return Installation(_sessions(settings), settings, NOW, is_sample=True)


def _sessions(settings: Settings) -> Sessions:
    return make_sessions(make_engine(settings.effective_database_url))


# --- the sample ----------------------------------------------------------------------------------------------------


def _make(settings: Settings) -> None:
    settings.home.mkdir(parents=True)
    sessions, dice = _sessions(settings), Random("notebooks")  # noqa: S311 - no secret
    upgrade(sessions.kw["bind"])
    model = load_model(None, settings.encoder_path, precision="native")
    with sessions.begin() as session:
        team = [
            accounts.add_user(session, email=f"{name}@example.org", name=name.title(), role=Role.SDR, now=NOW)
            for name in ("sam", "sue")
        ]
        campaigns.create(
            session, name="Tools for small teams", offer="Simple software for small teams.", queries=_QUERIES,
            daily_budget=None, now=NOW - timedelta(weeks=_WEEKS),
        )  # fmt: skip
    for week in range(_WEEKS, 0, -1):
        for day in range(7):
            now = NOW - timedelta(weeks=week) + timedelta(days=day + 1)
            with sessions.begin() as session:
                take_in(session, list(_posts_of_a_day(now, week * 7 - day, dice)), origin="notebooks", now=now)
        end = NOW - timedelta(weeks=week - 1)
        classify_pending(sessions, model, clock=lambda end=end: end)
        with sessions.begin() as session:
            _decide(session, team, end, dice)
    with sessions.begin() as session:
        for source in session.scalars(sa.select(Source)):
            source.may_train = True  # these posts are ours
        _label(session, team, dice)
    sessions.kw["bind"].dispose()


def _posts_of_a_day(now: datetime, number: int, dice: Random) -> Iterator[NewPost]:
    """Some of the bundled posts in other words; in the last week one community talks of something new."""
    bundled = list(sample_posts(now))
    for place, post in enumerate(dice.sample(bundled, _A_DAY)):
        sentences = post.body.split(". ")
        if len(sentences) > 3:
            sentences.pop(dice.randrange(1, len(sentences)))
        body = f"{dice.choice(_OPENERS)} {'. '.join(sentences)}"
        if number <= 7 and post.platform is Platform.REDDIT and dice.random() < 0.4:
            body = dice.choice(_NEW_TALK)
        yield replace(
            post, community=_PLACES[post.platform], external_id=f"{post.external_id}_{number}_{place}", author=f"{post.author}_{number % 20}", body=body,
            posted_at=now - timedelta(minutes=dice.randrange(600)), parent_external_id=None,
        )  # fmt: skip


def _decide(session: Session, team: list[User], now: datetime, dice: Random) -> None:
    """The best of the queue is decided on; Sue sees a lead in every tenth post that is none."""
    waiting = sa.select(Lead).where(Lead.stage == Stage.MARKETING_QUALIFIED).order_by(Lead.score.desc()).limit(80)
    for lead in session.scalars(waiting).all():
        actor = dice.choice(team)
        is_lead = dice.random() < lead.score**1.3 or (actor is team[1] and dice.random() < 0.1)
        at = now - timedelta(minutes=dice.randrange(1, 2000))
        if not is_lead:
            reason = dice.choice((DisqualifyReason.NO_NEED, DisqualifyReason.NOT_A_BUYER))
            funnel.disqualify(session, lead.id, reason=reason, actor=actor, now=at)
            continue
        funnel.promote(session, lead.id, actor=actor, now=at)
        if dice.random() < 0.5:
            funnel.record_reply(session, lead.id, actor=actor, now=at + timedelta(minutes=30))
            if dice.random() < 0.3:
                funnel.make_prospect(session, lead.id, actor=actor, now=at + timedelta(hours=9))


def _label(session: Session, team: list[User], dice: Random) -> None:
    """Both say what every fourth post is about: mostly what the model says, and each errs in their own way."""
    drawn = (
        sa.select(Post.id, Prediction.intent).join(Prediction, Prediction.post_id == Post.id).where(Post.id % 4 == 0)
    )
    intents = list(Intent)
    for post_id, intent in session.execute(drawn).all():
        meant = intent if dice.random() < 0.8 else dice.choice(intents)
        for actor, errs in zip(team, (0.08, 0.18), strict=True):
            said = dice.choice(intents) if dice.random() < errs else meant
            say(
                session, post_id, said, is_unsure=dice.random() < 0.05, queue=LabelQueue.RANDOM, actor=actor, now=NOW,
            )  # fmt: skip


def campaign_of(session: Session) -> Campaign:
    """The campaign with the most leads."""
    most = sa.select(Lead.campaign_id).group_by(Lead.campaign_id).order_by(sa.func.count().desc()).limit(1)
    return session.get_one(Campaign, session.scalars(most).one())
