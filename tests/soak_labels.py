"""Do the estimates hold the truth as often as they say? `make soak-labels ARGS="--seeds 12 --errors 0.03 0.08"`

Each seed is a queue of its own with known truth: 2,000 decisions over `/v1` on the top of it, and answers to blind
samples (`tests/label_queues.py`). What is told of it must be, to the last digit, what the formulas tell of the same
queue in memory. How often the truth is held is counted over many more in memory: an interval that says 90 % should hold
it in 90 of 100, and of a few dozen queues 22 in 30 may well be chance.
"""

# ruff: noqa: T201 - it is a command

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import repeat
from pathlib import Path
from tempfile import TemporaryDirectory

from overheard.db import make_engine, make_sessions, upgrade
from overheard.measuring.intervals import Share
from tests.interrupts import end_when_told, side_by_side
from tests.label_queues import InMemory, OverV1, Person, Size, Told, desks

_STATED = 0.9
_ROOM = 3  # standard deviations
_IN_MEMORY = 1_000_000
"""The first seed of the queues that live in memory alone."""


def main() -> int:
    """Live, and print how often the truth was held; 1 where that is not what is stated."""
    parser = argparse.ArgumentParser(description="Queues with known truth, and what is estimated of them.")
    parser.add_argument("--seeds", type=int, default=12, help="queues over /v1 (%(default)s)")
    parser.add_argument("--first", type=int, default=1, help="the first seed (%(default)s)")
    parser.add_argument("--in-memory", type=int, default=2000, help="further queues, in memory (%(default)s)")
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
    people = [Person(*options.errors), Person(options.errors[0] / 2, options.errors[1] / 2)]
    same = (repeat(Size(days=options.days)), repeat(people))
    over_v1 = range(options.first, options.first + options.seeds)
    end_when_told()
    with side_by_side(options.jobs) as pool:
        told = _gather(pool.map(over_the_api, over_v1, *same), "over /v1", options.seeds)
        by_formulas = _gather(pool.map(in_memory, over_v1, *same, chunksize=10), "the same in memory", options.seeds)
        seeds = range(_IN_MEMORY, _IN_MEMORY + options.in_memory)
        many = _gather(pool.map(in_memory, seeds, *same, chunksize=10), "in memory", options.in_memory)
    wrong = [] if options.seeds == 0 else _differences(told, by_formulas)
    for title, found in (("over /v1", told), ("in memory", many)):
        print(f"\n{title}: held by intervals that say {_STATED:.0%}, with the 95 % interval of that share")
        wrong += [f"{name} {title}" for name, ones in found.items() if not _report(name, ones)]
    print(f"\nnot as stated: {', '.join(wrong)}" if wrong else "\nall as stated")
    return 1 if wrong else 0


def over_the_api(seed: int, size: Size, people: Sequence[Person]) -> list[Told]:
    """One queue, with all that there is."""
    with TemporaryDirectory(prefix="overheard-soak-") as folder:
        engine = make_engine(f"sqlite:///{Path(folder) / 'overheard.db'}")
        upgrade(engine)
        with desks(engine, Path(folder) / "home") as (programs, clock):
            queue = OverV1(seed, size, people, sessions=make_sessions(engine), programs=programs, clock=clock)
            found = queue.live().told()
        engine.dispose()
    return found


def in_memory(seed: int, size: Size, people: Sequence[Person]) -> list[Told]:
    """One queue, by the formulas alone."""
    return InMemory(seed, size, people).live().told()


def _gather(queues: Iterable[list[Told]], where: str, how_many: int) -> dict[str, list[Told]]:
    started, told = time.monotonic(), defaultdict(list)
    for done, found in enumerate(queues, 1):
        for one in found:
            told[one.name].append(one)
        if done % max(how_many // 10, 1) == 0:
            print(f"{done} of {how_many} {where}, {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return told


def _differences(told: dict[str, list[Told]], by_formulas: dict[str, list[Told]]) -> list[str]:
    """What the way over `/v1` made another number of."""
    numbers = sum(map(len, told.values()))
    wrong = [
        name
        for name, ones in told.items()
        if len(ones) != len(by_formulas[name])
        or not all(one.is_as(other) for one, other in zip(ones, by_formulas[name], strict=True))
    ]
    print(f"{numbers} estimates over /v1: " + (f"other than in memory: {wrong}" if wrong else "all the same in memory"))
    return [f"{name} on the way" for name in wrong]


def _report(name: str, ones: list[Told]) -> bool:
    """A line of the table; whether it is as stated. What is biased on purpose is only shown."""
    by_people, in_truth = (sum(found) for found in zip(*(one.holds() for one in ones), strict=True))
    width = sum(one.estimate.high - one.estimate.low for one in ones) / len(ones)
    lean = [sum(one.estimate.value - one.truth[at] for one in ones) / len(ones) for at in (0, 1)]
    low, high = Share(by_people, len(ones)).interval()
    print(
        f"{name:24} {len(ones):5} times: what people say {by_people / len(ones):6.1%} ({low:.1%} to {high:.1%}),"
        f" what is true {in_truth / len(ones):6.1%};  width {width:.3f}; off by {lean[0]:+.3f}, {lean[1]:+.3f}"
    )
    low, high = Share(by_people, len(ones)).interval(_ROOM)
    return low <= _STATED <= high or width == 0


if __name__ == "__main__":
    sys.exit(main())
