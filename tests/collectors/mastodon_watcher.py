"""Somebody with an account on the fake world's Mastodon instance."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from collectors.base import Tools
from collectors.mastodon.collector import Mastodon
from collectors.run import CollectSummary, Reader, collect
from overheard.db import Sessions
from overheard.listening import credentials, sources
from overheard.models import Credential, Delivery, Post, Source
from overheard.settings import Settings
from overheard.vocabulary import Platform
from tests.factories import watch_source
from tests.fakeworld.model import World, Written
from tests.fakeworld.oracle import compare
from tests.fakeworld.wires import mastodon as wire

TAG = "#crm"
COMMUNITY = f"{wire.DOMAIN}{TAG}"


class Watcher:
    """Somebody with an account on the instance, who watches #crm."""

    def __init__(self, sessions: Sessions, world: World, home: Path) -> None:
        self.sessions = sessions
        self.world = world
        self.settings = Settings(home=home, http_timeout=2)
        self.secrets = {"instance": world.url(Platform.MASTODON), "token": wire.TOKEN}
        self.waits: list[float] = []

    def watch(self, address: str = TAG, community: str = COMMUNITY) -> None:
        with self.sessions.begin() as session:
            account = credentials.save(
                session, self.settings, mode="mastodon", name="@ours", secrets=self.secrets, now=self.world.now
            )
            watch_source(
                session, now=self.world.now, mode="mastodon", platform=Platform.MASTODON, community=community,
                address=address, credential_id=account,
            )  # fmt: skip

    def write(self, body: str | None = None, *, community: str = TAG, **more: Any) -> Written:  # noqa: ANN401
        """Somebody writes something, a second after what was before."""
        self.world.advance(1)
        return self.world.write(Platform.MASTODON, community, body=body, **more)

    def collector(self, *addresses: str) -> Mastodon:
        return Mastodon(Tools(self.settings, lambda: self.world.now, self.waits.append, self.secrets, addresses))

    def collect(self) -> CollectSummary:
        (summary,) = collect(self.sessions, self.settings, clock=lambda: self.world.now, sleep=self.waits.append)
        return summary

    def assert_nothing_is_wrong(self) -> None:
        report = compare(self.world, self.sessions, platforms=[Platform.MASTODON])
        assert report.is_clean, report

    def posts(self) -> list[Post]:
        return sorted(self.all(Post), key=lambda post: post.external_id)

    def all(self, table: Any) -> list[Any]:  # noqa: ANN401
        with self.sessions() as session:
            return list(session.scalars(sa.select(table).order_by(table.id)))

    def source(self) -> Source:
        with self.sessions() as session:
            return session.scalars(sa.select(Source)).one()

    # --- streams -------------------------------------------------------------------------------------------------

    def pushed(self, *ends: str) -> bool:
        """Whether deliveries with such ids are on disk."""
        ids = [delivery.delivery_id for delivery in self.all(Delivery)]
        return all(any(f" {end}" in id_ for id_ in ids) for end in ends)

    @contextmanager
    def listening(self, *addresses: str) -> Iterator["Listening"]:
        """While the block runs, the account's streams are followed."""
        found = Listening(self, addresses or (TAG,))
        found.thread.start()
        try:
            found.wait_for("connected")
            yield found
        finally:
            found.stop.set()
            found.thread.join(10)
        assert not found.thread.is_alive()


class Listening:
    def __init__(self, watcher: Watcher, addresses: tuple[str, ...]) -> None:
        self.stop, self.news = threading.Event(), threading.Condition()
        self._watcher, self._addresses = watcher, addresses
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        watcher = self._watcher
        (account,) = watcher.all(Credential)

        def deliver(delivery_id: str, address: str, raw: bytes) -> None:
            with watcher.sessions.begin() as session:
                sources.deliver(
                    session, credential_id=account.id, delivery_id=delivery_id, address=address, raw=raw,
                    now=watcher.world.now,
                )  # fmt: skip
            with self.news:
                self.news.notify_all()

        with watcher.collector(*self._addresses) as collector:
            collector.listen(deliver, self.stop)

    def wait_for_streams(self, opened: int) -> None:
        """Until a stream has been opened so many times."""

        def are_open() -> bool:
            return sum(" connected " in each.delivery_id for each in self._watcher.all(Delivery)) >= opened

        with self.news:
            assert self.news.wait_for(are_open, 20)

    def wait_for(self, *ends: str) -> None:
        """Until these events are on disk."""
        with self.news:
            assert self.news.wait_for(lambda: self._watcher.pushed(*ends), 20)


class Reads:
    """Pass after pass with one collector, as the watch does it."""

    def __init__(self, watcher: Watcher, collector: Mastodon) -> None:
        self._watcher, self._collector = watcher, collector

    def once(self) -> CollectSummary:
        watcher = self._watcher
        reader = Reader(watcher.sessions, self._collector, "mastodon", lambda: watcher.world.now)
        return reader.read(watcher.source())
