"""`overheard run` as a person uses it: posts appear in the queue by themselves."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from overheard.vocabulary import Platform, PostKind
from tests.fakeworld.model import World
from tests.fakeworld.server import serve
from tests.fakeworld.wires.hackernews import HackerNews, write

PATIENCE = 240.0  # seconds; the model takes some to load where the machine is busy


@contextmanager
def running(port: int, environment: dict[str, str], cwd: Path) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-m", "cli", "run", "--port", str(port), "--every", "1"]
    process = subprocess.Popen(command, env=environment, cwd=cwd, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        process.terminate()  # as a service is stopped; whoever is left would hold the log open
        _, log = process.communicate(timeout=30)
        assert b"Traceback" not in log, log.decode()


def free_port() -> int:
    """None of those that the system gives to whoever asks for any: it could be another's by the time it is used."""
    for port in range(20_000 + os.getpid() % 5_000, 30_000):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


def test_somebody_asks_on_hacker_news_and_is_in_the_queue_without_a_hand_moved(tmp_path: Path) -> None:
    world = World()
    world.state(HackerNews).newest = 99
    with serve(world):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OVERHEARD_")} | {
            "OVERHEARD_HOME": str(tmp_path / "home"),
            "OVERHEARD_HACKERNEWS__BASE_URL": world.url(Platform.HACKERNEWS) + "/v0/",
            "HF_HUB_OFFLINE": "1",
        }

        def overheard(*words: str, stdin: str = "") -> str:
            command = [sys.executable, "-m", "cli", *words]
            return subprocess.run(
                command, input=stdin, env=environment, cwd=tmp_path, check=True, capture_output=True, text=True
            ).stdout.strip()

        overheard("users", "add", "sam@example.org", "--name", "Sam", stdin="a long password\n")
        token = overheard("token", "sam@example.org")
        overheard("campaigns", "add", "Rye", "--offer", "Invoices for bakers.", "--query", "invoicing")
        port = free_port()
        with running(port, environment, tmp_path):
            write(world, body="I baked bread today and it was good.")
            write(
                world,
                kind=PostKind.SUBMISSION,
                title="Ask HN: Which invoicing tool do you use?",
                body="We are three people. Can you recommend a simple invoicing tool?",
            )
            leads = _wait_for_leads(port, token)
        assert [lead["author"] for lead in leads] == ["writer101"]


def _wait_for_leads(port: int, token: str) -> list[dict[str, str]]:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            answer = httpx.get(
                f"http://127.0.0.1:{port}/v1/queue", headers={"Authorization": f"Bearer {token}"}, timeout=10
            )
        except httpx.TransportError:  # not there yet, or busy
            leads = []
        else:
            leads = answer.raise_for_status().json()["items"]
        if leads:
            return list(leads)
        time.sleep(0.2)  # nothing tells from outside that a pass is over
    raise AssertionError("no lead came up")
