"""Slack: `chat.postMessage`, as the user whose token it is."""

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from aiohttp import web

from overheard.vocabulary import Platform, PostKind
from tests.fakeworld.model import World
from tests.fakeworld.wires import slack as wire

PLATFORM = Platform.SLACK
ME = "U0SAM"


@dataclass
class Refusals:
    """Errors that Slack answers the next messages with."""

    next: list[str] = field(default_factory=list)


def routes(world: World) -> Sequence[web.RouteDef]:
    async def post(request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {wire.USER_TOKEN}":
            return web.json_response({"ok": False, "error": "invalid_auth"})
        refusals = world.state(Refusals)
        if refusals.next:
            return web.json_response({"ok": False, "error": refusals.next.pop(0)})
        told = await request.json() if request.content_type == "application/json" else dict(await request.post())
        metadata = told.get("metadata", {})
        root = world.find(PLATFORM, str(told["thread_ts"]))
        if root is None or root.is_deleted:
            return web.json_response({"ok": False, "error": "thread_not_found"})
        written = world.write(
            PLATFORM, str(told["channel"]), kind=PostKind.MESSAGE, author=ME, body=html.unescape(str(told["text"])),
            parent=root, metadata=json.loads(metadata) if isinstance(metadata, str) else metadata,
        )  # fmt: skip
        return web.json_response({"ok": True, "channel": told["channel"], "ts": written.id})

    return (web.post("/api/chat.postMessage", post),)
