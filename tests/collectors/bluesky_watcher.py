"""Somebody who reads the fake world's Bluesky."""

import threading
from typing import Any

import sqlalchemy as sa
from pydantic import HttpUrl, WebsocketUrl

from collectors.base import Tools
from collectors.bluesky.collector import Bluesky
from collectors.run import CollectSummary, Reader, collect
from overheard.db import Sessions
from overheard.models import Gap, Post, Source
from overheard.settings import BlueskySettings, Settings
from overheard.vocabulary import Platform
from tests.factories import watch_source
from tests.fakeworld.model import World
from tests.fakeworld.oracle import compare
from tests.fakeworld.wires import bluesky as wire

SUBSCRIBE = "subscribeEvents"


def settings_for(world: World, host: str = "127.0.0.1") -> Settings:
    address = world.url(Platform.BLUESKY)
    stream = address.replace("http:", "ws:").replace("127.0.0.1", host) + wire.STREAM
    urls = BlueskySettings(stream_url=WebsocketUrl(stream), base_url=HttpUrl(f"{address}/xrpc/"))
    return Settings(bluesky=urls, http_timeout=0.5)


def write(world: World, body: str | None = None, **extra: Any) -> str:  # noqa: ANN401 - as the world takes them
    """Somebody writes something, a second after what was before; its key."""
    world.advance(1)
    return world.write(Platform.BLUESKY, wire.COMMUNITY, body=body, **extra).id


class Watcher:
    """Somebody who reads Bluesky now and then."""

    def __init__(self, sessions: Sessions, world: World) -> None:
        self.sessions = sessions
        self.world = world
        self.settings = settings_for(world)
        self.waits: list[float] = []

    def watch(self, address: str = "", **options: str) -> None:
        with self.sessions.begin() as session:
            watch_source(
                session, now=self.world.now, mode="bluesky", platform=Platform.BLUESKY, community=wire.COMMUNITY,
                address=address, options={"keep": "all"} | options,
            )  # fmt: skip

    def collect(self) -> CollectSummary:
        world = self.world
        (summary,) = collect(self.sessions, self.settings, clock=lambda: world.now, sleep=self.waits.append)
        return summary

    def assert_nothing_is_wrong(self, *, authors: frozenset[str] | None = None) -> None:
        report = compare(
            self.world,
            self.sessions,
            platforms=[Platform.BLUESKY],
            is_watched=lambda written: authors is None or written.author in authors,
        )
        assert report.is_clean, report

    def posts(self) -> list[Post]:
        with self.sessions() as session:
            return list(session.scalars(sa.select(Post).order_by(Post.external_id)))

    def all(self, table: type) -> list[object]:
        with self.sessions() as session:
            return list(session.scalars(sa.select(table)))

    def gap(self) -> Gap:
        with self.sessions() as session:
            return session.scalars(sa.select(Gap)).one()


class Staying:
    """A pass in a thread of its own that stays until it is told to stop."""

    def __init__(self, watcher: Watcher, *, expected: int) -> None:
        self.stop, self.enough = threading.Event(), threading.Event()
        self.summary: CollectSummary | None = None
        self._watcher, self._expected = watcher, expected
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _progress(self, summary: CollectSummary) -> None:
        if summary.intake.new >= self._expected:
            self.enough.set()

    def _run(self) -> None:
        watcher = self._watcher
        collector = Bluesky(Tools(watcher.settings, lambda: watcher.world.now, watcher.waits.append))
        with watcher.sessions() as session:
            source = session.scalars(sa.select(Source)).one()
        with collector:
            reader = Reader(
                watcher.sessions, collector, "bluesky", lambda: watcher.world.now, self._progress,
                stays=lambda: not self.stop.is_set(),
            )  # fmt: skip
            self.summary = reader.read(source)
        self.enough.set()

    def end(self) -> CollectSummary:
        """When all that is expected has come."""
        assert self.enough.wait(30)
        self.stop.set()
        self._thread.join(30)
        assert self.summary is not None
        return self.summary
