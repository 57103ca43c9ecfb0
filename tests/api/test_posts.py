"""Posts by hand: the form, what fills it, and what is said afterwards."""

import html
import re

import sqlalchemy as sa

from overheard.models import Post, Source
from tests.api.conftest import World

URL = "https://www.reddit.com/r/bakers/comments/1abc2d/which_crm/"
TYPED = {"url": URL, "title": "Which CRM?", "text": "Looking for a CRM.", "author": "u/flour_power"}
EVIL = "</textarea><script>alert(1)</script>\"'\u202e"


def test_a_post_is_taken_in_and_said_what_became_of_it(world: World) -> None:
    sam = world.browser(world.cast.sam)
    first = sam.submit("/posts/new", **TYPED)
    assert first.status_code == 200
    assert "Taken in (Reddit, r/bakers). It is judged with the next pass" in first.text
    assert "It is kept until 2026-11-22 09:30 UTC" in first.text
    assert 'value="Which CRM?"' not in first.text  # ready for the next one
    assert "is here already" in sam.submit("/posts/new", **TYPED).text
    with world.rows() as session:
        assert session.scalars(sa.select(Post.author)).all() == ["flour_power"]


def test_what_cannot_be_taken_is_shown_again_and_nothing_is_lost(world: World) -> None:
    sam = world.browser(world.cast.sam)
    for wrong in ({"url": "ftp://x"}, {"url": ""}, {"text": "", "title": " "}, {"community": "c" * 513}):
        refused = sam.submit("/posts/new", **TYPED | wrong)
        assert refused.status_code == 422
        assert 'value="u/flour_power"' in refused.text
    with world.rows() as session:
        assert session.query(Source).count() == 0


def test_the_form_is_filled_by_its_address(world: World) -> None:
    page = world.browser(world.cast.sam).get("/posts/new", params=TYPED).text
    assert f'value="{URL}"' in page
    assert "Looking for a CRM.</textarea>" in page


def test_what_a_phone_shares_has_the_address_in_the_text(world: World) -> None:
    page = world.browser(world.cast.sam).get("/posts/new", params={"text": f"Which CRM? {URL}"}).text
    assert f'value="{URL}"' in page
    assert "Which CRM?</textarea>" in page


def test_whoever_is_not_logged_in_comes_back_to_the_filled_form(world: World) -> None:
    refused = world.stranger().get("/posts/new", params=TYPED)
    assert refused.headers["location"].startswith("/login?next=%2Fposts%2Fnew%3Furl")
    here = world.browser(world.cast.sam).get(refused.headers["location"])
    assert here.headers["location"].startswith("/posts/new?url=https")


def test_hostile_texts_fill_the_form_and_do_nothing(world: World) -> None:
    sam = world.browser(world.cast.sam)
    page = sam.get("/posts/new", params=dict.fromkeys(TYPED, EVIL)).text
    page += sam.submit("/posts/new", **dict.fromkeys(TYPED, EVIL)).text
    page += sam.submit("/posts/new", **dict.fromkeys(TYPED, EVIL) | {"url": URL, "community": EVIL}).text
    page += sam.get("/sources").text
    assert "<script>alert" not in page
    assert sam.submit("/posts/new", **TYPED | {"text": "\x00\u202e" * 100_000}).status_code in (200, 413)


def test_the_bookmarklet_leads_back_here_whatever_the_host_header_says(world: World) -> None:
    sam = world.browser(world.cast.sam)
    page = sam.get("/posts/new", headers={"Host": "leads.example:8443"}).text
    found = re.search(r'id="bookmarklet" href="([^"]+)"', page)
    assert found
    code = html.unescape(found[1])
    assert code.startswith("javascript:void open('http://leads.example:8443/posts/new?url='+encodeURIComponent(")
    assert code.count("'") == 10
    evil = sam.get("/posts/new", headers={"Host": "x');alert(1);('"})
    assert evil.status_code >= 400 or "alert(1);('" not in html.unescape(evil.text)


def test_a_program_hands_a_post_over(world: World) -> None:
    sam = world.program(world.cast.sam)
    taken = sam.post("/v1/posts", json=TYPED).json()
    assert (taken["outcome"], taken["platform"], taken["community"]) == ("new", "reddit", "r/bakers")
    assert taken["permalink"] == "https://www.reddit.com/r/bakers/comments/1abc2d/"
    assert sam.post("/v1/posts", json=TYPED).json()["outcome"] == "known"
    assert sam.post("/v1/posts", json={"url": "x", "text": "y"}).status_code == 422
    assert sam.post("/v1/posts", json=TYPED | {"txt": "y"}).status_code == 422


def test_the_manifest_lets_a_phone_share_with_us(world: World) -> None:
    manifest = world.stranger().get("/manifest.webmanifest")
    assert manifest.headers["content-type"] == "application/manifest+json"
    assert manifest.json()["share_target"]["action"] == "/posts/new"
    assert world.stranger().get(manifest.json()["icons"][0]["src"]).status_code == 200
