"""Backups: one file with all of an installation that cannot be had again, and coming back from it.

A backup is a tar archive, compressed by zstd: the database as its own tools copy it while others write (SQLite's online
backup, pg_dump), the keys and trained models of the home folder, and a manifest with a checksum of each.
"""

import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from hashlib import file_digest
from pathlib import Path
from typing import BinaryIO

import sqlalchemy as sa
import zstandard
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import URL, Engine

from overheard.db import make_sessions, migration_config, scrub, upgrade
from overheard.errors import InvalidInput, NotFound, OverheardError
from overheard.home import prepare_home, secret_key
from overheard.models import Post
from overheard.operations import backup_list
from overheard.privacy import ledger
from overheard.privacy.erasing import go_on
from overheard.privacy.replaying import Replayed, found_ledgers, replay
from overheard.replying import reply_stops
from overheard.settings import Settings

PREFIX, SUFFIX = "overheard-", ".tar.zst"
_FORM = 1
_MANIFEST = "manifest.json"
_DUMPS = {"sqlite": "overheard.db", "postgresql": "overheard.dump"}
_KEYS = ("secret_key", "credentials_key")
_OF_HOME = (*_KEYS, "models")
_BECAUSE = (
    "Restored from a backup of {at:%Y-%m-%d %H:%M} UTC. Replies that went out since are not known here, nor who asked "
    "since not to be written to: look through both, then let replies go on."
)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself."""

    at: datetime
    database: str
    """`sqlite` or `postgresql`."""
    revision: str
    """The newest migration that its tables know."""
    checksums: Mapping[str, str]
    """SHA-256 of each file in it, by name."""
    form: int = _FORM

    def to_json(self) -> bytes:
        """As it stands in the archive."""
        return json.dumps(asdict(self) | {"at": self.at.isoformat()}, indent=2).encode()


def back_up(
    settings: Settings, engine: Engine, folder: Path, *, now: datetime, kept_for: timedelta | None = None
) -> Path:
    """Write a backup into a folder, readable by its owner only; nobody who works meanwhile has to wait.

    The file appears when it is whole. What was erased is not in it. What will be erased stands in it until it is gone,
    so it is written down: receipts tell of it, and the ledger of erasures stands beside it.
    """
    scrub(make_sessions(engine))
    secret_key(settings)  # made by now: what is hashed later is to be known again after a restore
    kind = engine.dialect.name
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(prefix=".backup-", dir=folder) as draft:
            dump = Path(draft) / _DUMPS[kind]
            (_copy_sqlite if kind == "sqlite" else _dump_postgresql)(engine.url, dump)
            files = {dump.name: dump} | _files_of_home(settings)
            manifest = Manifest(now, kind, _revision(engine), {name: _checksum(path) for name, path in files.items()})
            (Path(draft) / _MANIFEST).write_bytes(manifest.to_json())
            packed = Path(draft) / "packed"
            _pack(packed, {_MANIFEST: Path(draft) / _MANIFEST} | files)
            written = packed.rename(folder / f"{PREFIX}{now:%Y%m%dT%H%M%S}{SUFFIX}")
    except OSError as error:
        raise OverheardError(f"No backup was written to {folder}: {error.strerror}. See to the disk.") from error
    with make_sessions(engine).begin() as session:
        backup_list.look(session, now=now)
        backup_list.write_down(session, written, at=now, expires_at=now + kept_for if kept_for else None)
        ledger.keep(session, settings)
    return written


def expire(folder: Path, *, older_than: timedelta, now: datetime) -> list[Path]:
    """Remove our backups of that folder that are older, as an erasure reaches a backup only by its end."""
    oldest = f"{PREFIX}{now - older_than:%Y%m%dT%H%M%S}{SUFFIX}"
    gone = sorted(path for path in folder.glob(f"{PREFIX}*{SUFFIX}") if path.name < oldest)
    for path in gone:
        path.unlink()
    return gone


@dataclass(frozen=True, slots=True)
class Restored:
    """What stands again."""

    manifest: Manifest
    erasures: Replayed
    """What was erased since the backup was made, and is erased again."""


def restore(
    settings: Settings, engine: Engine, archive: Path, *, now: datetime, ledger_file: Path | None = None
) -> Restored:
    """Put an installation back where nothing is yet: its database, keys and models, with newer migrations applied.

    Replies are stopped until a person has looked, for what happened since the backup is not known; and every post is
    asked for again at its platform, in its turn, so that what was deleted since is deleted here. What was erased on
    request since is erased again, as far as a ledger tells: the one that is named, those beside the backup and in the
    home folder. Raises `InvalidInput` where something is in the way, before anything is written, and for a file that is
    damaged or none of ours.
    """
    prepare_home(settings)
    ledgers = _readable_ledgers(ledger_file, archive.parent, settings.home)
    _refuse_unless_empty(engine)
    with tempfile.TemporaryDirectory(prefix=".restore-", dir=settings.home) as draft:
        manifest = _unpack(archive, Path(draft))
        if manifest.database != engine.dialect.name:
            raise InvalidInput(
                f"{archive} is of a {manifest.database} database, and OVERHEARD_DATABASE_URL names one of "
                f"{engine.dialect.name}."
            )
        _refuse_newer(manifest)
        _refuse_other_keys(settings, Path(draft))
        engine.dispose()
        dump = Path(draft) / _DUMPS[manifest.database]
        (_put_sqlite if manifest.database == "sqlite" else _load_postgresql)(engine.url, dump)
        for name in _OF_HOME:
            if (Path(draft) / name).exists() and not (settings.home / name).exists():
                (Path(draft) / name).rename(settings.home / name)
    upgrade(engine)
    with make_sessions(engine).begin() as session:
        session.execute(sa.update(Post).values(checked_at=None, recheck_at=None))
        reply_stops.stop(session, because=_BECAUSE.format(at=manifest.at), actor=None, now=now)
        backup_list.write_down(session, archive, at=manifest.at)
        erasures = replay(session, ledgers, secret=secret_key(settings), now=now)
    go_on(make_sessions(engine), settings, clock=lambda: now)
    return Restored(manifest, erasures)


# --- the archive ---------------------------------------------------------------------------------------------------


def _files_of_home(settings: Settings) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for name in _OF_HOME:
        path = settings.home / name
        whole = path.rglob("*") if path.is_dir() else [path]
        found |= {str(one.relative_to(settings.home)): one for one in sorted(whole) if one.is_file()}
    return found


def _pack(to: Path, files: Mapping[str, Path]) -> None:
    os.close(os.open(to, os.O_CREAT | os.O_WRONLY, 0o600))
    with (
        to.open("wb") as raw,
        zstandard.ZstdCompressor(level=3).stream_writer(raw) as packed,
        tarfile.open(fileobj=packed, mode="w|") as tar,
    ):
        for name, path in files.items():
            tar.add(path, arcname=name, recursive=False)


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, to: Path) -> None:
    """One file. Python before 3.11.4, which Debian 12 has, cannot be told to unpack nothing but these."""
    place, content = (to / member.name).resolve(), tar.extractfile(member) if member.isfile() else None
    if content is None or not place.is_relative_to(to.resolve()):
        raise tarfile.TarError(f"{member.name} is no file of a backup")
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("wb") as file:
        shutil.copyfileobj(content, file)


def _unpack(archive: Path, to: Path) -> Manifest:
    try:
        with _opened(archive) as tar:
            for member in tar:
                _write(tar, member, to)
        told = json.loads((to / _MANIFEST).read_bytes())
        manifest = Manifest(**(told | {"at": datetime.fromisoformat(told["at"])}))
        whole = all(_checksum(to / name) == checksum for name, checksum in manifest.checksums.items())
    except FileNotFoundError as error:
        if not archive.exists():
            raise NotFound(f"There is no file {archive}.") from error
        raise InvalidInput(f"{archive} is not a backup of ours, or not whole: try an older one.") from error
    except (tarfile.TarError, zstandard.ZstdError, ValueError, TypeError, KeyError, EOFError) as error:
        raise InvalidInput(f"{archive} is not a backup of ours, or damaged: try an older one.") from error
    if not whole or manifest.form != _FORM or manifest.database not in _DUMPS:
        raise InvalidInput(f"{archive} is damaged, or of another version of Overheard: try an older one.")
    return manifest


@contextmanager
def _opened(archive: Path) -> Iterator[tarfile.TarFile]:
    raw: BinaryIO
    with (
        archive.open("rb") as raw,
        zstandard.ZstdDecompressor().stream_reader(raw) as unpacked,
        tarfile.open(fileobj=unpacked, mode="r|") as tar,
    ):
        yield tar


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


# --- what may stand in the way -------------------------------------------------------------------------------------


def _readable_ledgers(named: Path | None, *folders: Path) -> list[Path]:
    """The ledgers to follow. One that cannot be read is said now: afterwards something has been written."""
    if named is not None and not named.is_file():
        raise NotFound(f"There is no file {named}.")
    ledgers = list(dict.fromkeys([*([named.resolve()] if named else []), *found_ledgers(*folders)]))
    for path in ledgers:
        ledger.read(path)
    return ledgers


def _refuse_unless_empty(engine: Engine) -> None:
    if sa.inspect(engine).get_table_names():
        raise InvalidInput(
            "A backup is restored where nothing is yet, and this database has tables. Move the home folder away, or "
            "let OVERHEARD_HOME and OVERHEARD_DATABASE_URL name others."
        )


def _refuse_newer(manifest: Manifest) -> None:
    known = {script.revision for script in ScriptDirectory.from_config(migration_config()).walk_revisions()}
    if manifest.revision not in known:
        raise InvalidInput("The backup is of a newer version of Overheard: install that one, then restore.")


def _refuse_other_keys(settings: Settings, unpacked: Path) -> None:
    """Credentials that were encrypted with one key cannot be read with another."""
    for name in _KEYS:
        here, there = settings.home / name, unpacked / name
        if here.exists() and there.exists() and here.read_bytes() != there.read_bytes():
            raise InvalidInput(f"{here} is not the key of this backup: restore into another home folder.")


# --- the two databases ---------------------------------------------------------------------------------------------


def _revision(engine: Engine) -> str:
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() or ""


def _copy_sqlite(url: URL, to: Path) -> None:
    with closing(sqlite3.connect(url.database or "")) as source, closing(sqlite3.connect(to)) as target:
        source.backup(target, pages=1000, sleep=0.01)  # in parts, between which others write
    to.chmod(0o600)


def _put_sqlite(url: URL, dump: Path) -> None:
    if not url.database:
        raise InvalidInput("A database in memory cannot be restored: let OVERHEARD_DATABASE_URL name a file.")
    for left in ("-wal", "-shm"):  # of the empty database that stands there
        Path(url.database + left).unlink(missing_ok=True)
    shutil.move(dump, url.database)


def _dump_postgresql(url: URL, to: Path) -> None:
    to.touch(mode=0o600)
    _run_tool(url, "pg_dump", "--format=custom", "--compress=0", "--no-owner", "--no-privileges", f"--file={to}")


def _load_postgresql(url: URL, dump: Path) -> None:
    single = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges")
    _run_tool(url, "pg_restore", *single, f"--dbname={url.database}", str(dump))


def _run_tool(url: URL, tool: str, *arguments: str) -> None:
    """Run one of PostgreSQL's tools; the password goes by the environment, where other users cannot read it."""
    found = shutil.which(tool)
    if found is None:
        raise OverheardError(
            f"{tool} was not found: install PostgreSQL's client programs, of the server's version or newer."
        )
    query = {key: value for key, value in url.query.items() if isinstance(value, str)}
    told = {
        "PGHOST": url.host or query.get("host"),
        "PGPORT": str(url.port) if url.port else query.get("port"),
        "PGUSER": url.username or query.get("user"),
        "PGPASSWORD": url.password,
        "PGDATABASE": url.database,
        "PGSSLMODE": query.get("sslmode"),
    }
    environment = os.environ | {name: value for name, value in told.items() if value}
    done = subprocess.run([found, *arguments], env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it gave no reason"])[-1]
        raise OverheardError(f"{tool} failed: {last}")
