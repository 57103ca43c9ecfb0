"""Comparing what is in the database with campaigns' offers: the real encoder, beside a judge that finds one word."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from classifier import meaning as module
from classifier.meaning import Candidate, Listener, Meaning, Measured
from classifier.run import classify_pending
from overheard.db import Sessions
from overheard.leads import funnel
from overheard.listening.intake import Erased, take_in
from overheard.listening.posts import NewPost, store_posts
from overheard.marketing import campaigns
from overheard.marketing.relevance import count_by_meaning
from overheard.models import Campaign, Embedding, Lead, LeadEvent, Post, PostRelevance
from overheard.vectors import unpack
from overheard.vocabulary import LeadAction, Platform
from tests.classifier.test_run import WordJudge
from tests.factories import POSTED, make_cast, new_post, store

OFFER = (
    "Bookkeeping and tax filing for small companies and freelancers. We keep your books, send and chase invoices, run "
    "payroll, prepare VAT and income tax. For owners who are behind on receipts or afraid of the tax office."
)
BAKERY = {
    "title": "Who does your bookkeeping?",
    "body": "I run a bakery with three people and need help. Receipts pile up and I fear the tax office.",
}
HEADPHONES = {"title": "Headphones for the train?", "body": "I need over-ear, closed ones, up to 150 dollars."}


def bakery(**wanted: str) -> NewPost:
    return new_post(**{**BAKERY, "author": "rita", **wanted})  # type: ignore[arg-type] # the factory checks them


def headphones(**wanted: str) -> NewPost:
    return new_post(**{**HEADPHONES, "author": "tom", **wanted})  # type: ignore[arg-type] # the factory checks them


def sell_bookkeeping(session: Session, now: datetime, *, meaning_threshold: float | None = 0.3) -> Campaign:
    """A campaign whose one query meets nothing here."""
    return campaigns.create(
        session, name="Books", offer=OFFER, queries={"q": "ledger"}, meaning_threshold=meaning_threshold, now=now
    )


def classify(sessions: Sessions, meaning: Meaning, now: datetime) -> int:
    return classify_pending(sessions, WordJudge(), meaning=meaning, clock=lambda: now).leads


def authors(sessions: Sessions) -> list[str]:
    with sessions() as session:
        return list(session.scalars(sa.select(Lead.author).order_by(Lead.author)))


def count(session: Session, table: type[Embedding | PostRelevance | Lead | Post]) -> int:
    return session.scalar(sa.select(sa.func.count()).select_from(table)) or 0


class Seeing(Meaning):
    """The real one, and something that happens while it works."""

    def __init__(self, meaning: Meaning, while_working: Callable[[], None] = lambda: None) -> None:
        super().__init__(None)
        self.relevance = meaning.relevance  # the encoder is loaded once for all tests
        self.while_working = while_working
        self.measured: list[int] = []

    def measure(self, candidates: Sequence[Candidate], listeners: Sequence[Listener]) -> list[Measured]:
        self.measured += [candidate.post_id for candidate in candidates]
        found = super().measure(candidates, listeners)
        if candidates:
            self.while_working()
        return found


def test_a_post_that_needs_what_is_offered_becomes_a_lead_though_no_query_met_it(
    sessions: Sessions, meaning: Meaning, now: datetime
) -> None:
    with sessions.begin() as session:
        sell_bookkeeping(session, now)
        store(session, bakery(), headphones(), now=now)
    assert classify(sessions, meaning, now) == 1
    assert authors(sessions) == ["rita"]
    with sessions() as session:
        close, far = session.scalars(sa.select(PostRelevance).order_by(PostRelevance.relevance.desc())).all()
        assert (close.relevance >= 0.3, far.relevance < 0.3, far.sentence) == (True, True, None)
        assert close.sentence is not None
        field, start, end = close.sentence
        shown = BAKERY[str(field)][int(start) : int(end)]
        assert shown in {BAKERY["title"], "Receipts pile up and I fear the tax office."}
    assert classify(sessions, meaning, now) == 0


def test_only_posts_that_may_be_leads_get_a_vector_and_it_is_of_length_one(
    sessions: Sessions, meaning: Meaning, now: datetime
) -> None:
    with sessions.begin() as session:
        store(session, bakery(), new_post(title="My loaf", body="It came out well."), now=now)
    classify(sessions, meaning, now)
    with sessions() as session:
        row = session.scalars(sa.select(Embedding)).one()
        assert (row.space, len(row.vector)) == (meaning.space, 2 * 384)
        assert (unpack([row.vector]) ** 2).sum() == pytest.approx(1, abs=0.01)


def test_a_campaign_with_a_lower_threshold_has_more_posts_measured(
    sessions: Sessions, meaning: Meaning, now: datetime
) -> None:
    with sessions.begin() as session:
        campaign = sell_bookkeeping(session, now)
        store(session, bakery(body="Receipts pile up and I fear the tax office."), now=now)
    assert classify(sessions, meaning, now) == 0  # the judge gives it 0.1
    with sessions.begin() as session:
        assert count(session, Embedding) == 0
        campaigns.set_threshold(session, campaign.id, 0.05)
    assert classify(sessions, meaning, now) == 1


def test_a_campaign_switched_on_or_added_later_is_made_up_for(
    sessions: Sessions, meaning: Meaning, now: datetime
) -> None:
    with sessions.begin() as session:
        campaign = sell_bookkeeping(session, now, meaning_threshold=None)
        store(session, bakery(), headphones(), now=now)
    assert classify(sessions, meaning, now) == 0
    with sessions.begin() as session:
        assert count_by_meaning(session, campaign) == 1  # what switching it on would bring is known before
        assert session.scalars(sa.select(PostRelevance.sentence)).all() == [None, None]
        campaigns.set_meaning_threshold(session, campaign.id, 0.3)
    assert classify(sessions, meaning, now) == 1
    with sessions.begin() as session:
        assert len([one for one in session.scalars(sa.select(PostRelevance.sentence)) if one]) == 1
        campaigns.create(session, name="Sound", offer="Headphones, closed and open.", queries={"q": "amp"}, now=now)
    assert classify(sessions, meaning, now) == 1
    assert authors(sessions) == ["rita", "tom"]


def test_a_changed_offer_is_made_up_for_and_what_was_said_of_the_former_one_qualifies_nobody(
    sessions: Sessions, meaning: Meaning, now: datetime
) -> None:
    with sessions.begin() as session:
        campaign_id = sell_bookkeeping(session, now, meaning_threshold=None).id
        store(session, bakery(), headphones(), now=now)
    classify(sessions, meaning, now)
    with sessions.begin() as session:
        campaigns.set_meaning_threshold(session, campaign_id, 0.3)
        session.get_one(Campaign, campaign_id).offer = "We sell headphones for music and for travel, closed and open."
    assert classify(sessions, meaning, now) == 1
    assert authors(sessions) == ["tom"]


def test_what_the_former_offer_brought_leaves_with_it_unless_a_person_has_decided_on_it(
    sessions: Sessions, meaning: Meaning, now: datetime
) -> None:
    with sessions.begin() as session:
        actor = make_cast(session, now=now).sam
        campaign_id = sell_bookkeeping(session, now).id
        store(session, bakery(), bakery(author="max"), headphones(), now=now)
    assert classify(sessions, meaning, now) == 2
    with sessions.begin() as session:
        promoted = session.scalars(sa.select(Lead.id).where(Lead.author == "max")).one()
        funnel.promote(session, promoted, actor=actor, now=now)
        session.get_one(Campaign, campaign_id).offer = "We sell headphones for music and for travel, closed and open."
    assert classify(sessions, meaning, now) == 1
    assert authors(sessions) == ["max", "tom"]


def test_a_campaign_hears_its_own_sources_alone(sessions: Sessions, meaning: Meaning, now: datetime) -> None:
    with sessions.begin() as session:
        store(session, bakery(community="r/bakers"), bakery(community="r/millers", author="max"), now=now)
        campaigns.create(
            session, name="Books", offer=OFFER, queries={"q": "x"}, sources=[(Platform.REDDIT, "r/millers")], now=now
        )
    assert classify(sessions, meaning, now) == 1
    assert authors(sessions) == ["max"]


def test_an_upgrade_measures_what_was_judged_before_it(sessions: Sessions, meaning: Meaning, now: datetime) -> None:
    with sessions.begin() as session:
        sell_bookkeeping(session, now)
        store(session, bakery(), now=now)
    classify_pending(sessions, WordJudge(), clock=lambda: now)
    assert classify(sessions, meaning, now) == 1


def test_what_was_measured_in_another_space_is_measured_anew_and_qualifies_nobody(
    sessions: Sessions, meaning: Meaning, now: datetime
) -> None:
    with sessions.begin() as session:
        campaign = sell_bookkeeping(session, now, meaning_threshold=None)
        store(session, headphones(), now=now)
    classify(sessions, meaning, now)
    with sessions.begin() as session:
        session.execute(sa.update(Embedding).values(space="former"))
        session.execute(sa.update(PostRelevance).values(space="former", relevance=0.99))
        campaigns.set_meaning_threshold(session, campaign.id, 0.3)
    assert classify(sessions, meaning, now) == 0
    with sessions() as session:
        for table in (Embedding, PostRelevance):
            assert session.scalars(sa.select(table.space)).all() == [meaning.space]


def test_a_post_that_changes_while_it_is_read_is_not_measured_by_its_old_text(
    sessions: Sessions, meaning: Meaning, now: datetime
) -> None:
    with sessions.begin() as session:
        sell_bookkeeping(session, now)
        store(session, bakery(external_id="t3_e"), bakery(external_id="t3_g"), now=now)

    def meanwhile() -> None:
        with sessions.begin() as session:
            edit = headphones(external_id="t3_e", author="rita")
            store_posts(session, [replace(edit, as_of=POSTED + timedelta(hours=1))], now=now)
            take_in(session, [Erased(Platform.REDDIT, "t3_g")], origin="t", now=now)

    assert classify(sessions, Seeing(meaning, meanwhile), now) == 0
    with sessions() as session:
        assert [count(session, table) for table in (Post, Embedding, PostRelevance)] == [1, 0, 0]
    assert classify(sessions, meaning, now) == 0
    with sessions() as session:
        assert [count(session, table) for table in (Post, Embedding, PostRelevance)] == [1, 1, 1]


def test_an_edited_post_keeps_the_lead_that_its_meaning_made(
    sessions: Sessions, meaning: Meaning, now: datetime
) -> None:
    with sessions.begin() as session:
        sell_bookkeeping(session, now)
        store(session, bakery(external_id="t3_e"), now=now)
    classify(sessions, meaning, now)
    with sessions.begin() as session:
        edit = bakery(external_id="t3_e", body=f"{BAKERY['body']} Up to 100 a month.")
        store_posts(session, [replace(edit, as_of=POSTED + timedelta(hours=1))], now=now)
    assert classify(sessions, meaning, now) == 0  # it is no new lead
    with sessions() as session:
        assert count(session, Lead) == 1
        assert session.scalars(sa.select(LeadEvent.action)).all() == [LeadAction.QUALIFY]


def test_a_kill_between_two_batches_measures_nothing_twice(
    sessions: Sessions, meaning: Meaning, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    monkeypatch.setattr(module, "_BATCH", 2)
    with sessions.begin() as session:
        sell_bookkeeping(session, now)
        store(session, *(bakery(author=f"a{n}") for n in range(5)), now=now)
    classify_pending(sessions, WordJudge(), clock=lambda: now)  # all are judged, none is measured
    calls = iter([None, Killed()])

    def second_time() -> None:
        if (error := next(calls)) is not None:
            raise error

    with pytest.raises(Killed):
        classify(sessions, Seeing(meaning, second_time), now)
    assert len(authors(sessions)) == 2
    rest = Seeing(meaning)
    assert classify(sessions, rest, now) == 3
    assert len(rest.measured) == 3
    with sessions() as session:
        assert [count(session, table) for table in (Embedding, PostRelevance, Lead)] == [5, 5, 5]
    idle = Seeing(meaning)
    classify(sessions, idle, now)
    assert idle.measured == []
