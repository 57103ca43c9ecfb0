"""What somebody asked to have erased is gone, as the dry run said, and the receipt names nobody."""

from collections import Counter
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from pydantic import SecretStr
from sqlalchemy.orm import Session

from overheard.db import make_engine, make_sessions, migration_config, upgrade
from overheard.errors import InvalidInput, NotFound
from overheard.leads import do_not_contact, lead_notes, people_links
from overheard.listening import erasure
from overheard.listening.intake import Intake, take_in
from overheard.listening.posts import NewPost, erased_among
from overheard.modelling.vocabulary import ModelState
from overheard.models import (
    Answer,
    Base,
    Dataset,
    DatasetExample,
    DeadLetter,
    Erasure,
    Exclusion,
    Lead,
    ModelVersion,
    Reply,
    Source,
    Tombstone,
)
from overheard.privacy import erasing, reach, subjects
from overheard.replying import answers
from overheard.replying.answers import NewAnswer
from overheard.settings import Settings
from overheard.users import audit
from overheard.users.audit import Wanted
from overheard.vocabulary import AuditAction, ExclusionKind, Platform
from tests.factories import Cast, make_lead, new_post, store
from tests.overheard.reply_rows import ANSWER, drafted, sent

SECRET = "a key of the tests"
ROSA = "reddit:rosa_rye"


def erased(session: Session, now: datetime, text: str = ROSA, *, for_good: bool = False, reason: str = "") -> Erasure:
    subject = subjects.author(session, text)
    return erasing.erase_subject(session, subject, secret=SECRET, reason=reason, actor=None, for_good=for_good, now=now)


def rows(session: Session) -> Counter[str]:
    session.flush()
    counts = {
        table.name: session.scalar(sa.select(sa.func.count()).select_from(table)) or 0
        for table in Base.metadata.sorted_tables
    }
    return Counter(counts)


def test_a_dry_run_says_of_every_table_what_then_goes(session: Session, cast: Cast, now: datetime) -> None:
    lead = make_lead(session, now=now, post=new_post(author="rosa_rye"))
    there = new_post(author="@rosa@example.social", platform=Platform.MASTODON, community="bakers")
    other = make_lead(session, now=now, post=there)
    people_links.merge(session, lead.id, other.id, actor=cast.sam, now=now)
    drafted(session, cast.sam, now=now, author="rosa_rye")
    unknown = make_lead(session, now=now, post=new_post(author=None))
    lead_notes.add_tag(session, other.id, "bakery", actor=cast.sam, now=now)
    session.add(
        DeadLetter(origin="r/bakers", locator="1", reason="?", raw=b'{"by":"Rosa_Rye"}', raw_sha256="1", at=now)
    )
    excluded = {"platform": Platform.REDDIT, "kind": ExclusionKind.AUTHOR, "name": "rosa_rye"}
    session.add(Exclusion(campaign_id=unknown.campaign_id, at=now, **excluded))
    before = rows(session)
    said = erasing.preview(session, subjects.author(session, ROSA))
    receipt = erased(session, now)
    gone = before - rows(session)
    assert said == receipt.counts == dict(gone)
    assert {"posts", "leads", "replies", "exclusions", "dead_letters", "predictions", "signals"} <= set(said)
    assert session.scalars(sa.select(Lead.id).order_by(Lead.id)).all() == [other.id, unknown.id]


def test_who_was_merged_into_an_erased_lead_stands_for_themselves_again(
    session: Session, cast: Cast, now: datetime
) -> None:
    lead = make_lead(session, now=now, post=new_post(author="rosa_rye"))
    other = make_lead(session, now=now, post=new_post(author="mia", platform=Platform.MASTODON, community="bakers"))
    people_links.merge(session, other.id, lead.id, actor=cast.sam, now=now)
    before = rows(session)
    said = erasing.preview(session, subjects.author(session, ROSA))
    assert erased(session, now).counts == said == dict(before - rows(session))
    session.expire_all()
    left = session.scalars(sa.select(Lead)).one()
    assert (left.author, left.merged_into_id, left.top_post_id is None) == ("mia", None, False)


def test_the_receipt_and_the_audit_log_name_nobody_and_say_how_much(session: Session, now: datetime) -> None:
    make_lead(session, now=now, post=new_post(author="rosa_rye", body="A rye oven, please."))
    with pytest.raises(InvalidInput, match="without the name"):
        erased(session, now, reason="Rosa_Rye wrote to us")
    receipt = erased(session, now, reason="A letter of 3 May.")
    entry = audit.entries(session, Wanted())[0]
    kept = [receipt.receipt, receipt.reason, receipt.subject_hash, str(receipt.counts), entry.subject, entry.detail]
    assert "rosa" not in " ".join(kept).lower()
    assert (entry.action, entry.detail) == (AuditAction.ERASED, "author at Reddit, 1 posts")
    assert receipt.subject_hash == do_not_contact.hash_of(SECRET, Platform.REDDIT, "rosa_rye")
    assert receipt.receipt.startswith("E20261120-")


def test_what_they_wrote_next_comes_in_again_unless_it_was_for_good(session: Session, now: datetime) -> None:
    settings = Settings(secret_key=SecretStr(SECRET))

    def brought(post: NewPost) -> Intake:
        return take_in(session, [post], origin="test", now=now, settings=settings)

    first = new_post(author="rosa_rye")
    brought(first)
    erased(session, now)
    assert brought(first).refused == 1, "what was erased stays away"
    assert brought(new_post(author="rosa_rye")).new == 1
    erased(session, now, for_good=True)
    assert brought(new_post(author="Rosa_Rye")).refused == 1
    assert brought(new_post(author="rosa_barley")).new == 1
    assert do_not_contact.is_listed(session, SECRET, Platform.REDDIT, "rosa_rye")


def test_what_was_sent_to_them_stays_and_says_their_name_no_more(session: Session, cast: Cast, now: datetime) -> None:
    reply = sent(session, cast.sam, now=now, text=f"Hello rosa_rye. {ANSWER}", author="rosa_rye")
    bystander = Answer(
        reply_id=reply.id, platform=Platform.REDDIT, external_id="t1_by", author="bystander", is_recipient=False,
        text="I know a sheet too.", collected_at=now,
    )  # fmt: skip
    session.add(bystander)
    session.flush()
    receipt = erased(session, now)
    session.expire_all()
    left = session.get_one(Reply, reply.id)
    assert (left.text, left.recipient) == (f"Hello …. {ANSWER}", None)
    assert receipt.counts["replies_emptied"] == 1
    heard = [NewAnswer("t1_more", "rosa_rye", "Thanks!"), NewAnswer("t1_by", "bystander", "I know a sheet too.")]
    assert answers.hear(session, left, heard, now=now) == 0
    assert session.scalars(sa.select(Answer.text)).all() == [""]


def test_what_they_said_below_our_replies_to_others_goes_and_stays_away(
    session: Session, cast: Cast, now: datetime
) -> None:
    reply = sent(session, cast.sam, now=now)
    said = NewAnswer("t1_said", "rosa_rye", "A sheet? Try rye.")
    answers.hear(session, reply, [said], now=now)
    assert erased(session, now).counts == {"answers_emptied": 1}
    answers.hear(session, reply, [said], now=now)
    session.expire_all()
    left = session.scalars(sa.select(Answer)).one()
    assert (left.text, left.author) == ("", None)
    erased(session, now, for_good=True)
    settings = Settings(secret_key=SecretStr(SECRET))
    next_one = NewAnswer("t1_next", "rosa_rye", "Or barley.")
    assert answers.hear(session, reply, [next_one], now=now, settings=settings) == 0


def test_an_author_is_found_by_the_name_that_is_shown_if_only_one_has_it(session: Session, now: datetime) -> None:
    for key, name in (("U1", "Rosa"), ("U2", "rosa"), ("U3", "Mia")):
        store(session, replace(new_post(platform=Platform.SLACK, author=key), author_name=name), now=now)
    assert subjects.author(session, "slack:@mia").key == "U3"
    assert subjects.author(session, "slack:U1").names == ("U1", "Rosa")
    with pytest.raises(InvalidInput, match=r"2 authors at Slack.*U1, U2"):
        subjects.author(session, "slack:Rosa")
    for text in ("rosa", "slack:", "icq:rosa"):
        with pytest.raises(InvalidInput):
            subjects.author(session, text)


def test_a_post_is_found_by_number_address_and_id_and_kept_away_before_it_came(session: Session, now: datetime) -> None:
    (post,) = store(
        session, new_post(external_id="t3_abc", permalink="https://www.reddit.com/r/b/comments/abc/"), now=now
    )
    for text in (str(post.id), "https://www.reddit.com/r/b/comments/abc/", "https://redd.it/abc", "reddit:t3_abc"):
        assert subjects.post(session, text).key == "t3_abc"
    with pytest.raises(NotFound):
        subjects.post(session, "4711")
    away = subjects.post(session, "https://redd.it/later")
    erasing.erase_subject(session, away, secret=SECRET, reason="", actor=None, now=now)
    assert take_in(session, [new_post(external_id="t3_later")], origin="test", now=now).refused == 1


def test_a_source_goes_with_all_that_it_brought(session: Session, now: datetime) -> None:
    make_lead(session, now=now, post=new_post())
    store(session, new_post(community="r/ovens"), now=now)
    receipt = erasing.erase_subject(
        session, subjects.source(session, "r/bakers"), secret=SECRET, reason="", actor=None, now=now
    )
    assert (receipt.counts["posts"], receipt.counts["leads"]) == (1, 1)
    assert session.scalars(sa.select(Source.community)).all() == ["r/ovens"]


def test_of_an_address_a_tombstone_keeps_only_a_hash(session: Session, now: datetime) -> None:
    post = new_post(platform=Platform.RSS, external_id="https://blog.example/rosa-wants-an-oven")
    store(session, post, now=now)
    erasure.erase(session, {post.key: "deleted"}, now=now)
    assert "rosa" not in session.scalars(sa.select(Tombstone.external_id)).one()
    assert take_in(session, [post], origin="test", now=now).refused == 1


def test_where_the_name_still_stands_is_told(session: Session, cast: Cast, now: datetime) -> None:
    lead = make_lead(session, now=now, post=new_post(author="mia", body="Ask rosa_rye, she knows ovens."))
    lead_notes.add_note(session, lead.id, "Friend of Rosa_Rye.", actor=cast.sam, now=now)
    erased(session, now)
    assert reach.named_in(session, ["rosa_rye"]) == {"posts": 1, "lead_events": 1}


def test_the_versions_that_learned_from_what_is_erased_are_told(session: Session, now: datetime) -> None:
    posts = store(session, *(new_post(author=name) for name in ("rosa_rye", "rosa_rye", "mia")), now=now)
    for name, side, post in (
        ("intent-1", "train", posts[0]),
        ("intent-2", "frozen", posts[1]),
        ("intent-3", "train", posts[2]),
    ):
        dataset = Dataset(checksum=name, created_at=now, examples=1, lines=1)
        session.add(dataset)
        session.flush()
        session.add(
            DatasetExample(
                dataset_id=dataset.id, post_id=post.id, text_hash="h", is_lead=True, weight=1.0, origin="top", side=side
            )
        )
        session.add(
            ModelVersion(
                name=name, dataset_id=dataset.id, created_at=now, threshold=0.5, report={}, state=ModelState.CHALLENGER
            )
        )
    session.flush()
    assert erased(session, now).learned == ["intent-1"]


def test_tombstones_of_a_former_version_are_known_by_their_hash(tmp_path: Path, now: datetime) -> None:
    engine = make_engine(f"sqlite:///{tmp_path}/former.db")
    with engine.connect() as connection, connection.begin():
        command.upgrade(migration_config(connection), "0023")
        for external_id in ("t3_plain", "https://blog.example/rosa"):
            connection.execute(
                sa.text("INSERT INTO tombstones (platform, external_id, reason, at) VALUES ('rss', :id, 'gone', :now)"),
                {"id": external_id, "now": now},
            )
    upgrade(engine)
    with make_sessions(engine)() as session:
        keys = [(Platform.RSS, "t3_plain"), (Platform.RSS, "https://blog.example/rosa")]
        assert erased_among(session, keys) == set(keys)
        assert not any("rosa" in kept for kept in session.scalars(sa.select(Tombstone.external_id)))
    engine.dispose()


def test_a_short_name_takes_no_other_words_along(session: Session, cast: Cast, now: datetime) -> None:
    reply = sent(session, cast.sam, now=now, text=f"Al, also {ANSWER}", author="al")
    for number, raw in enumerate((b'{"text": "Also this"}', b'{"by": "al"}')):
        session.add(DeadLetter(origin="x", locator=str(number), reason="?", raw=raw, raw_sha256=str(number), at=now))
    session.flush()
    assert erased(session, now, "reddit:al", reason="Also a letter").counts["dead_letters"] == 1
    session.expire_all()
    assert session.get_one(Reply, reply.id).text == f"…, also {ANSWER}"
