"""Telegram's Bot API: one queue of updates for each bot, a community is a chat's id."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from overheard.vocabulary import Platform
from tests.fakeworld.model import Change, ChangeKind, Wire, World, Written

TOKEN = "123:invented-token"
_FIRST_UPDATE = 7000


@dataclass
class Telegram:
    """What only this platform has."""

    token: str = TOKEN
    acknowledged: int = 0
    """The highest update that was acknowledged: those up to it are gone from the queue."""
    reads_groups: bool = True
    chats: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {"-1001": {"type": "supergroup", "title": "Bakers", "username": "bakers"}}
    )


def number_of(change: Change) -> int:
    return _FIRST_UPDATE + change.seq


def is_told(world: World) -> bool:
    """Whether the queue is empty, where nobody deletes anything."""
    return world.state(Telegram).acknowledged >= _FIRST_UPDATE + len(world.changes)


def message(written: Written, world: World) -> dict[str, Any]:
    """What was written, as it is now."""
    chat = world.state(Telegram).chats[written.community]
    shown = {
        "message_id": written.number,
        "from": {"id": sum(written.author.encode()), "is_bot": False, "first_name": written.author.title()},
        "chat": {"id": int(written.community), **chat},
        "date": int(written.written_at.timestamp()),
        "text": written.body,
    }
    if written.parent:
        shown["reply_to_message"] = {"message_id": written.parent.number}
    return shown


def update(change: Change, world: World) -> dict[str, Any]:
    """A new message or an edit, with the text of its time."""
    shown = {**message(change.written, world), "text": change.body, **change.written.extra}
    if change.kind is ChangeKind.CREATE:
        return {"update_id": number_of(change), "message": shown}
    return {"update_id": number_of(change), "edited_message": {**shown, "edit_date": int(change.at.timestamp())}}


def _answer(result: object) -> web.Response:
    return web.json_response({"ok": True, "result": result})


def _refused(status: int, description: str) -> web.Response:
    return web.json_response({"ok": False, "error_code": status, "description": description}, status=status)


def routes(world: World) -> Sequence[web.RouteDef]:
    state = world.state(Telegram)

    async def me(request: web.Request) -> web.Response:
        if request.match_info["token"] != state.token:
            return _refused(401, "Unauthorized")
        return _answer({"id": 123, "username": "rye_bot", "can_read_all_group_messages": state.reads_groups})

    async def chat(request: web.Request) -> web.Response:
        wanted = request.query["chat_id"]
        for id_, told in state.chats.items():
            if wanted in {id_, f"@{told.get('username')}"}:
                return _answer({"id": int(id_), **told})
        return _refused(400, "Bad Request: chat not found")

    async def updates(request: web.Request) -> web.Response:
        """Deletions are told to nobody."""
        if request.match_info["token"] != state.token:
            return _refused(401, "Unauthorized")
        state.acknowledged = max(state.acknowledged, int(request.query.get("offset", 0)) - 1)
        assert json.loads(request.query["allowed_updates"])
        changes = world.changes_after(max(0, state.acknowledged - _FIRST_UPDATE), Platform.TELEGRAM)
        changes = [change for change in changes if change.kind is not ChangeKind.DELETE]
        if not changes:
            # A moment, and not the seconds that were asked for: tests must not wait for them.
            await world.change_after(len(world.changes), 0.02)
        return _answer([update(change, world) for change in changes][: int(request.query["limit"])])

    table = {"getMe": me, "getChat": chat, "getUpdates": updates}
    return [web.get(f"/bot{{token}}/{method}", handler) for method, handler in table.items()]


def external_id(written: Written) -> str:
    return f"{written.community}:{written.number}"


def is_post(written: Written) -> bool:
    """What people write themselves."""
    writer = written.extra.get("from")
    is_bots = isinstance(writer, dict) and writer.get("is_bot")
    return bool(written.body) and not is_bots and "forward_origin" not in written.extra


WIRE = Wire(Platform.TELEGRAM, routes, external_id=external_id, is_post=is_post)
