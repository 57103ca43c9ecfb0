"""Do the estimates hold the truth as often as they say? `make soak-labels ARGS="--seeds 100 --errors 0.03 0.08"`

Each seed is a queue of its own with known truth: 2,000 decisions over `/v1` on the top of it, and answers to blind
samples (`tests/label_queues.py`). An interval that says 90 % should hold it in 90 of 100.
"""

# ruff: noqa: T201 - it is a command

import argparse
import logging
import sys
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path
from tempfile import TemporaryDirectory

from overheard.db import make_engine, make_sessions, upgrade
from tests.label_queues import LabelQueue, Size, Told, people_at_work

_STATED = 0.9
_ROOM = 3  # standard deviations


def main() -> int:
    """Live, and print how often the truth was held; 1 where that is not what is stated."""
    parser = argparse.ArgumentParser(description="Queues with known truth, and what is estimated of them.")
    parser.add_argument("--seeds", type=int, default=40, help="queues (%(default)s)")
    parser.add_argument("--first", type=int, default=1, help="the first seed (%(default)s)")
    parser.add_argument("--jobs", type=int, default=2, help="side by side (%(default)s)")
    parser.add_argument("--days", type=int, default=10, help="of 200 decisions each (%(default)s)")
    parser.add_argument(
        "--errors",
        type=float,
        nargs=2,
        default=(0.0, 0.0),
        metavar=("YES", "NO"),
        help="how often one of two people says yes where it is none, and no where it is one; the other half as often",
    )
    options = parser.parse_args()
    started = time.monotonic()
    told: dict[str, list[Told]] = defaultdict(list)
    seeds = range(options.first, options.first + options.seeds)
    with ProcessPoolExecutor(options.jobs, initializer=logging.disable) as pool:
        for done, found in enumerate(pool.map(live, seeds, repeat(options.days), repeat(tuple(options.errors))), 1):
            for one in found:
                told[one.name.split(" to ")[0] if one.name.startswith("calibration") else one.name].append(one)
            print(f"{done} of {options.seeds} queues, {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    wrong = [name for name, ones in told.items() if not _report(name, ones)]
    print(f"not as stated: {', '.join(wrong)}" if wrong else "all as stated")
    return 1 if wrong else 0


def live(seed: int, days: int, errors: tuple[float, float]) -> list[Told]:
    """One queue."""
    with TemporaryDirectory(prefix="overheard-soak-") as folder:
        engine = make_engine(f"sqlite:///{Path(folder) / 'overheard.db'}")
        upgrade(engine)
        both = (errors, (errors[0] / 2, errors[1] / 2))
        with people_at_work(engine, Path(folder) / "home", both) as (people, clock):
            queue = LabelQueue(make_sessions(engine), people, clock, seed, Size(days=days))
            queue.live()
            found = queue.told()
        engine.dispose()
    return found


def _report(name: str, ones: list[Told]) -> bool:
    """A line of the table; whether it is as stated. What is biased on purpose is only shown."""
    by_people, in_truth = (sum(found) / len(ones) for found in zip(*(one.holds() for one in ones), strict=True))
    width = sum(one.estimate.high - one.estimate.low for one in ones) / len(ones)
    lean = [sum(one.estimate.value - one.truth[at] for one in ones) / len(ones) for at in (0, 1)]
    print(
        f"{name:32} {len(ones):4} times  held: what people say {by_people:4.0%}, what is true {in_truth:4.0%};"
        f"  width {width:.3f}; off by {lean[0]:+.3f}, {lean[1]:+.3f}"
    )
    least = _STATED - _ROOM * (_STATED * (1 - _STATED) / len(ones)) ** 0.5
    return by_people >= least or width == 0


if __name__ == "__main__":
    sys.exit(main())
