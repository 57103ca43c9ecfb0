"""What the notebooks look at: an installation of yours, or one that is made of the invented posts that ship.

`OVERHEARD_HOME` or `OVERHEARD_DATABASE_URL` in the environment names yours; it is only read. Without them a sample is
made once, in the folder for temporary files: seven weeks of posts, judged by the shipped model, decided on by two
invented SDRs who err now and then, and labelled by both of them where a post was drawn for it. What is true of a post
stands in `sample_labels.toml`, which knows nothing of the model.
"""

import hashlib
import os
import tempfile
import tomllib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
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
from overheard.models import Campaign, Lead, Post, Source, User
from overheard.settings import Settings, read_settings
from overheard.users import accounts
from overheard.vocabulary import DisqualifyReason, Intent, Platform, Role, Stage

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
"""The day on which the sample is looked at."""

# Transformers shows bars, and misses a widget for them.
warnings.filterwarnings("ignore", message="IProgress not found")

_WEEKS = 7
_A_DAY = 36
_ERRS = {"sam": 0.04, "sue": 0.12}
"""How often they say something else than what is true."""
_LABELS = Path(__file__).with_name("sample_labels.toml")
_OPENERS = (
    "Long time reader here.", "Not sure where to ask this.", "Context first.", "Sorry if this comes up often.",
    "Typing on a phone.", "We are five people.", "Second month on the job.", "Asking for my team.",
)  # fmt: skip
_NEW_TALK = {
    "Our agent calls the tool twice and the context window overflows, any gateway that meters tokens?": Intent.RECOMMENDATION,
    "Prompt caching broke after the last release and token costs doubled, which router do your agents use?": Intent.RECOMMENDATION,
    "Our token bill tripled when the agent host changed its plans. Where did you take your agents?": Intent.ALTERNATIVE,
    "Hosted vector store or our own, for an agent with two million embeddings? We sign on Friday.": Intent.COMPARISON,
    "Need somebody for a week to put guardrails around our agent and its prompts, 4k, remote is fine.": Intent.PURCHASE,
    "Every prompt change breaks some other prompt and I check forty agent runs by hand. How do you live with it?": Intent.PAIN,
    "We let an agent triage tickets; embeddings drift, the vector store grows, tokens burn. How do others cope?": Intent.PAIN,
    "I wrote a small proxy that counts tokens by agent, try it and tell me what breaks.": Intent.PROMOTION,
    "Tool calls of our agent come back with an empty prompt since the update, where do I set the schema?": Intent.SUPPORT,
    "My agent apologised to the printer in forty tokens. The printer has not answered.": Intent.DISCUSSION,
}
"""Of what a community talks that the model has not seen, and what that is."""
_PLACES = {Platform.REDDIT: "r/smallbusiness", Platform.HACKERNEWS: "Hacker News", Platform.SLACK: "shopkeepers/#tools"}
_QUERIES = {
    "looking for": '"looking for" OR recommend* OR anyone',
    "which one": 'which OR who OR "what do you" OR "what are you" OR "do you use"',
    "moving away": 'alternative* OR "instead of" OR replace* OR moved OR moving OR switched OR doubled',
    "tools": "tool OR software OR app OR system OR agent*",
    "paid work": "budget OR hire OR hiring OR quote* OR freelancer OR paid",
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
    parts = (SAMPLE, _LABELS, Path(__file__))
    made_of = hashlib.sha256(b"".join(part.read_bytes() for part in parts)).hexdigest()[:12]
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
            for name in _ERRS
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
    bundled, new = list(sample_posts(now)), list(_NEW_TALK)
    for place, post in enumerate(dice.sample(bundled, _A_DAY)):
        sentences = post.body.split(". ")
        if len(sentences) > 3:
            sentences.pop(dice.randrange(1, len(sentences) - 1))
        origin, title, body = post.external_id, post.title, f"{dice.choice(_OPENERS)} {'. '.join(sentences)}"
        if number <= 7 and post.platform is Platform.REDDIT and dice.random() < 0.6:
            talk = dice.randrange(len(new))
            origin, title, body = f"talk_{talk}", "", f"{dice.choice(_OPENERS)} {new[talk]}"
        yield replace(
            post, community=_PLACES[post.platform], external_id=f"{origin}_{number}_{place}", author=f"{post.author}_{number % 20}",
            title=title, body=body, posted_at=now - timedelta(minutes=dice.randrange(600)), parent_external_id=None,
        )  # fmt: skip


@cache
def _truth() -> dict[str, Intent]:
    """What each post is about, by where it came from."""
    by_intent = tomllib.loads(_LABELS.read_text(encoding="utf-8"))
    bundled = {f"sample_{number:04}": Intent(name) for name, numbers in by_intent.items() for number in numbers}
    return bundled | {f"talk_{at}": intent for at, intent in enumerate(_NEW_TALK.values())}


def _meant(post: Post) -> Intent:
    return _truth()[post.external_id.rsplit("_", 2)[0]]


def _decide(session: Session, team: list[User], now: datetime, dice: Random) -> None:
    """The best of the queue is decided on: mostly what is true, and everybody errs in their own way."""
    waiting = sa.select(Lead).where(Lead.stage == Stage.MARKETING_QUALIFIED).order_by(Lead.score.desc()).limit(80)
    for lead in session.scalars(waiting).all():
        actor = dice.choice(team)
        is_lead = _meant(session.get_one(Post, lead.top_post_id)).is_lead
        if dice.random() < _ERRS[actor.name.lower()]:
            is_lead = not is_lead
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
    """Both say what every third post is about, none knowing of the other."""
    intents, at = list(Intent), NOW - timedelta(days=1)
    for post in session.scalars(sa.select(Post).where(Post.id % 3 == 0)).all():
        for actor in team:
            errs = dice.random() < _ERRS[actor.name.lower()]
            said = dice.choice(intents) if errs else _meant(post)
            say(session, post.id, said, is_unsure=dice.random() < 0.05, queue=LabelQueue.RANDOM, actor=actor, now=at)


def campaign_of(session: Session) -> Campaign:
    """The campaign with the most leads."""
    most = sa.select(Lead.campaign_id).group_by(Lead.campaign_id).order_by(sa.func.count().desc()).limit(1)
    return session.get_one(Campaign, session.scalars(most).one())
