"""What an erasure takes that hangs on no post: what they answered, and where their name stands in what we keep."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.listening.erasure import GONE_OUT, leave_tombstones
from overheard.models import Answer, DeadLetter, Delivery, Exclusion, Post, Reply, Source
from overheard.models.sources import origin_of
from overheard.privacy.subjects import Subject
from overheard.privacy.vocabulary import SubjectKind
from overheard.vocabulary import ExclusionKind

_BATCH = 500  # rows that are read at once
_NOBODY = "…"
"""What stands where a name stood."""

EMPTIED = "_emptied"
"""How the name ends of what stays and says nothing."""

_Empty = Callable[[Session, Sequence[int]], None]


def beside(session: Session, subject: Subject) -> list[tuple[str, sa.Select[int], _Empty]]:
    """What no foreign key takes along: by kind the rows (ids), and how they are emptied."""
    found: list[tuple[str, sa.Select[int], _Empty]] = [
        ("dead_letters", sa.select(DeadLetter.id).where(_is_set_aside(session, subject)), _deleted(DeadLetter)),
    ]
    if subject.kind is SubjectKind.AUTHOR:
        names = {name.lower() for name in subject.names}
        answers = (Answer.platform == subject.platform) & (Answer.author == subject.key) & (Answer.text != "")
        excluded = (Exclusion.platform == subject.platform) & (Exclusion.kind == ExclusionKind.AUTHOR)
        sent = to_them(subject) & Reply.state.in_(GONE_OUT)
        found += [
            (f"answers{EMPTIED}", sa.select(Answer.id).where(answers), _emptied),
            ("exclusions", sa.select(Exclusion.id).where(excluded, Exclusion.name.in_(names)), _deleted(Exclusion)),
            (f"replies{EMPTIED}", sa.select(Reply.id).where(sent), _unnamed(subject)),
            ("deliveries", sa.select(Delivery.id).where(_waits(session, subject)), _deleted(Delivery)),
        ]
    if subject.kind is SubjectKind.SOURCE:
        found += [("deliveries", _pushed(subject), _deleted(Delivery))]
    return found


def to_them(subject: Subject) -> sa.ColumnElement[bool]:
    """Whether the statement's reply was written to an author."""
    is_author = subject.kind is SubjectKind.AUTHOR
    return sa.literal(is_author) & (Reply.platform == subject.platform) & (Reply.recipient == subject.key)


def keep_answers_away(session: Session, subject: Subject, *, because: str, now: datetime) -> set[str]:
    """Their answers are emptied and stay, as we count them; the same ones (ids) are not heard again."""
    if subject.kind is not SubjectKind.AUTHOR:
        return set()
    theirs = (Answer.platform == subject.platform) & (Answer.author == subject.key)
    ids = set(session.scalars(sa.select(Answer.external_id).where(theirs)))
    leave_tombstones(session, {(subject.platform, id_): because for id_ in ids}, now=now)
    return ids


def _deleted(table: type[Any]) -> _Empty:
    return lambda session, ids: _run(session, sa.delete(table).where(table.id.in_(ids)))


def _emptied(session: Session, ids: Sequence[int]) -> None:
    """Answers stay, as we count them, and say nothing."""
    nothing = {"text": "", "author": None, "permalink": None}
    _run(session, sa.update(Answer).where(Answer.id.in_(ids)).values(nothing))


def _run(session: Session, statement: sa.Executable) -> None:
    session.execute(statement, execution_options={"synchronize_session": False})


def _unnamed(subject: Subject) -> _Empty:
    """What we wrote to somebody stands out there and stays ours; here it says their name no more."""
    name = re.compile(as_words(subject.names), re.IGNORECASE)

    def empty(session: Session, ids: Sequence[int]) -> None:
        for reply in session.scalars(sa.select(Reply).where(Reply.id.in_(ids))):
            reply.text = name.sub(_NOBODY, reply.text)
            reply.error = name.sub(_NOBODY, reply.error) if reply.error else None
        session.flush()

    return empty


def as_words(names: Iterable[str]) -> str:
    """A pattern of these names, not within other words. The longest first: one may be a part of another."""
    longest_first = sorted(names, key=len, reverse=True)
    return rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)"


def _is_set_aside(session: Session, subject: Subject) -> sa.ColumnElement[bool]:
    """Items that could not be taken in: of these posts by their id, what came from the source, and those in which the
    author's name stands.
    """
    of_posts = sa.select(Post.external_id).where(subject.posts)
    by_id = (DeadLetter.platform == subject.platform) & DeadLetter.external_id.in_(of_posts)
    if subject.kind is SubjectKind.SOURCE:
        return by_id | (DeadLetter.origin == origin_of(subject.platform, subject.key))
    maybe = sa.or_(DeadLetter.platform == subject.platform, DeadLetter.platform.is_(None))
    return by_id | DeadLetter.id.in_(
        _that_name(session, subject, sa.select(DeadLetter.id, DeadLetter.raw).where(maybe))
    )


def _pushed(subject: Subject) -> sa.Select[int]:
    """What was pushed for a source and waits to be read."""
    here = (Source.platform == subject.platform) & (Source.community == subject.key)
    to_it = (Delivery.credential_id == Source.credential_id) & (Delivery.address == Source.address)
    return sa.select(Delivery.id).join(Source, to_it).where(here, Delivery.taken_at.is_(None))


def _waits(session: Session, subject: Subject) -> sa.ColumnElement[bool]:
    """What the platform pushed and no pass has taken in yet."""
    waiting = sa.select(Delivery.id, Delivery.raw).where(Delivery.taken_at.is_(None))
    return Delivery.id.in_(_that_name(session, subject, waiting))


def _that_name(session: Session, subject: Subject, rows: sa.Select[int, bytes]) -> list[int]:
    """Raw items are of any form: their bytes are read."""
    forms = [form for name in subject.names for form in (name, json.dumps(name)[1:-1])]
    name = re.compile(as_words(forms).encode(), re.IGNORECASE)
    found = session.execute(rows.execution_options(yield_per=_BATCH))
    return [row_id for row_id, raw in found if subject.names and name.search(raw)]
