"""What a model version has not judged yet, in the order of what people will look at.

Posts that no version has judged come first: what was written lately before what is filled in, and of either the newest
of each source in turn, so that a flood in one place keeps no other one's campaigns waiting. What another version judged
is judged anew behind them: the posts of open leads in the order of the queue, then all others, newest first.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.days import CLOCKS_DIFFER
from overheard.db import alone, upsert
from overheard.models import Lead, Post, Prediction, Signal, TakenPost, UnjudgedPost
from overheard.vocabulary import Stage

BATCH = 256
"""Posts judged between two commits: many, so that encoding by length pays; few, so that a kill costs seconds."""

LEASE = timedelta(seconds=30)
"""For which a batch is kept from other workers: much longer than judging it takes."""

_AMONG = 4_096  # of so many the next batch is chosen, twice: so choosing costs the same however many wait
_FRESH = timedelta(days=2)

_OPEN = (Stage.MARKETING_QUALIFIED, Stage.SALES_QUALIFIED, Stage.REPLIED, Stage.PROSPECT)

Row: TypeAlias = sa.Row[int, int, str, str, str]


class Backlog:
    """The batches of one run. Each post is given out once, so a run ends even where nothing can be stored."""

    def __init__(
        self, model_version: str, *, again: int | None = None, looks_back: bool = True, is_shared: bool = False
    ) -> None:
        """`again`: how many posts are judged anew at most; default: all. Without `looks_back` only what no version has
        judged is given out. `is_shared`: beside other workers, so that what is given out is kept from them for a while.
        """
        self._is_shared = is_shared
        self._version = model_version
        self._looks_back = looks_back
        self._again = again
        self._before: int | None = None
        self._behind: int | None = None
        self._left: set[int] = set()
        self.is_cut = False
        """Whether posts are left that were to be judged anew."""

    def next_batch(self, session: Session, now: datetime) -> Sequence[Row]:
        """What is to be judged next; nothing when all is done, or as much was judged anew as was asked for."""
        batch = self._fresh(session, now)
        if batch or not self._looks_back:
            return batch
        wanted = BATCH if self._again is None else min(BATCH, self._again)
        batch = self._of_open_leads(session, max(wanted, 1)) or self._others(session, max(wanted, 1))
        if batch and not wanted:
            self.is_cut = True
            return []
        if self._again is not None:
            self._again -= len(batch)
        return batch

    def leave(self, post_ids: Collection[int]) -> None:
        """These were edited or erased while the model worked: they are another run's."""
        self._left.update(post_ids)

    def _fresh(self, session: Session, now: datetime) -> Sequence[Row]:
        unjudged = sa.select(UnjudgedPost.post_id).where(UnjudgedPost.post_id.not_in(self._left))
        if not self._is_shared:
            return session.execute(_fresh_posts(self._some(session, unjudged), now=now)).all()
        alone(session, "taking posts to judge")
        # What is taken for longer than anybody takes it was so by a clock that was ahead.
        taken = sa.exists().where(
            TakenPost.post_id == UnjudgedPost.post_id,
            TakenPost.until > now,
            TakenPost.until < now + LEASE + CLOCKS_DIFFER,
        )
        chosen = _fresh_posts(self._some(session, unjudged.where(~taken)), now=now)
        # Locked, as what somebody erases just now cannot be taken: it is left out.
        batch = session.execute(chosen.with_for_update(read=True, key_share=True, of=Post, skip_locked=True)).all()
        if batch:
            kept = upsert(session, TakenPost)
            kept = kept.on_conflict_do_update(index_elements=["post_id"], set_={"until": kept.excluded.until})
            session.execute(kept, [{"post_id": row.id, "until": now + LEASE} for row in batch])
        return batch

    def _some(self, session: Session, waiting: sa.Select[int]) -> sa.CompoundSelect[int]:
        """The newest, and as many of those behind them, further back with each batch: however long a flood lasts, what
        a quiet source brought is looked at before long, and is then the first of its source.
        """
        newest_first = waiting.order_by(UnjudgedPost.post_id.desc()).limit(_AMONG)
        newest = newest_first.subquery()
        further = newest if self._behind is None else newest_first.where(UnjudgedPost.post_id < self._behind).subquery()
        self._behind = session.scalar(sa.select(sa.func.min(further.c.post_id)))  # none is further: from the begin
        return sa.union(sa.select(newest.c.post_id), sa.select(further.c.post_id))

    def _is_to_be_judged_anew(self) -> sa.ColumnElement[bool]:
        wanted = pending(self._version) & Post.id.not_in(self._left)
        # What no version has judged may be in another worker's hands.
        return wanted & ~sa.exists().where(UnjudgedPost.post_id == Post.id) if self._is_shared else wanted

    def _of_open_leads(self, session: Session, wanted: int) -> Sequence[Row]:
        statement = (
            _posts()
            .join(Signal, Signal.post_id == Post.id)
            .join(Lead, Lead.id == Signal.lead_id)
            .where(self._is_to_be_judged_anew(), Lead.stage.in_(_OPEN))
            .order_by(
                sa.case((Lead.stage == Stage.MARKETING_QUALIFIED, 0), else_=1),
                *(column.desc() for column in (Lead.signalled_on, Lead.score, Lead.id)),
            )
        )
        rows = session.execute(statement.limit(wanted)).all()
        return list({row.id: row for row in rows}.values())  # a post may be of several campaigns' leads

    def _others(self, session: Session, wanted: int) -> Sequence[Row]:
        statement = _posts().where(self._is_to_be_judged_anew())
        if self._before is not None:
            statement = statement.where(Post.id < self._before)
        batch = session.execute(statement.order_by(Post.id.desc()).limit(wanted)).all()
        if batch:
            self._before = batch[-1].id
        return batch


def pending(model_version: str) -> sa.ColumnElement[bool]:
    """Whether the statement's post lacks this version's word."""
    return ~sa.exists().where(Prediction.post_id == Post.id, Prediction.model_version == model_version)


def _fresh_posts(among: sa.CompoundSelect[int], *, now: datetime) -> sa.Select[int, int, str, str, str]:
    some = among.subquery()
    is_old = sa.func.coalesce(Post.posted_at, Post.collected_at) < now - _FRESH
    turn = sa.func.row_number().over(partition_by=(Post.source_id, is_old), order_by=Post.id.desc())
    waiting = (
        sa.select(Post.id, is_old.label("is_old"), turn.label("turn")).join(some, some.c.post_id == Post.id).subquery()
    )
    order = (waiting.c.is_old, waiting.c.turn, Post.id)  # of more sources than a batch holds the quietest are first
    return _posts().join(waiting, waiting.c.id == Post.id).order_by(*order).limit(BATCH)


def _posts() -> sa.Select[int, int, str, str, str]:
    return sa.select(Post.id, Post.source_id, Post.title, Post.body, Post.text_hash)


def text_hashes_now(session: Session, post_ids: Collection[int]) -> dict[int, str]:
    """Those of the posts that are still there, locked until the transaction ends. While a model worked, a post may
    have been edited or erased: what it said is kept where the hash is that of what it read.
    """
    statement = sa.select(Post.id, Post.text_hash).where(Post.id.in_(post_ids)).order_by(Post.id).with_for_update()
    return {post_id: text_hash for post_id, text_hash in session.execute(statement)}  # noqa: C416 - dict() of rows confuses mypy
