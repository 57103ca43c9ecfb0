"""Erasing what somebody asked to have erased, and the receipt of it.

What goes with posts stands in `overheard.listening.erasure`, which deletions at the source use as well. Here comes what
only a person's own request reaches: what they answered, and where their name stands in what we keep.
"""

import json
import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard import stored_answers
from overheard.db import Sessions, scrub, vacuum
from overheard.errors import InvalidInput
from overheard.leads import do_not_contact, people_links
from overheard.listening import sources
from overheard.listening.erasure import GONE_OUT, erase, leave_tombstones
from overheard.listening.posts import Key, as_tombstone
from overheard.modelling.files import follow_erasures
from overheard.models import Answer, DeadLetter, Delivery, Erasure, Exclusion, Lead, Post, Reply, Source, User
from overheard.operations import backup_list
from overheard.privacy import ledger, reach
from overheard.privacy.subjects import Subject
from overheard.privacy.vocabulary import SubjectKind
from overheard.settings import Settings
from overheard.text import clean
from overheard.users import audit
from overheard.vocabulary import AuditAction, ExclusionKind, Platform

_BECAUSE = "erased on request"
_MAX_REASON = 200
_BATCH = 500  # ids in one statement
_NOBODY = "…"
"""What stands where a name stood."""


def preview(session: Session, subject: Subject) -> dict[str, int]:
    """How many rows of which table would go or be emptied. Changes nothing."""
    counts = reach.counted(session, reach.going(subject))
    for name, number in reach.counted(session, {name: found for name, found, _ in beside(session, subject)}).items():
        counts[name] = counts.get(name, 0) + number
    return counts


def erase_subject(
    session: Session,
    subject: Subject,
    *,
    secret: str,
    reason: str,
    actor: User | None,
    now: datetime,
    for_good: bool = False,
    again: ledger.Entry | None = None,
) -> Erasure:
    """Erase all of a subject in this transaction, and write the receipt. After the commit: `clean_up`.

    `for_good`: nothing that the author writes from now on is taken in, and nobody writes to them. `again`: what an
    older backup has undone.
    """
    reason = _checked(reason, subject)
    counts, learned = preview(session, subject), reach.learned_from(session, subject.posts)
    kept_away = _keep_answers_away(session, subject, now=now)
    for _, found, empty in beside(session, subject):
        empty(session, session.scalars(found).all())
    gone = set(again.tombstones) if again else set()
    for lead in session.scalars(sa.select(Lead).where(reach.is_their_lead(subject))).all():
        people_links.part_all(session, lead)
    if subject.kind is SubjectKind.SOURCE:
        _remove_source(session, subject)
    else:
        gone |= set(session.scalars(sa.select(Post.external_id).where(subject.posts)))
        gone |= {subject.key} if subject.kind is SubjectKind.POST and subject.key else set()
        _erase_posts(session, subject.platform, sorted(gone), now=now)
        _run(session, sa.update(Reply).where(to_them(subject)).values(recipient=None))
    stored_answers.forget(session)
    if for_good:
        do_not_contact.leave_unheard(session, subject.hashed(secret), actor=actor, now=now)
    standing = backup_list.standing(session)
    erasure = Erasure(
        receipt=again.receipt if again else f"E{now:%Y%m%d}-{secrets.token_hex(4)}",
        at=datetime.fromisoformat(again.at) if again else now,
        actor_id=actor.id if actor else None,
        kind=subject.kind,
        platform=subject.platform,
        subject_hash=subject.hashed(secret),
        key_check=again.key if again else do_not_contact.key_check(secret),
        reason=reason,
        is_for_good=for_good,
        counts=counts,
        learned=learned,
        tombstones=sorted(as_tombstone(external_id) for external_id in gone | kept_away),
        backups=len(standing),
        backups_until=backup_list.last_end(standing),
        replayed_at=now if again else None,
    )
    session.add(erasure)
    what = f"{subject.kind.value} at {subject.platform.display}, {counts.get('posts', 0)} posts"
    audit.record(session, actor, AuditAction.ERASED, f"erasure {erasure.receipt}", what, now=now)
    session.flush()
    return erasure


def clean_up(sessions: Sessions, settings: Settings) -> list[Path]:
    """After the commit: files follow, the ledgers beside the database know of it, and nothing is left in free pages.

    A sweep does the same, so whatever ends this in the middle, nothing stays undone. Ledgers that could not be written.
    """
    with sessions.begin() as session:
        follow_erasures(session, settings)
        failed = ledger.keep(session, settings)
    do_not_contact.forget_handles()
    scrub(sessions)
    vacuum(sessions)
    return failed


def receipts(session: Session) -> Sequence[Erasure]:
    """All receipts, the newest first."""
    return session.scalars(sa.select(Erasure).order_by(Erasure.id.desc())).all()


def _checked(reason: str, subject: Subject) -> str:
    said = clean(reason).strip()
    if len(said) > _MAX_REASON:
        raise InvalidInput(f"A reason has at most {_MAX_REASON} characters; this one has {len(said)}.")
    if subject.names and re.search(_as_words(subject.names), said, re.IGNORECASE):
        raise InvalidInput("The reason names the person. The receipt outlives the erasure: say it without the name.")
    return said


def _erase_posts(session: Session, platform: Platform, external_ids: Sequence[str], *, now: datetime) -> None:
    for start in range(0, len(external_ids), _BATCH):
        gone: dict[Key, str] = {(platform, id_): _BECAUSE for id_ in external_ids[start : start + _BATCH]}
        erase(session, gone, now=now)


def _remove_source(session: Session, subject: Subject) -> None:
    here = sa.select(Source).where(Source.platform == subject.platform, Source.community == subject.key)
    found = session.scalars(here).first()
    if found is not None:
        sources.remove(session, found, purge=True)


# --- what goes beside their posts ----------------------------------------------------------------------------------

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
            ("answers_emptied", sa.select(Answer.id).where(answers), _emptied),
            ("exclusions", sa.select(Exclusion.id).where(excluded, Exclusion.name.in_(names)), _deleted(Exclusion)),
            ("replies_emptied", sa.select(Reply.id).where(sent), _unnamed(subject)),
            ("deliveries", sa.select(Delivery.id).where(_waits(session, subject)), _deleted(Delivery)),
        ]
    return found


def to_them(subject: Subject) -> sa.ColumnElement[bool]:
    """Whether the statement's reply was written to an author."""
    is_author = subject.kind is SubjectKind.AUTHOR
    return sa.literal(is_author) & (Reply.platform == subject.platform) & (Reply.recipient == subject.key)


def _keep_answers_away(session: Session, subject: Subject, *, now: datetime) -> set[str]:
    """Their answers are emptied and stay, as we count them; the same ones (ids) are not heard again."""
    if subject.kind is not SubjectKind.AUTHOR:
        return set()
    theirs = (Answer.platform == subject.platform) & (Answer.author == subject.key)
    ids = set(session.scalars(sa.select(Answer.external_id).where(theirs)))
    leave_tombstones(session, {(subject.platform, id_): _BECAUSE for id_ in ids}, now=now)
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
    name = re.compile(_as_words(subject.names), re.IGNORECASE)

    def empty(session: Session, ids: Sequence[int]) -> None:
        for reply in session.scalars(sa.select(Reply).where(Reply.id.in_(ids))):
            reply.text = name.sub(_NOBODY, reply.text)
            reply.error = name.sub(_NOBODY, reply.error) if reply.error else None
        session.flush()

    return empty


def _as_words(names: Iterable[str]) -> str:
    """A pattern of these names, not within other words. The longest first: one may be a part of another."""
    longest_first = sorted(names, key=len, reverse=True)
    return rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)"


def _is_set_aside(session: Session, subject: Subject) -> sa.ColumnElement[bool]:
    """Items that could not be taken in: of these posts by their id, and those in which the author's name stands."""
    of_posts = sa.select(Post.external_id).where(subject.posts)
    by_id = (DeadLetter.platform == subject.platform) & DeadLetter.external_id.in_(of_posts)
    maybe = sa.or_(DeadLetter.platform == subject.platform, DeadLetter.platform.is_(None))
    return by_id | DeadLetter.id.in_(
        _that_name(session, subject, sa.select(DeadLetter.id, DeadLetter.raw).where(maybe))
    )


def _waits(session: Session, subject: Subject) -> sa.ColumnElement[bool]:
    """What the platform pushed and no pass has taken in yet."""
    waiting = sa.select(Delivery.id, Delivery.raw).where(Delivery.taken_at.is_(None))
    return Delivery.id.in_(_that_name(session, subject, waiting))


def _that_name(session: Session, subject: Subject, rows: sa.Select[int, bytes]) -> list[int]:
    """Raw items are of any form: their bytes are read."""
    forms = [form for name in subject.names for form in (name, json.dumps(name)[1:-1])]
    name = re.compile(_as_words(forms).encode(), re.IGNORECASE)
    found = session.execute(rows.execution_options(yield_per=_BATCH))
    return [row_id for row_id, raw in found if subject.names and name.search(raw)]
