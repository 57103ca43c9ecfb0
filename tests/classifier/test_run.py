"""Classifying what is in the database, with a judge that finds one word: what the model says is tested beside it."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from classifier.backlog import BATCH
from classifier.evidence import Evidence
from classifier.model import Verdict
from classifier.run import classify_pending, count_pending
from classifier.text import PostText
from overheard.db import Sessions
from overheard.listening.intake import Erased, take_in
from overheard.listening.posts import store_posts
from overheard.models import Lead, Post, Prediction
from overheard.vocabulary import Intent, Platform
from tests.factories import POSTED, make_campaign, new_post, store


class WordJudge:
    """Calls a post a lead when it says "need"."""

    version = "word-1"
    threshold = 0.5

    def __init__(self, while_working: Callable[[], None] = lambda: None) -> None:
        self.while_working = while_working

    def predict(self, posts: Sequence[PostText]) -> list[Verdict]:
        self.while_working()
        return [self._judge(post) for post in posts]

    def _judge(self, post: PostText) -> Verdict:
        start = post.body.find("need")
        if start < 0:
            return Verdict(0.1, False, Intent.DISCUSSION, {Intent.DISCUSSION: 0.9}, ())
        span = Evidence("body", start, start + 4, 0.8)
        return Verdict(0.9, True, Intent.PURCHASE, {Intent.PURCHASE: 0.9}, (span,))


def test_everything_pending_is_judged_and_the_leads_are_made(sessions: Sessions, now: datetime) -> None:
    with sessions.begin() as session:
        make_campaign(session, now=now)
        take_in(
            session,
            [new_post(author=f"a{n}", body="I need it" if n % 3 == 0 else "Hm.") for n in range(BATCH + 44)],
            origin="t",
            now=now,
        )
    seen: list[int] = []
    result = classify_pending(sessions, WordJudge(), clock=lambda: now, on_progress=seen.append)
    assert (result.posts, result.leads) == (300, 100)
    assert seen == [BATCH, 44]
    with sessions() as session:
        assert count_pending(session, "word-1") == 0
        prediction = session.scalars(sa.select(Prediction).where(Prediction.score > 0.5).limit(1)).one()
        assert (prediction.intent, prediction.evidence) == (Intent.PURCHASE, [["body", 2, 6, 0.8]])
    again = classify_pending(sessions, WordJudge(), clock=lambda: now)
    assert (again.posts, again.leads) == (0, 0)


def test_a_new_campaign_gets_its_leads_from_posts_judged_before(sessions: Sessions, now: datetime) -> None:
    with sessions.begin() as session:
        store(session, new_post(body="I need it"), now=now)
    classify_pending(sessions, WordJudge(), clock=lambda: now)
    with sessions.begin() as session:
        make_campaign(session, now=now)
    assert classify_pending(sessions, WordJudge(), clock=lambda: now).leads == 1


def test_a_post_that_changes_while_the_model_works_is_not_judged_by_its_old_text(
    sessions: Sessions, now: datetime
) -> None:
    with sessions.begin() as session:
        store(session, new_post(external_id="t3_e", body="I need it"), new_post(external_id="t3_g"), now=now)

    def meanwhile() -> None:
        edit = new_post(external_id="t3_e", body="Found it.", as_of=POSTED + timedelta(hours=1))
        with sessions.begin() as session:
            store_posts(session, [edit], now=now)
            take_in(session, [Erased(Platform.REDDIT, "t3_g")], origin="t", now=now)

    classify_pending(sessions, WordJudge(meanwhile), clock=lambda: now)
    with sessions() as session:
        assert session.scalars(sa.select(Prediction)).all() == []
        assert count_pending(session, "word-1") == 1
    classify_pending(sessions, WordJudge(), clock=lambda: now)
    with sessions() as session:
        assert session.scalars(sa.select(Prediction.score)).all() == [0.1]


def test_a_kill_between_two_batches_loses_and_doubles_nothing(sessions: Sessions, now: datetime) -> None:
    class Killed(BaseException):
        pass

    with sessions.begin() as session:
        make_campaign(session, now=now)
        take_in(session, [new_post(author=f"a{n}", body="I need it") for n in range(BATCH + 10)], origin="t", now=now)
    calls = iter([None, Killed()])

    def second_time() -> None:
        if (error := next(calls)) is not None:
            raise error

    try:
        classify_pending(sessions, WordJudge(second_time), clock=lambda: now)
    except Killed:
        pass
    else:
        raise AssertionError("the run should have been killed")
    assert classify_pending(sessions, WordJudge(), clock=lambda: now).posts == 10
    with sessions() as session:
        for table in (Post, Prediction, Lead):
            assert session.scalar(sa.select(sa.func.count()).select_from(table)) == BATCH + 10
