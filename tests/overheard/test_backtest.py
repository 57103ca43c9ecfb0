from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from api.query_words import backtest_words, looked_at, queue_words, whole_words
from overheard.errors import InvalidQuery, NotFound
from overheard.keywords import backtest, queries
from overheard.labelling.judged import Standing
from overheard.leads import funnel
from overheard.marketing import campaigns
from overheard.models import Label, User
from overheard.vocabulary import DisqualifyReason, Platform
from tests.factories import make_campaign, make_lead, new_post, predict, store


def test_a_back_test_tells_what_is_gained_and_lost_and_how_it_was_judged(
    session: Session, sam: User, now: datetime
) -> None:
    campaign = make_campaign(session, now=now, queries={"asks": "crm", "shops": "shop"})
    said = now - timedelta(days=2)
    asked = make_lead(session, now=now, campaign=campaign, post=new_post(title="CRM please", body="", posted_at=said))
    funnel.promote(session, asked.id, actor=sam, now=now)
    hired = make_lead(
        session, now=now, campaign=campaign, post=new_post(title="CRM hiring", author="b", posted_at=said)
    )
    funnel.disqualify(session, hired.id, actor=sam, reason=DisqualifyReason.NOT_A_BUYER, now=now)
    likely, unlikely, _ = store(
        session,
        new_post(title="An ERP?", body="for a shop", posted_at=said),
        new_post(title="ERP, no", body="", posted_at=said),
        new_post(title="ERP of old", body="", posted_at=now - timedelta(days=40)),
        now=now,
    )
    predict(session, likely, now=now, score=0.9)
    predict(session, unlikely, now=now, score=0.1)

    found = backtest.backtest(session, campaign.id, name="asks", expression="erp OR (crm hiring)", days=30, now=now)
    assert [one.post.title for one in found.gained.examples] == ["An ERP?", "ERP, no"], "the most telling first"
    assert found.gained.standings == {Standing.LIKELY: 1, Standing.UNLIKELY: 1}
    assert (found.gained.found_otherwise, found.gained.examples[0].is_found_otherwise) == (1, True)
    assert found.gained.examples[0].spans == [("title", 3, 6)]
    assert found.lost.standings == {Standing.PROMOTED: 1}
    assert (found.kept.posts, found.kept.reasons) == (1, {DisqualifyReason.NOT_A_BUYER: 1})
    assert (found.is_whole, found.is_selective, found.read) == (True, True, 4)
    assert found.days == pytest.approx(2)
    assert found.gained.queue_a_day == 0, "what another query finds is in the queue already"
    assert backtest_words(found) == (
        "1 post more a day, of which 0.5 look like leads; 0.5 posts fewer a day, all of which look like leads; "
        "1 promoted lead would be lost."
    )
    assert queue_words(found).startswith(
        "The queue shrinks by 0.5 a day, 15 seconds of work (30 seconds a decision, ass"
    )
    assert whole_words(found) == (
        "In all the query would bring 0.5 a day into the queue, 15 seconds of work; the campaign has no daily budget."
    )
    assert "15 seconds of work. That is more than the campaign's budget of 0" in whole_words(
        replace(found, daily_budget=0)
    )
    assert whole_words(replace(found, daily_budget=200)).endswith("of the campaign's budget of 200 a day.")
    assert looked_at(found) == "Of all posts of 2 days."
    assert backtest.backtest(session, campaign.id, name="asks", expression="erp", days=None, now=now).gained.posts == 3

    same = backtest.backtest(session, campaign.id, name="asks", expression="CRM", now=now)
    assert backtest_words(same) == "It finds the same posts."
    new = backtest.backtest(session, campaign.id, name="another", expression="erp", now=now)
    assert (new.gained.posts, new.lost.posts) == (2, 0)
    with pytest.raises(InvalidQuery):
        backtest.backtest(session, campaign.id, name="asks", expression='"open', now=now)
    with pytest.raises(NotFound):
        backtest.backtest(session, 4711, name="asks", expression="crm", now=now)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_query_without_a_word_to_look_up_is_asked_of_the_newest_posts_and_says_so(
    session: Session, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = make_campaign(session, now=now, queries={"asks": "crm"})
    store(
        session, *(new_post(title=f"Post {n}", body="", posted_at=now - timedelta(days=9)) for n in range(12)), now=now
    )
    monkeypatch.setattr(backtest, "MOST_READ", 4)
    found = backtest.backtest(session, campaign.id, name="all", expression="platform:reddit", now=now)
    assert (found.read, found.candidates, found.is_whole, found.is_selective) == (4, 12, False, False)
    assert (found.gained.posts, round(found.gained.posts_a_day * found.days)) == (4, 12), "rates are reckoned up"
    assert "Only the newest 4 of 12 posts" in looked_at(found)
    assert not backtest.preview(session, "*", now=now).is_whole


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_back_test_hears_only_the_sources_of_its_campaign(session: Session, now: datetime) -> None:
    bakers, _ = store(session, new_post(community="r/bakers"), new_post(community="r/farmers"), now=now)
    here = [(Platform.REDDIT, "r/bakers")]
    campaign = campaigns.create(session, name="Bakers", offer="Rye.", queries={"q": "rye"}, sources=here, now=now)
    found = backtest.backtest(session, campaign.id, name="q", expression="crm", now=now)
    assert [one.post.id for one in found.gained.examples] == [bakers.id]
    queries.save_query(session, campaign.id, name="q", expression="crm", now=now)
    assert backtest.backtest(session, campaign.id, name="q", expression="crm", now=now).kept.posts == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_minutes_are_measured_on_what_people_decided(session: Session, sam: User, now: datetime) -> None:
    assert backtest.effort(session, now=now) == backtest.Effort(0.5, 0)
    lead = make_lead(session, now=now)
    event = funnel.promote(session, lead.id, actor=sam, now=now)
    for number in range(1, 26):
        session.add(
            Label(
                post_id=lead.top_post_id, lead_id=lead.id, event_id=event.id, actor_id=sam.id, text_hash="", score=0.9,
                model_version="m", is_lead=True, at=now - timedelta(seconds=12 * number + 3600 * (number // 20)),
            )
        )  # fmt: skip
    session.flush()
    assert backtest.effort(session, now=now) == backtest.Effort(0.2, 24)
