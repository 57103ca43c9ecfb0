"""Erasing what somebody asked to have erased, and the receipt of it.

What goes with posts stands in `overheard.listening.erasure`, which deletions at the source use as well; what only a
person's own request reaches stands in `overheard.privacy.beside`. A receipt is written first. Posts go in batches, each
in a transaction of its own, so that nobody who writes meanwhile waits longer than for one; whatever ends this in
between, the next sweep goes on.
"""

import re
import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard import stored_answers
from overheard.db import Sessions, scrub, vacuum
from overheard.errors import InvalidInput
from overheard.leads import do_not_contact, people_links
from overheard.listening import sources
from overheard.listening.erasure import erase, let_go
from overheard.listening.posts import Key, as_tombstone
from overheard.modelling.files import follow_erasures
from overheard.models import DeadLetter, Erasure, Lead, Post, Reply, Source, User
from overheard.operations import backup_list
from overheard.privacy import ledger, reach, receipts, subjects
from overheard.privacy.beside import as_words, beside, keep_answers_away, to_them
from overheard.privacy.subjects import Subject
from overheard.privacy.vocabulary import SubjectKind
from overheard.settings import Settings
from overheard.text import clean
from overheard.users import audit
from overheard.vocabulary import AuditAction

_BECAUSE = "erased on request"
_MAX_REASON = 200
_BATCH = 500  # posts of one transaction
_PAUSE = 0.1  # seconds; who waits for SQLite's lock looks no more often, and would find it taken for ever


def preview(session: Session, subject: Subject) -> dict[str, int]:
    """How many rows of which table would go or be emptied. Changes nothing."""
    around = {name: found for name, found, _ in beside(session, subject)}
    return _sum(reach.counted(session, reach.going(subject)), reach.counted(session, around))


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
    """Write the receipt, and erase what fits into this transaction: all of it, but for who wrote a lot. After the
    commit `go_on` does the rest.

    What is under way is not begun anew: its receipt holds. `for_good`: nothing that the author writes from now on is
    taken in, and nobody writes to them. `again`: what an older backup has undone.
    """
    reason, digest = _checked(reason, subject), subject.hashed(secret)
    if not again and (begun := receipts.under_way(session, subject.kind, digest)) is not None:
        return _asked_again(session, begun, for_good=for_good, now=now)
    kept_away = keep_answers_away(session, subject, because=_BECAUSE, now=now)
    by_id = set(again.tombstones) if again else set()
    by_id |= {subject.key} if subject.kind is SubjectKind.POST and subject.key else set()
    stay_away = by_id | kept_away | _ids_of(session, subject)
    erasure = Erasure(
        receipt=again.receipt if again else f"E{now:%Y%m%d}-{secrets.token_hex(4)}",
        at=datetime.fromisoformat(again.at) if again else now,
        actor_id=actor.id if actor else None,
        kind=subject.kind,
        platform=subject.platform,
        subject_hash=digest,
        key_check=again.key if again else do_not_contact.key_check(secret),
        reason=reason,
        is_for_good=for_good,
        counts={},
        learned=[],
        tombstones=sorted(as_tombstone(external_id) for external_id in stay_away),
        backups=0,
        replayed_at=now if again else None,
        subject=subject.kept() | {"last": session.scalar(sa.select(sa.func.max(Post.id)))},
    )
    session.add(erasure)
    if subject.kind is SubjectKind.SOURCE:
        _close(session, erasure, subject)
    else:
        _erase_beside(session, erasure, subject)
        known = sorted(by_id)
        for start in range(0, len(known), _BATCH):
            _erase_posts(session, erasure, known[start : start + _BATCH], now=now)
    if for_good:
        do_not_contact.leave_unheard(session, digest, actor=actor, now=now)
    session.flush()
    if len(stay_away) <= _BATCH:
        step(session, erasure.id, now=now)
    return erasure


def step(session: Session, erasure_id: int, *, now: datetime) -> bool:
    """The next batch of an erasure, in this transaction; whether there may be another one after it."""
    # Locked: two who go on with the same one at once take turns.
    erasure = session.get_one(Erasure, erasure_id, with_for_update=True, populate_existing=True)
    subject = subjects.under_way(erasure)
    if subject is None:
        return False
    theirs, source = subject.posts, None
    if subject.kind is SubjectKind.SOURCE:
        # Locked: whoever stores a post of it just now is waited for, and the post is seen below.
        here = sa.select(Source).where(Source.platform == subject.platform, Source.community == subject.key)
        source = session.scalars(here.with_for_update()).first()
    else:  # what they write while it goes on is taken in like anybody's
        theirs &= Post.id <= ((erasure.subject or {})["last"] or 0)
    ids = session.scalars(sa.select(Post.external_id).where(theirs).limit(_BATCH)).all()
    if ids:
        _erase_posts(session, erasure, ids, now=now)
    more = len(ids) == _BATCH
    if source is not None and not more:
        more = _drop_letters(session, erasure, source) == _BATCH
    if not more:
        if source is not None:
            sources.forget(session, source)
        unnamed = sa.update(Reply).where(to_them(subject)).values(recipient=None)
        session.execute(unnamed, execution_options={"synchronize_session": False})
        _finish(session, erasure, now=now)
    session.flush()
    return more


def carry_on(sessions: Sessions, *, clock: Callable[[], datetime], sleep: Callable[[float], None] = time.sleep) -> int:
    """Bring all that is under way to its end, batch by batch; how many erasures that were."""
    with sessions() as session:
        under_way = sa.select(Erasure.id).where(Erasure.subject.is_not(None)).order_by(Erasure.id)
        open_ones = session.scalars(under_way).all()
    for erasure_id in open_ones:
        more = True
        while more:
            with sessions.begin() as session:
                more = step(session, erasure_id, now=clock())
            sleep(_PAUSE)
    return len(open_ones)


def go_on(
    sessions: Sessions,
    settings: Settings,
    *,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None] = time.sleep,
) -> list[Path]:
    """After the commit: the ledgers beside the database know of it, the rest of it is erased, files follow, and nothing
    is left in free pages.

    A sweep does the same, so whatever ends this in the middle, nothing stays undone. Ledgers that could not be written.
    """
    with sessions.begin() as session:
        failed = ledger.keep(session, settings)
    carry_on(sessions, clock=clock, sleep=sleep)
    with sessions.begin() as session:
        follow_erasures(session, settings)
    do_not_contact.forget_handles()
    scrub(sessions)
    vacuum(sessions)
    return failed


def _checked(reason: str, subject: Subject) -> str:
    said = clean(reason).strip()
    if len(said) > _MAX_REASON:
        raise InvalidInput(f"A reason has at most {_MAX_REASON} characters; this one has {len(said)}.")
    if subject.names and re.search(as_words(subject.names), said, re.IGNORECASE):
        raise InvalidInput("The reason names the person. The receipt outlives the erasure: say it without the name.")
    return said


def _asked_again(session: Session, begun: Erasure, *, for_good: bool, now: datetime) -> Erasure:
    if for_good and not begun.is_for_good:
        actor = session.get(User, begun.actor_id) if begun.actor_id else None
        do_not_contact.leave_unheard(session, begun.subject_hash, actor=actor, now=now)
        begun.is_for_good = True
    step(session, begun.id, now=now)
    return begun


def _ids_of(session: Session, subject: Subject) -> set[str]:
    """Of what is erased for itself; a source is read no more, so of its posts none has to be kept away one by one."""
    if subject.kind is SubjectKind.SOURCE:
        return set()
    return set(session.scalars(sa.select(Post.external_id).where(subject.posts)))


def _close(session: Session, erasure: Erasure, subject: Subject) -> None:
    here = sa.select(Source).where(Source.platform == subject.platform, Source.community == subject.key)
    source = session.scalars(here).first()
    if source is not None:
        _add_up(erasure, {"deliveries": sources.close(session, source)})


def _erase_beside(session: Session, erasure: Erasure, subject: Subject) -> None:
    around = beside(session, subject)
    _add_up(erasure, reach.counted(session, {name: found for name, found, _ in around}))
    for _, found, empty in around:
        empty(session, session.scalars(found).all())
    for lead in session.scalars(sa.select(Lead).where(reach.is_their_lead(subject))).all():
        people_links.part_all(session, lead)


def _erase_posts(session: Session, erasure: Erasure, external_ids: Sequence[str], *, now: datetime) -> None:
    these = (Post.platform == erasure.platform) & Post.external_id.in_(external_ids)
    letters = (DeadLetter.platform == erasure.platform) & DeadLetter.external_id.in_(external_ids)
    going = reach.going_with(these) | {"dead_letters": sa.select(DeadLetter.id).where(letters)}
    _add_up(erasure, reach.counted(session, going))
    erasure.learned = list(dict.fromkeys([*erasure.learned, *reach.learned_from(session, these)]))
    if erasure.kind is SubjectKind.SOURCE:
        let_go(session, these)
        session.execute(sa.delete(DeadLetter).where(letters))
    else:
        gone: dict[Key, str] = {(erasure.platform, external_id): _BECAUSE for external_id in external_ids}
        erase(session, gone, now=now)


def _drop_letters(session: Session, erasure: Erasure, source: Source) -> int:
    """What could not be taken in of a source, a batch of it; how many."""
    some = sa.select(DeadLetter.id).where(DeadLetter.origin == source.origin).limit(_BATCH)
    gone = len(session.scalars(sa.delete(DeadLetter).where(DeadLetter.id.in_(some)).returning(DeadLetter.id)).all())
    _add_up(erasure, {"dead_letters": gone})
    return gone


def _finish(session: Session, erasure: Erasure, *, now: datetime) -> None:
    stored_answers.forget(session)
    standing = backup_list.standing(session)
    erasure.backups, erasure.backups_until = len(standing), backup_list.last_end(standing)
    erasure.subject, erasure.finished_at = None, now
    actor = session.get(User, erasure.actor_id) if erasure.actor_id else None
    what = f"{erasure.kind.value} at {erasure.platform.display}, {erasure.counts.get('posts', 0)} posts"
    audit.record(session, actor, AuditAction.ERASED, f"erasure {erasure.receipt}", what, now=now)


def _add_up(erasure: Erasure, more: Mapping[str, int]) -> None:
    erasure.counts = _sum(erasure.counts, more)


def _sum(some: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    return dict(Counter(some) + Counter(more))
