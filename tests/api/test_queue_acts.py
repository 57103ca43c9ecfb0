"""What can be done with a lead is rendered once for all cards of a page; each card must still act on its own lead."""

import re

from tests.api.conftest import World


def test_the_acts_on_a_card_are_those_of_its_own_lead_and_place(world: World) -> None:
    leads = {world.lead(score=score) for score in (0.9, 0.8, 0.7)}
    page = world.browser(world.cast.sam).get("/queue").text
    cards = re.findall(r'<article class="card" id="lead-(\d+)".*?</article>', page, re.DOTALL)
    assert {int(lead) for lead in cards} == leads
    for place, card in enumerate(re.split(r"(?=<article )", page)[1:], start=1):
        lead = re.match(r'<article class="card" id="lead-(\d+)"', card)
        assert lead is not None
        actions = re.findall(r'action="/leads/([^/"]+)/\w+', card.partition("</article>")[0])
        assert len(actions) > 5
        assert set(actions) == {lead[1]}
        assert set(re.findall(r'name="position" value="([^"]*)"', card)) == {str(place)}
        assert len(re.findall(rf'id="note-{lead[1]}"', card)) == 1
    assert "%lead%" not in page
    assert "%place%" not in page
