"""The queue page: what it shows, and that nothing in a post can break it."""

import re
from datetime import timedelta

import pytest
import sqlalchemy as sa

from overheard.desk.review_queue import Place
from overheard.models import Label, Post
from overheard.vocabulary import Intent, Platform, Stage
from tests.api.conftest import World
from tests.factories import POSTED, make_campaign, make_lead, new_post

HOSTILE = {
    "script": "<script>alert(1)</script><img src=x onerror=alert(1)>\"'",
    "direction": "\u202eevil\u2069\u2069 title",
    "template": "{{ 7 * 7 }}{% raw %}",
    "unbroken": "x" * 900,
    "nul and surrogates": "a\x00b\ud800c",
}


def test_an_empty_queue_says_what_to_do_next(world: World) -> None:
    page = world.browser(world.cast.sam).get("/queue")
    assert page.status_code == 200
    assert "create the first campaign" in page.text
    with world.sessions.begin() as session:
        make_campaign(session, now=world.now)
    sam = world.browser(world.cast.sam)
    assert "overheard collect" in sam.get("/queue").text
    assert "Nothing meets these filters" in sam.get("/queue?intent=pain").text


def test_a_card_shows_what_was_said_and_why_it_was_flagged(world: World) -> None:
    with world.sessions.begin() as session:
        campaign = make_campaign(session, now=world.now, queries={"asks": '"looking for" crm'})
        make_lead(session, now=world.now, campaign=campaign, post=new_post(title="Which CRM?"), score=0.83)
    page = world.browser(world.cast.sam).get("/queue").text
    assert '<mark>Which </mark><mark><span class="met">CRM</span></mark><mark>?</mark>' in page
    assert '<span class="met">Looking for</span>' in page
    assert "<q>CRM</q>" in page
    assert "<b>83</b>" in page
    assert "About 8 in 10 posts like this are leads" in page
    assert '<bdi class="community">r/bakers</bdi>' in page
    assert '<bdi class="author">u/flour_power</bdi>' in page
    assert 'title="Thursday, 19 November 2026, 08:00">yesterday</time>' in re.sub(r">\s+", ">", page)
    assert 'rel="noopener noreferrer nofollow"' in page


def test_a_card_and_its_page_say_what_is_needed_and_which_signals_there_are(world: World) -> None:
    body = "We are three people. Looking for a simple CRM."
    told = {"need": ["body", 35, 45], "signals": [["team_size", "body", 7, 19], ["location", "title", 9, 14]]}
    lead = world.lead(post=new_post(title="A CRM in Leeds?", body=body), explanation=told)
    sam = world.browser(world.cast.sam)
    for path in ("/queue", f"/leads/{lead}"):
        page = sam.get(path).text
        assert '<li class="need"><span>Needs</span> <bdi>simple CRM</bdi></li>' in page
        assert '<li class="chip"><span>team</span> <bdi>three people</bdi></li>' in page
        assert '<li class="chip"><span>place</span> <bdi>Leeds</bdi></li>' in page


def test_a_post_without_explanation_has_no_line_for_it(world: World) -> None:
    world.lead()
    world.lead(explanation={"need": None, "signals": []})
    assert 'class="told"' not in world.browser(world.cast.sam).get("/queue").text


def test_the_newest_day_comes_first_and_pages_follow_without_gap_or_repetition(world: World) -> None:
    with world.sessions.begin() as session:
        campaign = make_campaign(session, now=world.now)
        for number in range(30):
            post = new_post(author=f"a{number}", posted_at=POSTED - timedelta(days=number % 3))
            make_lead(session, now=world.now, campaign=campaign, post=post, score=0.5 + number % 7 / 20)
    sam = world.browser(world.cast.sam)
    shown: list[int] = []
    address: str | None = "/queue?platform=reddit"
    while address:
        page = sam.get(address).text
        assert '<span class="count">30</span>' in page
        shown += [int(lead) for lead in re.findall(r'data-lead="(\d+)"', page)]
        following = re.search(r'rel="next" href="([^"]+)"', page)
        address = following[1].replace("&amp;", "&") if following else None
        assert address is None or "platform=reddit" in address
    assert len(shown) == len(set(shown)) == 30


def test_filters_narrow_the_queue_and_are_kept_in_the_address(world: World) -> None:
    slack = new_post(platform=Platform.SLACK, community="#tools", author="quietbarn")
    world.lead(post=slack, intent=Intent.PAIN, score=0.9)
    world.lead(score=0.6)
    sam = world.browser(world.cast.sam)
    for narrowed in ("platform=slack", "intent=pain", "score=0.8", "platform=slack&campaign=1&intent=&score="):
        page = sam.get(f"/queue?{narrowed}").text
        assert page.count("data-lead=") == 1
        assert "quietbarn" in page
        assert "Clear</a>" in page
    assert '<option value="pain" selected>' in sam.get("/queue?intent=pain").text


BAD_FILTERS = [
    "stage=sold",
    "platform=myspace",
    "intent=%00",
    "score=nan",
    "score=2",
    "score=-1",
    "score=abc",
    "campaign=0",
    "campaign=99999999999999999999",
    "campaign=2147483648",
    "after=x",
    "after=%00",
    "after=%ED%A0%80",
    "after=" + "A" * 5000,
    "after=W10",
    "unknown=1",
]


def test_a_filter_that_is_none_is_a_clear_error(world: World) -> None:
    sam, program = world.browser(world.cast.sam), world.program(world.cast.sam)
    for bad in BAD_FILTERS:
        response = sam.get(f"/queue?{bad}")
        assert response.status_code == 422, bad
        assert "That cannot be taken as it is" in response.text
        answered = program.get(f"/v1/queue?{bad}")
        assert (answered.status_code, answered.json()["error"]) == (422, "InvalidInput"), bad


def test_a_page_marker_with_values_out_of_range_is_damaged(world: World) -> None:
    sam = world.browser(world.cast.sam)
    place = Place(POSTED.date(), 0.5, 1)
    for score, lead_id in ((float("nan"), 1), (float("inf"), 1), (0.5, 2**40), (0.5, 10**30), (0.5, -1)):
        assert (
            sam.get("/queue", params={"after": Place(place.signalled_on, score, lead_id).encode()}).status_code == 422
        )
    assert sam.get("/queue", params={"after": place.encode()}).status_code == 200


def test_the_page_of_decided_leads_leads_back_to_the_first(world: World) -> None:
    place = Place(POSTED.date() - timedelta(days=900), 0.5, 1)
    page = world.browser(world.cast.sam).get("/queue", params={"after": place.encode()}).text
    assert "That was the last page" in page


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_texts_are_shown_and_do_nothing(world: World, kind: str) -> None:
    text = HOSTILE[kind]
    told = {"need": ["title", 0, 900], "signals": [["competitor", "body", 0, 900], ["budget", "body", 5, 5000]]}
    lead = world.lead(post=new_post(title=text, body=text, author=text, community=text[:200]), explanation=told)
    alice = world.browser(world.cast.alice)
    for path in ("/queue", f"/leads/{lead}"):
        page = alice.get(path)
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "<img" not in page.text
        assert "{{ 7 * 7 }}" in page.text or kind != "template"
        shown = re.sub(r' (value|data-[a-z]+)="[^"]*"', "", page.text)
        assert "\u202eevil" not in re.sub(r'(?s)dir="auto".*?</(h3|p|div)>', "", shown)  # only inside isolates
    assert alice.submit(f"/leads/{lead}/promote", back="/queue").status_code == 303
    assert "<script>alert" not in alice.get("/queue").text


def test_a_permalink_that_runs_something_is_no_link(world: World) -> None:
    lead = world.lead()
    with world.sessions.begin() as session:
        session.execute(sa.update(Post).values(permalink="javascript:alert(1)"))
    sam = world.browser(world.cast.sam)
    assert "javascript:" not in sam.get("/queue").text + sam.get(f"/leads/{lead}").text


def test_a_huge_post_is_cut_on_the_card_and_whole_on_its_page(world: World) -> None:
    body = "filler words " * 3000 + "the very end"
    lead = world.lead(post=new_post(body=body))
    sam = world.browser(world.cast.sam)
    card, whole = sam.get("/queue").text, sam.get(f"/leads/{lead}").text
    assert len(card) < 30_000
    assert "the very end" in whole
    assert "characters</summary>" in whole


def test_one_person_is_one_card_with_a_count_of_their_posts(world: World) -> None:
    for number in range(3):
        with world.sessions.begin() as session:
            post = new_post(author="oats", title=f"post {number}")
            make_lead(session, now=world.now, post=post, score=0.6 + number / 10)
    page = world.browser(world.cast.sam).get("/queue").text
    assert page.count("data-lead=") == 1
    assert "3 posts by this person" in page
    assert "post 2" in page


def test_the_place_on_the_page_is_kept_with_the_label(world: World) -> None:
    for number in range(3):
        world.lead(score=0.9 - number / 10)
    sam = world.browser(world.cast.sam)
    forms = re.findall(
        r'action="(/leads/\d+/promote)".*?name="position" value="(\d+)"', sam.get("/queue").text, re.DOTALL
    )
    assert [position for _, position in forms] == ["1", "2", "3"]
    sam.submit(forms[1][0], position=forms[1][1])
    with world.rows() as session:
        assert session.scalars(sa.select(Label)).one().position == 2


def test_other_stages_are_other_lists(world: World) -> None:
    promoted, out = world.lead(), world.lead()
    sam = world.browser(world.cast.sam)
    sam.submit(f"/leads/{promoted}/promote")
    sam.submit(f"/leads/{out}/disqualify", reason="stale")
    assert f'data-lead="{promoted}"' in sam.get(f"/queue?stage={Stage.SALES_QUALIFIED}").text
    page = sam.get(f"/queue?stage={Stage.DISQUALIFIED}").text
    assert f'data-lead="{out}"' in page
    assert f"/leads/{out}/reopen" in page


def test_who_may_not_decide_is_offered_no_buttons(world: World) -> None:
    lead = world.lead()
    for user in (world.cast.mara, world.cast.eli):
        browser = world.browser(user)
        assert "data-act" not in browser.get("/queue").text + browser.get(f"/leads/{lead}").text
