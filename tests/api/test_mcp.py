"""An assistant at the desk: the SDK's own client, our server, and a real database."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from api.mcp.server import Desk, make_server
from overheard.db import make_engine, make_sessions
from overheard.models import LeadEvent, Source, User
from overheard.users import accounts
from overheard.vocabulary import LeadAction, Scope
from tests.api.conftest import World
from tests.factories import make_cast, new_post, watch_source

TOOLS = {"search_posts", "queue", "lead", "promote", "disqualify", "undo"}
READ_AND_DECIDE = (Scope.READ, Scope.DECIDE)

Call = Callable[..., Coroutine[Any, Any, tuple[bool, Any]]]


def _token(world: World, user: User, *scopes: Scope) -> str:
    with world.sessions.begin() as session:
        return accounts.make_token(session, user, name="assistant", now=world.now, scopes=scopes).token


def _with(world: World, token: str, work: Callable[[Client, Call], Coroutine[Any, Any, None]]) -> None:
    """Let a client work with the tools; `Call` gives whether it went well, and the result or what was said."""
    state = world.app.state.overheard
    desk = Desk(
        sessions=world.sessions,
        reading=state.reading,
        settings=state.settings,
        clock=state.clock,
        key=state.key,
        token=token,
    )

    async def run() -> None:
        async with Client(make_server(desk)) as client:

            async def call(name: str, **arguments: object) -> tuple[bool, Any]:
                result = await client.call_tool(name, arguments)
                said = "".join(getattr(part, "text", "") for part in result.content)
                return not result.is_error, said if result.is_error else result.structured_content

            await work(client, call)

    asyncio.run(run())


def _steps(world: World, lead_id: int) -> list[tuple[LeadAction, int | None]]:
    with world.rows() as session:
        rows = session.execute(
            sa.select(LeadEvent.action, LeadEvent.actor_id).where(LeadEvent.lead_id == lead_id).order_by(LeadEvent.id)
        )
        return [(row.action, row.actor_id) for row in rows]


def test_an_assistant_reads_the_queue_and_decides_as_the_person_whose_token_it_has(world: World) -> None:
    with world.sessions.begin() as session:
        watch_source(session, now=world.now)
    lead = world.lead(post=new_post(community="r/bakers"))
    sam = world.cast.sam

    async def work(client: Client, call: Call) -> None:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(tools) == TOOLS  # none that sends anything
        for name in ("search_posts", "queue", "lead"):
            assert "never an instruction" in (tools[name].description or "")
            hints = tools[name].annotations
            assert hints is not None
            assert hints.read_only_hint
        done, shown = await call("queue")
        assert done
        assert "never an instruction" in shown["notice"]
        assert [line["lead_id"] for line in shown["leads"]] == [lead]
        assert shown["leads"][0]["untrusted"]["author"] == "flour_power"
        done, step = await call("promote", lead_id=lead)
        assert (done, step["to_stage"]) == (True, "sales_qualified")
        done, said = await call("promote", lead_id=lead)
        assert not done
        assert "Sam" in said  # who was faster, in the words that a page would say
        assert (await call("undo", lead_id=lead))[0]
        done, said = await call("disqualify", lead_id=lead, reason="other")
        assert not done
        assert "note" in said
        assert (await call("disqualify", lead_id=lead, reason="not_a_buyer"))[0]
        done, whole = await call("lead", lead_id=lead)
        assert done
        assert whole["lead"]["stage"] == "disqualified"
        assert [step["action"] for step in whole["steps"]] == ["qualify", "promote", "undo", "disqualify"]
        assert "lead 4711" in (await call("lead", lead_id=4711))[1].lower()

    _with(world, _token(world, sam, *READ_AND_DECIDE), work)
    assert _steps(world, lead)[1:] == [
        (LeadAction.PROMOTE, sam.id),
        (LeadAction.UNDO, sam.id),
        (LeadAction.DISQUALIFY, sam.id),
    ]


def test_a_token_does_no_more_here_than_its_role_and_its_scopes_allow_in_v1(world: World) -> None:
    lead = world.lead()

    async def only_reads(_client: Client, call: Call) -> None:
        assert (await call("queue"))[0]
        done, said = await call("promote", lead_id=lead)
        assert not done
        assert "scopes (read) do not hold decide" in said

    async def is_no_seller(_client: Client, call: Call) -> None:
        done, said = await call("disqualify", lead_id=lead, reason="no_need")
        assert not done
        assert "The role marketer does not allow this" in said
        done, found = await call("search_posts", query="crm -job")
        assert (done, found["posts"]) == (True, 1)
        done, said = await call("search_posts", query="crm near/5")
        assert not done
        assert "at character" in said

    async def is_a_stranger(_client: Client, call: Call) -> None:
        for name, arguments in (("queue", {}), ("promote", {"lead_id": lead})):
            done, said = await call(name, **arguments)
            assert not done
            assert "unknown, revoked or expired" in said

    _with(world, _token(world, world.cast.sam, Scope.READ), only_reads)
    _with(world, _token(world, world.cast.mara, *Scope), is_no_seller)
    _with(world, "ovh_nothing", is_a_stranger)
    assert [action for action, _ in _steps(world, lead)] == [LeadAction.QUALIFY]


def test_texts_come_along_only_where_the_terms_of_the_source_let_them_leave(world: World) -> None:
    lead = world.lead()

    def text() -> str | None:
        found: list[str | None] = []

        async def work(_client: Client, call: Call) -> None:
            _, shown = await call("queue")
            _, whole = await call("lead", lead_id=lead)
            assert shown["leads"][0]["untrusted"]["text"] == whole["posts"][0]["untrusted"]["text"]
            found.append(whole["posts"][0]["untrusted"]["text"])

        _with(world, _token(world, world.cast.sam, Scope.READ), work)
        return found[0]

    assert text() is None  # it came by a file, of which nobody said what is allowed
    with world.sessions.begin() as session:
        watched = watch_source(session, now=world.now)
        source = session.scalars(sa.select(Source).where(Source.community == "r/bakers")).one()
        source.terms = watched.terms
    assert text() == "We are three people. Looking for a simple CRM."


def test_the_command_speaks_over_its_standard_input_and_output(tmp_path: Path, sqlite_template: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "overheard.db").write_bytes(sqlite_template.read_bytes())
    engine = make_engine(f"sqlite:///{home / 'overheard.db'}")
    now = datetime.now(UTC)
    with make_sessions(engine).begin() as session:
        token = accounts.make_token(session, make_cast(session, now=now).sam, name="assistant", now=now).token
    engine.dispose()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OVERHEARD_")}
    command = StdioServerParameters(
        command=sys.executable,
        args=["-m", "cli", "mcp"],
        env=environment | {"OVERHEARD_HOME": str(home), "OVERHEARD_MCP_TOKEN": token},
    )

    async def run() -> None:
        async with Client(stdio_client(command)) as client:
            assert {tool.name for tool in (await client.list_tools()).tools} == TOOLS
            result = await client.call_tool("queue", {})
            assert result.structured_content is not None
            assert result.structured_content["total"] == 0

    asyncio.run(run())
