"""What can go wrong with what is written: one test for each way.

The numbers are those of docs/failure-modes.md.
"""

import hashlib
import shutil
from collections.abc import Sequence
from datetime import timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from classifier.model import Verdict
from classifier.run import classify_pending
from classifier.text import PostText
from collectors.run import collect
from overheard.db import Sessions, make_engine, make_sessions
from overheard.leads import funnel
from overheard.leads.qualify import qualify
from overheard.listening.intake import Erased, Item, Rejected, take_in
from overheard.listening.posts import NewPost
from overheard.listening.source_health import health
from overheard.models import DeadLetter, Lead, Match, Post, Query, Signal, Tombstone
from overheard.text import MAX_BODY, cap
from overheard.vocabulary import DisqualifyReason, Intent, Platform, Stage
from tests.collectors.crashes import end_state, killed_at
from tests.collectors.places import (
    EVERYWHERE,
    assert_the_truth,
    at,
    bodies,
    count,
    read,
    write,
)
from tests.factories import MODEL, Cast, make_campaign, new_post, predict, store
from tests.fakeworld.model import NOW
from tests.fakeworld.wires import discord, github, hackernews, slack
from tests.histories import Life

pytestmark = pytest.mark.alternate_databases

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@on_sqlite
@at("reddit", "slack")
def test_06_a_pass_that_is_killed_at_any_write_ends_as_if_it_had_not_been(life: Life, tmp_path: Path) -> None:
    for _ in range(3):
        write(life)
    life.engine.dispose()
    before = Path(sa.make_url(life.url).database or "")
    whole = _copy(before, tmp_path / "whole.db")
    _pass_over(life, make_engine(f"sqlite:///{whole}"))
    step, was_killed = 2, True
    while was_killed:
        path = _copy(before, tmp_path / f"{step}.db")
        was_killed = killed_at(step, f"sqlite:///{path}", lambda engine: _pass_over(life, engine))
        _pass_over(life, make_engine(f"sqlite:///{path}"))
        assert _state(path) == _state(whole), f"killed at step {step}"
        step += 5


def _copy(path: Path, to: Path) -> Path:
    shutil.copyfile(path, to)
    return to


def _pass_over(life: Life, engine: Engine) -> None:
    collect(make_sessions(engine), life.settings, clock=lambda: life.world.now, sleep=lambda _: None)
    engine.dispose()


def _state(path: Path) -> dict[str, list[str]]:
    engine = make_engine(f"sqlite:///{path}")
    found = end_state(engine)
    engine.dispose()
    return found


def test_08_deliveries_end_alike_in_every_order_replies_before_their_parents_too(sessions: Sessions) -> None:
    for number, order in enumerate(permutations(range(5))):
        versions = [
            new_post(external_id=f"t3_{number}", body=body, as_of=NOW + timedelta(minutes=minutes))
            for minutes, body in enumerate(("as written", "edited", "edited twice"))
        ]
        reply = NewPost(Platform.REDDIT, f"t1_{number}", "r/bakers", "", "An answer", parent_external_id=f"t3_{number}")
        items: list[Item] = [*versions, Erased(Platform.REDDIT, f"t3_{number}"), reply]
        with sessions.begin() as session:
            for index in order:
                take_in(session, [items[index]], origin="test", now=NOW)
    with sessions() as session:
        assert set(session.scalars(sa.select(Post.body))) == {"An answer"}
        assert session.scalar(sa.select(sa.func.count()).select_from(Post)) == 120


def test_13_a_huge_post_is_kept_by_head_and_tail(sessions: Sessions) -> None:
    sizes = (0, 1, MAX_BODY - 1, MAX_BODY, MAX_BODY + 1, 65_536, 1_000_000)
    with sessions.begin() as session:
        take_in(
            session,
            [new_post(external_id=str(size), title="", body=("a" + "x" * (size - 2) + "z")[:size]) for size in sizes],
            origin="test", now=NOW,
        )  # fmt: skip
    with sessions() as session:
        stored = {int(post.external_id): post for post in session.scalars(sa.select(Post))}
    assert {size: len(post.body) for size, post in stored.items()} == {size: min(size, MAX_BODY) for size in sizes}
    assert {size for size, post in stored.items() if post.is_truncated} == {MAX_BODY + 1, 65_536, 1_000_000}
    assert (stored[1_000_000].body[0], stored[1_000_000].body[-1]) == ("a", "z")


@on_sqlite
@at("hackernews", "reddit", "slack")
def test_13_a_huge_post_blocks_no_other(life: Life) -> None:
    for body in ("before", "x" * 1_000_000, "after"):
        write(life, body)
    read(life)
    assert {len(body) for body in bodies(life)} >= {6, MAX_BODY, 5}


BROKEN_TEXT = "a\x00b \ud800 \udfff c\ufffe \U0010ffff \x1b[31m"


@at("hackernews", "reddit", "slack")
def test_14_nul_and_half_characters_never_reach_the_database(life: Life) -> None:
    write(life, BROKEN_TEXT, author="rita")
    write(life, "after")
    passed = read(life)
    assert (passed.error, passed.summary.intake.rejected) == ("", 0)
    assert "after" in bodies(life)
    (stored,) = [body for body in bodies(life) if body.startswith("a") and body != "after"]
    assert "\x00" not in stored
    stored.encode()
    assert stored.startswith("ab")


def test_14_a_rejected_item_is_kept_with_the_hash_of_its_bytes(sessions: Sessions) -> None:
    raw = b"\xff\xfe\x00 no text at all"
    with sessions.begin() as session:
        take_in(session, [Rejected("item 1", "no UTF-8", raw)], origin="test", now=NOW)
    with sessions() as session:
        letter = session.scalars(sa.select(DeadLetter)).one()
    assert (letter.raw, letter.raw_sha256) == (raw, hashlib.sha256(raw).hexdigest())


@pytest.mark.parametrize(
    "body",
    [
        "We want to b\u200bu\u200by it",
        "to \uff42\uff55\uff59",
        "to b\u0301u\u0300y",
        "to b\u202euy",
        "to BU\u0423",  # the last letter is Cyrillic
    ],
)
@on_sqlite
def test_15_no_trick_of_writing_hides_a_word_from_a_query(sessions: Sessions, body: str) -> None:
    with sessions.begin() as session:
        make_campaign(session, now=NOW, queries={"buying": "buy"})
        take_in(session, [new_post(title="", body=body)], origin="test", now=NOW)
    with sessions() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Match)) == 1
        assert session.scalars(sa.select(Post.body)).one() == body, "it is kept as it was written"


@on_sqlite
@at(*EVERYWHERE)
def test_16_markup_is_taken_off_once_and_emoji_stay_whole(life: Life) -> None:
    body, emoji = "Is 1 &lt; 2 &amp;amp; 3 > 2? & so on", "👩‍👩‍👧‍👦 buy 👍🏽 🇩🇪"
    write(life, body)
    write(life, emoji)
    read(life)
    assert {body, emoji} <= set(bodies(life))


@on_sqlite
@at("github")
def test_16_what_others_said_is_not_taken_for_the_authors_words(life: Life) -> None:
    write(life, "> Use this CRM\n\nNo:\n\n```\nbuy()\n```\n\nmine")
    read(life)
    (stored,) = [body for body in bodies(life) if "mine" in body]
    assert "CRM" not in stored


class Reader:
    """A judge that notes what it is given to read."""

    version, threshold = "reader", 0.5

    def __init__(self) -> None:
        self.read: list[str] = []

    def predict(self, posts: Sequence[PostText]) -> list[Verdict]:
        self.read += [post.whole for post in posts]
        return [Verdict(0.0, False, Intent.DISCUSSION, {}, ()) for _ in posts]


@on_sqlite
@at("reddit", "slack", "discord", "github")
def test_16_code_and_quotes_are_stored_and_met_by_queries_and_not_judged(life: Life) -> None:
    body = "How do I mend this?\n\n```\nraise LookingFor(crm)\n```\n\nIt began today."
    with life.sessions.begin() as session:
        make_campaign(session, now=NOW, name="Code", queries={"code": "LookingFor"})
    write(life, body)
    read(life)
    assert body in bodies(life)
    with life.sessions() as session:
        met = session.scalars(sa.select(Post.body).join(Match).join(Query).where(Query.name == "code")).all()
    assert met == [body]
    reader = Reader()
    classify_pending(life.sessions, reader, clock=lambda: life.world.now)
    (judged,) = [text for text in reader.read if "mend" in text]
    assert " ".join(judged.split()).endswith("How do I mend this? It began today.")


@pytest.mark.parametrize("character", ["👩‍👩‍👧‍👦", "🇩🇪", "👍🏽", "e\u0301", "❤️"])
def test_17_no_character_is_taken_apart_where_a_text_is_cut(character: str) -> None:
    for shift in range(len(character) + 1):
        cut, _ = cap("x" * shift + character * 200, 300)
        head, _, tail = cut.partition("\n[…]\n")
        assert head.removeprefix("x" * shift).replace(character, "") == ""
        assert tail.replace(character, "") == ""


BOTS: dict[str, dict[str, Any]] = {
    "reddit": {"author": "AutoModerator"},
    "slack": {"bot_id": "B1"},
    "discord": {"webhook_id": "77"},
    "github": {"author": "robot"},
}


@on_sqlite
@at(*BOTS)
def test_18_what_bots_write_is_no_post(life: Life) -> None:
    write(life, "Beep.", **BOTS[life.place.mode])
    if life.place.mode == "slack":
        write(life, "Beep.", author=slack.ME)
    write(life, "A person.")
    read(life)
    assert "A person." in bodies(life)
    assert "Beep." not in bodies(life)


SAID_BY_BOTS = (
    "Please read the rules. *I am a bot, and this action was performed automatically.*",
    "Beep boop, I\u2019m a bot. I turn cups into grams.",
    "^(I am a helpful bot.) ^(Good bot, bad bot?)",
    "This comment was posted by a bot.",
)
SAID_BY_PEOPLE = (
    "I am a bot developer, looking for a CRM with automated mails.",
    "They told me I am a bot, and I want something automated.",
    "> I am a bot, and this action was performed automatically.\n\nWhat is that?",
    "This message was sent automatically by our CRM. Which one does not do that?",
)


@on_sqlite
@at("hackernews", "reddit", "slack", "discord", "bluesky", "mastodon")
def test_18_who_says_to_be_a_bot_is_believed_and_who_speaks_of_bots_is_a_person(life: Life) -> None:
    for body in (*SAID_BY_BOTS, *SAID_BY_PEOPLE):
        write(life, body)
    assert read(life).error == ""
    stored = " ".join(bodies(life))
    assert {body for body in SAID_BY_PEOPLE if body.rpartition("\n")[2] in stored} == set(SAID_BY_PEOPLE)
    assert not {body for body in SAID_BY_BOTS if body in stored}


def test_18_who_repeats_a_text_is_one_lead_that_one_decision_takes_out_and_a_cross_post_stays(
    session: Session, cast: Cast
) -> None:
    make_campaign(session, now=NOW)
    spam = [new_post(author="spam", community=f"r/{place}") for place in "abc" for _ in range(10)]
    crossed = [new_post(author="rita", community=place) for place in ("r/bakers", "r/cooks")]
    for post in store(session, *spam, *crossed, now=NOW):
        predict(session, post, now=NOW)
    assert qualify(session, model_version=MODEL, threshold=0.5, now=NOW) == 2
    leads = {lead.author: lead for lead in session.scalars(sa.select(Lead))}
    assert session.scalar(sa.select(sa.func.count()).where(Signal.lead_id == leads["rita"].id)) == 2
    funnel.disqualify(session, leads["spam"].id, reason=DisqualifyReason.NOT_A_BUYER, actor=cast.sam, now=NOW)
    for post in store(session, new_post(author="spam"), now=NOW):
        predict(session, post, now=NOW)
    assert qualify(session, model_version=MODEL, threshold=0.5, now=NOW) == 0
    session.refresh(leads["spam"])
    assert leads["spam"].stage is Stage.DISQUALIFIED


@on_sqlite
@at("hackernews", "reddit", "slack", "discord", "bluesky")
def test_19_what_is_deleted_is_erased_and_no_new_text(life: Life) -> None:
    gone = write(life, "This will go.")
    write(life, "This stays.")
    read(life)
    assert "This will go." in bodies(life)
    life.world.advance(60)
    life.world.delete(gone)
    assert_the_truth(life)
    assert "This stays." in bodies(life)
    assert not {"This will go.", "[deleted]", "[removed]", "This message was deleted."} & set(bodies(life))
    assert count(life, Tombstone) == 1


SHOWN: dict[str, Any] = {
    "hackernews": hackernews.item,
    "slack": slack.message,
    "discord": discord.shown,
    "github": github.rest,
}


@on_sqlite
@at(*SHOWN)
@pytest.mark.parametrize("value", [None, {}, 7])
def test_20_a_field_of_another_kind_sets_aside_its_item_and_no_other(life: Life, value: object) -> None:
    read(life)
    shown = SHOWN[life.place.mode](write(life))
    fields = [field for field in shown if field not in {"id", "ts"}]  # without the key it is no answer at all
    for field in fields:
        written = write(life, f"drifted in {field}")
        written.extra[field] = value
    plain = [write(life, f"plain {number}").body for number in range(3)]
    life.world.advance(600)
    passed = read(life)
    assert passed.error == "", fields
    assert set(plain) <= set(bodies(life))
    stored = sum(body.startswith("drifted") for body in bodies(life))
    assert stored + count(life, DeadLetter) <= len(fields) + 1
    with life.sessions() as session:
        (found,) = health(session, life.world.now)
    assert found.has_too_many_dead_letters == (count(life, DeadLetter) > 0)


@on_sqlite
@at("discord")
@pytest.mark.parametrize("value", [None, {}, "soon", [7]])
def test_20_a_message_whose_id_cannot_be_read_is_set_aside_and_nothing_is_taken_for_gone(
    life: Life, value: object
) -> None:
    drifting = write(life, "drifting")
    read(life)
    for body, id_ in (("as a number", int(drifting.id)), ("unreadable", value)):
        drifting.extra["id"] = id_
        write(life, f"beside, {body}")
        life.world.advance(600)
        assert read(life).error == ""
        assert {"drifting", f"beside, {body}"} <= set(bodies(life))
        assert count(life, DeadLetter) == (id_ == value)
    assert count(life, Tombstone) == 0
    write(life, "later")
    read(life)
    assert count(life, DeadLetter) == 1, "it is kept once, however often it is met"
    del drifting.extra["id"]
    assert_the_truth(life)


POISON: dict[str, dict[str, Any]] = {
    "hackernews": {"text": {"not": "a text"}},
    "reddit": {"created_utc": "soon"},
    "slack": {"text": ["not", "a", "text"]},
    "discord": {"content": {"not": "a text"}},
    "github": {"body": 7},
    "stackexchange": {"body": 7},
    "mastodon": {"content": 7},
}


@on_sqlite
@at(*POISON)
def test_21_one_poisoned_item_is_set_aside_and_blocks_no_other(life: Life) -> None:
    read(life)
    for number in range(5):
        written = write(life, f"item {number}")
        if number == 2:
            written.extra |= POISON[life.place.mode]
    life.world.advance(600)
    passed = read(life)
    assert passed.error == ""
    assert set(bodies(life)) >= {"item 0", "item 1", "item 3", "item 4"}
    assert count(life, DeadLetter) == 1
    write(life, "later")
    life.world.advance(600)
    read(life)
    assert "later" in bodies(life), "and it is not met for ever"
    assert count(life, DeadLetter) == 1
