"""Bluesky: sessions, records whose key the writer chooses, threads and notifications."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from overheard.vocabulary import Platform, PostKind
from tests.fakeworld.model import World, Written
from tests.fakeworld.sending.who import SAM
from tests.fakeworld.wires import bluesky as wire

PLATFORM = Platform.BLUESKY
PASSWORD, ACCESS = "app-pass-word", "jwt-sam"
ME = wire.did(SAM)


@dataclass
class Sending:
    """What only this half has."""

    blocked_by: set[str] = field(default_factory=set)
    """Who has blocked Sam."""


@dataclass(frozen=True)
class _Site:
    world: World

    async def session(self, request: web.Request) -> web.Response:
        told = await request.json()
        if (told["identifier"], told["password"]) != (ME, PASSWORD):
            said = {"error": "AuthenticationRequired", "message": "Invalid identifier or password"}
            return web.json_response(said, status=401)
        return web.json_response({"did": ME, "handle": wire.handle(SAM), "accessJwt": ACCESS, "refreshJwt": "r"})

    async def create(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {ACCESS}":
            return web.json_response({"error": "AuthMissing"}, status=401)
        told = await request.json()
        uri, record = f"at://{ME}/{wire.POSTS}/{told['rkey']}", told["record"]
        if (there := self.world.find(PLATFORM, uri)) is not None and not there.is_deleted:
            said = {"error": "InvalidRequest", "message": "Record already exists"}
            return web.json_response(said, status=400)
        parent = self.world.find(PLATFORM, record["reply"]["parent"]["uri"])
        # The network takes records that answer nothing; nobody sees them.
        self.world.write(
            PLATFORM, wire.COMMUNITY, id=uri, kind=PostKind.COMMENT, author=SAM, body=record["text"], parent=parent,
            seq=len(self.world.changes) + 1,
        )  # fmt: skip
        return web.json_response({"uri": uri, "cid": "bafynew"})

    async def get_record(self, request: web.Request) -> web.Response:
        told = request.query
        written = self.world.find(PLATFORM, f"at://{told['repo']}/{told['collection']}/{told['rkey']}")
        if written is None or written.is_deleted:
            return web.json_response({"error": "RecordNotFound"}, status=400)
        return web.json_response({"uri": written.id, "cid": "bafy", "value": wire.record(written, written.body)})

    async def get_thread(self, request: web.Request) -> web.Response:
        written = self.world.find(PLATFORM, request.query["uri"])
        if written is None or written.is_deleted:
            return web.json_response({"error": "NotFound", "message": "Post not found"}, status=400)
        if written.author in self.world.state(Sending).blocked_by:
            return web.json_response({"thread": {"uri": written.id, "blocked": True}})
        return web.json_response({"thread": _thread(self.world, written, up=True)})

    async def notifications(self, _: web.Request) -> web.Response:
        answers = [each for each in self.world.posts(PLATFORM) if each.parent and each.parent.author == SAM]
        rows = [wire._shown(each) | {"reason": "reply"} for each in answers]  # noqa: SLF001 - the other half of it
        return web.json_response({"notifications": rows[::-1]})


def routes(world: World) -> Sequence[web.RouteDef]:
    site = _Site(world)
    return (
        web.post("/xrpc/com.atproto.server.createSession", site.session),
        web.post("/xrpc/com.atproto.repo.createRecord", site.create),
        web.get("/xrpc/com.atproto.repo.getRecord", site.get_record),
        web.get("/xrpc/app.bsky.feed.getPostThread", site.get_thread),
        web.get("/xrpc/app.bsky.notification.listNotifications", site.notifications),
    )


def _thread(world: World, written: Written, *, up: bool) -> dict[str, Any]:
    view: dict[str, Any] = wire._shown(written)  # noqa: SLF001 - the other half of it
    view["viewer"] = {"replyDisabled": bool(written.root.extra.get("locked"))}
    below = [_thread(world, each, up=False) for each in world.thread(written.root) if each.parent is written]
    parent = {"parent": _thread(world, written.parent, up=True) | {"replies": []}} if up and written.parent else {}
    return {"post": view, "replies": below, **parent}
