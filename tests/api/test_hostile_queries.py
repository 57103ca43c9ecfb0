"""Huge and hostile queries at every door that takes one: each is answered or refused, in bounded steps and sizes.

How long each takes stands in `docs/performance.md`; here statements and bytes are counted, which say the same on every
machine.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from httpx2 import Response
from sqlalchemy.engine import Engine

from api.middleware import MAX_BODY
from tests.api.conftest import World
from tests.factories import make_campaign, new_post, store
from tests.overheard.query_language.test_reading import HOSTILE

MOST_STATEMENTS = 100
"""A campaign's page takes some 70, and however much a query says, it is one question to the index."""
MOST_BYTES = 100_000
"""Of an answer, besides what it gives back of the query."""


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    """The statements that are sent to the database meanwhile."""
    statements: list[str] = []

    def count(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        statements.append(statement)

    sa.event.listen(engine, "before_cursor_execute", count)
    try:
        yield statements
    finally:
        sa.event.remove(engine, "before_cursor_execute", count)


@pytest.fixture
def desk(world: World) -> World:
    with world.sessions.begin() as session:
        make_campaign(session, now=world.now, queries={"asks": "crm"})
        hard = new_post(title="a" * 1_000, body="a " * 500 + "a" * 20_000 + " term9999", posted_at=world.now)
        store(session, hard, new_post(posted_at=world.now), now=world.now)
    return world


@pytest.mark.alternate_databases
@pytest.mark.parametrize("expression", HOSTILE, ids=[text[:12] for text in HOSTILE])
def test_a_hostile_query_is_answered_or_refused_at_every_door(desk: World, engine: Engine, expression: str) -> None:
    page, program = desk.browser(desk.cast.mara), desk.program(desk.cast.mara)
    named = {"query": "hostile", "expression": expression}
    told = {"name": "hostile", "expression": expression}
    refusals = set()

    def ask(answer: Response) -> None:
        assert answer.status_code in (200, 201, 303, 422), answer.text[:500]
        assert len(answer.content) < MOST_BYTES + 4 * len(expression)
        if answer.status_code == 422:
            refusals.add("at most" in answer.text or "stands within" in answer.text)

    doors: list[Callable[[], Response]] = [
        lambda: page.submit("/campaigns/1/check", **named),
        lambda: page.submit("/campaigns/1/backtest", **named),
        lambda: program.post("/v1/queries/check", json={"expression": expression}),
        lambda: program.post("/v1/campaigns/1/backtest", json=told),
        lambda: program.post("/v1/campaigns/1/queries", json=told),
        lambda: page.submit("/campaigns/1/queries", **named),
        lambda: page.get("/campaigns/1?query=hostile"),
    ]
    for send in doors:
        with counted(engine) as statements:
            ask(send())
        assert len(statements) < MOST_STATEMENTS
    assert refusals <= {True}


def test_a_query_that_is_longer_than_a_request_may_be_is_refused_unread(desk: World, engine: Engine) -> None:
    page, program = desk.browser(desk.cast.mara), desk.program(desk.cast.mara)
    huge = "a " * MAX_BODY
    with counted(engine) as statements:
        answers = [
            page.submit("/campaigns/1/check", query="huge", expression=huge),
            program.post("/v1/queries/check", json={"expression": huge}),
            program.post("/v1/campaigns/1/queries", json={"name": "huge", "expression": huge}),
        ]
    assert [answer.status_code for answer in answers] == [413, 413, 413]
    assert statements == []


def test_a_new_campaign_of_hostile_queries_is_refused_with_the_reason(desk: World) -> None:
    page = desk.browser(desk.cast.mara)
    deep = "a (b OR " * 200 + "c" + ")" * 200
    refused = page.submit("/campaigns", name="Deep", offer="x", query="deep", expression=deep)
    assert (refused.status_code, "at most 100 deep" in refused.text) == (422, True)
    assert "Deep" not in page.get("/campaigns").text
