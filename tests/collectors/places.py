"""What tests that say the same of many platforms do at each: write, read, look."""

import asyncio
import gzip
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa
from aiohttp import web

from collectors.run import CollectSummary, collect
from overheard.models import Post, Source
from tests.fakeworld.faults import Answer, Handler
from tests.fakeworld.model import Written
from tests.fakeworld.oracle import compare
from tests.histories import Life

JSON = {"Content-Type": "application/json"}
EVERYWHERE = ("hackernews", "reddit", "slack", "discord", "bluesky", "mastodon", "x", "stackexchange", "github")
BY_ASKING = tuple(mode for mode in EVERYWHERE if mode != "bluesky")
"""Modes that send requests; Bluesky is a socket."""


def at(*modes: str) -> pytest.MarkDecorator:
    """The test is run at each of these places."""
    return pytest.mark.parametrize("life", modes, indirect=True)


def write(life: Life, body: str | None = None, **fields: Any) -> Written:  # noqa: ANN401 - as in the model
    """Somebody writes, a second after what was before."""
    life.world.advance(1)
    return write_now(life, body, **fields)


def write_now(life: Life, body: str | None = None, **fields: Any) -> Written:  # noqa: ANN401
    title = "Which oven?" if life.place.has_titles else ""
    return life.world.write(life.place.platform, life.place.communities[0], **{"title": title, "body": body, **fields})


@dataclass
class Read:
    """One pass, and how long it waited."""

    summary: CollectSummary
    waits: list[float] = field(default_factory=list)

    @property
    def error(self) -> str:
        return str(self.summary.error or "")


def read(life: Life, *, clock: Callable[[], datetime] | None = None) -> Read:
    """One pass over the one source."""
    waits: list[float] = []
    now = clock or (lambda: life.world.now)
    (summary,) = collect(life.sessions, life.settings, clock=now, sleep=waits.append)
    return Read(summary, waits)


def source(life: Life) -> Source:
    with life.sessions() as session:
        return session.scalars(sa.select(Source).where(Source.mode.is_not(None))).one()


def bodies(life: Life) -> list[str]:
    with life.sessions() as session:
        return list(session.scalars(sa.select(Post.body).order_by(Post.id)))


def count(life: Life, table: type[Any]) -> int:
    with life.sessions() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def assert_all_is_here(life: Life) -> None:
    """What was written is stored, once and as it is now."""
    report = compare(life.world, life.sessions, platforms=[life.place.platform])
    assert report.is_clean, f"{report}\n{life}"


def assert_the_truth(life: Life) -> None:
    """Whatever happened, in the end all that is there is here, once, as it is now."""
    report = life.settle()
    assert report.is_clean, f"{report}\n{life}"


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """The true answer; but while it is under way, something happens."""

    act: Callable[[], object]

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        self.act()
        return response


@dataclass(frozen=True, slots=True)
class Endless:
    """The same bytes again and again, so many seconds apart."""

    piece: bytes
    apart: float

    async def answer(self, request: web.Request, _: Handler) -> web.StreamResponse:
        response = web.StreamResponse(headers=JSON)
        await response.prepare(request)
        while True:
            await response.write(self.piece)
            await asyncio.sleep(self.apart)


BOMB = Answer(200, gzip.compress(b" " * (64 * 2**20)), {**JSON, "Content-Encoding": "gzip"})
"""64 MiB, packed into 64 KiB."""
