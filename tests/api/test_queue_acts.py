"""What can be done with a lead is rendered once for all cards of a page; each card must still act on its own lead."""

import re

from tests.api.conftest import World


def test_the_acts_on_a_card_are_those_of_its_own_lead_and_place(world: World) -> None:
    leads = {world.lead(score=score) for score in (0.9, 0.8, 0.7)}
    page = world.browser(world.cast.sam).get("/queue?score=0.5").text
    cards = re.findall(r'<article class="card" id="lead-(\d+)".*?</article>', page, re.DOTALL)
    assert {int(lead) for lead in cards} == leads
    for place, behind in enumerate(page.split("<article ")[1:], start=1):
        card = behind.partition("</article>")[0]
        lead = re.match(r'class="card" id="lead-(\d+)"', card)
        assert lead is not None
        assert re.findall(r'action="/leads/([^/"]+)/\w+', card) == [lead[1]]
        assert re.findall(r'name="position" value="([^"]*)"', card) == [str(place)]
        menus = re.findall(r'data-menu="(\w)" data-place="(\d+)" href="([^"]+)"', card)
        assert [(key, at) for key, at, _ in menus] == [(key, str(place)) for key in "dsA"]
        links = [href for *_, href in menus]
        assert links[0] == f"/queue/{lead[1]}/acts?place={place}&amp;back=/queue%3Fscore%3D0.5#disqualify"
    assert "%lead%" not in page
    assert "%place%" not in page


def test_who_has_no_script_finds_the_choices_of_a_lead_on_a_page(world: World) -> None:
    lead = world.lead()
    sam = world.browser(world.cast.sam)
    page = sam.get(f"/queue/{lead}/acts?place=3&back=/queue%3Fscore%3D0.5").text
    assert set(re.findall(r'action="/leads/(\d+)/(\w+)"', page)) == {
        (str(lead), act) for act in ("disqualify", "snooze", "assign")
    }
    assert set(re.findall(r'name="back" value="([^"]*)"', page)) == {"/queue?score=0.5"}
    assert 'name="position" value="3"' in page
    assert 'href="https://' not in sam.get(f"/queue/{lead}/acts?back=https://example.org/").text
    assert "data-act" not in world.browser(world.cast.eli).get(f"/queue/{lead}/acts").text
    assert sam.get("/queue/77/acts").status_code == 404
