"""Addresses that somebody typed, or that a page named: only the public internet is asked, and only within bounds.

A name is resolved once, all its addresses are checked, and the checked address is the one that is connected to: a name
that resolves to something else a moment later gains nothing. Each redirect comes by here again.
"""

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx

from collectors.base import Clock, Tools
from collectors.http import JsonReader, OnRefusal, trust
from overheard.errors import CollectorError
from overheard.settings import Settings

_MAX_BYTES = 5 * 2**20

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# Public to the letter, and something else inside: Azure's host of virtual machines, and protocol assignments, among
# which a cloud keeps its metadata (192.0.0.192).
_NOT_OUTSIDE = (ipaddress.ip_network("168.63.129.16/32"), ipaddress.ip_network("192.0.0.0/24"))
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

Resolve = Callable[[str, int], Sequence[str]]


def web_reader(
    name: str,
    tools: Tools,
    *,
    base_url: str = "",
    headers: Mapping[str, str] | None = None,
    is_open: bool = False,
    on_refusal: OnRefusal = lambda _, __: None,
) -> JsonReader:
    """Reads what strangers publish, and goes where they send us on to."""
    return JsonReader(
        name,
        base_url,
        tools,
        headers=headers,
        is_open=is_open,
        on_refusal=on_refusal,
        transport=CheckedTransport(tools),
        follows=True,
        limit=_MAX_BYTES,
    )


def web_client(settings: Settings, clock: Clock) -> httpx.Client:
    """A plain client within the same bounds, that goes nowhere it is sent on to."""
    tools = Tools(settings, clock, time.sleep)
    return httpx.Client(transport=CheckedTransport(tools), timeout=settings.http_timeout)


def web_address(text: str) -> httpx.URL:
    """An address as a person types it, with or without `https://`; `CollectorError` says why it is none."""
    text = text.strip()
    try:
        url = httpx.URL(text if "://" in text else f"https://{text}")
    except (httpx.InvalidURL, ValueError) as error:
        raise CollectorError(f"{text[:100]!r} is not a web address.", permanent=True) from error
    _check(url)
    return url


def _check(url: httpx.URL) -> None:
    if url.scheme not in {"http", "https"} or not url.host:
        raise CollectorError(f"Only http and https addresses are read, not {url.scheme}:", permanent=True)
    if url.userinfo:
        raise CollectorError(
            f"The address on {url.host} holds a password: addresses are shown, so leave it out.", permanent=True
        )


class CheckedTransport(httpx.BaseTransport):
    """Connects to public addresses only, unless the settings allow private ones; ends what takes too long."""

    def __init__(self, tools: Tools, resolve: Resolve | None = None) -> None:
        """`resolve`: a host and port → its addresses."""
        self._allows_private = tools.settings.allow_private_addresses
        self._longest = 3 * tools.settings.http_timeout
        self._resolve = resolve or _resolve
        self._ssl = trust(by_environment=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """One request, on a connection of its own."""
        url = request.url
        _check(url)
        deadline = request.extensions.get("deadline") or time.monotonic() + self._longest
        # No connection is kept: one that was checked for a name must not serve another name at its address.
        pool = httpcore.ConnectionPool(
            ssl_context=self._ssl, max_connections=1, network_backend=_Network(self._checked, deadline)
        )
        asked = httpcore.Request(
            request.method,
            httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.read(),
            extensions={"timeout": request.extensions.get("timeout", {})},
        )
        try:
            with _as_httpx():
                answer = pool.handle_request(asked)
        except BaseException:
            pool.close()
            raise
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer.iter_stream(), pool.close))

    def _checked(self, host: str, port: int) -> Sequence[str]:
        found = self._resolve(host, port)
        for address in found:
            if not self._allows_private and not is_public(address):
                raise CollectorError(
                    f"{host} is in a private network ({address}). To read what is there, set "
                    "OVERHEARD_ALLOW_PRIVATE_ADDRESSES=true.",
                    permanent=address == host,  # what a name means can change: a guest network answers for all names
                )
        return found


def is_public(text: str) -> bool:
    """Whether this IP address, and any that is written inside it, is one of the public internet."""
    address: _Address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:  # how an IPv6-only network writes the IPv4 internet
            return is_public(str(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)))
        inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if any(each is not None for each in inner):
            return all(is_public(str(each)) for each in inner if each is not None)
        if address.is_site_local:
            return False
    refused = address.is_multicast or address.is_reserved or any(address in network for network in _NOT_OUTSIDE)
    return address.is_global and not refused


def _resolve(host: str, port: int) -> Sequence[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise CollectorError(f"There is no host {host}, or its name cannot be looked up now.") from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class _Network(httpcore.NetworkBackend):
    """Connects to the addresses that were checked, and to nothing that the name may mean by then."""

    def __init__(self, checked: Callable[[str, int], Sequence[str]], deadline: float) -> None:
        self._checked = checked
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in self._checked(host, port):
            try:
                stream = httpcore.SyncBackend().connect_tcp(
                    address, port, _left(self._deadline, timeout), local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _Stream(stream, self._deadline)
        raise failure


class _Stream(httpcore.NetworkStream):
    """A connection with an end: a byte now and then, in the headers too, must not hold us for ever."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._deadline, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._deadline, timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, _left(self._deadline, timeout))
        return _Stream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - as its parent has it
        return self._stream.get_extra_info(info)


def _left(deadline: float, timeout: float | None) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the answer takes too long")
    return left if timeout is None else min(left, timeout)


class _Body(httpx.SyncByteStream):
    def __init__(self, chunks: Iterable[bytes], hang_up: Callable[[], None]) -> None:
        self._chunks = chunks
        self._hang_up = hang_up

    def __iter__(self) -> Iterator[bytes]:
        with _as_httpx():
            yield from self._chunks

    def close(self) -> None:
        self._hang_up()


@contextmanager
def _as_httpx() -> Iterator[None]:
    """What goes wrong below, in the words of the client above."""
    try:
        yield
    except httpcore.TimeoutException as error:
        raise httpx.ReadTimeout(str(error)) from error
    except httpcore.ProtocolError as error:
        raise httpx.RemoteProtocolError(str(error)) from error
    except httpcore.NetworkError as error:
        raise httpx.ConnectError(str(error)) from error
