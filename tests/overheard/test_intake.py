from datetime import datetime, timedelta
from itertools import permutations
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.db import make_engine, make_sessions
from overheard.leads import funnel
from overheard.leads.qualify import qualify
from overheard.listening.intake import MAX_RAW, Erased, Intake, Item, Rejected, take_in
from overheard.models import (
    Campaign,
    DeadLetter,
    Embedding,
    Label,
    Lead,
    LeadEvent,
    Match,
    Post,
    PostRelevance,
    Prediction,
    Signal,
    Tombstone,
)
from overheard.vocabulary import Platform
from tests.factories import POSTED, Cast, make_lead, measure, new_post, place, predict, store

GONE = Erased(Platform.REDDIT, "t3_gone")


def test_a_batch_is_stored_erased_and_set_aside_in_one_go(session: Session, now: datetime) -> None:
    batch: list[Item] = [new_post(), new_post(), GONE, Rejected("line 4", "not JSON", b"{")]
    assert take_in(session, batch, origin="file", now=now) == Intake(new=2, erased=1, rejected=1)
    assert take_in(session, batch, origin="file", now=now) == Intake(unchanged=2, erased=1, rejected=1)
    assert session.scalar(sa.select(sa.func.count()).select_from(DeadLetter)) == 1


def test_counts_of_batches_add_up() -> None:
    total = Intake(new=1, rejected=2)
    total.add(Intake(new=2, edited=3))
    assert total == Intake(new=3, edited=3, rejected=2)


def test_a_rejected_item_is_kept_with_its_reason_and_a_bounded_size(session: Session, now: datetime) -> None:
    take_in(session, [Rejected("line 7", "too long", b"x" * 100_000)], origin="file", now=now)
    letter = session.scalars(sa.select(DeadLetter)).one()
    assert (letter.origin, letter.locator, letter.reason, len(letter.raw)) == ("file", "line 7", "too long", MAX_RAW)


def test_an_erasure_takes_everything_that_was_derived(session: Session, cast: Cast, now: datetime) -> None:
    lead = make_lead(session, now=now, post=new_post(external_id="t3_gone"))
    post = session.scalars(sa.select(Post)).one()
    place(session, post, 0.6, 0.8)
    measure(session, post, session.scalars(sa.select(Campaign)).one(), 0.62, now=now, sentence=["body", 0, 20])
    funnel.promote(session, lead.id, actor=cast.sam, now=now)
    take_in(session, [Rejected("line 1", "odd", b"secret", Platform.REDDIT, "t3_gone")], origin="f", now=now)
    take_in(session, [GONE], origin="reddit", now=now)
    for table in (Post, Match, Prediction, Embedding, PostRelevance, Signal, Lead, LeadEvent, Label, DeadLetter):
        assert session.scalar(sa.select(sa.func.count()).select_from(table)) == 0, table
    tombstone = session.scalars(sa.select(Tombstone)).one()
    assert (tombstone.platform, tombstone.external_id, tombstone.reason) == (
        Platform.REDDIT,
        "t3_gone",
        "deleted at the source",
    )


def test_an_edit_takes_what_was_said_of_the_former_text(session: Session, now: datetime) -> None:
    make_lead(session, now=now, post=new_post(external_id="t3_edited"))
    post = session.scalars(sa.select(Post)).one()
    place(session, post, 0.6, 0.8)
    measure(session, post, session.scalars(sa.select(Campaign)).one(), 0.62, now=now, sentence=["body", 0, 20])
    take_in(session, [new_post(external_id="t3_edited", body="Found it.", as_of=now)], origin="reddit", now=now)
    for table in (Prediction, Embedding, PostRelevance):
        assert session.scalar(sa.select(sa.func.count()).select_from(table)) == 0, table


def test_what_was_erased_stays_away(session: Session, now: datetime) -> None:
    take_in(session, [GONE], origin="reddit", now=now)
    late = new_post(external_id="t3_gone", as_of=now + timedelta(days=1))
    assert take_in(session, [late], origin="file", now=now) == Intake(refused=1)


def test_a_lead_with_another_signal_survives_an_erasure_with_what_is_left(session: Session, now: datetime) -> None:
    lead = make_lead(session, now=now, post=new_post(external_id="t3_gone", author="two_posts"), score=0.95)
    other = store(session, new_post(author="two_posts"), now=now)[0]
    predict(session, other, now=now, score=0.7)
    qualify(session, model_version="tiny-1", threshold=0.5, now=now)
    take_in(session, [GONE], origin="reddit", now=now)
    session.refresh(lead)
    assert (lead.top_post_id, lead.score) == (other.id, 0.7)


def test_create_edits_and_deletion_end_the_same_in_every_order(session: Session, now: datetime) -> None:
    for number, order in enumerate(permutations(range(4))):
        key = f"t3_{number}"
        events: list[Item] = [
            new_post(external_id=key, body="first"),
            new_post(external_id=key, body="second", as_of=POSTED + timedelta(minutes=1)),
            new_post(external_id=key, body="third", as_of=POSTED + timedelta(minutes=2)),
            Erased(Platform.REDDIT, key),
        ]
        for index in order:
            take_in(session, [events[index]], origin="test", now=now)
    assert session.scalars(sa.select(Post)).all() == []
    assert len(session.scalars(sa.select(Tombstone)).all()) == 24


def test_edits_end_the_same_in_every_order(session: Session, now: datetime) -> None:
    bodies = ["first", "second", "third"]
    for number, order in enumerate(permutations(range(3))):
        for index in order:
            as_of = POSTED + timedelta(minutes=index)
            edit = new_post(external_id=f"t3_{number}", body=bodies[index], as_of=as_of)
            take_in(session, [edit], origin="test", now=now)
    assert session.scalars(sa.select(Post.body)).all() == ["third"] * 6


def test_an_erased_text_is_nowhere_in_the_database_files(sqlite_template: Path, tmp_path: Path, now: datetime) -> None:
    # SQLite only: PostgreSQL frees the space by VACUUM, in its own time.
    path = tmp_path / "overheard.db"
    path.write_bytes(sqlite_template.read_bytes())
    engine = make_engine(f"sqlite:///{path}")
    sessions = make_sessions(engine)
    canary = "canary-zebra-quartz"
    with sessions.begin() as session:
        make_lead(session, now=now, post=new_post(external_id="t3_gone", body=canary, author=canary))
    with sessions.begin() as session:
        take_in(session, [GONE], origin="reddit", now=now)
    engine.dispose()  # the last connection to leave folds the write-ahead log into the file
    for file in tmp_path.glob("overheard.db*"):
        assert canary.encode() not in file.read_bytes(), file
