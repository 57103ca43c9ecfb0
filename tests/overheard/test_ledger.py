"""A backup of before does not bring back what was erased since."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from overheard.db import Sessions, make_sessions
from overheard.errors import InvalidInput
from overheard.home import secret_key
from overheard.leads import do_not_contact
from overheard.listening.intake import take_in
from overheard.models import Erasure, Lead, Post, Source
from overheard.operations.backup import back_up, expire, restore
from overheard.privacy import erasing, ledger, subjects
from overheard.privacy.subjects import Subject
from overheard.settings import Settings
from overheard.vocabulary import Platform
from tests.conftest import NOW
from tests.factories import make_lead, new_post, store

pytestmark = pytest.mark.usefixtures("_postgres_tools")

LATER = NOW + timedelta(days=1)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(home=tmp_path / "home")
    secret_key(settings)
    return settings


def bring(sessions: Sessions, first: str, *more: str, author: str, community: str = "r/bakers") -> None:
    posts = [new_post(external_id=id_, author=author, community=community) for id_ in (first, *more)]
    with sessions.begin() as session:
        make_lead(session, now=NOW, post=posts[0])
        store(session, *posts[1:], now=NOW)


def erase(sessions: Sessions, settings: Settings, kind: str, text: str, *, for_good: bool = False) -> Erasure:
    with sessions.begin() as session:
        subject: Subject = getattr(subjects, kind)(session, text)
        receipt = erasing.erase_subject(
            session, subject, secret=secret_key(settings), reason="", actor=None, for_good=for_good, now=LATER
        )
    assert erasing.go_on(sessions, settings, clock=lambda: LATER) == []
    return receipt


def test_what_was_erased_after_a_backup_is_erased_again_when_it_is_restored(
    engine: Engine, sessions: Sessions, settings: Settings, elsewhere: Engine, tmp_path: Path
) -> None:
    bring(sessions, "t3_r1", "t3_r2", author="rosa")
    bring(sessions, "t3_max", author="max")
    bring(sessions, "t3_mia", author="mia")
    bring(sessions, "t3_pia", author="pia", community="r/ovens")
    archive = back_up(settings, engine, tmp_path / "backups", now=NOW, kept_for=timedelta(days=14))
    with sessions.begin() as session:
        store(session, new_post(external_id="t3_r3", author="rosa"), now=LATER)
    receipts = [
        erase(sessions, settings, "author", "reddit:rosa", for_good=True),
        erase(sessions, settings, "post", "reddit:t3_max"),
        erase(sessions, settings, "source", "r/ovens"),
    ]
    assert {(one.backups, one.backups_until) for one in receipts} == {(1, NOW + timedelta(days=14))}
    lines = (tmp_path / "backups" / ledger.NAME).read_text()
    assert lines == (settings.home / ledger.NAME).read_text(), "beside the backups as well as at home"
    assert not any(name in lines for name in ("rosa", "ovens"))
    assert (settings.home / ledger.NAME).stat().st_mode & 0o077 == 0

    there = Settings(home=tmp_path / "new home")
    restored = restore(there, elsewhere, archive, now=LATER)
    assert (restored.erasures.done, restored.erasures.foreign) == (3, [])
    rows = make_sessions(elsewhere)
    with rows.begin() as session:
        assert session.scalars(sa.select(Post.author)).all() == ["mia"]
        assert session.scalars(sa.select(Lead.author)).all() == ["mia"]
        assert session.scalars(sa.select(Source.community)).all() == ["r/bakers"]
        known = session.scalars(sa.select(Erasure).order_by(Erasure.id)).all()
        assert [(one.receipt, one.at) for one in known] == [(one.receipt, one.at) for one in receipts]
        assert do_not_contact.is_listed(session, secret_key(there), Platform.REDDIT, "rosa")
        since = [new_post(external_id=id_, author="x") for id_ in ("t3_r3", "t3_max")]
        assert take_in(session, since, origin="test", now=LATER).refused == 2, (
            "what came after the backup stays away too"
        )
    assert erase(rows, there, "author", "reddit:mia").backups == 1
    elsewhere.dispose()


def test_without_a_ledger_a_restore_says_so_and_one_of_another_key_names_its_receipts(
    engine: Engine, sessions: Sessions, settings: Settings, elsewhere: Engine, tmp_path: Path
) -> None:
    bring(sessions, "t3_r1", author="rosa")
    archive = back_up(settings, engine, tmp_path / "backups", now=NOW)
    receipt = erase(sessions, settings, "author", "reddit:rosa")
    kept = tmp_path / "backups" / ledger.NAME
    [entry] = [json.loads(line) for line in kept.read_text().splitlines()]
    other = tmp_path / "ledger of another key"
    other.write_text(json.dumps(entry | {"key": "0" * 16, "tombstones": []}) + "\n")
    kept.write_text("no ledger\n")
    there = Settings(home=tmp_path / "new home")
    with pytest.raises(InvalidInput, match="no ledger of erasures"):
        restore(there, elsewhere, archive, now=LATER)
    kept.unlink()
    restored = restore(there, elsewhere, archive, now=LATER, ledger_file=other)
    assert (restored.erasures.done, restored.erasures.foreign) == (0, [receipt.receipt])
    with make_sessions(elsewhere)() as session:
        assert session.scalars(sa.select(Post.author)).all() == ["rosa"]
    elsewhere.dispose()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_ledger_is_made_anew_from_the_tables_and_keeps_what_others_wrote(
    engine: Engine, sessions: Sessions, settings: Settings, tmp_path: Path
) -> None:
    with sessions.begin() as session:
        store(session, new_post(author="rosa"), now=NOW)
    erase(sessions, settings, "author", "reddit:rosa")
    home = settings.home / ledger.NAME
    foreign = json.loads(home.read_text()) | {"receipt": "E20261101-00000000"}
    home.write_text(json.dumps(foreign) + "\n")
    with sessions.begin() as session:
        ledger.keep(session, settings)
    assert len(ledger.read(home)) == 2
    back_up(settings, engine, tmp_path / "gone", now=NOW, kept_for=timedelta(days=1))
    assert expire(tmp_path / "gone", older_than=timedelta(days=1), now=LATER + timedelta(days=1))
    assert erase(sessions, settings, "author", "reddit:nobody").backups == 0
