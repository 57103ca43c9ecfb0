"""Random histories of replies on every platform that takes them: `make soak-replies ARGS="--runs 1000 --seed 7"`."""

# ruff: noqa: T201 - it is a command

import argparse
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from overheard.db import make_engine, make_sessions, upgrade
from overheard.vocabulary import Platform
from tests.collectors.replying.desk import PLACES
from tests.collectors.replying.histories import Life
from tests.fakeworld.model import World
from tests.fakeworld.server import serve
from tests.interrupts import end_when_told, side_by_side

RUNS = 10_000
_OF_ONE_WORLD = 50  # runs: a world that holds thousands of posts answers slowly


def main() -> int:
    """Live, and print what was counted; 1 when anything stands anywhere twice."""
    parser = argparse.ArgumentParser(
        description="Random histories of replies, with faults, crashes and jumping clocks."
    )
    parser.add_argument("--runs", type=int, default=RUNS, help="histories in all (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="another seed is another history (%(default)s)")
    parser.add_argument("--jobs", type=int, default=2, help="side by side (%(default)s)")
    options = parser.parse_args()
    started, told, wrong, done = time.monotonic(), Counter[str](), list[str](), 0
    parts = [
        (platform, f"{options.seed} {platform.value} {number}")
        for number in range(-(-options.runs // (_OF_ONE_WORLD * len(PLACES))))
        for platform in PLACES
    ]
    end_when_told()
    with side_by_side(options.jobs) as pool:
        for (platform, seed), (counts, problems) in zip(parts, pool.map(live, *zip(*parts, strict=True)), strict=True):
            told, done = told + counts, done + _OF_ONE_WORLD
            wrong += [f"{platform.value}, seed {seed!r}, run {problem}" for problem in problems]
            print(f"{done:,} runs, {len(wrong)} wrong, {time.monotonic() - started:.0f} s", flush=True)
    print(", ".join(f"{count:,} {what}" for what, count in sorted(told.items())))
    print("\n".join(wrong) or "clean")
    return 1 if wrong else 0


def live(platform: Platform, seed: str, runs: int = _OF_ONE_WORLD) -> tuple[Counter[str], list[str]]:
    """One world's histories: what happened in them, and what was wrong afterwards."""
    world = World()
    with TemporaryDirectory(prefix="overheard-soak-") as folder, serve(world):
        engine = make_engine(f"sqlite:///{Path(folder) / 'overheard.db'}")
        upgrade(engine)
        life = Life(make_sessions(engine), world, Path(folder), PLACES[platform], Random(seed))  # noqa: S311
        for _ in range(runs):
            life.live()
        engine.dispose()
    return life.told, life.wrong


if __name__ == "__main__":
    sys.exit(main())
