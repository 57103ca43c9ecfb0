"""One server process for `tests.bench_queue`: prints its port, and serves until it is terminated."""

import socket

from api.app import create_app
from api.server import Server
from overheard.settings import read_settings
from tests.bench_queue_rows import NOW


def main() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)  # noqa: T201 - the bench reads it
    Server(create_app(read_settings(), clock=lambda: NOW)).run([listener])


if __name__ == "__main__":
    main()
