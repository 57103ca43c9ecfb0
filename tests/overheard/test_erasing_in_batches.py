"""What is large is erased in batches: whatever ends it in between, it comes to the same end; others write meanwhile."""

import itertools
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from overheard.db import Sessions, make_engine, make_sessions
from overheard.errors import InvalidInput
from overheard.home import secret_key
from overheard.listening import sources
from overheard.listening.intake import Item, Rejected, take_in
from overheard.listening.terms import Terms
from overheard.models import AuditEntry, DeadLetter, Erasure, Lead, Post, Source, Tombstone
from overheard.operations.backup import back_up, restore
from overheard.privacy import erasing, ledger, receipts, subjects
from overheard.privacy.subjects import Subject
from overheard.privacy.vocabulary import SubjectKind
from overheard.settings import Settings
from overheard.vocabulary import AuditAction, Platform
from tests.factories import make_lead, new_post, store, watch_source

POSTS = 7
BATCH = 2


class Killed(Exception):
    """The process ends here."""


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasing, "_BATCH", BATCH)


def bring(session: Session, name: str, now: datetime) -> None:
    """Seven posts of one author in one community, a lead of two of them, what could not be read, and a bystander's."""
    there = f"r/{name}"
    for number in range(POSTS):
        post = new_post(external_id=f"{name}{number}", author=name, community=there)
        if number in (1, 5):
            make_lead(session, now=now, post=post, score=0.8 + number / 100)
        else:
            store(session, post, now=now)
    store(session, new_post(author="mia", community="r/ovens"), now=now)
    unread = [Rejected(f"item {n}", "?", f"{name}{n}".encode()) for n in range(3)]
    take_in(session, unread, origin=f"Reddit: {there}", now=now)


def subject_of(session: Session, kind: SubjectKind, name: str) -> Subject:
    if kind is SubjectKind.SOURCE:
        return subjects.source(session, f"r/{name}")
    return subjects.author(session, f"reddit:{name}")


def begin(sessions: Sessions, kind: SubjectKind, name: str, now: datetime) -> str:
    with sessions.begin() as session:
        subject = subject_of(session, kind, name)
        return erasing.erase_subject(session, subject, secret="s", reason="", actor=None, now=now).receipt


def left(session: Session, name: str) -> int:
    theirs = sa.or_(Post.author == name, Post.external_id.startswith(name))
    return session.scalar(sa.select(sa.func.count()).select_from(Post).where(theirs)) or 0


def _carried_on_until(sessions: Sessions, batches: int, now: datetime) -> bool:
    """Whether it was killed after that many batches; else it came to its end."""
    done = itertools.count()

    def ends_in(_: float) -> None:
        if next(done) == batches:
            raise Killed

    try:
        erasing.carry_on(sessions, clock=lambda: now, sleep=ends_in)
    except Killed:
        return True
    return False


@pytest.mark.parametrize("kind", [SubjectKind.SOURCE, SubjectKind.AUTHOR])
def test_killed_between_any_two_batches_it_comes_to_the_same_end_under_one_receipt(
    sessions: Sessions, now: datetime, kind: SubjectKind
) -> None:
    ends = []
    for killed_after in range(100):
        name = f"rosa{killed_after}"
        with sessions.begin() as session:
            bring(session, name, now)
        number = begin(sessions, kind, name, now)
        is_killed = _carried_on_until(sessions, killed_after, now)
        if is_killed and killed_after == 1:
            assert begin(sessions, kind, name, now) == number, "asked again it goes on under its receipt"
        erasing.carry_on(sessions, clock=lambda: now, sleep=lambda _: None)
        with sessions() as session:
            receipt = receipts.get(session, number)
            assert (left(session, name), receipt.subject, receipt.finished_at) == (0, None, now)
            told = session.scalars(sa.select(AuditEntry).where(AuditEntry.subject == f"erasure {number}")).all()
            assert [entry.action for entry in told] == [AuditAction.ERASED]
            ends.append(receipt.counts)
        if not is_killed:
            break
    assert len(ends) > POSTS // BATCH, "there were batches to be killed between"
    assert all(end == ends[0] for end in ends)
    assert ends[0]["posts"] == POSTS
    with sessions() as session:
        assert session.scalars(sa.select(Post.author).distinct()).all() == ["mia"]
        assert session.scalars(sa.select(Lead)).all() == []
        assert session.scalars(sa.select(DeadLetter)).all() == [] or kind is SubjectKind.AUTHOR
        gone = session.scalars(sa.select(Tombstone.external_id)).all()
        assert len(gone) == (0 if kind is SubjectKind.SOURCE else POSTS * len(ends))


@pytest.mark.parametrize("kind", [SubjectKind.SOURCE, SubjectKind.AUTHOR])
def test_between_two_batches_others_write_and_no_transaction_takes_more_than_a_batch(
    engine: Engine, sessions: Sessions, now: datetime, kind: SubjectKind
) -> None:
    with sessions.begin() as session:
        bring(session, "rosa", now)
    begin(sessions, kind, "rosa", now)
    other = make_engine(engine.url.render_as_string(hide_password=False))
    if engine.dialect.name == "sqlite":
        sa.event.listen(other, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout=0"))
    counts: list[int] = []

    def others_write(_: float) -> None:
        with make_sessions(other).begin() as session:
            counts.append(left(session, "rosa"))
            session.add(Tombstone(platform=Platform.RSS, external_id=f"n{len(counts)}", reason="other", at=now))

    erasing.carry_on(sessions, clock=lambda: now, sleep=others_write)
    other.dispose()
    assert counts[0] >= POSTS - 2 * BATCH
    assert counts[-1] == 0
    assert all(before - after <= BATCH for before, after in itertools.pairwise(counts))


def test_a_source_takes_nothing_in_while_it_is_being_erased_and_may_be_added_anew_afterwards(
    sessions: Sessions, now: datetime
) -> None:
    with sessions.begin() as session:
        bring(session, "rosa", now)
        source_id = watch_source(session, now=now, platform=Platform.REDDIT, community="r/rosa").id
    begin(sessions, SubjectKind.SOURCE, "rosa", now)

    def add(session: Session) -> None:
        sources.add(
            session, mode="reddit", platform=Platform.REDDIT, community="r/rosa", address="rosa", terms=Terms("None."),
            now=now,
        )  # fmt: skip

    def comes_in(_: float) -> None:
        with sessions.begin() as session:
            if session.get(Source, source_id) is None:
                return
            late: list[Item] = [
                new_post(community="r/rosa"),
                new_post(community="r/ovens"),
                Rejected("item 9", "?", b"late"),
            ]
            taken = take_in(session, late, origin="Reddit: r/rosa", now=now)
            assert (taken.new, taken.refused, taken.rejected) == (1, 1, 0)
            with pytest.raises(InvalidInput, match="being erased just now"):
                add(session)
            assert session.get_one(Source, source_id).state is None

    erasing.carry_on(sessions, clock=lambda: now, sleep=comes_in)
    with sessions.begin() as session:
        assert set(session.scalars(sa.select(Source.community))) == {"r/ovens"}
        assert session.scalars(sa.select(DeadLetter)).all() == []
        add(session)
        assert take_in(session, [new_post(community="r/rosa")], origin="x", now=now).new == 1


def test_what_they_write_while_it_goes_on_is_taken_in_like_anybodys(sessions: Sessions, now: datetime) -> None:
    with sessions.begin() as session:
        bring(session, "rosa", now)
    begin(sessions, SubjectKind.AUTHOR, "rosa", now)
    written: list[str] = []

    def writes(_: float) -> None:
        with sessions.begin() as session:
            again = [new_post(external_id=f"rosa{n}", author="rosa", community="r/rosa") for n in range(2)]
            assert take_in(session, again, origin="x", now=now).refused == 2, "what went stays away"
            if not written:
                take_in(session, [new_post(external_id="later", author="rosa")], origin="x", now=now)
                written.append("later")

    erasing.carry_on(sessions, clock=lambda: now, sleep=writes)
    with sessions() as session:
        assert session.scalars(sa.select(Post.external_id).where(Post.author == "rosa")).all() == written


@pytest.mark.usefixtures("_postgres_tools")
def test_a_restore_in_the_middle_brings_nothing_back(
    engine: Engine, sessions: Sessions, elsewhere: Engine, tmp_path: Path, now: datetime
) -> None:
    settings, later = Settings(home=tmp_path / "home"), now + timedelta(days=1)
    secret = secret_key(settings)
    with sessions.begin() as session:
        bring(session, "rosa", now)
        bring(session, "max", now)
    before = back_up(settings, engine, tmp_path / "backups", now=now)
    with sessions.begin() as session:
        for subject in (
            subject_of(session, SubjectKind.SOURCE, "rosa"),
            subject_of(session, SubjectKind.AUTHOR, "max"),
        ):
            erasing.erase_subject(session, subject, secret=secret, reason="", actor=None, now=later)
        ledger.keep(session, settings)
        assert left(session, "rosa") > 0
        assert left(session, "max") > 0
    amid = back_up(settings, engine, tmp_path / "more backups", now=later)

    def nothing_is_left(restored: Sessions) -> None:
        with restored() as session:
            assert (left(session, "rosa"), left(session, "max")) == (0, 0)
            assert len(session.scalars(sa.select(Erasure)).all()) == 2
            assert set(session.scalars(sa.select(Post.author))) == {"mia"}

    restore(Settings(home=tmp_path / "new home"), elsewhere, before, now=later)
    nothing_is_left(make_sessions(elsewhere))
    elsewhere.dispose()
    if engine.dialect.name == "sqlite":
        third = make_engine(f"sqlite:///{tmp_path}/third.db")
        restore(Settings(home=tmp_path / "third home"), third, amid, now=later)
        nothing_is_left(make_sessions(third))
        third.dispose()
