"""A forum on Discourse. All communities are in it, as its categories; `written.extra` is put into the post as it is."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from overheard.models import Source
from overheard.vocabulary import Platform
from tests.fakeworld.model import Wire, World, Written, covers_numbers

PAGE = 50


@dataclass
class Discourse:
    """What only this platform has."""

    is_old: bool = False
    """Whether `before` names the newest of fifty numbers, as in older versions, or what fifty posts stand before."""
    is_closed: bool = False
    """Read by members only."""
    keys: dict[str, str] = field(default_factory=dict)
    """API key → user."""
    counts: dict[str, int] = field(default_factory=dict)
    """How many posts each topic has had."""
    raw: list[object] = field(default_factory=list)
    """Shown among the newest posts, whatever it is."""


def new_id(world: World, written: Written) -> str:
    """Numbers for all posts of the forum, whose address is half of the key. So the world must be served before."""
    written.extra.setdefault("forum", world.url(Platform.DISCOURSE).partition("://")[2])
    counts, topic = world.state(Discourse).counts, written.root.id or str(written.number)
    counts[topic] = counts.get(topic, 0) + 1
    written.extra.setdefault("post_number", counts[topic])
    return str(written.number)


def external_id(written: Written) -> str:
    return f"{written.extra['forum']}:{written.id}"


def text(written: Written) -> tuple[str, str]:
    """Only the first post of a topic has its title."""
    return ("" if written.parent else written.title), written.body


def is_of(source: Source, written: Written) -> bool:
    return source.community in {written.community, written.extra["forum"]}


def shown(written: Written) -> dict[str, Any]:
    cooked = "\n".join(f"<p>{html.escape(part)}</p>" for part in written.body.split("\n\n"))
    topic = written.root
    return {
        "id": int(written.id),
        "user_id": sum(written.author.encode()),
        "username": written.author,
        "cooked": cooked,
        "created_at": written.written_at.isoformat(),
        "updated_at": (written.edited_at or written.written_at).isoformat(),
        "post_type": 1,
        "post_number": 2 if written.parent else 1,
        "topic_id": int(topic.id),
        "topic_slug": "a-topic",
        "topic_title": topic.title,
        **{name: value for name, value in written.extra.items() if name != "forum"},
    }


def _refused(status: int, kind: str, **extras: object) -> web.Response:
    return web.json_response({"errors": ["no"], "error_type": kind, "extras": extras}, status=status)


class _Routes:
    def __init__(self, world: World) -> None:
        self.world = world
        self.state = world.state(Discourse)

    def refusal(self, headers: Mapping[str, str]) -> web.Response | None:
        key = headers.get("Api-Key")
        if key is not None and self.state.keys.get(key) != headers.get("Api-Username"):
            return _refused(403, "invalid_access")
        return _refused(403, "not_logged_in") if self.state.is_closed and key is None else None

    async def posts(self, request: web.Request) -> web.Response:
        if refused := self.refusal(request.headers):
            return refused
        found = self.world.posts(Platform.DISCOURSE)[::-1]
        before = int(request.query.get("before", 0))
        if before and self.state.is_old:
            found = [written for written in found if before - PAGE < int(written.id) <= before]
        elif before:
            found = [written for written in found if int(written.id) < before]
        raw = [] if before else self.state.raw
        return web.json_response({"latest_posts": [*raw, *(shown(written) for written in found[:PAGE])]})

    async def post(self, request: web.Request) -> web.Response:
        if refused := self.refusal(request.headers):
            return refused
        written = self.world.find(Platform.DISCOURSE, request.match_info["number"])
        if written is None or written.is_deleted:
            return _refused(404, "not_found")
        return web.json_response(shown(written))

    async def info(self, _: web.Request) -> web.Response:
        return web.json_response({"title": "Rye forum"})

    async def session(self, request: web.Request) -> web.Response:
        if refused := self.refusal(request.headers):
            return refused
        return web.json_response({"current_user": {"id": 7, "username": request.headers.get("Api-Username")}})


def routes(world: World) -> Sequence[web.RouteDef]:
    wire = _Routes(world)
    return (
        web.get("/posts.json", wire.posts),
        web.get(r"/posts/{number:\d+}.json", wire.post),
        web.get("/site/basic-info.json", wire.info),
        web.get("/session/current.json", wire.session),
    )


WIRE = Wire(
    Platform.DISCOURSE, routes, new_id=new_id, external_id=external_id, text=text, is_of=is_of, covers=covers_numbers
)
