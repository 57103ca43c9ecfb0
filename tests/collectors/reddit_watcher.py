"""Somebody who watches the fake Reddit, and people who write there."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic import HttpUrl

from collectors.base import Tools
from collectors.run import CollectSummary, collect
from collectors.sweep import SweepSummary, sweep
from overheard.db import Sessions
from overheard.listening import credentials
from overheard.models import Gap, Source
from overheard.settings import RedditSettings, Settings
from overheard.vocabulary import Platform, PostKind
from tests.factories import watch_source
from tests.fakeworld.model import World, Written
from tests.fakeworld.oracle import Report, compare
from tests.fakeworld.wires import reddit as wire

BAKERS = "r/bakers"
SECRETS = {
    "client_id": wire.CLIENT_ID,
    "client_secret": wire.CLIENT_SECRET,
    "contact": "flour_power",
    "refresh_token": "",
}


def settings_for(base_url: str, home: Path) -> Settings:
    reddit = RedditSettings(base_url=HttpUrl(base_url), oauth_url=HttpUrl(base_url))
    return Settings(home=home, reddit=reddit, http_timeout=5)


@dataclass
class Watcher:
    """Somebody who collects now and then."""

    sessions: Sessions
    world: World
    settings: Settings
    secrets: dict[str, str] = field(default_factory=lambda: dict(SECRETS))
    waits: list[float] = field(default_factory=list)

    def watch(self, community: str = BAKERS, **options: str) -> None:
        with self.sessions.begin() as session:
            credential_id = credentials.save(
                session, self.settings, mode="reddit", name="u/flour_power", secrets=self.secrets, now=self.world.now
            )
            watch_source(
                session, mode="reddit", platform=Platform.REDDIT, community=community,
                address=community.replace("r/", ""), options=options, credential_id=credential_id, now=self.world.now,
            )  # fmt: skip

    def collect(self) -> CollectSummary:
        (summary,) = self.collect_all()
        return summary

    def collect_all(self) -> list[CollectSummary]:
        summaries = collect(self.sessions, self.settings, clock=self.clock, sleep=self.waits.append)
        self.world.advance(60)
        return summaries

    def sweep(self, after_hours: float) -> SweepSummary:
        self.world.advance(after_hours * 3600)
        return sweep(self.sessions, self.settings, clock=self.clock, sleep=self.waits.append)

    def clock(self) -> datetime:
        return self.world.now

    def report(self) -> Report:
        return compare(self.world, self.sessions)

    def count(self, table: type) -> int:
        with self.sessions() as session:
            return session.scalar(sa.select(sa.func.count()).select_from(table)) or 0

    def source(self) -> Source:
        with self.sessions() as session:
            return session.scalars(sa.select(Source)).one()

    def gaps(self) -> list[Gap]:
        with self.sessions() as session:
            return list(session.scalars(sa.select(Gap)))

    def tools(self) -> Tools:
        return Tools(self.settings, self.clock, self.waits.append, self.secrets)


def submit(world: World, count: int = 1, **fields: Any) -> list[Written]:  # noqa: ANN401 - as in the model
    """People ask in r/bakers, one a second."""
    written = []
    for _ in range(count):
        world.advance(1)
        written.append(world.write(Platform.REDDIT, BAKERS, **{"title": "Which CRM?", **fields}))
    return written


def comment(world: World, parent: Written, **fields: Any) -> Written:  # noqa: ANN401
    """Somebody answers."""
    return world.write(Platform.REDDIT, BAKERS, kind=PostKind.COMMENT, parent=parent, **fields)
