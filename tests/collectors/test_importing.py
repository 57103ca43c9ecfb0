from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from collectors.formats.records import ImportOptions
from collectors.importing import ImportProgress, ImportSummary, import_file
from overheard.db import Sessions
from overheard.errors import InvalidInput
from overheard.listening.intake import Intake
from overheard.models import DeadLetter, FileImport, Match, Post, Tombstone
from tests.collectors.files import jsonl, own_row, reddit_row, write_jsonl, write_zst
from tests.factories import make_campaign

Import = Callable[..., ImportSummary]


@pytest.fixture
def bring_in(sessions: Sessions, now: datetime) -> Import:
    def bring_in(path: Path, *, again: bool = False, batch: int = 1_000) -> ImportSummary:
        return import_file(sessions, path, options=ImportOptions(again=again), clock=lambda: now, batch=batch)

    return bring_in


def count(sessions: Sessions, table: type) -> int:
    with sessions() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def test_five_malformed_rows_among_a_thousand_leave_995_stored_and_five_dead_letters(
    sessions: Sessions, bring_in: Import, tmp_path: Path
) -> None:
    rows: list[object] = [own_row(number) for number in range(1_000)]
    malformed = {100: b"{", 300: b"\xff", 500: own_row(500, id=None), 700: own_row(700, title=[]), 999: b"[]"}
    for number, row in malformed.items():
        rows[number] = row
    summary = bring_in(write_jsonl(tmp_path / "rows", rows))
    assert (summary.records, summary.intake) == (1_000, Intake(new=995, rejected=5))
    assert count(sessions, Post) == 995
    with sessions() as session:
        letters = session.scalars(sa.select(DeadLetter).order_by(DeadLetter.id)).all()
    assert [letter.locator for letter in letters] == [f"line {number + 1}" for number in malformed]
    assert all(letter.reason and letter.origin == "rows" for letter in letters)


def test_importing_twice_adds_nothing_even_when_asked_to_read_it_again(
    sessions: Sessions, bring_in: Import, tmp_path: Path
) -> None:
    path = write_jsonl(tmp_path / "rows", [own_row(1), b"{", reddit_row(2, selftext="[removed]")])
    first, second, again = bring_in(path), bring_in(path), bring_in(path, again=True)
    assert first.intake == Intake(new=1, rejected=1, erased=1)
    assert (second.already_imported, second.resumed_from, second.intake) == (True, 3, Intake())
    assert (again.already_imported, again.intake) == (False, Intake(unchanged=1, rejected=1, erased=1))
    assert [count(sessions, table) for table in (Post, DeadLetter, Tombstone, FileImport)] == [1, 1, 1, 1]


def test_the_same_bytes_under_another_name_are_known(bring_in: Import, tmp_path: Path) -> None:
    bring_in(write_jsonl(tmp_path / "rows", [own_row(1)]))
    assert bring_in(write_jsonl(tmp_path / "copy", [own_row(1)])).already_imported


def test_posts_are_matched_as_they_come(session: Session, sessions: Sessions, bring_in: Import, tmp_path: Path) -> None:
    with sessions.begin() as writing:
        make_campaign(writing, now=datetime.fromisoformat("2026-11-20T00:00Z"), queries={"crm": "crm", "oven": "oven"})
    bring_in(write_jsonl(tmp_path / "rows", [own_row(1), own_row(2, body="An oven and a CRM"), own_row(3, body="!")]))
    assert session.scalar(sa.select(sa.func.count()).select_from(Match)) == 3


def test_a_file_that_is_cut_off_keeps_what_was_read_and_goes_on_from_there_when_it_is_whole(
    sessions: Sessions, bring_in: Import, tmp_path: Path
) -> None:
    rows = [own_row(number, body=f"{number:x}" * 300) for number in range(2_000)]
    path = write_zst(tmp_path / "rows.zst", jsonl(rows[:1_500]), jsonl(rows[1_500:]))
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    with pytest.raises(InvalidInput, match=r"cut off: .* The \d+ records before it are in\.") as caught:
        bring_in(path)
    stored = count(sessions, Post)
    assert stored >= 1_500
    assert f"The {stored} records" in str(caught.value)
    with pytest.raises(InvalidInput, match=f"The {stored} records"):
        bring_in(path)
    path.write_bytes(whole)
    assert bring_in(path).intake == Intake(new=2_000 - stored, unchanged=stored)


def test_a_later_dump_edits_and_erases_and_an_older_one_does_not_undo_it(
    sessions: Sessions, bring_in: Import, tmp_path: Path
) -> None:
    first = write_jsonl(tmp_path / "first", [reddit_row(1), reddit_row(2)])
    edited = reddit_row(1, selftext="Found one, thank you.", edited=1_784_800_000.0)
    later = write_jsonl(tmp_path / "later", [edited, reddit_row(2, selftext="[deleted]")])
    bring_in(first)
    assert bring_in(later).intake == Intake(edited=1, erased=1)
    assert bring_in(first, again=True).intake == Intake(unchanged=1, refused=1)
    with sessions() as session:
        assert session.scalars(sa.select(Post.body)).all() == ["Found one, thank you."]


def test_progress_tells_both_readings_and_ends_at_the_end(sessions: Sessions, tmp_path: Path, now: datetime) -> None:
    path = write_jsonl(tmp_path / "rows", [own_row(number) for number in range(25)])
    told: list[ImportProgress] = []
    import_file(sessions, path, clock=lambda: now, progress=told.append, batch=10)
    size = path.stat().st_size
    assert told[0] == ImportProgress("checking", size, size)
    assert [step.records for step in told[1:]] == [10, 20, 25]
    assert told[-1] == ImportProgress("reading", size, size, 25)


def test_a_second_process_at_the_same_file_is_told(
    sessions: Sessions, bring_in: Import, tmp_path: Path, now: datetime
) -> None:
    path = write_jsonl(tmp_path / "rows", [own_row(number) for number in range(30)])

    def interfere(progress: ImportProgress) -> None:
        if progress.records == 10:
            bring_in(path, batch=10)

    with pytest.raises(InvalidInput, match="rows is being imported by another process"):
        import_file(sessions, path, clock=lambda: now, progress=interfere, batch=10)
    assert count(sessions, Post) == 30
