from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from overheard.db import Sessions, scrub
from overheard.intake import Erased, take_in
from overheard.vocabulary import Platform
from tests.factories import new_post, store

CANARY = "zanzibarcanary"  # one word: it stands in the index as it stands here


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_words_of_what_was_erased_leave_the_index_and_the_files(
    sessions: Sessions, tmp_path: Path, now: datetime
) -> None:
    with sessions.begin() as session:
        store(session, *(new_post(body=f"Rye number{n}") for n in range(20)), now=now)
        store(session, new_post(external_id="t3_gone", body=f"My {CANARY}"), now=now)
    with sessions.begin() as session:
        take_in(session, [Erased(Platform.REDDIT, "t3_gone")], origin="test", now=now)
        met = sa.text("SELECT count(*) FROM post_search WHERE post_search MATCH :word")
        assert session.scalar(met, {"word": CANARY}) == 0
        assert session.scalar(met, {"word": "rye"}) == 20
    files = list(tmp_path.glob("overheard.db*"))
    assert any(CANARY.encode() in file.read_bytes() for file in files), "until it is scrubbed it is there"
    scrub(sessions)
    assert [file for file in files if CANARY.encode() in file.read_bytes()] == []
