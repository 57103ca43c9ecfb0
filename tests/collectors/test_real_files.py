"""Real files, where they are at hand. They stand beside the checkout and never in it."""

import json
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from collectors.formats import reddit as reddit_file
from collectors.formats.records import ImportOptions
from collectors.formats.streams import open_input
from collectors.importing import import_file
from collectors.reddit.collector import entry_of
from overheard.db import Sessions
from overheard.listening.intake import Intake
from overheard.models import DeadLetter, Post, Tombstone

DATA = Path(__file__).parents[3] / "shared" / "data"


@pytest.mark.skipif(not DATA.is_dir(), reason="the real files are not at hand (../shared/data)")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("name", "intake"),
    [
        # Of the 13,070 posts, 38 say "[ Removed by Reddit ]" and nothing else.
        ("posts-2026.jsonl.zst", Intake(new=13_032, erased=38)),
        ("slack-export.zip", Intake(new=7_793)),
        ("reddit-api-sample.jsonl.zst", Intake(new=1_944, erased=56)),
    ],
)
def test_a_real_file_goes_in_whole_and_once(sessions: Sessions, now: datetime, name: str, intake: Intake) -> None:
    def bring_in(*, again: bool) -> Intake:
        return import_file(sessions, DATA / name, clock=lambda: now, options=ImportOptions(again=again)).intake

    assert bring_in(again=False) == intake
    assert bring_in(again=False) == Intake()
    assert bring_in(again=True) == Intake(unchanged=intake.new, erased=intake.erased)
    with sessions() as session:
        counts = [
            session.scalar(sa.select(sa.func.count()).select_from(table)) for table in (Post, Tombstone, DeadLetter)
        ]
    assert counts == [intake.new, intake.erased, 0]


@pytest.mark.skipif(not DATA.is_dir(), reason="the real files are not at hand (../shared/data)")
def test_the_rows_of_an_api_are_the_same_posts_live_as_from_a_file() -> None:
    with open_input(DATA / "reddit-api-sample.jsonl.zst") as file:
        rows = [json.loads(line.raw) for line in file.lines()]
    became: Counter[str] = Counter()
    for row in rows:
        item = entry_of(row, f"r/{row['data']['subreddit']}").item
        same = item == reddit_file.read(row, ImportOptions())
        became[f"{type(item).__name__}{'' if same else ', otherwise than from the file'}"] += 1
    # Live it is known that nothing is escaped, where a file has to be guessed at (one row); and live, what somebody
    # wrote who deleted their account is erased (46), where an archive's copy loses the name alone.
    assert became == {
        "NewPost": 1_897,
        "NewPost, otherwise than from the file": 1,
        "Erased": 56,
        "Erased, otherwise than from the file": 46,
    }
