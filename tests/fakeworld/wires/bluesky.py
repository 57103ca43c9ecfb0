"""Bluesky: the stream Jetstream v2, and two questions to the public API."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aiohttp import web

from overheard.models import Gap, Source
from overheard.vocabulary import Platform
from tests.fakeworld.faults import reset
from tests.fakeworld.model import Change, ChangeKind, Wire, World, Written
from tests.fakeworld.streams import accepted, stream

COMMUNITY = "Bluesky"
POSTS = "app.bsky.feed.post"
STREAM = "/xrpc/network.bsky.jetstream.subscribeEvents"
_EVENTS = "network.bsky.jetstream.subscribeEvents"
_FIRST_TIME = 10**15
"""Cursors from there on are microseconds since 1970."""


@dataclass
class Bluesky:
    """What only this platform has."""

    floor: int = 1
    """The oldest event that is kept."""
    shift: int = 0
    """Another server numbers the same events otherwise: this much higher."""
    frames_before: defaultdict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Sent before the event of this number: news about accounts, garbage."""
    cut_at: set[int] = field(default_factory=set)
    """The frame of this event stops in the middle, once."""
    slow_at: set[int] = field(default_factory=set)
    """Before this event the server finds that the client reads too slowly, once."""


def did(author: str) -> str:
    """Who somebody is, for ever."""
    return f"did:plc:{author}"


def handle(author: str) -> str:
    """What they are called at present."""
    return f"{author}.bsky.test"


def new_id(world: World, written: Written) -> str:
    """Called just before the post's event gets its number."""
    written.extra["seq"] = len(world.changes) + 1
    return f"at://{did(written.author)}/{POSTS}/3k{written.number:011}"


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def record(written: Written, body: str) -> dict[str, object]:
    """A post as its writer's machine made it; `extra` has `createdAt` and `langs` where they are unusual."""
    shown: dict[str, object] = {
        "$type": POSTS,
        "text": body,
        "createdAt": written.extra.get("createdAt", iso(written.written_at)),
        "langs": written.extra.get("langs", ["en"]),
    }
    if written.parent:
        shown["reply"] = {
            "root": {"uri": written.root.id, "cid": "bafyroot"},
            "parent": {"uri": written.parent.id, "cid": "bafyparent"},
        }
    return shown


def message(kind: str, seq: int, at: datetime, author: str, **more: object) -> str:
    """A frame."""
    payload = {"$type": f"{_EVENTS}#{kind}", "seq": seq, "did": did(author), "time": iso(at), "witnessedAt": iso(at)}
    return json.dumps({"$type": "message", "payload": payload | more})


def renamed(seq: int, at: datetime, author: str, handle: str) -> str:
    """A frame: somebody is called otherwise."""
    upstream = {"did": did(author), "handle": handle, "seq": 1, "time": iso(at)}
    return message("identity", seq, at, author, identity=upstream)


def left(seq: int, at: datetime, author: str, status: str) -> str:
    """A frame: an account is `deleted`, `takendown`, `deactivated`, …"""
    upstream = {"did": did(author), "active": False, "status": status, "seq": 1, "time": iso(at)}
    return message("account", seq, at, author, account=upstream)


def info(name: str) -> str:
    """A frame that tells about the stream."""
    payload = {"$type": f"{_EVENTS}#info", "name": name, "message": "an explanation"}
    return json.dumps({"$type": "message", "payload": payload})


def frame(change: Change, shift: int = 0) -> str:
    """A frame: what happened to a post."""
    written, seq = change.written, change.seq + shift
    if change.is_of_author:
        return left(seq, change.at, written.author, "deleted")
    operations = {ChangeKind.CREATE: "create", ChangeKind.EDIT: "update", ChangeKind.DELETE: "delete"}
    commit: dict[str, object] = {
        "operation": operations[change.kind],
        "collection": POSTS,
        "rkey": written.id.rpartition("/")[2],
        "rev": f"3r{seq:011}",
    }
    if change.kind is not ChangeKind.DELETE:
        commit |= {"record": record(written, change.body), "cid": f"bafy{seq}"}
    return message("commit", seq, change.at, written.author, **commit)


@dataclass(frozen=True)
class _Begin:
    """Where a subscription starts: after this number of the log, with these frames first."""

    after: int
    first: Sequence[str] = ()


def _resolve(world: World, state: Bluesky, cursor: str | None) -> _Begin | web.Response:
    newest = len(world.changes)
    if cursor is None:
        return _Begin(newest)
    number = int(cursor)
    if number >= _FIRST_TIME:
        after = sum(change.at.timestamp() * 1e6 < number for change in world.changes)
        is_outdated = after + 1 < state.floor
        return _Begin(max(after, state.floor - 1), [info("OutdatedCursor")] if is_outdated else [])
    number -= state.shift
    if number > newest + 1:
        return _Begin(newest, [info("FutureCursor")])
    if number < state.floor:
        floor = state.floor + state.shift
        said = (
            f"subscribe: cursor too old: cursor {cursor} below lookback floor {floor}; re-backfill from your last seq"
        )
        return web.json_response({"error": "CursorTooOld", "message": said}, status=400)
    return _Begin(number - 1)


def routes(world: World) -> Sequence[web.RouteDef]:
    state = world.state(Bluesky)

    async def subscribe(request: web.Request) -> web.StreamResponse:
        if "wantedDids" in request.query:
            said = "wantedDids is the legacy /subscribe parameter; use dids"
            return web.json_response({"error": "InvalidRequest", "message": said}, status=400)
        begin = _resolve(world, state, request.query.get("cursor"))
        if isinstance(begin, web.Response):
            return begin
        async with accepted(request) as socket:
            await _send(world, request, socket, begin)
        return socket

    async def get_posts(request: web.Request) -> web.Response:
        found = (world.find(Platform.BLUESKY, uri) for uri in request.query.getall("uris"))
        return web.json_response(
            {"posts": [_shown(written) for written in found if written and not written.is_deleted]}
        )

    async def get_profiles(request: web.Request) -> web.Response:
        authors = {written.author for written in world.posts(Platform.BLUESKY)}
        asked = set(request.query.getall("actors"))
        found = [author for author in sorted(authors) if {did(author), handle(author)} & asked]
        return web.json_response({"profiles": [{"did": did(author), "handle": handle(author)} for author in found]})

    return (
        web.get(STREAM, subscribe),
        web.get("/xrpc/app.bsky.feed.getPosts", get_posts),
        web.get("/xrpc/app.bsky.actor.getProfiles", get_profiles),
    )


async def _send(world: World, request: web.Request, socket: web.WebSocketResponse, begin: _Begin) -> None:
    state = world.state(Bluesky)
    wanted, kinds = request.query.getall("dids", []), request.query.getall("kinds", [])
    for text in begin.first:
        await socket.send_str(text)
    async for change in stream(world, request, Platform.BLUESKY, after=begin.after):
        if change is None or (wanted and did(change.written.author) not in wanted):
            continue
        for text in state.frames_before[change.seq]:
            await socket.send_str(text)
        if await _goes_wrong(state, change.seq, request, socket):
            return
        if not kinds or ("account" if change.is_of_author else "commit") in kinds:
            await socket.send_str(frame(change, state.shift))


def _shown(written: Written) -> dict[str, object]:
    return {
        "uri": written.id,
        "cid": "bafy",
        "author": {"did": did(written.author), "handle": handle(written.author)},
        "record": record(written, written.body),
        "indexedAt": iso(written.written_at),
    }


async def _goes_wrong(state: Bluesky, seq: int, request: web.Request, socket: web.WebSocketResponse) -> bool:
    if seq in state.slow_at:
        state.slow_at.remove(seq)
        await socket.send_json({"$type": "error", "error": "ConsumerTooSlow", "message": "too slow"})
        return True
    if seq in state.cut_at and request.transport is not None:
        state.cut_at.remove(seq)
        request.transport.write(b'\x81\x7e\x10\x00{"$type"')  # the head of a frame of 4096 bytes, and eight of them
        reset(request)
        return True
    return False


def covers(gap: Gap, written: Written) -> bool:
    """Gaps are between two numbers, or between two times."""
    if gap.first.isdigit():
        return int(gap.first) <= int(written.extra["seq"]) <= int(gap.last)
    return datetime.fromisoformat(gap.first) <= written.written_at <= datetime.fromisoformat(gap.last)


def is_of(source: Source, written: Written) -> bool:
    """All of Bluesky, or some accounts."""
    return not source.address or did(written.author) in source.address.split(",")


WIRE = Wire(
    Platform.BLUESKY,
    routes,
    new_id=new_id,
    text=lambda written: ("", written.body),
    is_post=lambda written: bool(written.body),
    covers=covers,
    is_of=is_of,
)
