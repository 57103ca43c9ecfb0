"""Whether this process can do its work: what a load balancer asks before it sends anybody here."""

import os
import shutil
import tempfile
from pathlib import Path

from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from overheard.db import is_behind

OK = "ok"

ENOUGH_DISK = 64 * 1024 * 1024
"""Bytes. With less, the next write-ahead log, upload or key may find no room."""


def readiness(engine: Engine, home: Path) -> dict[str, str]:
    """What is looked at, each `OK` or what is wrong with it. No secret, no address and no path is told."""
    return {**_database(engine), **_home(home)}


def _database(engine: Engine) -> dict[str, str]:
    reading = engine.execution_options(overheard_reads_only=True)  # on SQLite one that waits for no writer
    try:
        with reading.connect() as connection:
            behind = is_behind(connection)
    except SQLAlchemyError:
        return {"database": "unreachable", "migrations": "unknown"}
    return {"database": OK, "migrations": "behind this version: see docs/upgrading.md" if behind else OK}


def _home(home: Path) -> dict[str, str]:
    try:
        with tempfile.TemporaryFile(dir=home) as file:
            file.write(b"written")
            file.flush()
            os.fsync(file.fileno())
        room = shutil.disk_usage(home).free
    except OSError as error:
        return {"home": f"cannot be written: {error.strerror}", "disk": "unknown"}
    return {"home": OK, "disk": OK if room >= ENOUGH_DISK else "full"}
