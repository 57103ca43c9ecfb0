import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from collectors.reachability import make_reach
from overheard.settings import Settings
from overheard.vocabulary import ContactKind

SITE = ContactKind.SITE


class Bakery(BaseHTTPRequestHandler):
    """A site with one page."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/" else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Bakery)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


def settings(tmp_path: Path, *, allow: bool) -> Settings:
    return Settings(home=tmp_path, allow_private_addresses=allow, _env_file=None)  # type: ignore[call-arg] # pydantic-settings' own switch


def test_a_site_that_answers_is_reachable_and_a_missing_page_is_not(port: int, tmp_path: Path) -> None:
    reach = make_reach(settings(tmp_path, allow=True), resolve=lambda _host, _port: ["127.0.0.1"])
    found = reach(SITE, f"http://bakery.example.com:{port}/")
    assert (found.is_reachable, found.sentence) == (True, "bakery.example.com answers (HTTP 200).")
    assert reach(SITE, f"http://bakery.example.com:{port}/about").is_reachable is False


def test_a_name_that_leads_into_a_private_network_is_not_asked(port: int, tmp_path: Path) -> None:
    reach = make_reach(settings(tmp_path, allow=False), resolve=lambda _host, _port: ["127.0.0.1"])
    found = reach(SITE, f"http://bakery.example.com:{port}/")
    assert found.is_reachable is None
    assert "private network" in found.sentence


def test_a_site_that_does_not_answer_is_not_reachable(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    reach = make_reach(settings(tmp_path, allow=True), resolve=lambda _host, _port: ["127.0.0.1"])
    assert reach(SITE, f"http://bakery.example.com:{port}/").is_reachable is False


def test_a_phone_number_is_nobodys_to_ask(tmp_path: Path) -> None:
    assert make_reach(settings(tmp_path, allow=True))(ContactKind.PHONE, "+49 30 901820").is_reachable is None
