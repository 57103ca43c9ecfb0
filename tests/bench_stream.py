"""`make bench`: how fast posts come in from Bluesky's stream, and that memory does not grow with their number.

The stream is that of the fake world, served by a process of its own; what is measured is ours alone.
"""

import json
import multiprocessing
import random
import resource
import tempfile
import time
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path

import sqlalchemy as sa
from pydantic import HttpUrl, WebsocketUrl

from cli.demo import SAMPLE
from collectors.run import collect
from overheard.db import make_engine, make_sessions, upgrade
from overheard.marketing import campaigns
from overheard.models import Post
from overheard.settings import BlueskySettings, Settings
from overheard.vocabulary import Platform
from tests.factories import watch_source
from tests.fakeworld.model import World
from tests.fakeworld.server import serve
from tests.fakeworld.wires import bluesky as wire
from tests.interrupts import end_when_told

_QUERIES = {"crm": "crm", "looking": '"looking for"', "tool": "tool -hiring"}
_BEGAN = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
HEAD = ("posts", "taken", "posts a second", "peak memory")


def _serve(posts: int, told: Connection) -> None:
    """A world with so many posts of the length of Bluesky's."""
    rng = random.Random(1)  # noqa: S311 - no secret
    rows = [json.loads(line) for line in SAMPLE.read_text(encoding="utf-8").splitlines()]
    sentences = [sentence for row in rows for sentence in row["body"].split(". ")]
    world = World(_BEGAN)
    for number in range(posts):
        world.advance(0.001)
        body = ". ".join(rng.choices(sentences, k=2))[:300]
        world.write(Platform.BLUESKY, wire.COMMUNITY, author=f"writer{number % 997}", body=body)
    with serve(world):
        told.send(world.url(Platform.BLUESKY))
        told.recv()


def _measure(posts: int, told: Connection) -> None:
    """Collect all of them, and tell how long it took, and the memory of this process at its highest."""
    end_when_told()
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    server = context.Process(target=_serve, args=(posts, theirs))
    server.start()
    theirs.close()  # so that its end is heard of
    try:
        found = _collect(posts, ours.recv())
        ours.send("enough")
        server.join()
    finally:
        server.terminate()
    told.send(found)


def _collect(posts: int, address: str) -> tuple[float, float]:
    urls = BlueskySettings(
        stream_url=WebsocketUrl(address.replace("http:", "ws:") + wire.STREAM), base_url=HttpUrl(f"{address}/xrpc/")
    )
    with tempfile.TemporaryDirectory() as folder:
        engine = make_engine(f"sqlite:///{folder}/bench.db")
        upgrade(engine)
        sessions = make_sessions(engine)
        now = _BEGAN + timedelta(seconds=60)
        with sessions.begin() as session:
            campaigns.create(session, name="Bench", offer="CRM", queries=_QUERIES, threshold=0.0, now=now)
            watch_source(
                session, now=now, mode="bluesky", platform=Platform.BLUESKY, community=wire.COMMUNITY,
                options={"keep": "all"},
            )  # fmt: skip
        started = time.perf_counter()
        settings = Settings(home=Path(folder), bluesky=urls)
        (summary,) = collect(sessions, settings, clock=lambda: now)
        seconds = time.perf_counter() - started
        with sessions() as session:
            stored = session.scalar(sa.select(sa.func.count()).select_from(Post))
        if summary.error or stored != posts:
            message = f"{stored} of {posts} posts were stored: {summary.error}"
            raise RuntimeError(message)
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> list[list[str]]:
    """Print figures; rows of them, as `HEAD` says."""
    rows = []
    context = multiprocessing.get_context("spawn")  # memory is that of a process which has done nothing else
    for posts in (10_000, 40_000):
        ours, theirs = context.Pipe()
        process = context.Process(target=_measure, args=(posts, theirs))
        process.start()
        theirs.close()
        try:
            seconds, peak = ours.recv()
            process.join()
        finally:
            process.terminate()
        rows.append([f"{posts:,}", f"{seconds:.1f} s", f"{posts / seconds:,.0f}", f"{peak:,.0f} MB"])
        what = f"Bluesky's stream, {posts:,} posts: store, match"
        print(f"{what:44} {posts / seconds:>10,.1f} posts/s {seconds:>8.2f} s {peak:>6,.0f} MB peak")  # noqa: T201 - its output
    return rows


if __name__ == "__main__":
    main()
