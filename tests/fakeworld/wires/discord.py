"""Discord's REST: a community is a channel's id, `written.extra["thread"]` the id of the thread it stands in."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from overheard.vocabulary import Platform
from tests.fakeworld.model import Wire, World, Written

SERVER, SERVER_NAME = "100", "Bakers"
_EPOCH = datetime(2015, 1, 1, tzinfo=UTC)


@dataclass
class Discord:
    """What only this platform has."""

    token: str = "bot-token"
    flags: int = 1 << 19
    channels: dict[str, dict[str, Any]] = field(default_factory=lambda: {"200": {"name": "tools", "type": 0}})
    threads: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By id: name, and whether it is put away."""
    is_history_hidden: bool = False
    left: str = "5"
    """Requests that are left, as every answer says."""


def new_id(_: World, written: Written) -> str:
    """Milliseconds since 2015, shifted, and a number that keeps those of one moment apart."""
    milliseconds = int((written.written_at - _EPOCH).total_seconds() * 1000)
    return str((milliseconds << 22) + written.number)


def open_thread(world: World, channel: str, name: str, *, id: str | None = None) -> str:  # noqa: A002
    """A thread of a channel; its id is that of the message it begins with, if there is one."""
    state = world.state(Discord)
    id_ = id or str((int((world.now - _EPOCH).total_seconds() * 1000) << 22) + 900_000 + len(state.threads))
    state.threads[id_] = {"name": name, "parent_id": channel, "is_put_away": False}
    return id_


def shown(written: Written) -> dict[str, Any]:
    """A message as the API gives it."""
    message = {
        "id": written.id,
        "type": 0,
        "content": written.body,
        "author": {"id": f"u-{written.author}", "username": written.author, "global_name": written.author.title()},
        "mentions": [],
        "timestamp": written.written_at.isoformat(),
        "edited_timestamp": written.edited_at.isoformat() if written.edited_at else None,
    }
    return {**message, **{name: value for name, value in written.extra.items() if name != "thread"}}


def _refused(status: int, code: int) -> web.Response:
    return web.json_response({"message": "no", "code": code}, status=status)


class _Routes:
    def __init__(self, world: World) -> None:
        self.world = world
        self.state = world.state(Discord)

    def messages_of(self, place: str) -> list[Written]:
        channel = self.state.threads[place]["parent_id"] if place in self.state.threads else place
        posts = self.world.posts(Platform.DISCORD, channel)
        return sorted((w for w in posts if w.extra.get("thread", channel) == place), key=lambda w: int(w.id))

    def thread(self, id_: str) -> dict[str, Any]:
        told = self.state.threads[id_]
        newest = self.messages_of(id_)
        return {
            "id": id_, "type": 11, "name": told["name"], "parent_id": told["parent_id"], "guild_id": SERVER,
            "last_message_id": newest[-1].id if newest else None,
            "thread_metadata": {"archived": told["is_put_away"], "archive_timestamp": self.world.now.isoformat()},
        }  # fmt: skip

    def threads(self, *, is_put_away: bool) -> list[dict[str, Any]]:
        return [self.thread(id_) for id_, told in self.state.threads.items() if told["is_put_away"] is is_put_away]

    async def application(self, _: web.Request) -> web.Response:
        return self.answer({"id": "1", "flags": self.state.flags})

    async def me(self, _: web.Request) -> web.Response:
        return self.answer({"id": "1", "username": "rye-listener"})

    async def servers(self, _: web.Request) -> web.Response:
        return self.answer([{"id": SERVER, "name": SERVER_NAME}])

    async def server(self, _: web.Request) -> web.Response:
        return self.answer({"id": SERVER, "name": SERVER_NAME})

    async def channels(self, _: web.Request) -> web.Response:
        return self.answer([self.channel_row(id_) for id_ in self.state.channels])

    def channel_row(self, id_: str) -> dict[str, Any]:
        newest = [int(thread) for thread, told in self.state.threads.items() if told["parent_id"] == id_]
        last = {"last_message_id": str(max(newest))} if newest else {}
        return {"id": id_, "guild_id": SERVER, **last, **self.state.channels[id_]}

    async def channel(self, request: web.Request) -> web.Response:
        id_ = request.match_info["channel"]
        return self.answer(self.channel_row(id_)) if id_ in self.state.channels else _refused(404, 10003)

    async def active(self, _: web.Request) -> web.Response:
        return self.answer({"threads": self.threads(is_put_away=False), "members": []})

    async def archived(self, _: web.Request) -> web.Response:
        return self.answer({"threads": self.threads(is_put_away=True), "members": [], "has_more": False})

    async def messages(self, request: web.Request) -> web.Response:
        place, query = request.match_info["channel"], request.query
        if place not in self.state.channels and place not in self.state.threads:
            return _refused(404, 10003)
        found = [] if self.state.is_history_hidden else self.messages_of(place)
        limit = int(query.get("limit", 50))
        if "after" in query:
            found = [written for written in found if int(written.id) > int(query["after"])][:limit]
        else:
            found = [w for w in found if int(w.id) < int(query.get("before", 1 << 63))][-limit:]
        return self.answer([shown(written) for written in found[::-1]])

    async def message(self, request: web.Request) -> web.Response:
        if self.state.is_history_hidden:
            return _refused(403, 50001)
        place, written = request.match_info["channel"], self.world.find(Platform.DISCORD, request.match_info["message"])
        if written is None or written.is_deleted or written.extra.get("thread", written.community) != place:
            return _refused(404, 10008)
        return self.answer(shown(written))

    def answer(self, content: object) -> web.Response:
        headers = {"X-RateLimit-Limit": "5", "X-RateLimit-Remaining": self.state.left, "X-RateLimit-Reset-After": "1.5"}
        return web.json_response(content, headers=headers)


def routes(world: World) -> Sequence[web.RouteDef]:
    all_ = _Routes(world)
    table = {
        "/applications/@me": all_.application,
        "/users/@me": all_.me,
        "/users/@me/guilds": all_.servers,
        "/guilds/{server}": all_.server,
        "/guilds/{server}/channels": all_.channels,
        "/guilds/{server}/threads/active": all_.active,
        "/channels/{channel}": all_.channel,
        "/channels/{channel}/threads/archived/public": all_.archived,
        "/channels/{channel}/messages": all_.messages,
        "/channels/{channel}/messages/{message}": all_.message,
    }

    def known(handler: Any) -> Any:  # noqa: ANN401 - a handler of aiohttp
        async def checked(request: web.Request) -> web.Response:
            if request.headers.get("Authorization") != f"Bot {all_.state.token}":
                return _refused(401, 0)
            response: web.Response = await handler(request)
            return response

        return checked

    return [web.get(path, known(handler)) for path, handler in table.items()]


def is_post(written: Written) -> bool:
    """What people write, with a word in it."""
    author = written.extra.get("author")
    is_bots = isinstance(author, dict) and author.get("bot")
    return bool(written.body) and not is_bots and written.extra.get("type", 0) in {0, 19}


WIRE = Wire(Platform.DISCORD, routes, new_id=new_id, is_post=is_post)
