"""Servers on the loopback interface that keep what they are sent: one for mail, one for webhooks."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TypeVar, cast

Server = TypeVar("Server", bound=socketserver.BaseServer)


class _MailServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    refuses = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Mail)
        self.taken: list[tuple[str, EmailMessage]] = []


class _Mail(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        server = cast("_MailServer", self.server)
        recipient = ""
        self._say("220 loopback")
        while line := self.rfile.readline():
            verb = line.decode().upper().strip()
            if verb.startswith("RCPT"):
                recipient = line.decode().partition("<")[2].partition(">")[0]
            if verb == "DATA":
                self._say("354 go on")
                server.taken.append((recipient, self._message()))
            if verb == "QUIT":
                self._say("221 bye")
                return
            self._say("550 no" if server.refuses and verb.startswith("RCPT") else "250 yes")

    def _message(self) -> EmailMessage:
        raw = b""
        while (line := self.rfile.readline()) != b".\r\n":
            raw += line.replace(b"\r\n", b"\n")
        return message_from_bytes(raw, policy=policy.default)

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


class _HookServer(HTTPServer):
    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Hook)
        self.taken: list[dict[str, object]] = []
        self.requests: list[tuple[dict[str, str], bytes]] = []
        """The same with its headers, untouched."""

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}/services/T1/B1/secret"


class _Hook(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = cast("_HookServer", self.server)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server.requests.append(({name.lower(): value for name, value in self.headers.items()}, body))
        server.taken.append(json.loads(body))
        self.send_response(server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


@contextmanager
def mail_server() -> Iterator[_MailServer]:
    """A mail server that takes everything, or refuses every recipient."""
    with _served(_MailServer()) as server:
        yield server


@contextmanager
def hook_server() -> Iterator[_HookServer]:
    """A web server that keeps the JSON that is posted to it."""
    with _served(_HookServer()) as server:
        yield server


@contextmanager
def _served(server: Server) -> Iterator[Server]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
