"""What `overheard doctor` looks at besides: whether the work is done, as the tables tell of it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.days import told
from overheard.listening import judging_queue
from overheard.listening.source_health import Concern
from overheard.listening.terms import Terms, retention
from overheard.models import CrmLink, OutboundDelivery, Post, Reply, ReplyStop, Signal, Source, UnjudgedPost
from overheard.notifications.outbound_vocabulary import OutboundState
from overheard.operations import jobs
from overheard.operations.findings import Check, Finding, Installation, broken, look, ok
from overheard.vocabulary import ReplyState, SendingWay

_JUDGED_LATE, _NOT_JUDGED = timedelta(minutes=15), timedelta(hours=6)
_SENT_LATE = timedelta(hours=1)
_KEPT_TOO_LONG = timedelta(hours=6)
"""A sweep is made every quarter of an hour, and may take a while."""
_WAITS_TOO_LONG = timedelta(minutes=2)
_NAMED = 3


def judging(installation: Installation) -> Iterator[Finding]:
    """How long posts wait for the model, and whether sources are held up by that."""
    limit = installation.settings.backlog_limit
    with installation.reading() as session:
        oldest = session.scalar(
            sa.select(Post.collected_at).join(UnjudgedPost, UnjudgedPost.post_id == Post.id).order_by(Post.id).limit(1)
        )
        is_full = judging_queue.is_full(session, limit)
    waits = installation.now - oldest if oldest else timedelta(0)
    do = "Is `overheard run` or a worker with `classify` alive? Its log says `classified`. Too slow: one more worker."
    if waits > _NOT_JUDGED:
        yield broken("judging", f"A post has waited for the model for {_hours(waits)}.", do)
    elif waits > _JUDGED_LATE:
        yield look("judging", f"A post has waited for the model for {_hours(waits)}.", do)
    else:
        yield ok("judging", "no post waits" if oldest is None else "what came in is judged")
    if is_full:
        yield look(
            "back-pressure",
            f"More than {limit:,} posts wait (`OVERHEARD_BACKLOG_LIMIT`), so no source is read further.",
            "It goes on by itself as they are judged. Often: fewer sources, or one more worker.",
        )


def sources(installation: Installation) -> Iterator[Finding]:
    """Sources that failed, lag, or wait for somebody."""
    live = [one for one in installation.health if one.concern not in (Concern.NOT_LIVE, Concern.PAUSED)]
    if not live:
        yield look("sources", "No source is read.", "Add one: `overheard sources add`, or the page /sources.")
        return
    by_concern: dict[Concern, list[str]] = {}
    for one in live:
        by_concern.setdefault(one.concern, []).append(f"{one.source.community} ({one.source.platform.display})")
    if names := by_concern.get(Concern.NEEDS_OPERATOR):
        yield broken(
            "sources", f"Waiting for somebody: {_some(names)}.", "The page /sources says what the platform refused."
        )
    if names := by_concern.get(Concern.LATE):
        tell = broken if len(names) == len(live) else look
        yield tell(
            "sources",
            f"Due for more than a quarter of an hour: {_some(names)}.",
            "Is `overheard run`, `overheard listen` or a worker with `collect` alive?",
        )
    if names := by_concern.get(Concern.FAILING):
        yield look(
            "sources",
            f"The last pass failed: {_some(names)}.",
            "It is tried again. Why: /sources, or `overheard doctor --online`.",
        )
    if names := by_concern.get(Concern.DEAD_LETTERS):
        yield look(
            "sources",
            f"More than one item in a hundred unreadable: {_some(names)}.",
            "Look: `overheard dead-letters list`, or /admin",
        )
    if names := by_concern.get(Concern.GAPS):
        yield look("sources", f"With ranges that were missed: {_some(names)}.", "/sources tells which, and why.")
    if {one.concern for one in live} == {Concern.NONE}:
        yield ok("sources", f"{len(live)} are read")


def workers(installation: Installation) -> Iterator[Finding]:
    """Whether somebody does the jobs of each queue."""
    with installation.reading() as session:
        if not jobs.has_jobs(session):
            yield ok("workers", "SQLite: one process does it all (overheard run)")
            return
        alive, waiting = jobs.workers_alive(session), jobs.longest_waiting(session)
    if not alive:
        yield broken(
            "workers", "No worker has given a sign of life.", "Start one: `overheard worker`, or `overheard run`."
        )
    late = sorted(queue for queue, since in waiting.items() if installation.now - since > _WAITS_TOO_LONG)
    if late:
        since = told(min(waiting[queue] for queue in late))
        yield broken(
            "workers",
            f"Nobody takes the jobs of {', '.join(late)}: one has waited since {since}.",
            f"Start one that serves them: `overheard worker --queues {','.join(late)}`",
        )
    if alive and not late:
        yield ok("workers", f"{alive} alive, and none of the queues waits")


def given_up(installation: Installation) -> Iterator[Finding]:
    """Jobs that failed, or whose worker died."""
    with installation.reading() as session:
        if not jobs.has_jobs(session):
            return
        failed = [task for task, states in jobs.counts(session).items() if states.get(jobs.FAILED)]
        stalled = jobs.stalled(session)
    if failed:
        yield look("jobs", f"Given up: {_some(failed)}.", "The worker's log says why. Try again or drop: /admin")
    if stalled:
        yield look(
            "jobs",
            f"{stalled} of dead workers stand in `doing`.",
            "A worker with `upkeep` takes them back within seconds: is one alive?",
        )
    if not failed and not stalled:
        yield ok("jobs", "none was given up, none is stalled")


def replies(installation: Installation) -> Iterator[Finding]:
    """Replies whose fate is not known, or that do not go out."""
    with installation.reading() as session:
        unclear = _count(session, sa.select(Reply.id).where(Reply.state == ReplyState.AMBIGUOUS))
        waits = sa.select(Reply.id).where(
            Reply.state == ReplyState.APPROVED,
            Reply.way == SendingWay.DIRECT,
            Reply.approved_at < installation.now - _SENT_LATE,
        )
        late, stops = (
            _count(session, waits),
            _count(session, sa.select(ReplyStop.id).where(ReplyStop.lifted_at.is_(None))),
        )
    if unclear:
        yield look(
            "replies",
            f"Of {unclear} it is not known whether they arrived.",
            "Look at the thread there, and say which it is on /replies. Never send again before.",
        )
    if stops or installation.settings.replies.stopped:
        yield look(
            "replies", "Stopped: none goes out.", "When all is looked through: `overheard replies go`, or /replies."
        )
    elif late:
        yield look(
            "replies",
            f"{late} were approved more than an hour ago and have not gone out.",
            "Guardrails may hold them (/replies says so). Else: is `overheard run` or a worker with `send` alive?",
        )
    if not unclear and not late and not stops and not installation.settings.replies.stopped:
        yield ok("replies", "none is unclear, none is late")


def deliveries(installation: Installation) -> Iterator[Finding]:
    """Alerts, webhooks and pushes to CRMs that were given up, or do not go out."""
    late = installation.now - _SENT_LATE
    is_told = OutboundDelivery.state == OutboundState.FAILED
    with installation.reading() as session:
        failed = _count(session, sa.select(OutboundDelivery.id).where(is_told))
        pending = OutboundDelivery.state == OutboundState.PENDING
        waiting = _count(session, sa.select(OutboundDelivery.id).where(pending, OutboundDelivery.next_at < late))
        pushes = _count(session, sa.select(CrmLink.id).where(CrmLink.state == OutboundState.FAILED))
    if failed:
        yield look(
            "deliveries", f"{failed} alerts or webhooks were given up.", "Mend the receiver, replay: /alerts/deliveries"
        )
    if pushes:
        yield look(
            "deliveries", f"{pushes} pushes to a CRM were given up.", "Its answer stands on /crm. Mend it, try again."
        )
    if waiting:
        yield look(
            "deliveries", f"{waiting} have been due for an hour.", "Is `overheard run` or a worker with `send` alive?"
        )
    if not failed and not pushes and not waiting:
        yield ok("deliveries", "none was given up, none is late")


def sweeping(installation: Installation) -> Iterator[Finding]:
    """Whether what may be kept no longer is gone."""
    overdue = []
    with installation.reading() as session:
        for source in session.scalars(sa.select(Source).where(Source.terms.is_not(None))):
            kept_for = retention(source)
            oldest = _oldest(session, source) if kept_for and Terms.of(source) else None
            if kept_for and oldest and installation.now - oldest > kept_for + _KEPT_TOO_LONG:
                overdue.append(f"{source.community} ({source.platform.display})")
    if overdue:
        yield broken(
            "sweeping",
            f"Posts are kept longer than they may be: {_some(overdue)}.",
            "Erase them now: `overheard sweep`. By itself: `overheard run`, or a worker with `upkeep`.",
        )
    else:
        yield ok("sweeping", "nothing is kept longer than it may be")


def _oldest(session: Session, source: Source) -> datetime | None:
    """When the oldest post came in that is no lead's; ids rise with time."""
    is_a_leads = sa.exists().where(Signal.post_id == Post.id)
    here = sa.select(Post.collected_at).where(Post.source_id == source.id, ~is_a_leads)
    return session.scalar(here.order_by(Post.id).limit(1))


def _count(session: Session, chosen: sa.Select[int]) -> int:
    return session.scalar(sa.select(sa.func.count()).select_from(chosen.subquery())) or 0


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _hours(time: timedelta) -> str:
    minutes = time / timedelta(minutes=1)
    return f"{minutes:.0f} minutes" if minutes < 120 else f"{minutes / 60:.0f} hours"  # noqa: PLR2004 - two hours


OF_THE_WORK: Mapping[str, Check] = {
    "judging": judging,
    "sources": sources,
    "workers": workers,
    "jobs": given_up,
    "replies": replies,
    "deliveries": deliveries,
    "sweeping": sweeping,
}
