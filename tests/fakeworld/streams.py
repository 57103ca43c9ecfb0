"""The world's log as it happens, for wires that push: websockets and event streams."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count

from aiohttp import web

from overheard.vocabulary import Platform
from tests.fakeworld.faults import SocketFault, reset
from tests.fakeworld.model import Change, World


@asynccontextmanager
async def accepted(
    request: web.Request, hear: Callable[[str], object] = lambda _: None
) -> AsyncIterator[web.WebSocketResponse]:
    """A websocket that hears what the client says while the block sends. The block ends when the client leaves."""
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    sender = asyncio.current_task()

    async def read() -> None:
        async for message in socket:
            if message.type is web.WSMsgType.TEXT:
                hear(message.data)
        if sender is not None:
            sender.cancel()

    reader = asyncio.create_task(read())
    try:
        yield socket
    except asyncio.CancelledError:
        if not socket.closed:
            raise
    finally:
        reader.cancel()


async def stream(
    world: World, request: web.Request, platform: Platform, *, after: int, idle: float | None = None
) -> AsyncIterator[Change | None]:
    """Each change of the platform after a number of the log, those of the past first; it ends when the client leaves.

    With `idle`, None comes after that many seconds without a change: time for a heartbeat. A `SocketFault` planned
    for the request is acted on here: silence, or a connection that is gone without a word.
    """
    fault = world.fault_for(request.path_qs)
    events = count()
    while True:
        for change in world.changes_after(after):
            after = change.seq
            if change.written.platform is not platform:
                continue
            if fault and next(events) >= fault.after:
                await _break(request, fault)
                return
            yield change
        if fault and not fault.after:  # goes wrong before anything happens
            await _break(request, fault)
            return
        if not await world.change_after(after, idle):
            yield None


async def _break(request: web.Request, fault: SocketFault) -> None:
    if fault.is_deaf and request.transport is not None:
        request.transport.pause_reading()  # pings stay unanswered
    if fault.is_silent or fault.is_deaf:
        await asyncio.Event().wait()  # until the client gives up
    reset(request)
