"""A backup is whole, holds nothing that was erased, and brings an installation back where nothing is."""

import io
import tarfile
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
import zstandard
from sqlalchemy.engine import Engine

from overheard.db import Sessions, make_engine, make_sessions
from overheard.errors import InvalidInput, NotFound
from overheard.home import credentials_key
from overheard.listening.erasure import erase
from overheard.models import Post
from overheard.operations.backup import back_up, expire, restore
from overheard.replying import reply_stops
from overheard.settings import Settings
from tests.conftest import NOW
from tests.factories import make_lead, new_post, store

pytestmark = pytest.mark.usefixtures("_postgres_tools")

CANARY = "xylophonecanary"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(home=tmp_path / "home")
    credentials_key(settings)
    (settings.home / "models" / "intent-1").mkdir(parents=True)
    (settings.home / "models" / "intent-1" / "head.safetensors").write_bytes(b"weights")
    return settings


def test_what_was_backed_up_stands_again_on_an_empty_machine(
    engine: Engine, sessions: Sessions, settings: Settings, elsewhere: Engine, tmp_path: Path
) -> None:
    with sessions.begin() as session:
        lead = make_lead(session, now=NOW, post=new_post(title="Which crm for a bakery?")).id
        session.execute(sa.update(Post).values(checked_at=NOW))
    archive = back_up(settings, engine, tmp_path / "backups", now=NOW)
    assert archive.name == "overheard-20261120T093000.tar.zst"
    assert archive.stat().st_mode & 0o077 == 0
    there = Settings(home=tmp_path / "new home")
    restore(there, elsewhere, archive, now=NOW + timedelta(days=1))
    for name in ("credentials_key", "models/intent-1/head.safetensors"):
        assert (there.home / name).read_bytes() == (settings.home / name).read_bytes()
    with make_sessions(elsewhere)() as session:
        post = session.scalars(sa.select(Post)).one()
        assert (post.title, post.checked_at) == ("Which crm for a bakery?", None)
        assert lead
        (stop,) = reply_stops.standing(session)
        assert "2026-11-20 09:30" in stop.because
    with pytest.raises(InvalidInput, match="has tables"):
        restore(there, elsewhere, archive, now=NOW)
    elsewhere.dispose()


def test_nothing_that_was_erased_is_in_a_backup(
    engine: Engine, sessions: Sessions, settings: Settings, tmp_path: Path
) -> None:
    with sessions.begin() as session:
        post = new_post(title=f"{CANARY} for a bakery?")
        store(session, post, new_post(title="Something else"), now=NOW)
    assert CANARY.encode() in _unpacked(back_up(settings, engine, tmp_path / "before", now=NOW))
    with sessions.begin() as session:
        erase(session, {(post.platform, post.external_id): "deleted"}, now=NOW)
    assert CANARY.encode() not in _unpacked(back_up(settings, engine, tmp_path / "after", now=NOW))


def test_a_backup_that_cannot_be_restored_says_why_and_leaves_nothing(
    engine: Engine, sessions: Sessions, settings: Settings, elsewhere: Engine, tmp_path: Path
) -> None:
    with sessions.begin() as session:
        store(session, new_post(), now=NOW)
    archive = back_up(settings, engine, tmp_path, now=NOW)
    content = archive.read_bytes()
    there = Settings(home=tmp_path / "there")
    with pytest.raises(NotFound, match="no file"):
        restore(there, elsewhere, tmp_path / "missing", now=NOW)
    for damaged in (content[: len(content) // 2], b"", b"no archive", content[:-400] + b"x" * 400):
        archive.write_bytes(damaged)
        with pytest.raises(InvalidInput, match="try an older one"):
            restore(there, elsewhere, archive, now=NOW)
    archive.write_bytes(content)
    credentials_key(there)
    with pytest.raises(InvalidInput, match="not the key of this backup"):
        restore(there, elsewhere, archive, now=NOW)
    assert sa.inspect(elsewhere).get_table_names() == []
    assert [path.name for path in there.home.iterdir()] == ["credentials_key"]
    elsewhere.dispose()


@pytest.mark.parametrize("name", ["../outside", "/outside", "link"])
def test_an_archive_writes_nothing_but_its_own_files(tmp_path: Path, name: str) -> None:
    member = tarfile.TarInfo(name.replace("/outside", f"{tmp_path}/outside") if name[0] == "/" else name)
    member.type, member.linkname = (tarfile.SYMTYPE, "/etc/passwd") if name == "link" else (tarfile.REGTYPE, "")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.addfile(member)
    (tmp_path / "archive").write_bytes(zstandard.compress(packed.getvalue()))
    there = Settings(home=tmp_path / "there")
    with pytest.raises(InvalidInput, match="try an older one"):
        restore(there, make_engine("sqlite://"), tmp_path / "archive", now=NOW)
    assert not (tmp_path / "outside").exists()


def test_backups_that_are_too_old_go_and_nothing_else_does(tmp_path: Path) -> None:
    names = [f"overheard-202611{day}T093000.tar.zst" for day in ("05", "18")]
    for name in (*names, "notes.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in expire(tmp_path, older_than=timedelta(days=14), now=NOW)] == [names[0]]
    assert {path.name for path in tmp_path.iterdir()} == {names[1], "notes.txt"}


def _unpacked(archive: Path) -> bytes:
    raw = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(archive.read_bytes())).read()
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        dumps = [tar.extractfile(member) for member in tar if "overheard." in member.name]
        return b"".join(file.read() for file in dumps if file)
