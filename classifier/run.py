"""Classify what has come in, and make leads of it: the step between storing a post and a person reading it."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.orm import Session

from classifier.backlog import BATCH, Backlog, Row, pending, text_hashes_now
from classifier.looking_back import LookingBack
from classifier.meaning import Candidate, Meaning, catch_up, forget_other_spaces, read_listeners, score_floor
from classifier.meaning import store as store_meaning
from classifier.model import Verdict
from classifier.own_heads import ManyHeaded, settle, store_own
from classifier.own_heads import catch_up as let_own_heads_catch_up
from classifier.text import PostText
from overheard.db import Sessions, alone, make_reading_sessions, upsert
from overheard.leads.candidates import waiting
from overheard.leads.qualify import QUALIFYING, qualify, qualify_held
from overheard.models import Post, Prediction, TakenPost, UnjudgedPost
from overheard.tracing import step

logger = logging.getLogger(__name__)


class Judge(Protocol):
    """What classifying needs of a model; `classifier.model.IntentModel` is one."""

    @property
    def version(self) -> str:
        """Which model said it."""
        ...

    @property
    def threshold(self) -> float:
        """The score from which a post is put before a person, where the campaign does not say."""
        ...

    def predict(self, posts: Sequence[PostText]) -> list[Verdict]:
        """One verdict a post, in order."""
        ...


@dataclass(frozen=True, slots=True)
class Classified:
    """What a run did."""

    posts: int
    leads: int
    not_judged: int
    """Of the posts, those in a language that the model cannot read."""
    is_done: bool = True
    """Whether nothing is left for this model: else the next run goes on."""


def classify_pending(
    sessions: Sessions,
    model: Judge,
    *,
    clock: Callable[[], datetime],
    meaning: Meaning | None = None,
    key: str | None = None,
    on_progress: Callable[[int], None] = lambda _: None,
    is_current: Callable[[Session], bool] = lambda _: True,
    again: int | None = None,
    looking_back: LookingBack | None = None,
    only_fresh: bool = False,
    is_shared: bool = False,
) -> Classified:
    """Judge every post that this model version has not judged yet, in the order of `classifier.backlog`, and qualify
    those that reach the threshold of a campaign they are relevant to.

    Each batch is one short transaction; nothing is held while the model works. Killed and run again, it goes on.
    `meaning` compares posts that may be leads with the campaigns' offers; without it queries alone find posts.
    `key` is that of the do-not-contact list: nobody on it becomes a lead. `on_progress` is called with the number of
    posts of each batch. `is_current` is asked before each batch: when another model has taken the place of this one,
    the run ends, and what it has not judged is the other one's. `again`: how many posts that another version judged
    are judged anew at most; default: all. `looking_back`: what this process remembers of its earlier runs; without it
    all that is stored is looked through. `only_fresh`: only what no version has judged, whatever else there is to do.
    `is_shared`: other workers judge too, so that each post is kept from them while it is judged here.
    """
    with sessions() as session:
        looks_back = not only_fresh and (looking_back is None or looking_back.is_due(session, model.version, clock()))
    leads = _look_back(sessions, model, meaning, clock=clock, key=key) if looks_back else 0
    posts = not_judged = 0
    backlog = Backlog(model.version, again=again, looks_back=looks_back, is_shared=is_shared)
    is_overtaken = False
    # Choosing reads far back where all is looked through: only who shares with others writes down what was chosen.
    choosing = sessions if is_shared else make_reading_sessions(sessions.kw["bind"])
    while True:
        with choosing.begin() as session:
            is_overtaken = not is_current(session)
            batch = [] if is_overtaken else backlog.next_batch(session, clock())
            listeners = read_listeners(session, model.threshold)
        if not batch:
            break
        with step("judge", posts=len(batch)):
            verdicts = model.predict([PostText.of(row.title, row.body) for row in batch])
        flagged = _flagged(batch, verdicts, floor=score_floor(listeners, model.threshold))
        measured = meaning.measure(flagged, listeners) if meaning else []
        with step("qualify", posts=len(batch)) as tell, sessions.begin() as session:
            now = clock()
            alone(session, QUALIFYING)  # before any row is locked: two who wait for each other would be told to go
            backlog.leave(_store(session, model.version, batch, verdicts, now=now))
            store_meaning(session, measured, now=now)
            new = qualify(
                session,
                model_version=model.version,
                threshold=model.threshold,
                now=now,
                among=[post.id for post in batch],
                key=key,
                more_to_come=True,
            )
            tell("leads", new)
        leads += new
        posts += len(batch)
        not_judged += sum(not verdict.is_judged for verdict in verdicts)
        on_progress(len(batch))
    has_caught_up = True
    if looks_back and not is_overtaken and isinstance(model, ManyHeaded):
        more, has_caught_up = let_own_heads_catch_up(
            sessions, model, clock=clock, key=key, is_current=is_current, at_most=again
        )
        leads += more
    is_done = has_caught_up and not (is_overtaken or backlog.is_cut)
    if (posts or looks_back) and not is_overtaken:  # now that all is judged
        with sessions.begin() as session:
            leads += qualify_held(session, model_version=model.version, threshold=model.threshold, now=clock(), key=key)
    if looking_back and looks_back and is_done:
        looking_back.done()
    logger.log(
        logging.INFO if posts or leads else logging.DEBUG,  # a listener comes here every few seconds
        "Classified %d posts (%d not judged, in other languages), %d new leads",
        posts,
        not_judged,
        leads,
        extra={"action": "classified", "posts": posts, "not_judged": not_judged, "leads": leads},
    )
    return Classified(posts, leads, not_judged, is_done=is_done)


def _look_back(
    sessions: Sessions, model: Judge, meaning: Meaning | None, *, clock: Callable[[], datetime], key: str | None
) -> int:
    """A new query, threshold or offer may have made leads of posts judged earlier; how many."""
    if meaning:
        with sessions.begin() as session:
            forget_other_spaces(session, meaning.space)
    version, threshold = model.version, model.threshold
    with make_reading_sessions(sessions.kw["bind"])() as session:  # nobody who writes waits for it
        found = waiting(session, model_version=version, threshold=threshold, now=clock())
    leads = 0
    settle(sessions, version, threshold)
    for start in range(0, len(found), BATCH):
        among = found[start : start + BATCH]
        with sessions.begin() as session:
            leads += qualify(
                session,
                model_version=version,
                threshold=threshold,
                now=clock(),
                among=among,
                key=key,
                more_to_come=True,
            )
    if meaning:
        leads += catch_up(sessions, meaning, model_version=version, threshold=threshold, clock=clock, key=key)
    return leads


def count_pending(session: Session, model_version: str) -> int:
    """How many posts this model version has not judged yet."""
    return session.scalar(sa.select(sa.func.count()).select_from(Post).where(pending(model_version))) or 0


def _flagged(batch: Sequence[Row], verdicts: Sequence[Verdict], *, floor: float) -> list[Candidate]:
    return [
        Candidate(row.id, row.source_id, row.text_hash, PostText.of(row.title, row.body), verdict.score)
        for row, verdict in zip(batch, verdicts, strict=True)
        if verdict.is_judged and max([verdict.score, *verdict.own.values()]) >= floor
    ]


def _store(
    session: Session,
    model_version: str,
    batch: Sequence[Row],
    verdicts: Sequence[Verdict],
    *,
    now: datetime,
) -> set[int]:
    """Keep what was said; the posts of which it was not kept."""
    current = text_hashes_now(session, [row.id for row in batch])
    left = {post.id for post in batch if current.get(post.id) != post.text_hash}
    rows = [
        {
            "post_id": post.id,
            "model_version": model_version,
            "score": verdict.score,
            "intent": verdict.intent,
            "probabilities": {intent.value: round(p, 4) for intent, p in verdict.probabilities.items()},
            "evidence": [[span.field, span.start, span.end, round(span.weight, 4)] for span in verdict.evidence],
            "language": verdict.language,
            "is_judged": verdict.is_judged,
            "explanation": verdict.explanation.stored() if verdict.explanation else None,
            "at": now,
        }
        for post, verdict in zip(batch, verdicts, strict=True)
        if post.id not in left
    ]
    session.execute(sa.delete(TakenPost).where(TakenPost.post_id.in_([post.id for post in batch])))
    if rows:
        session.execute(upsert(session, Prediction).on_conflict_do_nothing(), rows)
        own = {post.id: verdict.own for post, verdict in zip(batch, verdicts, strict=True) if post.id not in left}
        store_own(session, own)
        done = [row["post_id"] for row in rows]
        session.execute(sa.delete(UnjudgedPost).where(UnjudgedPost.post_id.in_(done)))
    return left
