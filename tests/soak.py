"""A long life for every platform: `make soak`, or `make soak ARGS="--posts 1000 --crashes 20 --seed 7"`."""

# ruff: noqa: T201 - it is a command

import argparse
import os
import sys
import time
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from overheard.db import make_engine, upgrade
from tests.fakeworld.model import World
from tests.fakeworld.server import serve
from tests.histories import Life
from tests.histories_places import PLACES
from tests.interrupts import end_when_told, side_by_side

POSTS, CRASHES = 100_000, 1_000
_KILL_EVERY = 20  # crashes: `kill -9` takes a process each time, so most crashes are exceptions


def main() -> int:
    """Live, and print what the oracle says; 1 when it is not content."""
    parser = argparse.ArgumentParser(description="Random histories, faults and crashes, over all platforms.")
    parser.add_argument("--posts", type=int, default=POSTS, help="how many are written in all (%(default)s)")
    parser.add_argument("--crashes", type=int, default=CRASHES, help="how often we crash in all (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="another seed is another history (%(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="platforms side by side (%(default)s)")
    parser.add_argument("--mode", action="append", choices=[place.name for place in PLACES], help="only this one")
    options = parser.parse_args()
    end_when_told()
    places = [place for place in PLACES if options.mode is None or place.name in options.mode]
    posts, crashes = -(-options.posts // len(places)), -(-options.crashes // len(places))
    print(f"seed {options.seed}: {posts:,} posts and {crashes:,} crashes for each of {len(places)}", flush=True)
    with side_by_side(options.jobs) as pool:
        lives = [pool.submit(_live, place.name, posts, crashes, options.seed) for place in places]
        is_clean = all(life.result() for life in lives)
    print("clean" if is_clean else "NOT CLEAN")
    return 0 if is_clean else 1


def _live(name: str, posts: int, crashes: int, seed: int) -> bool:
    """One platform's life; whether the oracle is content."""
    place = next(place for place in PLACES if place.name == name)
    rng = Random(f"{seed} {place.name}")  # noqa: S311 - nothing is secret
    world, started = World(), time.monotonic()
    with TemporaryDirectory(prefix="overheard-soak-") as folder, serve(world):
        url = f"sqlite:///{Path(folder) / 'overheard.db'}"
        engine = make_engine(url)
        upgrade(engine)
        engine.dispose()
        life = Life(place, world, url, Path(folder), rng)
        try:
            _go_on(life, posts, crashes)
            report = life.settle()
        finally:
            life.close()
    counts = life.counts
    told = ", ".join(f"{counts[name]:,} {label}" for name, label in _LABELS.items() if counts[name])
    print(f"{place.name}: {told}; {time.monotonic() - started:.0f} s\n  {report}", flush=True)
    return report.is_clean


_LABELS = {
    "write": "posts", "reply": "replies", "edit": "edits", "delete": "deletions", "leave": "authors left",
    "fault": "faults", "delivery": "deliveries", "pass": "passes", "crash": "crashes",
}  # fmt: skip


def _go_on(life: Life, posts: int, crashes: int) -> None:
    """Until there have been enough of both, evenly."""
    while (written := life.counts["write"] + life.counts["reply"]) < posts or life.counts["crash"] < crashes:
        behind = max(1, posts - written) // max(1, crashes - life.counts["crash"])
        life.people(most=max(1, min(2 * behind, 200)))
        if life.rng.random() < 0.2:
            life.go_wrong()
        if life.counts["crash"] * posts < crashes * max(written, 1):
            (life.kill if life.counts["crash"] % _KILL_EVERY == 0 else life.crash)()
        else:
            life.collect()
        if life.rng.random() < 0.01:
            life.sweep()
        if life.rng.random() < 0.05:  # or what only a person can mend would stop it for good
            life.enable()


if __name__ == "__main__":
    sys.exit(main())
