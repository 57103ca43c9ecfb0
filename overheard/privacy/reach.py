"""What an erasure would take along, counted before it does: by table, as foreign keys and `erasure.let_go` do it."""

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.listening.erasure import GONE_OUT
from overheard.models import Base, CachedVector, DatasetExample, Lead, ModelVersion, Post, Reply, Signal
from overheard.privacy.beside import EMPTIED, beside
from overheard.privacy.subjects import Subject
from overheard.privacy.vocabulary import SubjectKind

_SEARCHED = 4  # characters: a shorter name stands in too many other words


def going(subject: Subject) -> dict[str, sa.Select[Any]]:
    """By table the rows (primary keys) that go with a subject's posts."""
    return going_with(subject.posts, is_their_lead(subject))


def going_with(posts: sa.ColumnElement[bool], leads: sa.ColumnElement[bool] | None = None) -> dict[str, sa.Select[Any]]:
    """The same of any posts, and of leads that go whatever else is said by them."""
    post_ids = sa.select(Post.id).where(posts)
    going: dict[str, sa.Select[Any]] = {
        "posts": post_ids,
        "leads": sa.select(Lead.id).where(sa.or_(_is_a_lead_no_more(posts), sa.false() if leads is None else leads)),
        "signals": sa.select(Signal.id).where(Signal.post_id.in_(post_ids)),
        "replies": sa.select(Reply.id).where(Reply.post_id.in_(post_ids), Reply.state.not_in(GONE_OUT)),
        # No foreign key takes these along: `overheard.modelling.files` follows.
        "cached_vectors": sa.select(CachedVector.id).where(CachedVector.post_id.in_(post_ids)),
    }
    for table in Base.metadata.sorted_tables:
        owners = [
            key.parent.in_(going[key.column.table.name])
            for key in table.foreign_keys
            if key.ondelete == "CASCADE" and key.column.table.name in going
        ]
        if owners and table.name not in going:
            going[table.name] = sa.select(*table.primary_key.columns).where(sa.or_(*owners))
    return going


def is_their_lead(subject: Subject) -> sa.ColumnElement[bool]:
    """Whether the statement's lead is an author's own. What it has taken over of others stands for itself again."""
    is_author = sa.literal(subject.kind is SubjectKind.AUTHOR)
    return is_author & (Lead.platform == subject.platform) & (Lead.author == subject.key)


def counted(session: Session, rows: dict[str, sa.Select[Any]]) -> dict[str, int]:
    """How many rows each statement finds, without those that find none."""
    found = {
        name: session.scalar(sa.select(sa.func.count()).select_from(statement.subquery())) or 0
        for name, statement in rows.items()
    }
    return {name: number for name, number in found.items() if number}


def _is_a_lead_no_more(posts: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Leads of whose posts none is left: their own, or those that another lead has taken over from them."""
    touched = sa.select(Signal.lead_id).join(Post, Post.id == Signal.post_id).where(posts)
    concerned = sa.or_(Lead.id.in_(touched), Lead.merged_into_id.in_(touched))
    author = sa.func.coalesce(Post.author, sa.literal("post ").concat(Post.external_id))
    is_theirs = sa.or_(Lead.merged_into_id.is_(None), (Post.platform == Lead.platform) & (author == Lead.author))
    stays = Post.id.not_in(sa.select(Post.id).where(posts).correlate(None))
    held_by = sa.func.coalesce(Lead.merged_into_id, Lead.id)
    heard = sa.exists().where(Signal.lead_id == held_by, Signal.post_id == Post.id, is_theirs, stays)
    return concerned & ~heard


def learned_from(session: Session, posts: sa.ColumnElement[bool]) -> list[str]:
    """The model versions that learned from some of these posts. Weights are not unlearned: only retraining is."""
    examples = sa.select(DatasetExample.dataset_id).join(Post, Post.id == DatasetExample.post_id).where(posts)
    learned = ModelVersion.dataset_id.in_(examples.where(DatasetExample.side == "train"))
    return list(session.scalars(sa.select(ModelVersion.name).where(learned).order_by(ModelVersion.id)))


def named_in(
    session: Session, names: Iterable[str], but: Mapping[str, sa.ColumnElement[bool]] | None = None
) -> dict[str, int]:
    """How many rows of which table still say one of these names: what others wrote, and what people here wrote down.

    Of that a person decides; it reads every text that is stored, but for the rows that are told by table.
    """
    wanted = [name for name in dict.fromkeys(names) if len(name) >= _SEARCHED]
    if not wanted:
        return {}
    rows = {}
    for table in Base.metadata.sorted_tables:
        texts = [column for column in table.columns if type(column.type) is sa.Text]
        if texts:
            said = sa.or_(*(column.icontains(name, autoescape=True) for column in texts for name in wanted))
            found = sa.select(*table.primary_key.columns).where(said)
            rows[table.name] = found.where(~but[table.name]) if but and table.name in but else found
    return counted(session, rows)


def named_elsewhere(session: Session, subject: Subject) -> dict[str, int]:
    """The same while they are still here: without what would go, or be emptied."""
    gone: dict[str, list[sa.ColumnElement[bool]]] = {}
    around = [(name.removesuffix(EMPTIED), found) for name, found, _ in beside(session, subject)]
    for name, found in (*going(subject).items(), *around):
        keys = list(Base.metadata.tables[name].primary_key.columns)
        gone.setdefault(name, []).append((sa.tuple_(*keys) if len(keys) > 1 else keys[0]).in_(found))
    return named_in(session, subject.names, {name: sa.or_(*these) for name, these in gone.items()})
