"""Posts are erased while others are judged, or erased too: no lead is left of which nothing is left."""

import threading
import time
from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.db import Sessions
from overheard.leads.qualify import qualify
from overheard.listening.erasure import erase
from overheard.models import Lead, Post, Signal
from overheard.vocabulary import Platform
from tests.factories import MODEL, make_campaign, new_post, predict, store


def _beside(sessions: Sessions, first: Callable[[Session], None], second: Callable[[Session], None]) -> None:
    """The second begins when the first has done its part and not yet committed."""
    begun = threading.Event()

    def go() -> None:
        begun.set()
        with sessions.begin() as session:
            second(session)

    thread = threading.Thread(target=go)
    with sessions.begin() as session:
        first(session)
        session.flush()
        thread.start()
        begun.wait()
        time.sleep(0.3)  # nobody tells when a statement has begun to wait for a lock
    thread.join(20)
    assert not thread.is_alive()


def _erase(external_id: str, now: datetime) -> Callable[[Session], None]:
    return lambda session: erase(session, {(Platform.REDDIT, external_id): "deleted"}, now=now)


def _qualify(now: datetime) -> Callable[[Session], None]:
    def act(session: Session) -> None:
        qualify(session, model_version=MODEL, threshold=0.5, now=now)

    return act


def _left(sessions: Sessions) -> tuple[int, ...]:
    with sessions() as session:
        return tuple(
            session.scalar(sa.select(sa.func.count()).select_from(table)) or 0 for table in (Lead, Signal, Post)
        )


def test_of_two_who_erase_the_two_posts_of_a_lead_at_once_one_takes_the_lead_along(
    sessions: Sessions, now: datetime
) -> None:
    with sessions.begin() as session:
        make_campaign(session, now=now)
        posts = [new_post(external_id=f"t3_{name}", author="baker1") for name in "ab"]
        for post in store(session, *posts, now=now):
            predict(session, post, now=now)
        _qualify(now)(session)
    assert _left(sessions) == (1, 2, 2)
    _beside(sessions, _erase("t3_a", now), _erase("t3_b", now))
    assert _left(sessions) == (0, 0, 0)


def test_a_post_that_is_erased_while_it_makes_a_lead_takes_the_lead_along(sessions: Sessions, now: datetime) -> None:
    with sessions.begin() as session:
        make_campaign(session, now=now)
        (post,) = store(session, new_post(external_id="t3_a", author="baker1"), now=now)
        predict(session, post, now=now)
    _beside(sessions, _qualify(now), _erase("t3_a", now))
    assert _left(sessions) == (0, 0, 0)
