"""`make bench`: how fast the steps of the way of a post are, on invented posts and on a real file if one is named.

    make bench                                   invented posts
    .venv/bin/python -m tests.bench FILE         a file to import

Figures of one run only compare with one another; a shared machine is noisy.
"""

import argparse
import json
import random
import resource
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from classifier.model import load_model
from classifier.run import classify_pending
from cli.demo import SAMPLE
from collectors.importing import import_file
from overheard.db import make_engine, make_reading_sessions, make_sessions, upgrade
from overheard.desk import review_queue
from overheard.marketing import campaigns
from overheard.models import Post
from tests import bench_stream, measured
from tests.interrupts import end_when_told

N_POSTS = 5_000
CLASSIFIED = 1_000
PAGES = 200
HEAD = ("step", "of", "taken", "a second", "peak memory so far")


def clock() -> datetime:
    return datetime.now(UTC)


def report(what: str, n: int, unit: str, seconds: float) -> list[str]:
    """Print one line: units per second, seconds, peak memory so far; the same as a row, as `HEAD` says."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{what:44} {n / seconds:>10,.1f} {unit}/s {seconds:>8.2f} s {peak:>6,.0f} MB peak")  # noqa: T201 - its output
    return [what, f"{n:,} {unit}", f"{seconds:.2f} s", f"{n / seconds:,.1f}", f"{peak:,.0f} MB"]


def write_posts(path: Path, n: int, *, seed: int) -> None:
    """Invented posts with the lengths of real ones: the sentences of the bundled sample, shuffled."""
    rng = random.Random(seed)  # noqa: S311 - no secret
    rows = [json.loads(line) for line in SAMPLE.read_text(encoding="utf-8").splitlines()]
    sentences = [sentence for row in rows for sentence in row["body"].split(". ")]
    with path.open("w", encoding="utf-8") as file:
        for number in range(n):
            row = rng.choice(rows)
            body = ". ".join(rng.choices(sentences, k=1 + min(int(rng.expovariate(1 / 5)), 30)))
            post = {"id": f"t3_{number}", "platform": "reddit", "community": "r/bench", "author": f"a{number}"}
            file.write(json.dumps(post | {"title": row["title"], "body": body, "date": "2026-11-20"}) + "\n")


def main(path: Path | None) -> list[list[str]]:
    """Print figures as they are measured; all of them."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        if path is None:
            path = Path(folder) / "posts.jsonl"
            write_posts(path, N_POSTS, seed=1)
        engine = make_engine(f"sqlite:///{folder}/bench.db")
        upgrade(engine)
        sessions = make_sessions(engine)
        queries = {"crm": "crm", "looking": '"looking for"', "tool": "tool -hiring", "all": "*"}
        with sessions.begin() as session:
            campaigns.create(session, name="Bench", offer="CRM", queries=queries, threshold=0.0, now=clock())
        started = time.perf_counter()
        records = import_file(sessions, path, clock=clock).records
        rows.append(report("import: read, store, match", records, "posts", time.perf_counter() - started))
        with sessions.begin() as session:
            keep = sa.select(Post.id).order_by(Post.id).limit(CLASSIFIED)
            session.execute(sa.delete(Post).where(Post.id.not_in(keep)))
        started = time.perf_counter()
        model = load_model(None, None)
        rows.append(report("load the model", 1, "loads", time.perf_counter() - started))
        started = time.perf_counter()
        judged = classify_pending(sessions, model, clock=clock)
        rows.append(report("classify and qualify", judged.posts, "posts", time.perf_counter() - started))
        rows.append(report(f"queue pages of 25 out of {judged.leads} leads", PAGES, "pages", _read_pages(engine)))
        engine.dispose()
    return rows


def _read_pages(engine: Engine) -> float:
    reading = make_reading_sessions(engine)
    started = time.perf_counter()
    place = None
    for _ in range(PAGES):
        with reading() as session:
            place = review_queue.page(session, after=place).next_place
    return time.perf_counter() - started


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path, nargs="?", help="posts to import; else they are invented")
    measured.add_option(parser)
    options = parser.parse_args()
    end_when_told()
    steps, streams = main(options.file), bench_stream.main()
    if options.write_docs:
        measured.write("steps", HEAD, steps)
        measured.write("stream", bench_stream.HEAD, streams)
