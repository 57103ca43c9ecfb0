"""`make bench`: how fast posts are judged in several ways, beside what people would write: `overheard bench classify`.

.venv/bin/python -m tests.bench_judging --data posts.jsonl.zst --posts 600
"""

import argparse
from pathlib import Path

from classifier.bench import Measured, measure, read_sample
from cli.demo import SAMPLE
from tests import measured
from tests.interrupts import end_when_told

HEAD = ("way", "posts a second", "times, median of rounds", "processor, ms a post", "times by processor", "peak memory")


def main(data: Path, posts: int) -> list[list[str]]:
    """Print a line for each way; all of them as rows, as `HEAD` says."""
    rows: list[list[str]] = []
    first: Measured | None = None
    for found in measure(read_sample(data, posts)):
        first = first or found
        rows.append(_row(found, first))
        print(", ".join(filter(None, rows[-1])), flush=True)  # noqa: T201 - its output
    return rows


def _row(found: Measured, first: Measured) -> list[str]:
    speed, processor = f"{found.speed:,.1f}", f"{found.processor:.1f}"
    if found.ratio is None or found.peak is None:  # a stage alone
        return [found.what, speed, "", processor, "", ""]
    by_processor = f"{first.processor / found.processor:.1f}"
    return [found.what, speed, f"{found.ratio:.1f}", processor, by_processor, f"{found.peak:,.0f} MB"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=SAMPLE, help="posts in JSON Lines; else the bundled sample")
    parser.add_argument("--posts", type=int, default=80, help="how many of them (%(default)s)")
    measured.add_option(parser)
    options = parser.parse_args()
    end_when_told()
    rows = main(options.data, options.posts)
    if options.write_docs:
        whose = "of the bundled sample" if options.data == SAMPLE else f"drawn from {options.data.name}"
        measured.write("judging", HEAD, rows, f"{options.posts} posts {whose}.")
