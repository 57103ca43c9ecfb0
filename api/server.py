"""The server, which ends open event streams when it ends: uvicorn alone would wait for their listeners to go."""

import contextlib
import socket
import sys

import anyio.to_thread
import uvicorn
from fastapi import FastAPI

_NOT_STARTED = 3
THREADS = 8
"""For requests at work at once. More of them only wait for one another, and the slowest pages become slower; each that
asks a platform holds one meanwhile, so that fewer would not do."""


def serve(app: FastAPI, *, host: str, port: int, trusted_proxies: str) -> None:
    """Serve until interrupted; the process ends with an error when it could not begin."""
    server = Server(app, host=host, port=port, trusted_proxies=trusted_proxies)
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn hands it on when all is ended in order
        server.run()
    if not server.started:
        sys.exit(_NOT_STARTED)


class Server(uvicorn.Server):
    """Serves the application."""

    def __init__(
        self, app: FastAPI, *, host: str = "127.0.0.1", port: int = 8000, trusted_proxies: str = "127.0.0.1,::1"
    ) -> None:
        # Wrong passwords are counted by network: whose request it is, only a proxy that we trust may say.
        config = uvicorn.Config(
            app, host=host, port=port, log_config=None, access_log=False, forwarded_allow_ips=trusted_proxies
        )
        super().__init__(config)
        self._feed = app.state.overheard.feed

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin with as many threads as are good for the pages."""
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        await super().startup(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then all else."""
        self._feed.close()
        await super().shutdown(sockets)
