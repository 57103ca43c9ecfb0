"""`make bench`: does a step cost more the more is stored? Each is measured with ten times as many posts.

    .venv/bin/python -m tests.bench_growth                   both databases
    .venv/bin/python -m tests.bench_growth --only sqlite --posts 20000 200000

Posts that come in are new, a tenth of them is judged a lead, by a judge that takes no time: what is left is
what the database does. All that is stored is looked through for five campaigns, with whose offers all leads have been
compared, and once more when one of them has its own head. The reference is a fixed
piece of Python that ran just before.
"""

import argparse
import itertools
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from classifier.looking_back import LookingBack
from classifier.meaning import Candidate, Listener, Meaning, Measured
from classifier.model import Verdict
from classifier.run import classify_pending
from classifier.text import PostText
from overheard.db import make_engine, make_reading_sessions, make_sessions, upgrade
from overheard.desk import review_queue
from overheard.listening.intake import take_in
from overheard.marketing.relevance import offer_hash
from overheard.modelling.vocabulary import ModelState
from overheard.models import (
    Campaign,
    CampaignScore,
    Embedding,
    ModelVersion,
    Post,
    PostRelevance,
    Prediction,
)
from overheard.operations.figures import figures
from overheard.vocabulary import Intent
from tests import measured
from tests.bench_backtest import invented
from tests.bench_queue import database, reference
from tests.bench_queue_rows import MODEL, NOW, fill
from tests.interrupts import end_when_told

TAKEN_IN = 10_000
BATCH = 500
PAGES = 50
PASSES = 5
SIZES: dict[str, Sequence[int]] = {"sqlite": (100_000, 1_000_000), "postgresql": (30_000, 300_000)}
SPACE = "bench"


class InstantMeaning(Meaning):
    """All has been compared."""

    space = SPACE

    def __init__(self) -> None:
        """It reads nothing."""

    def measure(self, candidates: Sequence[Candidate], listeners: Sequence[Listener]) -> list[Measured]:
        """Nothing is left to measure."""
        return []


class InstantJudge:
    """Says of every tenth post that it is a lead."""

    version = MODEL
    threshold = 0.5

    def predict(self, posts: Sequence[PostText]) -> list[Verdict]:
        """One verdict a post."""
        no = Verdict(0.02, False, Intent.DISCUSSION, {Intent.DISCUSSION: 0.9}, ())
        yes = Verdict(0.9, True, Intent.PURCHASE, {Intent.PURCHASE: 0.9}, ())
        return [no if number % 10 else yes for number in range(len(posts))]


def main(sizes: dict[str, Sequence[int]]) -> list[list[str]]:
    """Print a table; its rows, as the head of the table in the documentation has them."""
    rows: dict[str, list[str]] = {}
    for kind, of_kind in sizes.items():
        found = [_of_size(kind, size) for size in of_kind]
        print(f"{kind:28}" + "".join(f"{size:>18,} posts" for size in of_kind) + f"{'times':>10}")  # noqa: T201 - its output
        for step in found[0]:
            taken = [of_size[step] for of_size in found]
            times = taken[-1] / taken[0]
            print(f"{step:28}" + "".join(f"{one:>21.2f} ms" for one in taken) + f"{times:>10.2f}", flush=True)  # noqa: T201
            rows.setdefault(step, [step]).extend([*(f"{one:,.2f}" for one in taken), f"{times:.1f}"])
    return list(rows.values())


def _of_size(kind: str, posts: int) -> dict[str, float]:
    """Milliseconds for each step, by its name."""
    with tempfile.TemporaryDirectory(prefix="overheard-bench-", ignore_cleanup_errors=True) as folder:
        with database(kind, Path(folder)) as url:
            engine = make_engine(url)
            upgrade(engine)
            fill(engine, posts=posts, leads=posts // 10, users=2)
            _judge_all(engine)
            found = {"(the reference)": 1000 / reference()} | _steps(engine)
            engine.dispose()
        return found


def _steps(engine: Engine) -> dict[str, float]:
    sessions, reading, looking_back = make_sessions(engine), make_reading_sessions(engine), LookingBack()
    meaning = InstantMeaning()
    arriving = [replace(post, posted_at=NOW - timedelta(minutes=5)) for post in invented(random.Random(1), TAKEN_IN)]  # noqa: S311

    def come_in() -> None:
        for start in range(0, TAKEN_IN, BATCH):
            with sessions.begin() as session:
                take_in(session, arriving[start : start + BATCH], origin="bench", now=NOW)

    def classify() -> None:
        classify_pending(sessions, InstantJudge(), clock=lambda: NOW, looking_back=looking_back)

    def look_through() -> None:
        classify_pending(sessions, InstantJudge(), clock=lambda: NOW, meaning=meaning, looking_back=looking_back)

    def look_again() -> None:
        for _ in range(PASSES):
            classify()

    def read_queue() -> None:
        place = None
        for _ in range(PAGES):
            with reading() as session:
                place = review_queue.page(session, after=place).next_place

    def tell_figures() -> None:
        with reading() as session:
            list(figures(session, now=NOW + timedelta(hours=1)))

    found = {
        "all is looked through": _milliseconds(look_through),
        "a post comes in": _milliseconds(come_in) / TAKEN_IN,
        "a post comes in again": _milliseconds(come_in) / TAKEN_IN,
        "a post is judged, qualified": _milliseconds(classify) / TAKEN_IN,
        "a pass with nothing to judge": _milliseconds(look_again) / PASSES,
        "a page of the queue": _milliseconds(read_queue) / PAGES,
        "the figures of /metrics": _milliseconds(tell_figures),
    }
    _give_own_head(engine)
    return found | {"all, with an own head": _milliseconds(look_through)}


def _give_own_head(engine: Engine) -> None:
    """To the first campaign; it says of every lead what the shared head says."""
    with make_sessions(engine).begin() as session:
        for campaign_id in (None, session.scalar(sa.select(sa.func.min(Campaign.id)))):
            made = {"name": f"bench-of-{campaign_id}", "created_at": NOW, "threshold": 0.5, "report": {}}
            session.add(ModelVersion(**made, state=ModelState.CHAMPION, campaign_id=campaign_id, reader="bench"))
        session.flush()
        version = sa.select(ModelVersion.id).where(ModelVersion.campaign_id.is_not(None)).scalar_subquery()
        said = sa.select(Prediction.post_id, version, Prediction.score).where(
            Prediction.score >= InstantJudge.threshold
        )
        session.execute(sa.insert(CampaignScore).from_select(["post_id", "version_id", "score"], said))
    _analyse(engine)


def _milliseconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1000


def _judge_all(engine: Engine) -> None:
    """What `fill` left without a prediction is no lead."""
    judged = {
        "post_id": Post.id,
        "model_version": sa.literal(MODEL),
        "score": sa.literal(0.02),
        "intent": sa.literal(Intent.DISCUSSION, Prediction.intent.type),
        "probabilities": sa.literal({}, Prediction.probabilities.type),
        "evidence": sa.literal([], Prediction.evidence.type),
        "is_judged": sa.true(),
        "at": sa.literal(NOW, Prediction.at.type),
    }
    unjudged = sa.select(*judged.values()).where(~sa.exists().where(Prediction.post_id == Post.id))
    with engine.begin() as connection:
        connection.execute(sa.insert(Prediction).from_select(list(judged), unjudged))
    _compare_all(engine)
    _analyse(engine)


def _compare_all(engine: Engine) -> None:
    """Every lead's post with every campaign's offer: none is close."""
    leads = Prediction.score >= InstantJudge.threshold
    with make_sessions(engine).begin() as session:
        session.execute(sa.update(Campaign).values(meaning_threshold=0.3))
        placed = sa.select(Prediction.post_id, sa.literal(SPACE), sa.literal(bytes(768))).where(leads)
        session.execute(sa.insert(Embedding).from_select(["post_id", "space", "vector"], placed))
        for campaign in session.scalars(sa.select(Campaign)):
            compared = {
                "post_id": Prediction.post_id,
                "campaign_id": sa.literal(campaign.id),
                "space": sa.literal(SPACE),
                "offer_hash": sa.literal(offer_hash(campaign.offer)),
                "relevance": sa.literal(0.1),
                "at": sa.literal(NOW, PostRelevance.at.type),
            }
            rows = sa.select(*compared.values()).where(leads)
            session.execute(sa.insert(PostRelevance).from_select(list(compared), rows))


def _analyse(engine: Engine) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("ANALYZE"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--posts", type=int, nargs=2, help="of both databases; else a third of them on PostgreSQL")
    parser.add_argument("--only", choices=list(SIZES))
    measured.add_option(parser)
    options = parser.parse_args()
    end_when_told()
    sizes = {kind: options.posts or of_kind for kind, of_kind in SIZES.items() if options.only in {None, kind}}
    found = main(sizes)
    if options.write_docs:
        columns = ([*(f"{kind}, {size:,} posts" for size in of_kind), "times"] for kind, of_kind in sizes.items())
        measured.write("growth", ["milliseconds a step", *itertools.chain(*columns)], found)
