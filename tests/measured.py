"""Tables of figures in `docs/`, which the benchmarks write anew: `make bench`, `make soak-workers`.

In a page such a table stands between two lines, and nothing else is touched:

    <!-- bench:queue -->
    <!-- end -->
"""

import argparse
import os
import platform
import re
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parent.parent
_END = "<!-- end -->"
_LOAD = os.getloadavg()[0]  # of others: the measuring itself has not begun yet


class NoPlaceError(Exception):
    """No page of the documentation has a place for a table."""


def add_option(parser: argparse.ArgumentParser) -> None:
    """`--write-docs`, in one way for all that measures."""
    parser.add_argument(
        "--write-docs", action="store_true", help="put the figures into their table in docs/, in place of what is there"
    )


def write(
    name: str, head: Sequence[str], rows: Sequence[Sequence[str]], note: str = "", *, docs: Path = ROOT / "docs"
) -> Path:
    """Put a table in the place of that name, with the day, the machine and the version it is of, and a sentence if
    there is more to say; the page that was changed.
    """
    begin = f"<!-- bench:{name} -->"
    place = re.compile(rf"^{re.escape(begin)}$(?:(?!<!-- bench:).)*?^{re.escape(_END)}$", re.MULTILINE | re.DOTALL)
    for page in sorted(docs.rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        if found := place.search(text):
            block = "\n".join(
                [begin, "", *table(head, rows), "", " ".join(filter(None, (measured_on(), note))), "", _END]
            )
            page.write_text(text[: found.start()] + block + text[found.end() :], encoding="utf-8")
            return page
    raise NoPlaceError(
        f"No page below {docs} has a place for the figures of {name!r}. Where they belong, put these two lines: "
        f"{begin} and {_END}"
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of Markdown: what was measured on the left, figures on the right."""
    lines = [head, ["---", *("--:" for _ in head[1:])], *rows]
    return [f"| {' | '.join(cell.replace('|', '¦') for cell in line)} |" for line in lines]


def measured_on() -> str:
    """The day, the processor, how busy it was before, and the version."""
    today = datetime.now(UTC)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"{today.day} {today:%B %Y}, {cores} cores of {_processor()}, load {_LOAD:.1f} when it began, "
        f"version {_revision()}."
    )


def _processor() -> str:
    told = Path("/proc/cpuinfo")
    named = (
        re.search(r"^model name\s*: (.*)", told.read_text(encoding="utf-8"), re.MULTILINE) if told.exists() else None
    )
    return named[1].strip() if named else platform.machine()


def _revision() -> str:
    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S607

    changed = git("status", "--porcelain", "--untracked-files=no", "--", "*.py")
    return (git("rev-parse", "--short", "HEAD") or "without a revision") + (" and changes" if changed else "")
