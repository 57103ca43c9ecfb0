"""All that is held of an author, for them to read: posts with where they come from, and every row that hangs on them.

Which rows these are is told by the same foreign keys by which an erasure takes them along, so nothing that a new table
adds is left out. Numbers stand for people who work here.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.leads import do_not_contact
from overheard.listening.terms import Terms, may_train, retention
from overheard.models import (
    Answer,
    Base,
    CrmEntry,
    CrmLink,
    DeadLetter,
    Delivery,
    DoNotContact,
    Exclusion,
    OutboundDelivery,
    Post,
    Reply,
    Source,
)
from overheard.privacy import beside, reach
from overheard.privacy.subjects import Subject

_ABOUT = (
    "All that this installation of Overheard holds of one author: what they wrote in public places or where it was "
    "read with permission, what programs and people here concluded from it, and what was written to them. Times are "
    "in UTC. Numbers called actor_id, user_id and the like stand for people who work here."
)


def held(session: Session, subject: Subject, *, secret: str, now: datetime) -> dict[str, Any]:
    """Everything of an author, as JSON. Changes nothing."""
    rows = reach.going(subject)
    leads = rows["leads"]
    rows["replies"] = sa.select(Reply.id).where(
        sa.or_(Reply.post_id.in_(rows["posts"]), Reply.lead_id.in_(leads), beside.to_them(subject))
    )
    by_them = (Answer.platform == subject.platform) & (Answer.author == subject.key)
    rows["answers"] = sa.select(Answer.id).where(by_them)  # what others said below is theirs
    rows["crm_links"] = sa.select(CrmLink.id).where(CrmLink.lead_id.in_(leads))
    rows["crm_log"] = sa.select(CrmEntry.id).where(CrmEntry.lead_id.in_(leads))
    rows["outbound_deliveries"] = sa.select(OutboundDelivery.id).where(OutboundDelivery.lead_id.in_(leads))
    around = {name: found for name, found, _ in beside.beside(session, subject)}
    rows |= {table.__tablename__: around[table.__tablename__] for table in (DeadLetter, Delivery, Exclusion)}
    posts = rows.pop("posts")
    return {
        "about": _ABOUT,
        "made_at": _plain(now),
        "platform": subject.platform.display,
        "author": subject.key,
        "also_called": [name for name in subject.names if name != subject.key],
        "where_it_comes_from": [_origin(source) for source in _sources(session, posts)],
        "posts": [_post(row, source) for row, source in _posts(session, posts)],
        "what_hangs_on_them": {name: found for name in sorted(rows) if (found := _rows(session, name, rows[name]))},
        "model_versions_that_learned_from_it": reach.learned_from(session, subject.posts),
        "do_not_contact": _do_not_contact(session, subject, secret),
        "rows_of_others_that_say_the_name": reach.named_elsewhere(session, subject),
    }


def readable(held: object, depth: int = 0) -> Iterator[str]:
    """The same as lines for people."""
    indent = "  " * depth
    if isinstance(held, Mapping):
        for name, value in held.items():
            if isinstance(value, Mapping | list):
                yield f"{indent}{str(name).replace('_', ' ')}{':' if value else ': nothing'}"
                yield from readable(value, depth + 1)
            elif value is not None:
                yield f"{indent}{str(name).replace('_', ' ')}: {value}"
    elif isinstance(held, list):
        for number, one in enumerate(held, start=1):
            if isinstance(one, Mapping | list):
                yield f"{indent}{number}."
                yield from readable(one, depth + 1)
            else:
                yield f"{indent}{one}"


def _posts(session: Session, posts: sa.Select[Any]) -> Sequence[sa.Row[Post, Source]]:
    found = sa.select(Post, Source).join(Source, Source.id == Post.source_id).where(Post.id.in_(posts))
    return session.execute(found.order_by(Post.id)).all()


def _sources(session: Session, posts: sa.Select[Any]) -> Sequence[Source]:
    of_them = sa.select(Post.source_id).where(Post.id.in_(posts))
    return session.scalars(sa.select(Source).where(Source.id.in_(of_them)).order_by(Source.id)).all()


def _origin(source: Source) -> dict[str, Any]:
    terms, kept_for = Terms.of(source), retention(source)
    return {
        "platform": source.platform.display,
        "community": source.community,
        "read_by": source.mode or "a file",
        "permission_needed": terms.permission if terms else None,
        "permitted_by": source.permitted_by,
        "permitted_at": _plain(source.permitted_at),
        "kept_for_hours": kept_for.total_seconds() / 3600 if kept_for else None,
        "may_train_a_model": may_train(source),
    }


def _post(post: Post, source: Source) -> dict[str, Any]:
    return {
        "number": post.id,
        "community": source.community,
        "id_at_the_platform": post.external_id,
        "address": post.permalink,
        "title": post.title,
        "text": post.body,
        "name_beside_it": post.author_name,
        "written_at": _plain(post.posted_at),
        "collected_at": _plain(post.collected_at),
        "last_seen_there_at": _plain(post.checked_at),
    }


def _rows(session: Session, name: str, which: sa.Select[Any]) -> list[dict[str, Any]]:
    table = Base.metadata.tables[name]
    keys = list(table.primary_key.columns)
    these = sa.select(table).where((sa.tuple_(*keys) if len(keys) > 1 else keys[0]).in_(which)).order_by(*keys)
    return [
        {column: _plain(value) for column, value in row.items() if value is not None}
        for row in session.execute(these).mappings()
    ]


def _plain(value: object) -> Any:  # noqa: ANN401 - what JSON knows
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return f"{len(value)} bytes that say nothing to a reader"
    return value


def _do_not_contact(session: Session, subject: Subject, secret: str) -> dict[str, Any]:
    hashes = {do_not_contact.hash_of(secret, subject.platform, name) for name in subject.names}
    found = session.scalars(sa.select(DoNotContact).where(DoNotContact.handle_hash.in_(hashes))).first()
    if found is None:
        return {"is_on_the_list": False}
    return {
        "is_on_the_list": True,
        "since": _plain(found.at),
        "reason": found.reason,
        "nothing_is_taken_in": found.is_unheard,
    }
