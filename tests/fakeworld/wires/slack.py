"""Slack: the Web API and Socket Mode. A community is a channel's id; `written.extra` is put into the message as it is.

Of the log's changes each is an event for one of the open sockets. What happens while none is open is lost, as Slack
gives up after a few minutes; what was sent and not acknowledged is sent again, marked as a retry.
"""

import asyncio
import html
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiohttp import web

from overheard.vocabulary import Platform
from tests.fakeworld.faults import SocketFault, reset
from tests.fakeworld.model import Change, ChangeKind, Wire, World, Written

TEAM, APP, ME = "T1", "A1", "U0ME"
DOMAIN = "bakery"
USER_TOKEN = "xoxp-sam"  # an SDR's own
BOT_TOKEN, APP_TOKEN, SIGNING_SECRET = "xoxb-1", "xapp-1", "8f742231b10e8888abcd99yyyzzz85a5"

Body = Mapping[str, str]


@dataclass
class Channel:
    """A channel as the app sees it."""

    name: str
    is_member: bool = True
    is_private: bool = False
    topic: str = ""


@dataclass
class Slack:
    """What only this platform has."""

    channels: dict[str, Channel] = field(default_factory=lambda: {"C1": Channel("ovens")})
    bots: set[str] = field(default_factory=set)
    most: int = 1000
    """Messages of one answer, whatever was asked for."""
    sent: list[dict[str, Any]] = field(default_factory=list)
    """Every envelope that went out, retries too."""
    acknowledged: list[str] = field(default_factory=list)
    on_acknowledgement: Callable[[str], object] = lambda _: None
    """Called in the server's thread, with the event's id, when an acknowledgement has come."""
    sockets: int = 0
    """How many are open."""
    goodbyes: list[str] = field(default_factory=list)
    """Reasons to disconnect, one for each socket that comes by."""
    waiting: list[tuple[int, int]] = field(default_factory=list)
    """Changes that are to be sent, and how often they were."""
    seen: int = 0
    """Changes of which it is known whether they are to be sent."""


def ts_at(moment: datetime, number: int = 0) -> str:
    """The moment as Slack writes it."""
    return f"{int(moment.timestamp())}.{number:06}"


def new_id(_: World, written: Written) -> str:
    return ts_at(written.written_at, written.number)


def message(written: Written, *, body: str | None = None) -> dict[str, Any]:
    """A message as history shows it."""
    text = html.escape(written.body if body is None else body, quote=False)
    shown: dict[str, Any] = {"type": "message", "user": written.author, "text": text, "ts": written.id}
    if written.parent is not None:
        shown["thread_ts"] = written.root.id
    if written.edited_at is not None:
        shown["edited"] = {"user": written.author, "ts": ts_at(written.edited_at)}
    return {**shown, **written.extra}


def event(change: Change) -> dict[str, Any]:
    """What Slack tells of a change."""
    written, ts = change.written, ts_at(change.at, 900_000 + change.seq)
    base = {"type": "message", "channel": written.community, "ts": ts, "event_ts": ts}
    match change.kind:
        case ChangeKind.CREATE:
            created = message(written, body=change.body)
            created.pop("edited", None)
            return {**created, "channel": written.community, "event_ts": written.id}
        case ChangeKind.EDIT:
            edited = {**message(written, body=change.body), "edited": {"user": written.author, "ts": ts_at(change.at)}}
            return {**base, "subtype": "message_changed", "hidden": True, "message": edited}
        case ChangeKind.DELETE:
            was = message(written, body=change.body)
            return {**base, "subtype": "message_deleted", "deleted_ts": written.id, "previous_message": was}


def payload(change: Change) -> dict[str, Any]:
    """The same with all that Slack puts around it: what is posted over HTTP, and what an envelope holds."""
    return {
        "token": "none", "team_id": TEAM, "api_app_id": APP, "event": event(change), "type": "event_callback",
        "event_id": f"Ev{change.seq:06}", "event_time": int(change.at.timestamp()),
    }  # fmt: skip


def _refused(error: str, **more: object) -> web.Response:
    return web.json_response({"ok": False, "error": error, **more})


def _good(**answer: object) -> web.Response:
    return web.json_response({"ok": True, **answer})


def _key(ts: str) -> tuple[int, int]:
    seconds, _, micros = ts.partition(".")
    return int(seconds), int(micros or 0)


def _between(some: Sequence[Written], body: Body) -> list[Written]:
    oldest, latest = _key(body.get("oldest", "0")), _key(body.get("latest") or "9999999999")
    if body.get("inclusive") == "1":
        return [written for written in some if oldest <= _key(written.id) <= latest]
    return [written for written in some if oldest < _key(written.id) < latest]


class _Api:
    def __init__(self, world: World) -> None:
        self.world = world
        self.state = world.state(Slack)
        self.methods: dict[str, Callable[[Body], web.Response]] = {
            "auth.test": self.auth_test,
            "apps.connections.open": self.open,
            "conversations.list": self.list,
            "conversations.info": self.info,
            "conversations.history": self.history,
            "conversations.replies": self.replies,
            "users.info": self.user,
        }

    async def answer(self, request: web.Request) -> web.Response:
        body = {name: str(value) for name, value in (await request.post()).items()}
        method = request.match_info["method"]
        wanted = {APP_TOKEN} if method == "apps.connections.open" else {BOT_TOKEN, USER_TOKEN}
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in wanted:
            return _refused("invalid_auth")
        return self.methods[method](body)

    def auth_test(self, _: Body) -> web.Response:
        return _good(url=f"https://{DOMAIN}.slack.com/", team="The bakery", team_id=TEAM, user_id=ME, bot_id="B0ME")

    def open(self, _: Body) -> web.Response:
        return _good(url=self.world.url(Platform.SLACK).replace("http", "ws", 1) + "/link?ticket=1")

    def list(self, body: Body) -> web.Response:
        first = int(body.get("cursor") or 0)
        ids = list(self.state.channels)
        shown = [self._channel(id_) for id_ in ids[first : first + 2]]  # small pages, so that there are some
        more = str(first + 2) if first + 2 < len(ids) else ""
        return _good(channels=shown, response_metadata={"next_cursor": more})

    def info(self, body: Body) -> web.Response:
        if body["channel"] not in self.state.channels:
            return _refused("channel_not_found")
        return _good(channel=self._channel(body["channel"]))

    def _channel(self, id_: str) -> dict[str, object]:
        channel = self.state.channels[id_]
        told = {"id": id_, "name": channel.name, "is_member": channel.is_member, "is_private": channel.is_private}
        return {**told, "topic": {"value": channel.topic}, "purpose": {"value": ""}}

    def user(self, body: Body) -> web.Response:
        id_ = body["user"]
        if id_.startswith("UX"):
            return _refused("user_not_found")
        named = {"display_name": id_.removeprefix("U").title()}
        return _good(user={"id": id_, "name": id_.lower(), "is_bot": id_ in self.state.bots, "profile": named})

    def _no_channel(self, body: Body) -> web.Response | None:
        channel = self.state.channels.get(body["channel"])
        if channel is None:
            return _refused("channel_not_found")
        return None if channel.is_member else _refused("not_in_channel")

    def history(self, body: Body) -> web.Response:
        if refused := self._no_channel(body):
            return refused
        all_of_it = self.world.posts(Platform.SLACK, body["channel"], include_deleted=True)
        of_channel = [
            written
            for written in all_of_it
            if written.parent is None or written.extra.get("subtype") == "thread_broadcast"
        ]
        newest_first = sorted(_between(of_channel, body), key=lambda written: _key(written.id), reverse=True)
        found = [one for written in newest_first if (one := self._shown(written)) is not None]
        most = min(int(body["limit"]), self.state.most)
        return _good(messages=found[:most], has_more=len(found) > most)

    def replies(self, body: Body) -> web.Response:
        if refused := self._no_channel(body):
            return refused
        asked = self.world.find(Platform.SLACK, body["ts"])
        if asked is None or self._shown(asked) is None:
            return _refused("thread_not_found")
        if asked.parent is not None:  # of a reply it gives that reply
            return _good(messages=[message(asked)], has_more=False)
        replies = [message(written) for written in _between(self.world.thread(asked), body)]
        first, most = int(body.get("cursor") or 0), min(int(body["limit"]), self.state.most)
        has_more = first + most < len(replies)
        return _good(
            messages=[self._shown(asked), *replies[first : first + most]],
            has_more=has_more,
            response_metadata={"next_cursor": str(first + most) if has_more else ""},
        )

    def _shown(self, written: Written) -> dict[str, Any] | None:
        """A deleted message leaves a tombstone where it has replies, and nothing where it has none."""
        replies = self.world.thread(written) if written.parent is None else []
        if written.is_deleted and not replies:
            return None
        shown = message(written)
        if written.is_deleted:
            shown |= {"subtype": "tombstone", "user": "USLACKBOT", "text": "This message was deleted."}
        if replies:
            shown |= {"thread_ts": written.id, "reply_count": len(replies), "latest_reply": replies[-1].id}
        return shown


class _Socket:
    """One connection of Socket Mode."""

    def __init__(self, world: World, request: web.Request) -> None:
        self.world, self.request = world, request
        self.state = world.state(Slack)
        self.fault = world.fault_for(request.path_qs)
        self.in_flight: tuple[int, int] | None = None
        self.heard = asyncio.Event()

    async def talk(self) -> web.WebSocketResponse:
        state, socket = self.state, web.WebSocketResponse()
        # Before the greeting: what happens once the client has it is told.
        if not state.sockets:
            state.seen = len(self.world.changes)
        state.sockets += 1
        reader: asyncio.Task[None] | None = None
        try:
            await socket.prepare(self.request)
            reader = asyncio.create_task(self._read(socket))
            await socket.send_json(
                {"type": "hello", "num_connections": state.sockets, "connection_info": {"app_id": APP}}
            )
            await self._tell(socket)
        finally:
            state.sockets -= 1
            if self.in_flight is not None:
                state.waiting.insert(0, self.in_flight)
            if reader is not None:
                reader.cancel()
        return socket

    async def _read(self, socket: web.WebSocketResponse) -> None:
        async for said in socket:
            if said.type is web.WSMsgType.TEXT and self.in_flight is not None:
                seq = int(json.loads(said.data)["envelope_id"].partition("-")[0])
                if seq == self.in_flight[0]:
                    self.state.acknowledged.append(f"Ev{seq:06}")
                    self.state.on_acknowledgement(f"Ev{seq:06}")
                    self.in_flight = None
                    self.heard.set()

    async def _tell(self, socket: web.WebSocketResponse) -> None:
        count = 0
        while not socket.closed:
            if isinstance(self.fault, SocketFault) and count >= self.fault.after:
                await self._break(socket, self.fault)
                return
            if self.state.goodbyes:
                await socket.send_json({"type": "disconnect", "reason": self.state.goodbyes.pop(0)})
                return
            if (change := self._next()) is None:
                await self.world.change_after(self.state.seen, within=0.05)
                continue
            await self._send(socket, change)
            count += 1

    def _next(self) -> Change | None:
        """The next change to tell of; it is this socket's until it is acknowledged."""
        for change in self.world.changes_after(self.state.seen):
            if change.written.platform is Platform.SLACK:
                self.state.waiting.append((change.seq, 0))
            self.state.seen = change.seq  # last: whoever looks on finds what was seen among what waits
        if not self.state.waiting:
            return None
        seq, attempts = self.state.waiting[0]
        self.in_flight = (seq, attempts + 1)
        return self.world.changes[seq - 1]

    async def _send(self, socket: web.WebSocketResponse, change: Change) -> None:
        attempt = self.in_flight[1] - 1 if self.in_flight else 0
        envelope = {
            "type": "events_api", "envelope_id": f"{change.seq}-{attempt}", "payload": payload(change),
            "accepts_response_payload": False, "retry_attempt": attempt, "retry_reason": "timeout" if attempt else "",
        }  # fmt: skip
        self.state.sent.append(envelope)
        self.state.waiting.pop(0)  # and it waits until it is among what was sent
        self.heard.clear()
        await socket.send_json(envelope)
        while not self.heard.is_set() and not socket.closed:  # or until the client leaves, which ends this handler
            with suppress(TimeoutError):
                await asyncio.wait_for(self.heard.wait(), 0.05)

    async def _break(self, socket: web.WebSocketResponse, fault: SocketFault) -> None:
        if fault.is_deaf and self.request.transport is not None:
            self.request.transport.pause_reading()
        while (fault.is_silent or fault.is_deaf) and not socket.closed:  # what it would have told of is lost
            self.state.seen = len(self.world.changes)
            await self.world.change_after(self.state.seen, within=0.05)
        reset(self.request)


def routes(world: World) -> Sequence[web.RouteDef]:
    api = _Api(world)

    async def link(request: web.Request) -> web.WebSocketResponse:
        return await _Socket(world, request).talk()

    return web.get("/link", link), web.post("/api/{method}", api.answer)


def external_id(written: Written) -> str:
    return f"{TEAM}:{written.community}:{written.id}"


def text(written: Written) -> tuple[str, str]:
    return "", written.body


def is_post(written: Written) -> bool:
    """Not what bots and the channel itself say."""
    return not written.extra.get("bot_id") and written.extra.get("subtype") in (None, "thread_broadcast", "me_message")


WIRE = Wire(Platform.SLACK, routes, new_id=new_id, external_id=external_id, text=text, is_post=is_post)
