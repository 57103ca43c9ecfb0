"""The reverse proxies of `deploy/` between a client and the application. One that is not installed is skipped."""

import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI, Request
from sqlalchemy.engine import Engine

from api.app import create_app
from overheard.settings import Settings
from overheard.users import accounts
from tests.api.conftest import World
from tests.api.serving import serving
from tests.api.test_events import QUICK, Stream

DEPLOY = Path(__file__).parents[2] / "deploy"
CLIENT = "127.0.0.2"
"""Not the address of the proxy."""

_CADDY = """
{
	admin off
	auto_https disable_redirects
	local_certs
	skip_install_trust
	storage file_system FOLDER
}
"""

_NGINX = """
daemon off;
pid FOLDER/pid;
error_log FOLDER/errors;
events {}
http {
    access_log off;
    client_body_temp_path FOLDER/bodies; proxy_temp_path FOLDER/proxied; fastcgi_temp_path FOLDER/1;
    uwsgi_temp_path FOLDER/2; scgi_temp_path FOLDER/3;
    include FOLDER/site;
}
"""


def _caddy(folder: Path, _port: int, _upstream: str) -> list[str]:
    (folder / "Caddyfile").write_text(
        _CADDY.replace("FOLDER", str(folder)) + (DEPLOY / "Caddyfile").read_text(encoding="utf-8")
    )
    return ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


def _nginx(folder: Path, port: int, upstream: str) -> list[str]:
    _certificate(folder)
    site = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    site = re.sub(r" +listen \[::\].*\n", "", site)
    for ours, tests in {
        "listen 80": f"listen unix:{folder}/plain",
        "listen 443": f"listen 127.0.0.1:{port}",
        "server 127.0.0.1:8000": f"server {upstream}",
        "leads.example.com;\n    ssl": "localhost;\n    ssl",
        "/etc/letsencrypt/live/leads.example.com": str(folder),
    }.items():
        assert ours in site
        site = site.replace(ours, tests)
    (folder / "site").write_text(site)
    (folder / "nginx.conf").write_text(_NGINX.replace("FOLDER", str(folder)))
    return ["nginx", "-p", str(folder), "-e", str(folder / "errors"), "-c", str(folder / "nginx.conf")]


def _certificate(folder: Path) -> None:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    today = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "privkey.pem").write_bytes(key.private_bytes(pem, form, serialization.NoEncryption()))
    (folder / "fullchain.pem").write_bytes(certificate.public_bytes(pem))


PROXIES = {"caddy": _caddy, "nginx": _nginx}


def _who(request: Request) -> dict[str, str]:
    return {"client": request.client.host if request.client else "", "scheme": request.url.scheme}


@contextmanager
def _before(app: FastAPI, proxy: str, folder: Path) -> Iterator[httpx.Client]:
    """A client that reaches the application by this proxy, over TLS."""
    app.add_api_route("/who", _who)
    with serving(app) as (address, _), socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
        probe.close()
        command = PROXIES[proxy](folder, port, address.removeprefix("http://"))
        site = {"OVERHEARD_SITE": f"https://localhost:{port}", "OVERHEARD_UPSTREAM": address.removeprefix("http://")}
        environment = os.environ | site | {"HOME": str(folder)}
        process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        unchecked = ssl.create_default_context()
        unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
        try:
            way = httpx.HTTPTransport(local_address=CLIENT, verify=unchecked)
            with httpx.Client(base_url=f"https://localhost:{port}", transport=way, timeout=10) as client:
                _wait_for(client, process)
                yield client
        finally:
            process.terminate()
            process.wait(10)


def _wait_for(client: httpx.Client, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + 20
    while True:
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert process.poll() is None, "the proxy has ended"
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.parametrize(
    "proxy",
    [pytest.param(name, marks=pytest.mark.skipif(not shutil.which(name), reason="not installed")) for name in PROXIES],
)
def test_a_proxy_says_who_asks_hands_live_updates_on_at_once_and_keeps_the_figures(
    world: World, engine: Engine, settings: Settings, proxy: str, tmp_path: Path
) -> None:
    folder = tmp_path / "proxy"
    folder.mkdir()
    app = create_app(settings, engine=engine, clock=lambda: world.clock[0], rhythm=QUICK)
    with _before(app, proxy, folder) as client:
        forged = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http"}
        assert client.get("/who", headers=forged).json() == {"client": CLIENT, "scheme": "https"}
        assert client.get("/metrics").status_code == 404
        assert client.get("/login").status_code == 200

        with world.sessions.begin() as session:
            token = accounts.make_token(session, world.cast.sam, name="t", now=world.now).token
        headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "gzip"}
        with client.stream("GET", "/v1/events", headers=headers) as response:
            stream = Stream(response)
            assert stream.event()[1]["to_review"] == 0
            world.lead()
            assert stream.event()[1]["to_review"] == 1
