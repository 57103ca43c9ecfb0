"""`make bench`: posts a second from intake to the queue, and how long one post takes, with one and with two workers.

    .venv/bin/python -m tests.bench_workers                            invented posts
    .venv/bin/python -m tests.bench_workers --data posts.jsonl.zst     texts of real ones

PostgreSQL, the workers and the intake share this machine. Posts are taken in as a collector does it, first as fast as
that goes, then at half of the rate at which they were judged. A post is in the queue when its verdict is committed.
"""

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from classifier.rows import PostRow, read_posts
from overheard.db import Sessions, make_engine, make_sessions, upgrade
from overheard.listening.intake import take_in
from overheard.listening.posts import NewPost
from overheard.marketing import campaigns
from overheard.models import Lead, Post, Prediction, UnjudgedPost
from overheard.vocabulary import Platform
from tests import measured
from tests.bench import write_posts
from tests.bench_queue import database, reference
from tests.interrupts import end_when_told

FLOOD = 4_000
HALF_LOAD_SECONDS = 30.0
BATCH = 50
_PATIENCE = 600.0
HEAD = (
    "workers",
    "posts a second, intake to queue",
    "taken in, a second",
    "at half of that rate a post waits, p50",
    "p99",
    "leads",
    "reference, a second",
)


def main(data: Path | None, flood: int) -> list[list[str]]:
    """Print a line for each number of workers; all of them as rows, as `HEAD` says."""
    with tempfile.TemporaryDirectory() as folder:
        if data is None:
            data = Path(folder) / "posts.jsonl"
            write_posts(data, 2 * flood, seed=1)
        texts = [row for row in itertools.islice(read_posts(data), 4 * flood) if isinstance(row, PostRow)]
    return [_measure(texts, flood, workers) for workers in (1, 2)]


def _measure(texts: Sequence[PostRow], flood: int, workers: int) -> list[str]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        url = stack.enter_context(database("postgresql", folder))
        engine = make_engine(url)
        upgrade(engine)
        sessions, posts = make_sessions(engine), _endless(texts)
        with sessions.begin() as session:
            campaigns.create(session, name="Bench", offer="CRM", queries={"all": "*"}, daily_budget=None, now=_now())
        for _ in range(workers):
            stack.enter_context(_worker(url, folder / "home"))
        _take_in(sessions, posts, 500)  # until all workers have loaded the model
        _wait(sessions)
        before, started = reference(), time.perf_counter()
        _take_in(sessions, posts, flood)
        taken = time.perf_counter() - started
        _wait(sessions)
        rate = flood / (time.perf_counter() - started)
        first = _last_id(sessions)
        _at_rate(sessions, posts, rate / 2)
        _wait(sessions)
        waits = _waits(sessions, after=first)
        with sessions() as session:
            leads = session.scalar(sa.select(sa.func.count()).select_from(Lead))
        engine.dispose()
    p50, p99 = (waits[int(len(waits) * part)] for part in (0.5, 0.99))
    row = [
        f"{workers}",
        f"{rate:,.0f}",
        f"{flood / taken:,.0f}",
        f"{p50:.2f} s",
        f"{p99:.2f} s",
        f"{leads:,}",
        f"{before:.0f}",
    ]
    print(", ".join(f"{what}: {figure}" for what, figure in zip(HEAD, row, strict=True)), flush=True)  # noqa: T201 - its output
    return row


def _now() -> datetime:
    return datetime.now(UTC)


def _endless(texts: Sequence[PostRow]) -> Iterator[NewPost]:
    for number, row in enumerate(itertools.cycle(texts)):
        yield NewPost(
            platform=Platform.REDDIT,
            external_id=f"t3_{number}",
            community="r/bench",
            title=row.post.title,
            body=row.post.body,
            author=f"author{number}",
            posted_at=_now(),
        )


@contextmanager
def _worker(url: str, home: Path) -> Iterator[None]:
    environment = os.environ | {"OVERHEARD_DATABASE_URL": url, "OVERHEARD_HOME": str(home)}
    with subprocess.Popen([sys.executable, "-m", "cli", "worker"], env=environment) as process:
        try:
            yield
        finally:
            process.terminate()


def _take_in(sessions: Sessions, posts: Iterator[NewPost], n: int) -> None:
    for _ in range(0, n, BATCH):
        batch = list(itertools.islice(posts, BATCH))
        with sessions.begin() as session:
            take_in(session, batch, origin="bench", now=_now())


def _at_rate(sessions: Sessions, posts: Iterator[NewPost], rate: float) -> None:
    began, taken = time.monotonic(), 0
    while (seconds := time.monotonic() - began) < HALF_LOAD_SECONDS:
        if taken < seconds * rate:
            _take_in(sessions, posts, BATCH)
            taken += BATCH
        time.sleep(0.02)


def _wait(sessions: Sessions) -> None:
    """Until nothing waits for a verdict."""
    until = time.monotonic() + _PATIENCE
    while True:
        with sessions() as session:
            if not session.scalar(sa.select(UnjudgedPost.post_id).limit(1)):
                return
        if time.monotonic() > until:
            raise TimeoutError("The workers judge nothing.")
        time.sleep(0.05)


def _last_id(sessions: Sessions) -> int:
    with sessions() as session:
        return session.scalar(sa.select(sa.func.max(Post.id))) or 0


def _waits(sessions: Sessions, *, after: int) -> list[float]:
    """Seconds from taking a post in to its verdict, the shortest first."""
    statement = (
        sa.select(Prediction.at, Post.collected_at)
        .join(Post, Post.id == Prediction.post_id)
        .where(Prediction.post_id > after)
    )
    with sessions() as session:
        return sorted((at - collected).total_seconds() for at, collected in session.execute(statement))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, help="posts in JSON Lines, of which only the texts are read")
    parser.add_argument("--posts", type=int, default=FLOOD, help="how many are taken in at once (%(default)s)")
    measured.add_option(parser)
    options = parser.parse_args()
    end_when_told()
    rows = main(options.data, options.posts)
    if options.write_docs:
        whose = "invented" if options.data is None else f"of {options.data.name}"
        measured.write("workers", HEAD, rows, f"{options.posts:,} posts {whose} at once, which all meet one campaign.")
