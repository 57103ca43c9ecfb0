"""The editor of a query on its campaign's page, as a form."""

import html
from pathlib import Path

import pytest

from overheard.keywords.query_edits import with_term, without_term, written
from tests.api.conftest import Browser, World
from tests.factories import make_campaign


@pytest.fixture
def database_url(sqlite_template: Path, tmp_path: Path) -> str:
    """Nothing here depends on the database."""
    path = tmp_path / "overheard.db"
    path.write_bytes(sqlite_template.read_bytes())
    return f"sqlite:///{path}"


@pytest.fixture
def mara(world: World) -> Browser:
    with world.sessions.begin() as session:
        make_campaign(session, now=world.now, queries={"asks & more": 'crm "looking for"'})
    return world.browser(world.cast.mara)


def test_a_proposed_term_stands_in_the_editor_before_anything_is_saved(mara: Browser) -> None:
    address = "/campaigns/1?query=asks+%26+more"
    assert ">crm &#34;looking for&#34;</textarea>" in mara.get(address).text
    assert ">crm &#34;looking for&#34; OR &#34;small shop&#34;</textarea>" in mara.get(f"{address}&add=Small+shop").text
    page = mara.get(f"{address}&exclude=hiring").text
    assert ">crm &#34;looking for&#34; -hiring</textarea>" in page
    assert "Change <bdi>asks &amp; more</bdi>" in page
    assert "Save as version 2" in page
    assert "<small>v1</small>" in page


def test_a_query_is_checked_without_being_saved_by_forms_and_by_scripts(mara: Browser) -> None:
    page = mara.submit("/campaigns/1/check", query="asks & more", expression='crm "small')
    assert page.status_code == 422
    assert 'crm <mark class="here">&#34;</mark>small' in page.text
    mara.headers["Accept"] = "application/json"
    told = mara.submit("/campaigns/1/check", expression='crm "small').json()
    assert (told["position"], told["words"]) == (4, "")
    told = mara.submit("/campaigns/1/check", expression='crm "small shop"').json()
    assert told["error"] is None
    assert told["words"]


def test_a_version_knows_why_it_was_made(mara: Browser) -> None:
    mara.submit("/campaigns/1/queries", query="asks & more", expression="crm", note="The phrase was too narrow")
    page = mara.get("/campaigns/1?query=asks+%26+more").text
    assert "Versions (2)" in page


def test_a_term_is_written_as_a_query_takes_it() -> None:
    terms = [written(term) for term in ("CRM", "small shop", "c++", "a:b", "OR", 'say "hi"', "-x")]
    assert terms == ["crm", '"small shop"', "c++", '"a:b"', '"or"', '"say hi"', '"-x"']
    assert (with_term("", "x"), without_term("", "x")) == ("x", "* -x")
    assert without_term("a OR b", "x") == "(a OR b) -x"


def test_words_that_queries_share_are_kept_once(mara: Browser) -> None:
    mara.submit("/campaigns/variables", name="brands", text='rye\n"spelt bread"')
    assert "${brands}" in mara.get("/campaigns").text
    mara.headers["Accept"] = "application/json"
    told = mara.submit("/campaigns/1/check", expression="looking ${brands}").json()
    assert "spelt bread" in told["words"]
    assert mara.submit("/campaigns/1/queries", query="shared", expression="${brands}").status_code == 200
    del mara.headers["Accept"]
    assert mara.submit("/campaigns/variables/remove", name="brands").status_code == 422  # a query uses it
    assert "brands" in html.unescape(mara.get("/campaigns/1").text).split("data-vocabulary=")[1].split(">")[0]
