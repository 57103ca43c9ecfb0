"""A Mastodon instance: timelines by id, single statuses, and a stream of events for each timeline."""

import html
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlencode

from aiohttp import web

from overheard.models import Source
from overheard.vocabulary import Platform
from tests.fakeworld.faults import Handler
from tests.fakeworld.model import Change, ChangeKind, Wire, World, Written
from tests.fakeworld.streams import stream

DOMAIN = "town.test"
TOKEN = "mastodon-token"
_MOST = 40
_HEARTBEAT = 0.05  # seconds; the real one says something every fifteen


@dataclass
class Mastodon:
    """What only this platform has."""

    tokens: set[str] = field(default_factory=lambda: {TOKEN})
    profiles: dict[str, dict[str, object]] = field(default_factory=dict)
    """What is unusual about an account."""
    closed: set[str] = field(default_factory=set)
    """Paths that are answered with 422."""
    left: int = 300
    is_silent: bool = False
    """No heartbeats on the streams."""
    streams: int = 0
    """How many are open."""
    seen: int = 0
    """The last change that a stream came to, told or not."""
    told: int = 0
    """Events on the stream that was opened last."""


def new_id(world: World, written: Written) -> str:
    """Ids hold the time at which something was written, and are given in order."""
    del world
    return str((int(written.written_at.timestamp() * 1000) << 16) + written.number)


def external_id(written: Written) -> str:
    return f"{DOMAIN}:{written.id}"


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def status(state: Mastodon, written: Written, title: str | None = None, body: str | None = None) -> dict[str, object]:
    """A status as the API gives it. Its community is a tag, which stands in its text as the markup of one."""
    title, body = written.title if title is None else title, written.body if body is None else body
    name, _, host = written.author.partition("@")
    home = f"https://{host or DOMAIN}"
    paragraphs = "</p><p>".join(html.escape(part) for part in body.split("\n\n"))
    account = {
        "id": str(sum(written.author.encode())), "username": name, "acct": written.author, "note": "<p>A baker</p>",
        "discoverable": True, "indexable": True, "bot": False, "url": f"{home}/@{name}",
    }  # fmt: skip
    return {
        "id": written.id,
        "uri": f"{home}/users/{name}/statuses/{written.id}",
        "url": f"{home}/@{name}/{written.id}",
        "created_at": iso(written.written_at),
        "edited_at": iso(written.edited_at) if written.edited_at else None,
        "in_reply_to_id": written.parent.id if written.parent else None,
        "visibility": "public",
        "spoiler_text": title,
        "content": f"<p>{paragraphs}</p>" if body else "",
        "reblog": None,
        "account": account | state.profiles.get(written.author, {}),
        **written.extra,
    }


def _is_in(written: Written, kind: str, name: str, *, only_local: bool) -> bool:
    """A community is written `#tag` or `list:<id>`; the public timelines show everything."""
    if kind == "public":
        return not only_local or "@" not in written.author
    return written.community == {"tag": f"#{name}", "hashtag": f"#{name}", "list": f"list:{name}"}[kind]


def _order(written: Written) -> int:
    return int(written.id)


Answer = Callable[[World, web.Request], web.Response]


def routes(world: World) -> Sequence[web.RouteDef]:
    async def live(request: web.Request) -> web.StreamResponse:
        return await _live(world, request)

    answers: dict[str, Answer] = {
        "/api/v2/instance": _instance,
        "/api/v1/instance/": _instance_v1,
        "/api/v1/accounts/verify_credentials": lambda *_: web.json_response({"id": "1", "acct": "ours"}),
        "/api/v1/followed_tags": lambda *_: web.json_response([{"name": "CRM"}]),
        "/api/v1/lists": lambda *_: web.json_response([{"id": "7", "title": "Bakers"}]),
        "/api/v1/timelines/{kind:public}": _timeline,
        "/api/v1/timelines/{kind:tag|list}/{name}": _timeline,
        r"/api/v1/statuses/{id:\d+}": _one_status,
    }
    streams = ("{kind:public}", "{kind:public}/{local:local}", "{kind:hashtag|list}")
    return (
        *(web.get(path, _asked(world, answer)) for path, answer in answers.items()),
        *(web.get(f"/api/v1/streaming/{path}", live) for path in streams),
    )


def _asked(world: World, give: Answer) -> Handler:
    state = world.state(Mastodon)

    async def handle(request: web.Request) -> web.Response:
        if not _knows(state, request):
            return web.json_response({"error": "The access token is invalid"}, status=401)
        if any(request.path.endswith(path) for path in state.closed):
            return web.json_response({"error": "This method requires an authenticated user"}, status=422)
        response = give(world, request)
        state.left -= 1
        response.headers["X-RateLimit-Limit"] = "300"
        response.headers["X-RateLimit-Remaining"] = str(state.left)
        response.headers["X-RateLimit-Reset"] = iso(datetime.fromtimestamp(world.now.timestamp() + 300, UTC))
        return response

    return handle


def _knows(state: Mastodon, request: web.Request) -> bool:
    return request.headers.get("Authorization", "").removeprefix("Bearer ") in state.tokens


def _instance(_: World, __: web.Request) -> web.Response:
    access = {"local": "public", "remote": "public"}
    configuration = {"timelines_access": {"live_feeds": access, "hashtag_feeds": access}}
    return web.json_response({"domain": DOMAIN, "title": "Town", "configuration": configuration})


def _instance_v1(world: World, _: web.Request) -> web.Response:
    # The library keeps the path of the streams' address only where it is that of the API.
    return web.json_response({"uri": DOMAIN, "urls": {"streaming_api": world.url(Platform.MASTODON)}})


def _timeline(world: World, request: web.Request) -> web.Response:
    kind, name = request.match_info["kind"], request.match_info.get("name", "")
    only_local = request.query.get("local") == "true"
    there = (each for each in world.posts(Platform.MASTODON) if _is_in(each, kind, name, only_local=only_local))
    shown = _page(sorted(there, key=_order), request.query)
    response = web.json_response([status(world.state(Mastodon), written) for written in shown])
    if shown:
        here = request.url.with_query(None)
        newer, older = urlencode({"min_id": shown[0].id}), urlencode({"max_id": shown[-1].id})
        response.headers["Link"] = f'<{here}?{older}>; rel="next", <{here}?{newer}>; rel="prev"'
    return response


def _one_status(world: World, request: web.Request) -> web.Response:
    written = world.find(Platform.MASTODON, request.match_info["id"])
    if written is None or written.is_deleted:
        return web.json_response({"error": "Record not found"}, status=404)
    return web.json_response(status(world.state(Mastodon), written))


def _page(shown: Sequence[Written], query: Mapping[str, str]) -> list[Written]:
    """Newest first. `min_id` gives what comes right after it; `since_id` the newest of what comes after it."""
    ids = {name: int(query[name]) for name in ("min_id", "max_id", "since_id") if name in query}
    limit = min(int(query.get("limit", 20)), _MOST)
    after = max(ids.get("min_id", 0), ids.get("since_id", 0))
    found = [each for each in shown if after < _order(each) < ids.get("max_id", 2**80)]
    return (found[:limit] if "min_id" in ids else found[-limit:])[::-1]


async def _live(world: World, request: web.Request) -> web.StreamResponse:
    state = world.state(Mastodon)
    if not _knows(state, request):
        return web.Response(status=401)
    kind = request.match_info["kind"]
    name = request.query.get("tag") or request.query.get("list") or ""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    only_local = "local" in request.match_info
    # Before the greeting: what happens once the client has it is told.
    state.seen, state.told, state.streams = len(world.changes), 0, state.streams + 1
    try:
        await response.prepare(request)
        await response.write(b":)\n")
        # Nothing that was before: whoever was away is told nothing of it.
        async for change in stream(
            world, request, Platform.MASTODON, after=state.seen, idle=None if state.is_silent else _HEARTBEAT
        ):
            if change is None:
                await response.write(b":thump\n")
                continue
            if _is_in(change.written, kind, name, only_local=only_local):
                state.told += 1
                await response.write(_event(state, change))
            state.seen = change.seq
    finally:
        state.streams -= 1
    return response


def _event(state: Mastodon, change: Change) -> bytes:
    if change.kind is ChangeKind.DELETE:
        event, payload = "delete", change.written.id
    else:
        event = "update" if change.kind is ChangeKind.CREATE else "status.update"
        payload = json.dumps(status(state, change.written, change.title, change.body))
    return f"event: {event}\ndata: {payload}\n\n".encode()


def is_of(source: Source, written: Written) -> bool:
    return source.address in {written.community, "public"} or (
        source.address == "public:local" and "@" not in written.author
    )


WIRE = Wire(
    Platform.MASTODON,
    routes,
    new_id=new_id,
    external_id=external_id,
    is_post=lambda written: written.extra.get("visibility", "public") == "public",
    is_of=is_of,
)
