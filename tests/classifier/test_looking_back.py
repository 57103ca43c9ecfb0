"""A run looks through what is stored when people have changed something, and else only at what came in."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from classifier.looking_back import AT_LEAST_EVERY, LookingBack
from classifier.run import Classified, classify_pending
from overheard.db import Sessions
from overheard.keywords.queries import save_query
from overheard.listening.intake import Erased, take_in
from overheard.marketing import campaigns, exclusions
from overheard.marketing.exclusions import Place
from overheard.models import Exclusion, Match, Post, Prediction, Query, UnjudgedPost, User
from overheard.vocabulary import ExclusionKind, Platform
from tests.classifier.test_run import WordJudge
from tests.factories import POSTED, make_campaign, make_cast, new_post, store


@pytest.fixture
def run(sessions: Sessions) -> Callable[[datetime], Classified]:
    """One process that classifies at the times given."""
    remembered = LookingBack()
    return lambda now: classify_pending(sessions, WordJudge(), clock=lambda: now, looking_back=remembered)


def _lower_the_threshold(session: Session, now: datetime) -> None:  # noqa: ARG001 - as the others
    campaigns.set_threshold(session, 1, 0.5)


def _save_a_query(session: Session, now: datetime) -> None:
    save_query(session, 1, name="needs", expression="need", now=now)


def _lift_an_exclusion(session: Session, now: datetime) -> None:
    exclusions.lift(
        session,
        session.scalars(sa.select(Exclusion.id)).one(),
        actor=session.scalars(sa.select(User).limit(1)).one(),
        now=now,
    )


@pytest.mark.parametrize(
    ("queries", "threshold", "is_excluded", "change"),
    [
        ({"everything": "*"}, 0.95, False, _lower_the_threshold),
        ({"tents": "tent"}, 0.5, False, _save_a_query),
        ({"everything": "*"}, 0.5, True, _lift_an_exclusion),
    ],
)
def test_what_a_person_changes_makes_leads_of_posts_judged_before(
    sessions: Sessions,
    now: datetime,
    run: Callable[[datetime], Classified],
    queries: dict[str, str],
    threshold: float,
    is_excluded: bool,
    change: Callable[[Session, datetime], None],
) -> None:
    with sessions.begin() as session:
        make_cast(session, now=now)
        campaign = make_campaign(session, now=now, queries=queries, threshold=threshold)
        if is_excluded:
            place = Place(Platform.REDDIT, ExclusionKind.AUTHOR, "baker1")
            exclusions.exclude(
                session, campaign.id, place, actor=session.scalars(sa.select(User).limit(1)).one(), now=now
            )
        store(session, new_post(author="baker1", body="I need it"), now=now)
    assert run(now).leads == 0
    with sessions.begin() as session:
        change(session, now)
    assert run(now + timedelta(seconds=10)).leads == 1


def test_what_nobody_foresaw_is_found_after_ten_minutes_and_not_looked_for_in_each_run(
    sessions: Sessions, now: datetime, run: Callable[[datetime], Classified]
) -> None:
    with sessions.begin() as session:
        make_campaign(session, now=now, queries={"tents": "tent"})
        store(session, new_post(body="I need it"), now=now)
    run(now)
    with sessions.begin() as session:  # past all that we know of
        post_id, query_id = session.scalars(sa.select(Post.id)).one(), session.scalars(sa.select(Query.id)).one()
        session.add(Match(post_id=post_id, query_id=query_id, spans=[["body", 0, 1]]))
    assert run(now + timedelta(seconds=10)).leads == 0
    assert run(now + AT_LEAST_EVERY).leads == 1


def test_a_clock_that_was_set_back_keeps_nobody_from_looking(
    sessions: Sessions, now: datetime, run: Callable[[datetime], Classified]
) -> None:
    with sessions.begin() as session:
        make_campaign(session, now=now, queries={"tents": "tent"})
        store(session, new_post(body="I need it"), now=now)
    run(now)
    with sessions.begin() as session:
        session.add(Match(post_id=1, query_id=1, spans=[["body", 0, 1]]))
    assert run(now - timedelta(minutes=1)).leads == 1


def test_a_post_waits_for_a_verdict_from_when_it_comes_in_and_after_each_edit(
    sessions: Sessions, now: datetime, run: Callable[[datetime], Classified]
) -> None:
    def waiting() -> int:
        with sessions() as session:
            return session.scalar(sa.select(sa.func.count()).select_from(UnjudgedPost)) or 0

    with sessions.begin() as session:
        store(session, new_post(external_id="t3_e"), new_post(external_id="t3_g"), now=now)
    assert waiting() == 2
    run(now)
    assert waiting() == 0
    with sessions.begin() as session:
        edit = new_post(external_id="t3_e", body="I need it.", as_of=POSTED + timedelta(hours=1))
        take_in(session, [edit, Erased(Platform.REDDIT, "t3_g")], origin="t", now=now)
    assert waiting() == 1
    assert run(now + timedelta(seconds=10)).posts == 1
    with sessions() as session:
        assert session.scalars(sa.select(Prediction.score)).all() == [0.9]
    assert waiting() == 0
