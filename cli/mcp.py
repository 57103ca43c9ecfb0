"""`overheard mcp`: the tools of an assistant, over standard input and output."""

from cli.context import clock, start
from overheard.db import make_reading_sessions
from overheard.errors import InvalidInput
from overheard.home import secret_key


def mcp() -> None:
    """Let an assistant look at the queue and decide about leads, by MCP over stdio. See docs/mcp.md."""
    try:
        from api.mcp.server import Desk, make_server, token_of
    except ModuleNotFoundError as error:
        if error.name not in {"mcp", "mcp_types"}:
            raise
        raise InvalidInput("The package mcp is not installed: pip install 'overheard[mcp]'") from error

    context = start()
    token = token_of(context.settings)
    desk = Desk(
        sessions=context.sessions,
        reading=make_reading_sessions(context.engine),
        settings=context.settings,
        clock=clock,
        key=secret_key(context.settings),
        token=token,
    )
    make_server(desk).run("stdio")
