from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from overheard.desk import review_queue
from overheard.desk.cards import cards
from overheard.desk.review_queue import Filters, FoundBy, Onlooker, Place
from overheard.errors import InvalidInput
from overheard.leads import claims, do_not_contact, funnel, people_links
from overheard.leads.dealings import background
from overheard.leads.qualify import qualify
from overheard.listening.posts import NewPost
from overheard.models import Lead, Match, Prediction
from overheard.vocabulary import Intent, Platform, Stage
from tests.factories import MODEL, POSTED, Cast, make_campaign, make_lead, new_post, predict, store
from tests.overheard.reply_rows import sent


def ids(page: review_queue.QueuePage) -> list[int]:
    return [item.lead.id for item in page.items]


def test_the_newest_day_comes_first_and_the_strongest_of_a_day_first(session: Session, now: datetime) -> None:
    def lead(days_ago: int, score: float) -> int:
        post = new_post(author=f"a{days_ago}{score}", posted_at=POSTED - timedelta(days=days_ago))
        return make_lead(session, now=now, post=post, score=score).id

    yesterday_strong, today_weak, today_strong = lead(1, 0.99), lead(0, 0.6), lead(0, 0.8)
    assert ids(review_queue.page(session)) == [today_strong, today_weak, yesterday_strong]


def test_paging_shows_every_lead_once_while_the_queue_moves(session: Session, cast: Cast, now: datetime) -> None:
    made = {make_lead(session, now=now, score=0.5 + (n % 3) / 10).id for n in range(9)}
    first = review_queue.page(session, limit=4)
    assert first.next_place is not None
    funnel.promote(session, ids(first)[0], actor=cast.sam, now=now)
    make_lead(session, now=now, score=0.99)  # comes in before the place: on no later page
    second = review_queue.page(session, after=Place.decode(first.next_place.encode()), limit=4)
    third = review_queue.page(session, after=second.next_place, limit=4)
    assert set(ids(first) + ids(second) + ids(third)) == made
    assert len(ids(first) + ids(second) + ids(third)) == 9
    assert third.next_place is None


def test_filters_narrow_page_and_count_alike(session: Session, cast: Cast, now: datetime) -> None:
    plain = make_lead(session, now=now, score=0.6)
    slack = make_lead(
        session, now=now, post=new_post(platform=Platform.SLACK, author="s"), score=0.9, intent=Intent.PAIN
    )
    promoted = make_lead(session, now=now)
    funnel.promote(session, promoted.id, actor=cast.sam, now=now)
    for filters, expected in [
        (Filters(), [slack.id, plain.id]),
        (Filters(platform=Platform.SLACK), [slack.id]),
        (Filters(intent=Intent.RECOMMENDATION), [plain.id]),
        (Filters(min_score=0.7), [slack.id]),
        (Filters(campaign_id=plain.campaign_id), [slack.id, plain.id]),
        (Filters(campaign_id=plain.campaign_id + 1), []),
        (Filters(stage=Stage.SALES_QUALIFIED), [promoted.id]),
    ]:
        assert ids(review_queue.page(session, filters)) == expected
        assert review_queue.count(session, filters) == len(expected)


def test_filters_ask_for_community_age_language_owner_and_what_brought_it_in(
    session: Session, cast: Cast, now: datetime
) -> None:
    campaign = make_campaign(session, now=now, queries={"crm": "crm"})
    old = make_lead(session, now=now, campaign=campaign, post=new_post(posted_at=POSTED - timedelta(days=9)))
    fresh = make_lead(session, now=now, campaign=campaign, post=new_post(community="r/cooks", author="cook"))
    session.execute(sa.update(Prediction).where(Prediction.post_id == fresh.top_post_id).values(language="de"))
    session.execute(sa.delete(Match).where(Match.post_id == fresh.top_post_id))
    claims.assign(session, fresh.id, cast.sam, cast.sue.id, now)
    for filters, expected in [
        (Filters(community="r/cooks"), [fresh.id]),
        (Filters(since=POSTED.date()), [fresh.id]),
        (Filters(language="de"), [fresh.id]),
        (Filters(assignee_id=cast.sue.id), [fresh.id]),
        (Filters(assignee_id=cast.sam.id), []),
        (Filters(is_unassigned=True), [old.id]),
        (Filters(found_by=FoundBy.QUERY), [old.id]),
        (Filters(found_by=FoundBy.MEANING), [fresh.id]),
    ]:
        assert ids(review_queue.page(session, filters)) == expected
        assert review_queue.count(session, filters) == len(expected)


def test_what_is_snoozed_merged_or_in_others_hands_is_not_offered(session: Session, cast: Cast, now: datetime) -> None:
    free, snoozed, held, merged = (make_lead(session, now=now, score=0.9 - n / 10) for n in range(4))
    claims.snooze(session, snoozed.id, cast.sam, now + timedelta(days=1), now)
    claims.claim(session, held.id, cast.sue, now)
    merged.merged_into_id = free.id
    session.flush()
    sams, sues = (Filters(onlooker=Onlooker(user.id, now)) for user in (cast.sam, cast.sue))
    assert ids(review_queue.page(session, sams)) == [free.id]
    assert review_queue.count(session, sams) == 1
    assert review_queue.held_by_others(session, sams) == {"Sue": 1}
    assert ids(review_queue.page(session, sues)) == [free.id, held.id]
    assert review_queue.held_by_others(session, sues) == {}
    waiting = Filters(onlooker=Onlooker(cast.sam.id, now), is_snoozed=True)
    assert ids(review_queue.page(session, waiting)) == [snoozed.id]
    later = Filters(onlooker=Onlooker(cast.sam.id, now + timedelta(days=1)))
    assert ids(review_queue.page(session, later)) == [free.id, snoozed.id, held.id]


def test_the_same_text_in_several_communities_is_one_card(session: Session, now: datetime) -> None:
    campaign = make_campaign(session, now=now)
    for community, title in [("r/a", "Which CRM?"), ("r/b", "Which CRM?"), ("r/c", "Another thing")]:
        post = new_post(author="ann", community=community, title=title, permalink=f"https://example.org/{community}")
        add_signal(session, post, now=now)
    make_lead(session, now=now, campaign=campaign, post=new_post(author="bob", community="r/d", title="Which CRM?"))
    anns = next(item for item in review_queue.page(session).items if item.lead.author == "ann")
    assert anns.n_signals == 2
    assert [other.community for other in anns.card.also_in] == ["r/b"]
    assert [card.community for card in cards(session, anns.lead)] == ["r/a", "r/c"]


def add_signal(session: Session, post: NewPost, *, now: datetime) -> None:
    row = store(session, post, now=now)[0]
    predict(session, row, now=now)
    qualify(session, model_version=MODEL, threshold=0.5, now=now)


def test_a_card_says_what_we_had_to_do_with_its_author(session: Session, cast: Cast, now: datetime) -> None:
    make_campaign(session, now=now)
    make_campaign(session, now=now, name="Second")
    sent(session, cast.sam, now=now)
    make_lead(session, now=now, post=new_post(author="bob"))
    items = {item.lead.author: item for item in review_queue.page(session).items}
    known = items["baker1"].dealings
    assert [(other.campaign_name, other.stage) for other in known.leads] == [("Rye CRM", Stage.REPLIED)]
    assert [(reply.by, reply.at, reply.community) for reply in known.replies] == [("Sam", now, "r/bakers")]
    assert not items["bob"].dealings.replies


def test_what_we_wrote_to_a_person_under_another_name_counts_where_two_leads_are_merged(
    session: Session, cast: Cast, now: datetime
) -> None:
    make_campaign(session, now=now)
    second = make_campaign(session, now=now, name="Second")
    reply = sent(session, cast.sam, now=now)
    elsewhere = new_post(author="baker1@town.example", platform=Platform.MASTODON, community="bakers")
    other = make_lead(session, now=now, post=elsewhere)
    assert reply.lead_id is not None
    people_links.merge(session, other.id, reply.lead_id, actor=cast.sam, now=now)
    items = review_queue.page(session, Filters(campaign_id=second.id)).items
    known = next(item.dealings for item in items if item.lead.author == "baker1@town.example")
    assert [reply.by for reply in known.replies] == ["Sam"]
    assert {(lead.campaign_name, lead.stage) for lead in known.leads} == {
        ("Rye CRM", Stage.REPLIED), ("Second", Stage.MARKETING_QUALIFIED),
    }  # fmt: skip
    (stays,) = review_queue.page(session, Filters(stage=Stage.REPLIED)).items
    assert [lead.campaign_name for lead in stays.dealings.leads] == ["Second", "Second"]


def test_the_background_of_a_lead_is_what_its_author_said_besides(session: Session, now: datetime) -> None:
    lead = make_lead(session, now=now, post=new_post(author="ann", title="Which CRM?"))
    store(session, *(new_post(author="ann", title=f"Bread {n}") for n in range(7)), new_post(author="bob"), now=now)
    told = background(session, lead)
    assert len(told.earlier) == 5
    assert {one.post.author for one in told.earlier} == {"ann"}
    assert "Which CRM?" not in {one.post.title for one in told.earlier}
    assert told.similar == []


def test_somebody_who_does_not_want_to_hear_from_us_is_marked(session: Session, cast: Cast, now: datetime) -> None:
    lead = make_lead(session, now=now, post=new_post(author="ann"))
    make_lead(session, now=now, post=new_post(author="bob"))
    do_not_contact.add(session, "key", Platform.REDDIT, "u/Ann", reason="said so", actor=cast.sam, now=now)
    marked = {item.lead.id for item in review_queue.page(session, key="key").items if item.card.is_do_not_contact}
    assert marked == {lead.id}
    assert cards(session, lead, key="key")[0].is_do_not_contact
    assert not cards(session, lead, key="another")[0].is_do_not_contact


def test_a_card_says_what_was_said_and_why_it_is_here(session: Session, now: datetime) -> None:
    make_campaign(session, now=now, queries={"crm": "crm"})
    post = store(session, new_post(title="A CRM?", body="", community="r/bakers"), now=now)[0]
    predict(session, post, now=now, score=0.8, evidence=[["title", 0, 6, 0.8]])
    qualify(session, model_version=MODEL, threshold=0.5, now=now)
    item = review_queue.page(session).items[0]
    assert (item.campaign_name, item.n_signals) == ("Rye CRM", 1)
    card = item.card
    assert (card.community, card.score, card.model_version) == ("r/bakers", 0.8, MODEL)
    assert card.evidence == [("title", 0, 6)]
    assert [(match.name, match.spans) for match in card.matches] == [("crm", [("title", 2, 5)])]


def test_a_lead_shows_all_its_posts_strongest_first(session: Session, now: datetime) -> None:
    make_campaign(session, now=now)
    weak, strong = store(session, new_post(author="ann"), new_post(author="ann"), now=now)
    predict(session, weak, now=now, score=0.6)
    predict(session, strong, now=now, score=0.9)
    qualify(session, model_version=MODEL, threshold=0.5, now=now)
    lead = session.scalars(sa.select(Lead)).one()
    assert [card.post.id for card in cards(session, lead)] == [strong.id, weak.id]


def test_matches_of_another_campaign_are_not_shown(session: Session, now: datetime) -> None:
    make_campaign(session, now=now, queries={"mine": "crm"})
    make_campaign(session, now=now, name="Other", queries={"theirs": "bakery"}, threshold=1.0)
    make_lead(session, now=now)
    assert [match.name for match in review_queue.page(session).items[0].card.matches] == ["mine"]


def test_a_page_costs_the_same_few_statements_however_many_leads_it_shows(
    session: Session, engine: Engine, now: datetime
) -> None:
    counts = []
    for _ in range(2):
        for _ in range(5):
            make_lead(session, now=now)
        session.flush()
        session.expunge_all()
        statements: list[str] = []

        def note(_c: object, _cur: object, statement: str, *_: object, seen: list[str] = statements) -> None:
            seen.append(statement)

        sa.event.listen(engine, "before_cursor_execute", note)
        review_queue.page(session)
        sa.event.remove(engine, "before_cursor_execute", note)
        counts.append(len(statements))
    assert counts == [3, 3]


@pytest.mark.parametrize("word", ["", "x", "!!!", "bnVsbA", "WzEsMiwzXQ", "\ud800", "WyIyMDI2LTAxLTAxIiwgMWU5OTksIDFd"])
def test_a_damaged_page_marker_is_said_so(word: str) -> None:
    with pytest.raises(InvalidInput, match="page marker"):
        Place.decode(word)


@pytest.mark.parametrize("limit", [0, -1, 101])
def test_a_page_has_a_bounded_size(session: Session, limit: int) -> None:
    with pytest.raises(InvalidInput, match="1 to 100 leads"):
        review_queue.page(session, limit=limit)


def test_who_needs_not_know_beyond_a_number_is_told_no_more(session: Session, now: datetime) -> None:
    for _ in range(3):
        make_lead(session, now=now)
    assert [review_queue.count(session, at_most=most) for most in (None, 4, 3, 2)] == [3, 3, 3, 2]
