"""How long a back-test takes over a million stored posts, and how fast the index is written, on both databases.

    .venv/bin/python -m tests.bench_backtest [--posts 1000000] [--only sqlite | postgresql]

Processor time, as other work may share the cores; PostgreSQL's own is not in it, so the clock's is told too.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.db import make_engine, upgrade
from overheard.keywords.backtest import Backtest, backtest
from overheard.listening.intake import take_in
from overheard.listening.posts import NewPost
from overheard.marketing import campaigns
from overheard.models import Post, Query
from overheard.vocabulary import Platform
from tests import measured
from tests.bench_queue import database
from tests.interrupts import end_when_told

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
N_POSTS = 1_000_000
DAYS = 60
_DIFFERENT = 20_000  # posts that are taken in; the others are copies made by the database, a day older each time
_BATCH = 1_000
_WORDS = 60_000  # of a made-up language, as unevenly used as those of a real one
_KNOWN = {3: "for", 40: "looking", 900: "crm", 1_500: "spreadsheet", 1_200: "bakery", 700: "hiring", 2_500: "bookings"}

T = TypeVar("T")

EDITS = {
    "a phrase and a word": ('"looking for" crm', '"looking for" (crm OR spreadsheet*) -hiring'),
    "two lists": ("(crm OR spreadsheet) bakery", "(crm OR spreadsheet OR bookings) (bakery OR hiring)"),
    "near": ("crm bakery", "(crm OR bookings) near/30 bakery"),
    "one word, 1 post in 130": ("crm", "crm -hiring"),
    "a common word": ("looking", "looking -crm"),
    "every post": ("*", "* -crm"),
}


def main(posts: int, kinds: Sequence[str]) -> list[list[str]]:
    """Print figures as they are measured; a row for each edit, with a column for each database."""
    columns = []
    for kind in kinds:
        with tempfile.TemporaryDirectory() as folder, database(kind, Path(folder)) as url:
            print(f"{kind}, {posts:,} posts", flush=True)  # noqa: T201 - its output
            columns.append(measure(url, posts))
    return [
        [f"`{former}`, and `{edited}`", *(column[what] for column in columns)]
        for what, (former, edited) in EDITS.items()
    ]


def measure(url: str, posts: int) -> dict[str, str]:
    """What each of the edits took, and how many posts were read for it."""
    told = {}
    engine = make_engine(url)
    upgrade(engine)
    with Session(engine) as session:
        posts_taken_in = invented(random.Random(1))  # noqa: S311 - no secret
        timed("take in 20,000 posts, index and all", lambda: _take_in(session, posts_taken_in))
        campaign = campaigns.create(session, name="Bench", offer="A small CRM.", queries={"q": "crm"}, now=NOW)
        campaign_id = campaign.id
        session.commit()
        _copy(session, posts)
        session.commit()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("ANALYZE"))
    for what, (former, edited) in EDITS.items():
        with Session(engine) as session:
            session.execute(sa.update(Query).values(expression=former))
            clock, processor = time.perf_counter(), time.process_time()
            found = timed(what, lambda: _test(session, campaign_id, edited))  # noqa: B023 - called at once
            spent = f"{time.perf_counter() - clock:.2f} s ({time.process_time() - processor:.2f})"
            told[what] = f"{found.read:,} read: {spent}"
            read = f"{found.read:,} of {found.candidates:,} candidates read"
            sides = f"{found.gained.posts:,} gained, {found.lost.posts:,} lost, {found.kept.posts:,} kept"
            print(f"    {read}; {sides}")  # noqa: T201
            session.rollback()
    engine.dispose()
    return told


def timed(what: str, act: Callable[[], T]) -> T:
    clock, processor = time.perf_counter(), time.process_time()
    found = act()
    spent = f"{time.process_time() - processor:6.2f} s of processor, {time.perf_counter() - clock:6.2f} s by the clock"
    print(f"  {what:40} {spent}")  # noqa: T201
    return found


def _test(session: Session, campaign_id: int, expression: str) -> Backtest:
    return backtest(session, campaign_id, name="q", expression=expression, days=None, now=NOW)


def invented(rng: random.Random, n: int = _DIFFERENT) -> list[NewPost]:
    """Posts of the lengths of real ones, in words of no language but for a few."""
    words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(3, 9))) for _ in range(_WORDS)]
    for place, word in _KNOWN.items():
        words[place] = word
    weights = list(accumulate(1 / (place + 3) for place in range(_WORDS)))
    return [
        NewPost(
            platform=Platform.REDDIT,
            external_id=f"t3_{number}",
            community="r/bench",
            title=" ".join(rng.choices(words, cum_weights=weights, k=8)),
            body=" ".join(rng.choices(words, cum_weights=weights, k=5 + min(int(rng.expovariate(1 / 60)), 395))),
            author=f"author{number}",
            posted_at=NOW - timedelta(hours=number % 24),
        )
        for number in range(n)
    ]


def _take_in(session: Session, posts: list[NewPost]) -> None:
    for start in range(0, len(posts), _BATCH):
        take_in(session, posts[start : start + _BATCH], origin="bench", now=NOW)
    session.commit()


def _copy(session: Session, posts: int) -> None:
    """The same posts again and again, with the same words in the index."""
    on_sqlite = session.get_bind().dialect.name == "sqlite"
    key = "rowid" if on_sqlite else "post_id"
    table = Post.__table__
    if not on_sqlite:
        session.execute(sa.text("DROP INDEX ix_post_search_words"))
    for times in range(1, posts // _DIFFERENT):
        by = times * _DIFFERENT
        copied: dict[str, Any] = {column.name: column for column in table.columns} | {
            "id": Post.id + by,
            "external_id": Post.external_id + f"_{times}",
            "posted_at": sa.literal(NOW - timedelta(days=times % DAYS), Post.posted_at.type),
        }
        chosen: list[sa.ColumnElement[Any]] = list(copied.values())
        first = sa.select(*chosen).where(Post.id <= _DIFFERENT)
        session.execute(sa.insert(Post).from_select(list(copied), first))
        again = f"SELECT {key} + {by}, words FROM post_search WHERE {key} <= {_DIFFERENT}"  # noqa: S608 - numbers
        session.execute(sa.text(f"INSERT INTO post_search ({key}, words) {again}"))
        session.commit()
    if not on_sqlite:
        session.execute(sa.text("CREATE INDEX ix_post_search_words ON post_search USING gin (words)"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--posts", type=int, default=N_POSTS, help="how many are stored (%(default)s)")
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    measured.add_option(parser)
    options = parser.parse_args()
    end_when_told()
    kinds = [options.only] if options.only else ["sqlite", "postgresql"]
    rows = main(options.posts, kinds)
    if options.write_docs:
        measured.write("backtest", ["former query, and edited", *kinds], rows, f"{options.posts:,} posts are stored.")
