"""Retention, asking again, and what is left on disk."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import ClassVar

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

import collectors
from collectors.base import Collector, Found, Page, Reading, Watched
from collectors.sweep import SweepSummary, sweep
from overheard import stored_answers
from overheard.db import Sessions
from overheard.errors import CollectorError
from overheard.leads import funnel
from overheard.listening import credentials, sources
from overheard.listening.intake import Erased, Item, Rejected, take_in
from overheard.listening.terms import BY_HAND_REDDIT, Recheck, Terms
from overheard.marketing import campaigns
from overheard.models import (
    DeadLetter,
    Delivery,
    Embedding,
    Erasure,
    Lead,
    Match,
    Notice,
    Post,
    Source,
    StoredAnswer,
    Tombstone,
)
from overheard.notifications import notices
from overheard.privacy import erasing, subjects
from overheard.settings import Settings
from overheard.vocabulary import DisqualifyReason, NoticeKind, Platform, SourceState
from tests.factories import make_campaign, make_cast, make_lead, new_post, place, store

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
CANARY = "zanzibar-canary-4711"


class Board(Collector):
    """A small platform: what it says of a post when it is asked again stands in `says`."""

    platform = Platform.OTHER
    terms = Terms(permission="None.", retention_hours=48, recheck=Recheck.ALL, recheck_hours=24)
    says: ClassVar[dict[str, Item]] = {}
    asked: ClassVar[list[str]] = []
    refuses = False

    def communities(self, address: str | None = None) -> Sequence[Found]:
        return [Found(address or "", "board")]

    def pages(self, source: Watched, reading: Reading) -> Iterator[Page]:
        yield Page()

    def recheck(self, source: Watched, external_ids: Sequence[str]) -> Iterator[Iterable[Item]]:
        if self.refuses:
            raise CollectorError("The board is closed for the night.", retry_after=600)
        Board.asked += external_ids
        yield [self.says[id_] for id_ in external_ids if id_ in self.says]


class SilentBoard(Board):
    """A platform that cannot be asked again."""

    terms = Terms(permission="None.", retention_hours=48)


@pytest.fixture(autouse=True)
def board(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in (Board, SilentBoard):
        monkeypatch.setitem(collectors.COLLECTORS, kind.__name__, ("Board", f"{__name__}:{kind.__name__}"))
    Board.says, Board.asked, Board.refuses = {}, [], False


def watch(sessions: Sessions, *, mode: str = "Board", retention_hours: int | None = None) -> None:
    kind = collectors.collector_class(mode)
    with sessions.begin() as session:
        sources.add(
            session, mode=mode, platform=Platform.OTHER, community="board", address="", terms=kind.terms,
            retention_hours=retention_hours, now=NOW,
        )  # fmt: skip


def bring(
    sessions: Sessions, external_id: str, *, body: str = "Which CRM?", is_lead: bool = False, community: str = "board"
) -> None:
    post = new_post(
        platform=Platform.OTHER, community=community, external_id=external_id, author=external_id, body=body,
        posted_at=NOW,
    )  # fmt: skip
    with sessions.begin() as session:
        if is_lead:
            make_lead(session, post=post, now=NOW)
        else:
            store(session, post, now=NOW)


def swept(sessions: Sessions, *, hours: float) -> SweepSummary:
    return sweep(sessions, Settings(), clock=lambda: NOW + timedelta(hours=hours), sleep=lambda _: None)


def ids(sessions: Sessions) -> list[str]:
    with sessions() as session:
        return list(session.scalars(sa.select(Post.external_id).order_by(Post.external_id)))


def test_after_its_time_a_post_goes_and_a_lead_stays(sessions: Sessions) -> None:
    watch(sessions)
    bring(sessions, "chat")
    bring(sessions, "need", is_lead=True)
    assert swept(sessions, hours=47).expired == 0
    assert swept(sessions, hours=49).expired == 1
    assert ids(sessions) == ["need"]


def test_a_lead_that_was_put_out_is_kept_no_longer_than_any_post(sessions: Sessions) -> None:
    watch(sessions)
    bring(sessions, "need", is_lead=True)
    with sessions.begin() as session:
        sam = make_cast(session, now=NOW).sam
        lead = session.scalars(sa.select(Lead)).one()
        funnel.disqualify(session, lead.id, actor=sam, reason=DisqualifyReason.NO_NEED, now=NOW)
    assert swept(sessions, hours=49).expired == 1


def test_where_no_deletion_can_be_learned_of_leads_go_too(sessions: Sessions) -> None:
    watch(sessions, mode="SilentBoard")
    bring(sessions, "need", is_lead=True)
    assert swept(sessions, hours=49).expired == 1
    assert ids(sessions) == []


def test_the_operator_may_keep_posts_shorter_but_not_longer(sessions: Sessions) -> None:
    watch(sessions, retention_hours=2)
    bring(sessions, "chat")
    assert swept(sessions, hours=3).expired == 1
    watch(sessions, retention_hours=500)
    bring(sessions, "more")
    assert swept(sessions, hours=49).expired == 1


def test_what_expired_does_not_come_back_with_the_next_delivery(sessions: Sessions) -> None:
    watch(sessions)
    bring(sessions, "chat")
    swept(sessions, hours=49)
    with sessions.begin() as session:
        post = new_post(platform=Platform.OTHER, community="board", external_id="chat")
        assert take_in(session, [post], origin="test", now=NOW + timedelta(hours=50)).refused == 1
    assert ids(sessions) == []


def test_a_reddit_post_given_by_hand_goes_after_48_hours(sessions: Sessions) -> None:
    with sessions.begin() as session:
        store(session, new_post(external_id="t3_byhand"), now=NOW)
        session.scalars(sa.select(Source)).one().terms = BY_HAND_REDDIT.as_json()
    assert swept(sessions, hours=49).expired == 1


def test_asking_again_learns_of_edits_and_deletions(sessions: Sessions) -> None:
    watch(sessions)
    for external_id in ("gone", "edited", "same"):
        bring(sessions, external_id)
    Board.says = {
        "gone": Erased(Platform.OTHER, "gone"),
        "edited": new_post(
            platform=Platform.OTHER, community="board", external_id="edited", body="Found one, thanks.",
            as_of=NOW + timedelta(hours=1),
        ),
    }  # fmt: skip
    done = swept(sessions, hours=25)
    assert (done.rechecked, done.intake.erased, done.intake.edited) == (3, 1, 1)
    assert ids(sessions) == ["edited", "same"]
    with sessions() as session:
        assert session.scalars(sa.select(Tombstone.external_id)).all() == ["gone"]
    assert swept(sessions, hours=26).rechecked == 0, "each is asked for once a day"


def test_the_older_a_post_the_seldomer_it_is_asked_for_but_a_lead_every_day(sessions: Sessions) -> None:
    with sessions.begin() as session:
        terms = Terms(permission="None.", recheck=Recheck.ALL)
        sources.add(session, mode="Board", platform=Platform.OTHER, community="board", address="", terms=terms, now=NOW)
    bring(sessions, "chat")
    bring(sessions, "need", is_lead=True)
    days: dict[str, list[int]] = {"chat": [], "need": []}
    for day in range(1, 20):
        Board.asked = []
        swept(sessions, hours=24 * day + 1)
        for external_id in Board.asked:
            days[external_id].append(day)
    assert days["chat"] == [1, 3, 7, 15]
    assert days["need"] == list(range(1, 20))


def test_a_platform_that_refuses_is_asked_again_when_it_said(sessions: Sessions) -> None:
    watch(sessions)
    bring(sessions, "chat")
    Board.refuses = True
    assert swept(sessions, hours=25).errors == {"board": "The board is closed for the night."}
    Board.refuses = False
    assert swept(sessions, hours=25.1).rechecked == 0
    assert swept(sessions, hours=25.2).rechecked == 1


def test_a_paused_source_is_not_asked_and_its_posts_expire_all_the_same(sessions: Sessions) -> None:
    watch(sessions)
    bring(sessions, "chat")
    with sessions.begin() as session:
        sources.pause(session.scalars(sa.select(Source)).one())
    done = swept(sessions, hours=49)
    assert (done.rechecked, done.expired, Board.asked) == (0, 1, [])


def test_more_posts_than_one_question_holds_are_all_asked_for(sessions: Sessions) -> None:
    watch(sessions)
    with sessions.begin() as session:
        store(
            session,
            *[new_post(platform=Platform.OTHER, community="board", external_id=f"n{n}") for n in range(250)],
            now=NOW,
        )
    assert swept(sessions, hours=25).rechecked == 250
    assert len(set(Board.asked)) == 250


def test_a_sweep_brings_an_erasure_to_its_end_that_was_left_half_done(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "_BATCH", 1)
    watch(sessions)
    bring(sessions, "need", is_lead=True)
    for name in ("chat", "more", "last"):
        bring(sessions, name)
    with sessions.begin() as session:
        board = subjects.source(session, "board")
        erasing.erase_subject(session, board, secret="s", reason="", actor=None, now=NOW)
    swept(sessions, hours=1)
    with sessions() as session:
        for table in (Post, Lead, Source):
            assert session.scalar(sa.select(sa.func.count()).select_from(table)) == 0
        receipt = session.scalars(sa.select(Erasure)).one()
    assert (receipt.counts["posts"], receipt.counts["leads"], receipt.subject) == (4, 1, None)


def test_an_erased_source_does_not_make_a_campaign_listen_to_everything(sessions: Sessions) -> None:
    watch(sessions)
    with sessions.begin() as session:
        board = session.scalars(sa.select(Source)).one()
        campaigns.create(
            session, name="Rye", offer="A CRM.", queries={"all": "*"}, sources=[(board.platform, "board")], now=NOW
        )
        erasing.erase_subject(session, subjects.of_source(board), secret="s", reason="", actor=None, now=NOW)
    bring(sessions, "elsewhere", community="another board")
    with sessions() as session:
        assert session.scalars(sa.select(Match)).all() == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_after_an_erasure_a_canary_is_nowhere_in_the_data_directory(sessions: Sessions, tmp_path: Path) -> None:
    watch(sessions)
    with sessions.begin() as session:
        make_campaign(session, now=NOW)
    bring(sessions, "secret", body=f"My {CANARY} is " + "very long " * 2_000, is_lead=True)
    with sessions.begin() as session:
        place(session, session.scalars(sa.select(Post)).one(), *range(1, 385))
        vector = session.scalars(sa.select(Embedding.vector)).one()
    with sessions.begin() as session:
        garbled = Rejected("item 7", "no time", f'{{"text": "{CANARY}"}}'.encode(), Platform.OTHER, "secret")
        take_in(session, [garbled], origin="Other: board", now=NOW)
    held = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert CANARY.encode() in held, "the canary is there before"
    assert vector in held, "what it means is there too"
    Board.says = {"secret": Erased(Platform.OTHER, "secret")}
    swept(sessions, hours=25)
    with sessions() as session:
        assert session.scalars(sa.select(DeadLetter)).all() == []
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path.name for path in files if CANARY.encode() in path.read_bytes()] == []
    assert [path.name for path in files if vector in path.read_bytes()] == []


def test_deliveries_are_forgotten_after_two_days_when_taken_or_when_nobody_reads_them_any_more(
    sessions: Sessions,
) -> None:
    with sessions.begin() as session:
        settings = Settings(credentials_key=SecretStr("bm90LWEtcmVhbC1rZXktYnV0LTMyLWJ5dGVzLWxvbmc="))
        account = credentials.save(session, settings, mode="Board", name="us", secrets={"token": "t"}, now=NOW)
        sources.add(
            session, mode="Board", platform=Platform.OTHER, community="board", address="C1", terms=Board.terms,
            credential_id=account, now=NOW,
        )  # fmt: skip
        deliver = partial(sources.deliver, session, credential_id=account, address="C1", raw=b"{}", now=NOW)
        assert deliver(delivery_id="E1")
        assert not deliver(delivery_id="E1"), "a second delivery is known"
        session.execute(sa.update(Delivery).values(taken_at=NOW))
    swept(sessions, hours=47)
    with sessions() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Delivery)) == 1
    with sessions.begin() as session:
        watched = session.scalars(sa.select(Source)).one()
        assert sources.deliver(session, credential_id=account, address="C1", delivery_id="E2", raw=b"{}", now=NOW)
    swept(sessions, hours=49)
    with sessions.begin() as session:
        assert session.scalars(sa.select(Delivery.delivery_id)).all() == ["E2"], "it waits to be read"
        sources.remove(session.get_one(Source, watched.id))
    swept(sessions, hours=49)
    with sessions() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Delivery)) == 0


def test_a_source_that_waits_for_the_operator_is_enabled_by_them(sessions: Sessions) -> None:
    watch(sessions)
    with sessions.begin() as session:
        source = session.scalars(sa.select(Source)).one()
        sources.record_failure(session, source.id, CollectorError("Token revoked.", permanent=True), now=NOW)
        assert (source.state, source.last_error) == (SourceState.NEEDS_OPERATOR, "Token revoked.")
        sources.enable(source)
        assert (source.state, source.last_error, source.failures) == (SourceState.WATCHING, None, 0)


def test_what_nobody_needs_any_more_goes_after_a_time_and_what_was_deleted_stays_away(sessions: Sessions) -> None:
    watch(sessions)
    bring(sessions, "chat")
    with sessions.begin() as session:
        user = make_cast(session, now=NOW).sam
        gone = Erased(Platform.OTHER, "gone")
        letters = [Rejected(f"item {number}", "no time", b"{}") for number in (1, 2)]
        take_in(session, [gone, letters[0]], origin="a file", now=NOW)
        take_in(session, [letters[1]], origin="Other: board", now=NOW)
        notices.notify(session, user.id, NoticeKind.ASSIGNED, "Lead 1 is yours now.", None, NOW)
        stored_answers.take(session, "key", "request", now=NOW)
    kept = (Tombstone, DeadLetter, Notice, StoredAnswer)

    def counts() -> tuple[int, ...]:
        with sessions() as session:
            return tuple(session.scalar(sa.select(sa.func.count()).select_from(table)) or 0 for table in kept)

    assert counts() == (1, 2, 1, 1)
    swept(sessions, hours=49)
    assert counts() == (2, 1, 1, 0), "what a source could not take in is kept no longer than its posts"
    swept(sessions, hours=24 * 91)
    assert counts() == (2, 0, 1, 0)
    swept(sessions, hours=24 * 370)
    assert counts() == (1, 0, 0, 0)
    with sessions() as session:
        assert session.scalars(sa.select(Tombstone.external_id)).all() == ["gone"]
