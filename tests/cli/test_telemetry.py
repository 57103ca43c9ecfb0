"""Traces: a real collector on loopback receives what real processes did, and nobody's words."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import cast
from urllib.error import HTTPError, URLError

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

PATIENCE = 120.0  # seconds; the model takes some to load where the machine is busy
CANARY = "rosacanary"
ALLOWED = {
    "http.request.method", "http.route", "http.response.status_code", "code.function.name", "error.type",
    "overheard.items", "overheard.posts", "overheard.leads",
}  # fmt: skip


class Collector(ThreadingHTTPServer):
    """Takes traces by OTLP over HTTP."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taking)
        self.bodies: list[bytes] = []

    @property
    def spans(self) -> list[Span]:
        """All that came in."""
        requests = [ExportTraceServiceRequest.FromString(body) for body in self.bodies]
        scopes = [scope for request in requests for found in request.resource_spans for scope in found.scope_spans]
        return [span for scope in scopes for span in scope.spans]


class _Taking(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert self.path == "/v1/traces"
        body = self.rfile.read(int(self.headers["Content-Length"]))
        cast("Collector", self.server).bodies.append(body)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    server = Collector()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OVERHEARD_", "OTEL_"))}
    return kept | {"OVERHEARD_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1"}


@contextmanager
def process(environment: dict[str, str], *words: str) -> Iterator["subprocess.Popen[str]"]:
    started = subprocess.Popen(
        [sys.executable, "-m", "cli", *words],
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        yield started
    finally:
        started.kill()
        started.communicate()


def run(environment: dict[str, str], *words: str) -> str:
    with process(environment, *words) as started:
        out, err = started.communicate(timeout=PATIENCE)
        assert started.returncode == 0, err
    return out


def test_a_posts_way_and_requests_come_to_the_collector_and_no_words_with_them(
    environment: dict[str, str], collector: Collector, tmp_path: Path
) -> None:
    environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{collector.server_port}"
    environment["OTEL_BSP_SCHEDULE_DELAY"] = "600000"  # what comes is sent as a process ends
    posts = tmp_path / "posts.jsonl"
    said = f"{CANARY} is looking for a CRM that a bakery understands. Which one would you buy?"
    post = {"platform": "reddit", "id": "t3_canary", "community": f"r/{CANARY}", "author": CANARY, "title": said}
    posts.write_text(json.dumps(post | {"body": said, "date": "2026-11-19T08:00:00Z"}))
    run(environment, "import", str(posts))
    run(environment, "classify")
    _ask_the_pages(environment)
    names = [span.name for span in collector.spans]
    assert {"take in", "judge", "qualify", "GET /healthz"} <= set(names)
    told = {span.name: {one.key: one.value for one in span.attributes} for span in collector.spans}
    assert told["take in"]["overheard.items"].int_value == told["judge"]["overheard.posts"].int_value == 1
    assert told["GET /healthz"]["http.response.status_code"].int_value == 200
    assert {key for attributes in told.values() for key in attributes} <= ALLOWED
    assert CANARY.encode() not in b"".join(collector.bodies)


def _ask_the_pages(environment: dict[str, str]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    pause = threading.Event()
    with process(environment, "serve", "--port", str(port)) as serving:
        for path in ("/healthz", f"/login?next=/{CANARY}", f"/feeds/{CANARY}", f"/v1/leads?author={CANARY}"):
            request = urllib.request.Request(f"http://127.0.0.1:{port}{path}")
            request.add_header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
            request.add_header("tracestate", f"shop={CANARY}")
            request.add_header("User-Agent", CANARY)
            for _ in range(600):
                try:
                    urllib.request.urlopen(request).close()  # noqa: S310 - loopback
                except HTTPError as refused:
                    refused.close()
                except URLError:  # it is not there yet
                    assert serving.poll() is None
                    pause.wait(0.1)
                    continue
                break
        serving.send_signal(signal.SIGTERM)
        serving.wait(timeout=PATIENCE)


def test_nothing_of_it_is_loaded_where_nobody_collects_traces(environment: dict[str, str]) -> None:
    look = "import sys, cli.main, cli.worker; from cli.context import start; start(); print(*sorted(sys.modules))"
    found = subprocess.run([sys.executable, "-c", look], env=environment, capture_output=True, text=True, check=True)
    modules = found.stdout.split()
    assert "cli.worker" in modules
    assert not [name for name in modules if name.startswith("opentelemetry")]


def test_who_asks_for_traces_without_the_extra_is_told_what_to_install(environment: dict[str, str]) -> None:
    environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:9"
    look = "import sys; sys.modules['opentelemetry.sdk'] = None; import cli.main; cli.main.main()"
    words = [sys.executable, "-c", look, "sources", "list"]
    found = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert "pip install -c constraints.txt -e '.[telemetry]'" in found.stderr
    assert "Traceback" not in found.stderr
