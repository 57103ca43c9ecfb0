from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from overheard.db import Sessions, scrub
from overheard.keywords.search_index import words_of
from overheard.listening.intake import Erased, ErasedAuthor, Item, take_in
from overheard.models import Post
from overheard.vocabulary import Platform
from tests.factories import make_campaign, new_post, store

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


def posts_and_erasures(now: datetime) -> st.SearchStrategy[Item]:
    """New posts, edits of any age, erasures of posts and authors: of a few, so that they meet."""
    ids, authors = st.sampled_from("abcd"), st.sampled_from(["ada", "bob"])
    texts = st.sampled_from(["rye bread", "Rye, rye!", "CRM\u200b++", "", "straße 日本", "x" * 300])
    posts = st.builds(
        lambda key, author, title, body, hours: new_post(
            external_id=key, author=author, title=title, body=body, as_of=now + timedelta(hours=hours)
        ),
        ids, authors, texts, texts, st.integers(0, 5),
    )  # fmt: skip
    erased = st.builds(Erased, st.just(Platform.REDDIT), ids)
    return st.one_of(posts, posts, posts, erased, st.builds(ErasedAuthor, st.just(Platform.REDDIT), authors))


def test_after_any_history_the_index_holds_the_words_of_the_stored_posts_and_no_others(
    session: Session, now: datetime
) -> None:
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    stored = (
        "SELECT rowid, words FROM post_search"
        if is_sqlite
        else "SELECT post_id, tsvector_to_array(words) FROM post_search"
    )
    make_campaign(session, now=now, queries={"rye": "rye"})

    @settings(max_examples=40, deadline=None)
    @given(st.lists(st.tuples(st.lists(posts_and_erasures(now), max_size=4), st.booleans()), max_size=5))
    def holds(history: list[tuple[list[Item], bool]]) -> None:
        with session.begin_nested() as savepoint:
            for batch, keeps_all in history:
                take_in(session, batch, origin="test", now=now, keeps_all=keeps_all)
            indexed = {
                post_id: sorted(words.split(" ") if is_sqlite and words else words)
                for post_id, words in session.execute(sa.text(stored))
            }
            posts = session.execute(sa.select(Post.id, Post.title, Post.body))
            assert indexed == {post_id: sorted(words_of(title, body)) for post_id, title, body in posts}
            savepoint.rollback()

    holds()
