"""The application behind a real server on the loopback address, in a thread of its own."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import FastAPI, Request
from starlette.responses import Response

from api.deps import Db, Now
from api.routes.login import start
from api.server import Server
from overheard.users import accounts


@contextmanager
def serving(app: FastAPI) -> Iterator[tuple[str, Server]]:
    """Its address, and the server; ended at the end, within ten seconds."""
    app.add_api_route("/come-in/{token}", _come_in)
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    until = time.monotonic() + 10
    while not server.started:
        assert time.monotonic() < until
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", server
    finally:
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive(), "the server did not end"


def _come_in(request: Request, token: str, db: Db, now: Now) -> Response:
    """Logs a browser in without a click, as tests of other pages begin."""
    user = accounts.use_login_link(db, token, now=now)
    return start(request, db, user, goes_to="/queue", how="by a test", now=now)
