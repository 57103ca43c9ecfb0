"""Promote, disqualify, reopen, undo: by form, one at a time and at once."""

import re
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import sqlalchemy as sa
from httpx2 import Response

from overheard.models import Label, Lead, LeadEvent
from overheard.vocabulary import LeadAction, Stage
from tests.api.conftest import World
from tests.factories import new_post


def _stage(world: World, lead: int) -> Stage:
    with world.rows() as session:
        return session.get_one(Lead, lead).stage


def test_a_promotion_ends_where_it_began_and_can_be_undone(world: World) -> None:
    lead = world.lead(post=new_post(author="flour"))
    sam = world.browser(world.cast.sam)
    response = sam.submit(f"/leads/{lead}/promote", position=1, back="/queue?platform=reddit")
    assert (response.status_code, response.headers["location"]) == (303, "/queue?platform=reddit")
    assert _stage(world, lead) is Stage.SALES_QUALIFIED
    page = sam.get("/queue?platform=reddit").text
    assert "Promoted u/flour." in page
    assert f'action="/leads/{lead}/undo"' in page
    assert "Promoted u/flour." not in sam.get("/queue").text  # told once
    sam.submit(f"/leads/{lead}/undo", back="/queue")
    assert "Taken back: u/flour is marketing-qualified again." in sam.get("/queue").text
    assert _stage(world, lead) is Stage.MARKETING_QUALIFIED


def test_a_disqualification_needs_a_reason_from_the_list_and_other_needs_a_note(world: World) -> None:
    lead = world.lead()
    sam = world.browser(world.cast.sam)
    act = f"/leads/{lead}/disqualify"
    for fields in ({}, {"reason": "dull"}, {"reason": "other"}, {"reason": "other", "note": " \x00 "}):
        assert sam.submit(act, **fields).status_code == 422
    assert sam.submit(act, reason="stale", note="n" * 2001).status_code == 422
    assert sam.submit(act, reason="stale", position="x").status_code == 422
    assert _stage(world, lead) is Stage.MARKETING_QUALIFIED
    assert sam.submit(act, reason="other", note="a <b>bot\x00</b>").status_code == 303
    assert "Disqualified u/author" in sam.get("/queue").text
    page = sam.get(f"/leads/{lead}").text
    assert "Something else: say what in the note." in page
    assert '<blockquote dir="auto">a &lt;b&gt;bot&lt;/b&gt;</blockquote>' in page


def test_the_timeline_tells_who_did_what_when(world: World) -> None:
    lead = world.lead(post=new_post(author="pat"))
    sam, sue = world.browser(world.cast.sam), world.browser(world.cast.sue)
    sam.submit(f"/leads/{lead}/promote")
    sue.submit(f"/leads/{lead}/disqualify", reason="not_our_icp")
    sam.submit(f"/leads/{lead}/reopen")
    page = re.sub(r"\s+", " ", sam.get(f"/leads/{lead}").text)
    steps = re.findall(r"<li class=\"step step-(\w+)\"> <p><b>[^<]+</b> (by .*?)</p>", page)
    assert steps == [
        ("reopen", "by <bdi>Sam</bdi>"),
        ("disqualify", "by <bdi>Sue</bdi>"),
        ("promote", "by <bdi>Sam</bdi>"),
        ("qualify", "by Overheard (tiny-1)"),
        ("post", 'by <bdi>u/pat</bdi> <span class="soft">on Reddit</span>'),
    ]
    assert "sales-qualified → disqualified" in page
    assert "A real need, but not somebody we sell to." in page


def test_a_step_that_is_not_open_is_refused_with_the_reason(world: World) -> None:
    lead = world.lead()
    sam, sue = world.browser(world.cast.sam), world.browser(world.cast.sue)
    assert sam.submit(f"/leads/{lead}/reopen").status_code == 409
    assert sam.submit(f"/leads/{lead}/undo").status_code == 409
    sam.submit(f"/leads/{lead}/promote")
    refused = sue.submit(f"/leads/{lead}/undo")
    assert refused.status_code == 409
    assert "The last step was not yours: Sam promoted it" in refused.text
    late = sue.submit(f"/leads/{lead}/promote")
    assert late.status_code == 409
    assert "Somebody was faster" in late.text
    assert "Sam promoted it on 2026-11-20 at 09:30 UTC" in late.text


@pytest.mark.parametrize("lead", ["7", "0", "-1", "2147483648", "99999999999999999999", "9" * 5000, "x", "1%00", "½"])
def test_a_lead_that_is_not_there_is_not_found(world: World, lead: str) -> None:
    sam, program = world.browser(world.cast.sam), world.program(world.cast.sam)
    shown = sam.get(f"/leads/{lead}")
    assert shown.status_code == 404
    assert "Not found" in shown.text
    assert sam.submit(f"/leads/{lead}/promote").status_code == 404
    assert program.get(f"/v1/leads/{lead}").json()["error"] == "NotFound"
    assert program.post(f"/v1/leads/{lead}/promote").status_code == 404


def test_of_two_who_promote_at_once_one_wins_and_the_other_is_told_who_was_faster(world: World) -> None:
    lead = world.lead()
    browsers = [world.browser(world.cast.sam), world.browser(world.cast.sue)]
    together = Barrier(2)

    def promote(number: int) -> Response:
        together.wait()
        return browsers[number].submit(f"/leads/{lead}/promote")

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(promote, range(2))
    assert sorted([first.status_code, second.status_code]) == [303, 409]
    winner, loser = ("Sam", second) if first.status_code == 303 else ("Sue", first)
    assert f"{winner} promoted it" in loser.text
    with world.rows() as session:
        events = session.scalars(sa.select(LeadEvent.action).where(LeadEvent.lead_id == lead)).all()
        assert events.count(LeadAction.PROMOTE) == 1
        assert session.query(Label).count() == 1


def test_the_flash_line_cannot_be_forged(world: World) -> None:
    sam = world.browser(world.cast.sam)
    for forged in ("e30=.abc", "", ".", "x" * 3000, '{"text": "Call this number"}'):
        sam.cookies.set("overheard_flash", forged)
        page = sam.get("/queue")
        assert page.status_code == 200
        assert 'class="flash"' not in page.text
