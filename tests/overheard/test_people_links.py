import threading
from datetime import datetime

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.db import Sessions
from overheard.desk.review_queue import page
from overheard.errors import InvalidInput, WrongStage
from overheard.leads import contacts, funnel, people_links
from overheard.leads.qualify import qualify
from overheard.listening.erasure import erase
from overheard.models import Lead, Post, Signal, User
from overheard.vocabulary import ContactKind, LeadAction, Platform, Stage
from tests.factories import MODEL, Cast, make_campaign, make_cast, make_lead, new_post, predict, store


@pytest.fixture
def pair(session: Session, now: datetime) -> tuple[Lead, Lead]:
    """One person, heard on Reddit (0.9) and on Mastodon (0.8)."""
    there = new_post(author="@rosa@example.social", platform=Platform.MASTODON, community="bakers")
    first = make_lead(session, now=now, post=new_post(author="rosa"))
    return first, make_lead(session, now=now, post=there, score=0.8)


def authors(session: Session, lead: Lead) -> list[str | None]:
    statement = sa.select(Post.author).join(Signal, Signal.post_id == Post.id).where(Signal.lead_id == lead.id)
    return sorted(session.scalars(statement), key=str)


def shown(session: Session) -> list[int]:
    return [item.lead.id for item in page(session).items]


def test_posts_go_to_the_lead_that_stays_and_the_other_is_shown_no_more(
    session: Session, cast: Cast, now: datetime, pair: tuple[Lead, Lead]
) -> None:
    here, there = pair
    people_links.merge(session, here.id, there.id, actor=cast.sam, now=now)
    assert authors(session, there) == ["@rosa@example.social", "rosa"]
    assert (there.score, here.merged_into_id, shown(session)) == (0.9, there.id, [there.id])
    with pytest.raises(WrongStage, match=f"merged into lead {there.id}"):
        funnel.promote(session, here.id, actor=cast.sam, now=now)


def test_what_they_say_next_goes_to_the_lead_that_stays(
    session: Session, cast: Cast, now: datetime, pair: tuple[Lead, Lead]
) -> None:
    here, there = pair
    people_links.merge(session, here.id, there.id, actor=cast.sam, now=now)
    predict(session, store(session, new_post(author="rosa"), now=now)[0], now=now, score=0.95)
    assert qualify(session, model_version=MODEL, threshold=0.5, now=now) == 0
    session.refresh(there)
    assert (len(authors(session, there)), authors(session, here), there.score) == (3, [], 0.95)


def test_parted_again_each_has_their_own_posts(
    session: Session, cast: Cast, now: datetime, pair: tuple[Lead, Lead]
) -> None:
    here, there = pair
    people_links.merge(session, here.id, there.id, actor=cast.sam, now=now)
    predict(session, store(session, new_post(author="rosa"), now=now)[0], now=now, score=0.95)
    qualify(session, model_version=MODEL, threshold=0.5, now=now)
    people_links.unmerge(session, here.id, actor=cast.sue, now=now)
    assert (authors(session, here), authors(session, there)) == (["rosa", "rosa"], ["@rosa@example.social"])
    assert (here.merged_into_id, here.score, there.score) == (None, 0.95, 0.8)
    assert sorted(shown(session)) == sorted([here.id, there.id])
    words = [event.action for event in funnel.timeline(session, there.id)]
    assert words == [LeadAction.QUALIFY, LeadAction.MERGE, LeadAction.MERGE]
    with pytest.raises(WrongStage, match="stands for itself"):
        people_links.unmerge(session, here.id, actor=cast.sam, now=now)


def test_a_lead_that_took_another_over_hands_both_on_and_each_can_be_parted(
    session: Session, cast: Cast, now: datetime, pair: tuple[Lead, Lead]
) -> None:
    here, there = pair
    third = make_lead(session, now=now, post=new_post(author="rosa", platform=Platform.SLACK, community="crafts"))
    people_links.merge(session, here.id, there.id, actor=cast.sam, now=now)
    people_links.merge(session, there.id, third.id, actor=cast.sam, now=now)
    assert [lead.id for lead in people_links.taken_over(session, third.id)] == [here.id, there.id]
    people_links.unmerge(session, there.id, actor=cast.sam, now=now)
    assert authors(session, there) == ["@rosa@example.social"]
    assert authors(session, third) == ["rosa", "rosa"]


def test_whoever_has_come_further_stays(session: Session, cast: Cast, now: datetime, pair: tuple[Lead, Lead]) -> None:
    here, there = pair
    funnel.promote(session, here.id, actor=cast.sam, now=now)
    with pytest.raises(WrongStage, match="has come further"):
        people_links.merge(session, here.id, there.id, actor=cast.sam, now=now)
    people_links.merge(session, there.id, here.id, actor=cast.sam, now=now)
    assert here.stage is Stage.SALES_QUALIFIED


def test_leads_that_cannot_be_one_person_are_refused(
    session: Session, cast: Cast, now: datetime, pair: tuple[Lead, Lead]
) -> None:
    here, _ = pair
    with pytest.raises(InvalidInput, match="into itself"):
        people_links.merge(session, here.id, here.id, actor=cast.sam, now=now)
    other = make_campaign(session, now=now, name="Barley CRM")
    qualify(session, model_version=MODEL, threshold=0.5, now=now)
    elsewhere = session.scalars(sa.select(Lead).where(Lead.campaign_id == other.id)).first()
    assert elsewhere is not None
    with pytest.raises(InvalidInput, match="two campaigns"):
        people_links.merge(session, here.id, elsewhere.id, actor=cast.sam, now=now)


def test_of_a_person_merged_in_nothing_stays_when_their_posts_are_erased(
    session: Session, cast: Cast, now: datetime, pair: tuple[Lead, Lead]
) -> None:
    here, there = pair
    mine = session.get_one(Post, here.top_post_id)
    key = (mine.platform, mine.external_id)
    people_links.merge(session, here.id, there.id, actor=cast.sam, now=now)
    erase(session, {key: "deleted"}, now=now)
    session.expire_all()
    assert session.scalars(sa.select(Lead.id)).all() == [there.id]
    assert session.get_one(Lead, there.id).score == 0.8


def test_the_same_name_elsewhere_and_the_same_contact_are_proposed(
    session: Session, sam: User, now: datetime, pair: tuple[Lead, Lead]
) -> None:
    here, there = pair
    stranger, neighbour = (make_lead(session, now=now, post=new_post(author=name)) for name in ("otto", "ines"))
    for lead in (here, neighbour):
        contacts.add_contact(session, lead.id, kind=ContactKind.SITE, value="rosas.example.com", actor=sam, now=now)
    found = {one.lead.id: one.because for one in people_links.likenesses(session, there)}
    assert found == {here.id: "the same name on Reddit"}
    found = {one.lead.id: one.because for one in people_links.likenesses(session, here)}
    assert found == {neighbour.id: "the same site"}
    assert people_links.likenesses(session, stranger) == []


def test_two_who_merge_each_into_the_other_make_no_circle(sessions: Sessions, now: datetime) -> None:
    with sessions.begin() as session:
        cast = make_cast(session, now=now)
        first, second = (make_lead(session, now=now).id for _ in range(2))
    told: list[str] = []

    def merge(lead_id: int, into_id: int, barrier: threading.Barrier) -> None:
        barrier.wait(timeout=20)
        try:
            with sessions.begin() as session:
                people_links.merge(session, lead_id, into_id, actor=cast.sam, now=now)
        except WrongStage as error:
            told.append(str(error))

    barrier = threading.Barrier(2)
    threads = [threading.Thread(target=merge, args=(*pair, barrier)) for pair in ((first, second), (second, first))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert len(told) == 1
    assert "was merged into" in told[0]
