"""A keyword list of another tool becomes queries of a campaign, on its page."""

import sqlalchemy as sa

from api.security import LOGIN_COOKIE, form_token
from overheard.keywords.query_imports import MOST
from overheard.models import Query
from tests.api.conftest import World
from tests.factories import new_post


def test_a_list_is_weighed_then_what_was_chosen_is_saved_and_bad_input_loses_nothing(world: World) -> None:
    world.lead(post=new_post(body="A crm for my bakery?"))
    mara = world.browser(world.cast.mara)
    assert "/campaigns/1/import" in mara.get("/campaigns/1").text
    assert mara.get("/campaigns/1/import").status_code == 200
    given = {"form": "syften", "text": "crm followers:100\noven <b>\n(crm"}
    page = mara.submit("/campaigns/1/import", **given).text
    assert "Left out: <bdi>followers:100</bdi>" in page
    assert '<td class="number">1</td>' in page
    assert "cannot be taken" in page
    assert "<b>" not in page.partition("<table")[2].partition("</table>")[0]
    refused = mara.submit("/campaigns/1/import/save", **given)
    assert (refused.status_code, "crm followers:100\noven &lt;b&gt;\n(crm</textarea>" in refused.text) == (422, True)
    assert mara.submit("/campaigns/1/import", form="csv", text="crm\n" * (MOST + 1)).status_code == 422
    with world.rows() as session:
        before = session.scalar(sa.select(sa.func.count()).select_from(Query))
    saved = mara.submit("/campaigns/1/import/save", **given, chosen="crm")
    assert (saved.status_code, saved.headers["location"]) == (303, "/campaigns/1#queries")
    assert "1 query is in force." in mara.get("/campaigns/1").text
    with world.rows() as session:
        newest = session.scalars(sa.select(Query).order_by(Query.id.desc())).all()
        assert len(newest) == (before or 0) + 1
        assert (newest[0].name, newest[0].expression, newest[0].author_id) == (
            "crm followers:100",
            "crm",
            world.cast.mara.id,
        )


def test_a_list_can_be_chosen_as_a_file_and_what_is_no_text_is_refused_with_what_to_do(world: World) -> None:
    world.lead()
    mara = world.browser(world.cast.mara)
    form = {"csrf": form_token(mara.key, mara.cookies[LOGIN_COOKIE]), "form": "csv", "text": ""}

    def weigh(name: str, content: bytes) -> tuple[int, str]:
        answer = mara.post("/campaigns/1/import", data=form, files={"file": (name, content)})
        return answer.status_code, answer.text

    status, shown = weigh("list.csv", "\ufeffkeyword,name\nmühle,Mills\n".encode())
    assert (status, '<code dir="auto">mühle</code>' in shown, "<bdi>Mills</bdi>" in shown) == (200, True, True)
    assert "keyword,name\nmühle,Mills" in shown  # it stands in the form, from which it is saved
    status, shown = weigh("list.xlsx", b"PK\x03\x04\xff\xfe")
    assert (status, "Save it as CSV in UTF-8" in shown) == (422, True)
    status, shown = weigh("", b"")
    assert (status, "Paste one, or choose a file." in shown) == (422, True)
