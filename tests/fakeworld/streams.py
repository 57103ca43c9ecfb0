"""The world's log as it happens, for wires that push: websockets and event streams."""

import asyncio
from collections.abc import AsyncIterator
from itertools import count

from aiohttp import web

from overheard.vocabulary import Platform
from tests.fakeworld.faults import reset
from tests.fakeworld.model import Change, World


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
                await _break(request, is_silent=fault.is_silent)
                return
            yield change
        if fault and not fault.after:  # goes wrong before anything happens
            await _break(request, is_silent=fault.is_silent)
            return
        if not await world.change_after(after, idle):
            yield None


async def _break(request: web.Request, *, is_silent: bool) -> None:
    if is_silent:
        await asyncio.Event().wait()  # until the client gives up
    reset(request)
