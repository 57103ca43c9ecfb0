"""What `overheard doctor` looks at first: the database, the home folder, keys and clocks of this installation."""

import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from alembic.migration import MigrationContext
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from overheard.days import told
from overheard.db import first_line, head_revision, is_behind
from overheard.errors import InvalidInput, OverheardError
from overheard.exposure import refuse_what_anybody_could_guess
from overheard.home import CREDENTIALS_KEY, SECRET_KEY
from overheard.listening import credentials
from overheard.models import ConnectedAccount, Credential, Post
from overheard.operations import backup_list
from overheard.operations.backup import PREFIX, SUFFIX
from overheard.operations.findings import Check, Finding, Installation, broken, look, ok
from overheard.operations.sizes import database_size
from overheard.readiness import ENOUGH_DISK
from overheard.settings import Settings

_LITTLE_DISK = 1024**3
"""Bytes. With less, a day of a busy installation, or the next backup, may find no room."""

_MUCH_FREE = 100 * 1024**2
_CLOCKS_DIFFER, _CLOCKS_DISAGREE = timedelta(seconds=5), timedelta(minutes=1)
_BACKUP_IS_OLD = timedelta(days=2)


def database(installation: Installation) -> Iterator[Finding]:
    """Whether it answers, and what it is."""
    url = installation.engine.url
    if installation.engine.dialect.name == "sqlite" and not os.path.exists(url.database or ""):  # noqa: PTH110 - may be empty
        yield broken("database", "There is no database yet.", "Make it: `overheard init`")
        return
    try:
        with installation.reading() as session:
            size = database_size(session)
    except SQLAlchemyError as error:
        do = "Is the server up, and does `OVERHEARD_DATABASE_URL` name it, its user and the right password?"
        if installation.engine.dialect.name == "sqlite":
            do = f"May this user read {url.database}? Is it damaged: `overheard restore` (docs/backup.md)."
        yield broken("database", f"It cannot be opened: {first_line(error)}.", do)
        return
    says = f"{size.version}, {_megabytes(size.bytes)}"
    if size.free > max(_MUCH_FREE, size.bytes // 2):
        yield look(
            "database",
            f"{says}, of which {_megabytes(size.free)} hold nothing",
            "It is used again by itself. To give it back to the disk, end all processes and say `VACUUM` in `sqlite3`.",
        )
    else:
        yield ok("database", says)


def migrations(installation: Installation) -> Iterator[Finding]:
    """Whether the tables are those of this code."""
    with installation.reading() as session:
        connection = session.connection()
        behind, revision = is_behind(connection), MigrationContext.configure(connection).get_current_revision()
    if behind:
        yield broken(
            "migrations",
            f"The tables are older ({revision or 'none'}) than this code ({head_revision()}).",
            "Bring them up to date: `overheard init`. What to know before: docs/upgrading.md",
        )
    elif revision != head_revision():
        yield look(
            "migrations",
            f"The tables are newer ({revision}) than this code ({head_revision()}).",
            "Fine while machines are upgraded one by one: upgrade this one too.",
        )
    else:
        yield ok("migrations", f"at {revision}")


def home(installation: Installation) -> Iterator[Finding]:
    """Whether the home folder is there, ours, and closed to others."""
    folder = installation.settings.home
    if not folder.is_dir():
        yield broken("home", f"There is no folder {folder}.", "Make it: `overheard init`, or set `OVERHEARD_HOME`.")
        return
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        yield broken("home", f"{folder} cannot be written by this user.", f"Give it to them: `chown -R USER {folder}`")
        return
    kept = [folder, *(path for name in (SECRET_KEY, CREDENTIALS_KEY) if (path := folder / name).exists())]
    is_open = [path for path in kept if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)]
    if is_open:
        names = " ".join(str(path) for path in is_open)
        yield look(
            "home", f"Other users of this machine may read {names}.", f"Close it to them: `chmod go-rwx {names}`"
        )
    else:
        yield ok("home", f"{folder.resolve()}, for its owner only")


def disk(installation: Installation) -> Iterator[Finding]:
    """Whether there is room where the home folder is."""
    free, in_all = room(installation.settings.home)
    says = f"{_megabytes(free)} of {_megabytes(in_all)} are free"
    make_room = "Make room or take a larger disk. What takes it: overheard's backups, the log, the database (/admin)."
    if free < ENOUGH_DISK:
        yield broken("disk", says, make_room)
    elif free < _LITTLE_DISK:
        yield look("disk", says, make_room)
    else:
        yield ok("disk", says)


def room(home: Path) -> tuple[int, int]:
    """Bytes that are free, and in all, on the disk where the home folder is, or will be."""
    there = next(folder for folder in (home.absolute(), *home.absolute().parents) if folder.exists())
    usage = shutil.disk_usage(there)
    return usage.free, usage.total


def secrets(installation: Installation) -> Iterator[Finding]:
    """Whether anybody could guess a key where others reach the pages."""
    try:
        refuse_what_anybody_could_guess(installation.settings, installation.settings.host)
    except InvalidInput as error:
        yield broken("secrets", str(error), "`overheard serve` refuses to start until that is done.")
    else:
        yield ok("secrets", f"nothing that anybody could guess, as served at {installation.settings.address}")


def accounts(installation: Installation) -> Iterator[Finding]:
    """Whether what opens our accounts at platforms can be decrypted."""
    settings = installation.settings
    with installation.reading() as session:
        read, written = session.scalars(sa.select(Credential)).all(), session.scalars(sa.select(ConnectedAccount)).all()
    if not read and not written:
        yield ok("accounts", "none is kept")
        return
    if settings.credentials_key is None and not (settings.home / CREDENTIALS_KEY).exists():
        yield broken(
            "accounts",
            f"{len(read) + len(written)} accounts are kept, and the key that opens them is gone.",
            f"Bring back {settings.home / CREDENTIALS_KEY} from a backup, or set `OVERHEARD_CREDENTIALS_KEY`.",
        )
        return
    closed = 0
    sealed = [(f"{row.name} ({row.mode})", row.sealed, f"`overheard sources add {row.mode}`") for row in read]
    sealed += [(f"{row.name} ({row.platform.value})", row.sealed, "/accounts") for row in written]
    for whose, box, anew in sealed:
        try:
            credentials.open_sealed(settings, box, whose, anew=anew)
        except OverheardError as error:
            closed += 1
            yield broken("accounts", str(error), f"The key, or anew: {anew}")
    if not closed:
        yield ok("accounts", f"{len(sealed)} can be opened with this key")


def clock(installation: Installation) -> Iterator[Finding]:
    """Whether this machine and the database agree on the time."""
    with installation.reading() as session:
        newest = session.scalar(sa.select(Post.collected_at).order_by(Post.id.desc()).limit(1))
        is_apart = session.get_bind().dialect.name == "postgresql"
        there = session.scalar(sa.select(sa.func.clock_timestamp())) if is_apart else None
        here = datetime.now(UTC)
    if newest and newest - installation.now > _CLOCKS_DISAGREE:
        yield look(
            "clock",
            f"The newest post was taken in at {told(newest)}, which is still to come.",
            "A clock was moved, here or where it was taken in: set it by NTP (`timedatectl set-ntp true`).",
        )
    apart = abs(there - here) if there else timedelta(0)
    if apart > _CLOCKS_DIFFER:
        says = f"This machine and the database are {apart.total_seconds():.0f} s apart."
        tell = broken if apart > _CLOCKS_DISAGREE else look
        yield tell("clock", says, "Set both by NTP (`timedatectl set-ntp true`).")
    elif there:
        yield ok("clock", "as the database's")
    elif not newest or newest <= installation.now:
        yield ok("clock", "no other one to compare with but the platforms' (--online)")


def backup(installation: Installation) -> Iterator[Finding]:
    """Whether there is a backup, and how old."""
    with installation.reading() as session:
        at = last_backup(session, installation.settings)
    do = "Write one every day: `overheard backup`, and the timer in deploy/systemd (docs/backup.md)."
    if at is None:
        yield look("backup", "None is known, and none is in the home folder.", do)
    elif installation.now - at > _BACKUP_IS_OLD:
        yield look("backup", f"The last is of {told(at)}.", do)
    else:
        yield ok("backup", f"of {told(at)}")


def last_backup(session: Session, settings: Settings) -> datetime | None:
    """When the newest backup was written that is in the home folder, or was written elsewhere and not seen gone."""
    names = [path.name for path in (settings.home / "backups").glob(f"{PREFIX}*{SUFFIX}")]
    stamps = [name.removeprefix(PREFIX).removesuffix(SUFFIX) for name in names]
    there = [datetime.strptime(f"{stamp}Z", "%Y%m%dT%H%M%S%z") for stamp in stamps]
    return max([*there, *(backup.at for backup in backup_list.standing(session))], default=None)


def _megabytes(number: int) -> str:
    return f"{number / 1e6:,.1f} MB" if number < 10**9 else f"{number / 1e9:,.1f} GB"


OF_THE_DATABASE: Mapping[str, Check] = {"database": database, "migrations": migrations}
"""Where one of these is broken, nothing else in it is looked at."""

OF_THE_MACHINE: Mapping[str, Check] = {"home": home, "disk": disk, "secrets": secrets}
OF_THE_TABLES: Mapping[str, Check] = {"accounts": accounts, "clock": clock, "backup": backup}
