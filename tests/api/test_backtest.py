"""Back-tests and versions of queries, on the pages and under `/v1`."""

import pytest

from overheard.keywords import queries
from tests.api.conftest import World
from tests.factories import make_campaign, new_post, store

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def fill(world: World) -> None:
    with world.sessions.begin() as session:
        make_campaign(session, now=world.now, queries={"asks": "crm"})
        told = [new_post(title="A CRM?", body=""), new_post(title="<b>ERP</b> for a bakery", body="Soon.")]
        store(session, *told, now=world.now)


def test_a_marketer_sees_what_an_edit_would_change_before_saving_it(world: World) -> None:
    fill(world)
    mara, path = world.browser(world.cast.mara), "/campaigns/1/backtest"
    page = mara.submit(path, query="asks", expression="erp bakery", days=90)
    assert page.status_code == 200
    assert "posts more a week, " in page.text
    assert '&lt;b&gt;<span class="met">ERP</span>&lt;/b&gt; for a <span class="met">bakery</span>' in page.text
    assert '<option value="90" selected>' in page.text
    assert 'formaction="/campaigns/1/queries"' in page.text
    fragment = mara.submit(path, query="asks", expression="erp", fragment="true").text
    assert "<html" not in fragment
    assert "Lost" in fragment
    refused = mara.submit(path, query="asks", expression='"open')
    assert refused.status_code == 422
    assert "not closed" in refused.text
    assert mara.submit("/campaigns/9/backtest", query="asks", expression="crm").status_code == 404
    with world.rows() as session:
        assert queries.in_force(session, 1, "asks").expression == "crm"  # type: ignore[union-attr] # nothing was saved


def test_versions_are_told_with_what_differs_and_one_goes_back(world: World) -> None:
    fill(world)
    with world.sessions.begin() as session:
        queries.save_query(
            session, 1, name="asks", expression="crm -jobs", author=world.cast.mara, note="No <jobs>", now=world.now
        )
    mara = world.browser(world.cast.mara)
    page = mara.get("/campaigns/1/versions?query=asks").text
    assert "No &lt;jobs&gt;" in page
    assert "<ins> -jobs</ins>" in page
    assert mara.submit("/campaigns/queries/1/rollback").status_code == 303
    assert "is in force as version 3: Back to version 1." in mara.get("/campaigns/1").text
    assert mara.get("/campaigns/1/versions?query=begs").status_code == 404


def test_programs_check_test_and_roll_back_queries(world: World) -> None:
    fill(world)
    mara = world.program(world.cast.mara)
    checked = mara.post("/v1/queries/check", json={"expression": "crm or erp"}).json()
    assert checked["error"] is None
    assert checked["hints"][0]["replacement"] == "OR"
    wrong = mara.post("/v1/queries/check", json={"expression": 'crm "open'}).json()
    assert (wrong["words"], wrong["position"]) == (None, 4)
    tested = mara.post("/v1/campaigns/1/backtest", json={"name": "asks", "expression": "erp", "days": None})
    told = tested.json()
    assert (told["gained"]["posts"], told["lost"]["posts"], told["kept"]["posts"]) == (1, 1, 0)
    assert told["gained"]["examples"][0]["spans"] == [{"field": "title", "start": 3, "end": 6}]
    assert mara.post("/v1/campaigns/1/backtest", json={"expression": '"'}).status_code == 422
    saved = mara.post("/v1/campaigns/1/queries", json={"name": "asks", "expression": "erp", "note": "Why not"})
    assert saved.status_code == 201
    assert mara.post("/v1/queries/1/rollback", json={"note": "It was better"}).json()["version"] == 3
    found = mara.get("/v1/campaigns/1/versions", params={"query": "asks"}).json()["items"]
    assert [(one["version"], one["author"], one["note"]) for one in found] == [
        (3, "Mara", "It was better"), (2, "Mara", "Why not"), (1, None, None),
    ]  # fmt: skip
    assert found[1]["changes"] == [{"text": "crm", "change": "removed"}, {"text": "erp", "change": "added"}]
