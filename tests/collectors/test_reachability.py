import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
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


# --- domains of e-mail addresses -----------------------------------------------------------------------------------

RECORDS = {
    ("bakery.example.com.", "MX"): "10 mail.bakery.example.com.",
    ("paper.example.com.", "MX"): "0 .",
    ("old.example.com.", "A"): "9.9.9.9",
}
"""What there is; of all other names of these domains there is nothing, and no other domain."""


@pytest.fixture
def resolver() -> Iterator[dns.resolver.Resolver]:
    """Asks a name server on the loopback interface, which says nothing to questions about `silent.example.com`."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            packet, asker = server.recvfrom(4096)
            if packet == b"stop":
                return
            asked = dns.message.from_wire(packet)
            name, kind = str(asked.question[0].name), asked.question[0].rdtype.name
            answer = dns.message.make_response(asked)
            answer.flags |= dns.flags.RA
            if record := RECORDS.get((name, kind)):
                answer.answer.append(dns.rrset.from_text(name, 60, "IN", kind, record))
            elif name not in {known for known, _ in RECORDS}:
                answer.set_rcode(dns.rcode.NXDOMAIN)
            if not name.startswith("silent."):
                server.sendto(answer.to_wire(), asker)

    thread = threading.Thread(target=serve)
    thread.start()
    asking = dns.resolver.Resolver(configure=False)
    asking.nameservers, asking.port, asking.lifetime = ["127.0.0.1"], server.getsockname()[1], 0.5
    yield asking
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
        last.sendto(b"stop", server.getsockname())
    thread.join()
    server.close()


@pytest.mark.parametrize(
    ("domain", "is_reachable", "told"),
    [
        ("bakery.example.com", True, "takes mail"),
        ("old.example.com", True, "takes mail"),  # by its address, as it always was
        ("paper.example.com", False, "does not accept email"),
        ("nowhere.example.com", False, "does not exist"),
        ("silent.example.com", None, "could not be looked up now"),
    ],
)
def test_a_domain_that_takes_mail_is_told_from_one_that_does_not(
    resolver: dns.resolver.Resolver, tmp_path: Path, domain: str, *, is_reachable: bool | None, told: str
) -> None:
    found = make_reach(settings(tmp_path, allow=False), dns=resolver)(ContactKind.EMAIL, f"rosa@{domain}")
    assert (found.is_reachable, told in found.sentence) == (is_reachable, True)
