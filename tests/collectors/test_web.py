import gzip
import socket
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import httpx
import pytest
import zstandard

from collectors.base import Tools
from collectors.http import JsonReader
from collectors.web import CheckedTransport, Resolve, is_public, web_address, web_reader
from overheard.errors import CollectorError
from overheard.settings import Settings

Headers = dict[str, str]


class Site:
    """A web site on loopback, with whatever pages a test puts there."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[int, Headers, bytes]] = {}
        self.asked: list[tuple[str, Headers]] = []
        self.stopped = Event()
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def serving(site: Site) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append((self.path, dict(self.headers)))
            if self.path.startswith("/slow"):
                self._dribble()
                return
            status, headers, body = site.pages[self.path]
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def _dribble(self) -> None:
            """One byte now and then, in the headers or in the body, for ever."""
            self.wfile.write(b"HTTP/1.1 200 OK\r\n" + (b"\r\n" if self.path == "/slow-body" else b"X-Slow: "))
            try:
                while not site.stopped.wait(0.02):
                    self.wfile.write(b"x")
            except OSError:
                return

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.port = server.server_address[1]
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        site.stopped.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    with serving(site):
        yield site


def tools(*, is_private_allowed: bool = True, http_timeout: float = 5) -> Tools:
    settings = Settings(allow_private_addresses=is_private_allowed, http_timeout=http_timeout)
    return Tools(settings, lambda: datetime(2026, 11, 20, tzinfo=UTC), lambda _: None)


@contextmanager
def reader_for(tools: Tools, resolve: Resolve | None = None) -> Iterator[JsonReader]:
    transport = CheckedTransport(tools, resolve)
    reader = JsonReader("The site", "", tools, transport=transport, follows=True, limit=100_000)
    yield reader
    reader.close()


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",  # noqa: S104
        "169.254.169.254",
        "100.64.0.1", "100.100.100.200", "192.0.0.192", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1",
        "255.255.255.255", "168.63.129.16", "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1",
        "fe80::1",
        "fe80::1%eth0", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "2002:7f00:1::",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2001:0:7f00:1::",
    ],
)  # fmt: skip
def test_what_is_not_the_public_internet_is_refused(address: str) -> None:
    assert not is_public(address)
    refusal = pytest.raises(CollectorError, match=r"feeds\.example is in a private network")
    with reader_for(tools(is_private_allowed=False), lambda *_: [address]) as reader, refusal:
        reader.read("http://feeds.example/feed")


@pytest.mark.parametrize("address", ["93.184.215.14", "1.1.1.1", "2606:4700:4700::1111", "64:ff9b::101:101"])
def test_the_public_internet_is_not_refused(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "0x7f.1", "2130706433", "[::1]", "[::ffff:127.0.0.1]"]
)
def test_no_way_to_write_this_machine_gets_past(site: Site, host: str) -> None:
    refusal = pytest.raises(CollectorError, match=r"is in a private network|There is no host")
    with reader_for(tools(is_private_allowed=False)) as reader, refusal:
        reader.read(f"http://{host}:{site.port}/feed")
    assert site.asked == []


def test_one_private_address_among_public_ones_is_one_too_many() -> None:
    refusal = pytest.raises(CollectorError, match=r"private network \(10\.0\.0\.1\)")
    with reader_for(tools(is_private_allowed=False), lambda *_: ["1.1.1.1", "10.0.0.1"]) as reader, refusal:
        reader.read("http://feeds.example/feed")


def test_the_address_that_was_checked_is_the_one_that_is_connected_to(site: Site) -> None:
    site.pages["/feed"] = (200, {}, b"here")
    asked: list[str] = []

    def resolve(host: str, _: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"]

    with reader_for(tools(), resolve) as reader:
        answer = reader.read(f"http://feeds.example:{site.port}/feed")
    assert (answer.body, asked) == (b"here", ["feeds.example"])
    assert site.asked[0][1]["Host"] == f"feeds.example:{site.port}"


def test_an_address_that_does_not_answer_gives_way_to_the_next(site: Site) -> None:
    site.pages["/feed"] = (200, {}, b"here")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and not listening: refuses
        with reader_for(tools(), lambda *_: ["::1", "127.0.0.1"]) as reader:
            assert reader.read(f"http://feeds.example:{site.port}/feed").body == b"here"


def test_a_redirect_is_followed_and_says_where_it_led(site: Site) -> None:
    site.pages |= {"/old": (301, {"Location": "/new"}, b""), "/new": (200, {}, b"here")}
    with reader_for(tools()) as reader:
        answer = reader.read(f"{site.url}/old")
    assert (answer.url, answer.body) == (f"{site.url}/new", b"here")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("http://inside.example/secret", "inside.example is in a private network"),
        ("http://169.254.169.254/latest/meta-data/", "169.254.169.254 is in a private network"),
        ("file:///etc/passwd", "Only http and https addresses are read, not file:"),
        ("javascript:alert(1)", "cannot be reached: InvalidURL"),
        ("http://user:secret@outside.example/", "holds a password"),
        ("/old", "cannot be reached: TooManyRedirects"),
    ],
)
def test_a_redirect_is_checked_like_any_address(site: Site, target: str, message: str) -> None:
    site.pages["/old"] = (302, {"Location": target}, b"")

    class LoopbackIsPublic(CheckedTransport):
        """For a test that starts outside, the way in is open."""

        def _checked(self, host: str, port: int) -> Sequence[str]:
            return ["127.0.0.1"] if host == "outside.example" else super()._checked(host, port)

    held = tools(is_private_allowed=False)
    transport = LoopbackIsPublic(held, lambda host, _: [host] if host[0].isdigit() else ["10.0.0.1"])
    reader = JsonReader("The site", "", held, transport=transport, follows=True)
    with pytest.raises(CollectorError, match=message):
        reader.read(f"http://outside.example:{site.port}/old")
    reader.close()


@pytest.mark.parametrize(
    ("packed", "encoding", "message"),
    [
        (gzip.compress(bytes(50_000_000)), "gzip", "sent more than 100000 bytes"),
        (bytes(200_000), "", "sent more than 100000 bytes"),
        (gzip.compress(gzip.compress(bytes(50_000_000))), "gzip, gzip", "packed in a way that was not asked for"),
        (zstandard.compress(bytes(50_000_000)), "zstd", "packed in a way that was not asked for"),
        (zlib.compress(b"x"), "deflate", "packed in a way that was not asked for"),
    ],
)
def test_what_unpacks_to_too_much_is_not_unpacked(site: Site, packed: bytes, encoding: str, message: str) -> None:
    site.pages["/bomb"] = (200, {"Content-Encoding": encoding}, packed)
    with reader_for(tools()) as reader, pytest.raises(CollectorError, match=message):
        reader.read(f"{site.url}/bomb")


@pytest.mark.parametrize("path", ["/slow-headers", "/slow-body"])
def test_a_byte_now_and_then_does_not_hold_us_for_ever(site: Site, path: str) -> None:
    refusal = pytest.raises(CollectorError, match=r"ReadTimeout|took more than")
    with reader_for(tools(http_timeout=0.1)) as reader, refusal:
        reader.read(f"{site.url}{path}")


@pytest.mark.parametrize(
    "text", ["file:///etc/passwd", "javascript:alert(1)", "ftp://example.org", "https://", "https://\x00"]
)
def test_what_is_no_web_address_is_told(text: str) -> None:
    with pytest.raises(CollectorError, match=r"Only http and https addresses|is not a web address") as caught:
        web_address(text)
    assert caught.value.permanent


def test_an_address_may_be_typed_without_its_scheme_but_not_with_a_password() -> None:
    assert str(web_address(" example.org/feed ")) == "https://example.org/feed"
    with pytest.raises(CollectorError, match="holds a password"):
        web_address("https://rita:secret@example.org/feed")


def test_what_has_not_changed_is_not_sent_again(site: Site) -> None:
    site.pages["/feed"] = (304, {}, b"")
    with reader_for(tools()) as reader:
        assert reader.read(f"{site.url}/feed", headers={"If-None-Match": '"7"'}).body is None
        with pytest.raises(CollectorError, match="answered 304"):
            reader.read(f"{site.url}/feed")  # nobody asked for changes only


def test_a_host_that_is_not_there_is_told() -> None:
    def nobody(host: str, _: int) -> Sequence[str]:
        raise CollectorError(f"There is no host {host}")

    with reader_for(tools(), nobody) as reader, pytest.raises(CollectorError, match=r"no host feeds\.example"):
        reader.read("https://feeds.example/feed")


def test_no_proxy_of_the_environment_comes_between(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    site.pages["/feed"] = (200, {}, b"here")
    held = tools()
    reader = web_reader("The site", held)
    assert reader.read(f"{site.url}/feed").body == b"here"
    assert httpx.URL(reader.read(f"{site.url}/feed").url).host == "127.0.0.1"
    reader.close()
