"""Watching one community of the fake world with a real collector and real rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from pydantic import HttpUrl

from collectors import collector_class
from collectors.base import Collector, Tools
from collectors.run import CollectSummary, collect
from collectors.sweep import sweep
from overheard.db import Sessions
from overheard.listening import credentials, sources
from overheard.models import DeadLetter, Gap, Post, Source, Tombstone
from overheard.settings import ServiceSettings, Settings
from overheard.vocabulary import Platform, SourceState
from tests.factories import watch_source
from tests.fakeworld.model import World


@dataclass
class Live:
    """Somebody who watches with one account, and collects now and then."""

    sessions: Sessions
    world: World
    home: Path
    mode: str
    platform: Platform
    secrets: Mapping[str, str]
    services: Mapping[str, str] = field(default_factory=dict)
    """Addresses of services, by the name of their setting; they are those of the world if none is given."""
    waits: list[float] = field(default_factory=list)

    @property
    def settings(self) -> Settings:
        own = f"{self.platform.value}_url"
        urls = self.services or ({own: self.world.url(self.platform)} if own in ServiceSettings.model_fields else {})
        services = ServiceSettings(**{name: HttpUrl(f"{url}/") for name, url in urls.items()})
        return Settings(home=self.home, services=services, http_timeout=5, allow_private_addresses=True)

    def clock(self) -> datetime:
        return self.world.now

    def open(self) -> Collector:
        """The collector itself, with the account's secrets."""
        tools = Tools(self.settings, self.clock, self.waits.append, self.secrets)
        return collector_class(self.mode)(tools)

    def watch(self, community: str, address: str, options: dict[str, str] | None = None) -> int:
        """A source of this account; its id."""
        with self.sessions.begin() as session:
            account = credentials.save(
                session, self.settings, mode=self.mode, name="ours", secrets=self.secrets, now=self.world.now
            )
            source = watch_source(
                session, now=self.world.now, mode=self.mode, platform=self.platform, community=community,
                address=address, options=options, credential_id=account,
            )  # fmt: skip
            return source.id

    def collect(self) -> CollectSummary:
        """One pass over the one source, and a minute goes by."""
        (summary,) = collect(self.sessions, self.settings, clock=self.clock, sleep=self.waits.append)
        self.world.advance(60)
        return summary

    def sweep(self) -> dict[str, str]:
        """Retention and re-checks; what went wrong."""
        return sweep(self.sessions, self.settings, clock=self.clock, sleep=self.waits.append).errors

    def posts(self) -> list[Post]:
        with self.sessions() as session:
            return list(session.scalars(sa.select(Post).order_by(Post.id)))

    def texts(self) -> list[str]:
        return [post.body for post in self.posts()]

    def source(self) -> Source:
        with self.sessions() as session:
            return session.scalars(sa.select(Source).where(Source.mode.is_not(None))).one()

    def enable(self) -> None:
        """The operator has mended what was wrong."""
        with self.sessions.begin() as session:
            sources.enable(session.scalars(sa.select(Source).where(Source.mode == self.mode)).one())

    def state(self) -> SourceState | None:
        return self.source().state

    def count(self, table: type[Post | Tombstone | DeadLetter | Gap]) -> int:
        with self.sessions() as session:
            return session.scalar(sa.select(sa.func.count()).select_from(table)) or 0

    def dead_letters(self) -> list[tuple[str, str]]:
        with self.sessions() as session:
            return [(letter.locator, letter.reason) for letter in session.scalars(sa.select(DeadLetter))]
