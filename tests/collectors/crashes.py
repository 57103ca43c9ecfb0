"""Ending a process by `kill -9` at a chosen write, and the state that its successor must reach all the same."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from overheard.db import make_engine
from overheard.models import DeadLetter, FileImport, Gap, Match, Post, Query, Revisit, Source, Tombstone

Work = Callable[[Engine], object]

_ENDED, _FAILED = 0, 1
_STEPS = ("before_cursor_execute", "commit")


def killed_at(step: int, url: str, work: Work) -> bool:
    """Do the work in a process of its own that is killed before its n-th step; whether it came to be killed.

    A step is a statement sent to the database, or a commit.
    """
    child = os.fork()
    if child == 0:
        try:
            engine = make_engine(url)
            _kill_before(step, engine)
            work(engine)
        except BaseException:  # noqa: BLE001 - whatever happened, this process must not become a second pytest
            os._exit(_FAILED)
        os._exit(_ENDED)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.WEXITSTATUS(status) == _ENDED, "the work failed before it could be killed"
    return False


@contextmanager
def counted(engine: Engine) -> Iterator[list[None]]:
    """A list that grows with each step that is taken within the block."""
    steps: list[None] = []

    def note(*_: object) -> None:
        steps.append(None)

    for name in _STEPS:
        event.listen(engine, name, note)
    yield steps
    for name in _STEPS:
        event.remove(engine, name, note)


def _kill_before(step: int, engine: Engine) -> None:
    steps = count(1)

    def die_in_time(*_: object) -> None:
        if next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    for name in _STEPS:
        event.listen(engine, name, die_in_time)


def end_state(engine: Engine) -> dict[str, list[str]]:
    """All rows that reading leaves behind, without row numbers and times of ours."""
    rows: dict[str, sa.Executable] = {
        "sources": sa.select(Source.platform, Source.community, Source.cursor),
        "posts": sa.select(
            Post.platform, Post.external_id, Post.title, Post.body, Post.text_hash, Post.kind, Post.author,
            Post.permalink, Post.parent_external_id, Post.posted_at, Post.as_of, Source.community,
        ).join(Source, Source.id == Post.source_id),
        "matches": sa.select(Post.external_id, Query.name, Match.spans)
        .join(Post, Post.id == Match.post_id)
        .join(Query, Query.id == Match.query_id),
        "tombstones": sa.select(Tombstone.platform, Tombstone.external_id, Tombstone.reason),
        "dead_letters": sa.select(DeadLetter.origin, DeadLetter.locator, DeadLetter.reason, DeadLetter.raw),
        "imports": sa.select(FileImport.sha256, FileImport.records_read, FileImport.finished_at.is_not(None)),
        "revisits": sa.select(Revisit.external_id),
        "gaps": sa.select(Gap.first, Gap.last, Gap.reason),
    }  # fmt: skip
    with Session(engine) as session:
        return {table: sorted(str(tuple(row)) for row in session.execute(rows[table])) for table in rows}
