"""A Hacker News on loopback: a model of items, the API that shows it, and faults that a test scripts."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread

FIRST_TIME = 1_795_000_000  # November 2026


@dataclass(frozen=True)
class Fault:
    """One answer that goes wrong."""

    status: int = 200
    body: bytes = b"null"
    headers: dict[str, str] = field(default_factory=dict)
    is_cut: bool = False
    """Say a length, send half of it, hang up."""
    is_reset: bool = False
    """Hang up without a word."""


HTML_PAGE = Fault(body=b"<html><body>Please log in</body></html>", headers={"Content-Type": "text/html"})


class HackerNewsWorld:
    """What there is. Ids are given in order, as the real one does."""

    def __init__(self, first_id: int = 1) -> None:
        self.items: dict[int, dict[str, object] | None] = {}
        self.updated: list[int] = []
        self.newest = first_id - 1
        self.requests: list[str] = []
        self.base_url = ""
        self._faults: list[tuple[re.Pattern[str], Fault, int]] = []
        self._lock = Lock()

    def write(self, **fields: object) -> int:
        """Somebody writes something; by default a comment."""
        self.newest += 1
        self.items[self.newest] = {
            "id": self.newest,
            "type": "comment",
            "by": f"writer{self.newest}",
            "time": FIRST_TIME + self.newest,
            "text": f"Invented comment {self.newest}",
            **fields,
        }
        return self.newest

    def reserve(self) -> int:
        """An id is given away, and its item cannot be read yet."""
        self.newest += 1
        self.items[self.newest] = None
        return self.newest

    def edit(self, id_: int, **fields: object) -> None:
        self.items[id_] = {**(self.items[id_] or {"id": id_, "type": "comment"}), **fields}
        self.updated.append(id_)

    def delete(self, id_: int) -> None:
        self.items[id_] = {"id": id_, "deleted": True, "type": "comment", "time": FIRST_TIME + id_}
        self.updated.append(id_)

    def fail(self, path: str, fault: Fault, times: int = 1) -> None:
        """The next `times` requests for a path that matches go wrong."""
        self._faults.append((re.compile(path), fault, times))

    def heal(self) -> None:
        """Nothing goes wrong any more."""
        self._faults.clear()

    def fault_for(self, path: str) -> Fault | None:
        with self._lock:
            self.requests.append(path)
            for index, (pattern, fault, times) in enumerate(self._faults):
                if times and pattern.search(path):
                    self._faults[index] = (pattern, fault, times - 1)
                    return fault
        return None

    def answer(self, path: str) -> object:
        if path == "/v0/maxitem.json":
            return self.newest
        if path == "/v0/updates.json":
            return {"items": self.updated, "profiles": []}
        number = re.fullmatch(r"/v0/item/(\d+)\.json", path)
        return self.items.get(int(number[1])) if number else {"error": "Permission denied"}


@contextmanager
def serve(world: HackerNewsWorld) -> Iterator[str]:
    """The world's base URL, while the block runs."""
    server = _Server(world)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v0/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, world: HackerNewsWorld) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.world = world


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        fault = self.server.world.fault_for(self.path)
        if fault is None:
            self._send(200, json.dumps(self.server.world.answer(self.path)).encode(), {})
        elif fault.is_reset:
            self.close_connection = True
        else:
            self._send(fault.status, fault.body, fault.headers, is_cut=fault.is_cut)

    def _send(self, status: int, body: bytes, headers: dict[str, str], *, is_cut: bool = False) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) * 2 if is_cut else len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = self.close_connection or is_cut

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""
