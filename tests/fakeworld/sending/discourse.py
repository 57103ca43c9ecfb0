"""Discourse: a topic, what answers a post, taking a new one, and the guidelines."""

from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from overheard.vocabulary import Platform, PostKind
from tests.fakeworld.model import World, Written
from tests.fakeworld.sending.who import SAM
from tests.fakeworld.wires import discourse as wire

PLATFORM = Platform.DISCOURSE
KEY = "user-key-sam"
USER_ID = sum(SAM.encode())


@dataclass
class Sending:
    """What only this half has."""

    guidelines: str = "Be kind."


@dataclass(frozen=True)
class _Site:
    world: World

    def topic_of(self, number: int) -> list[Written]:
        root = self.world.find(PLATFORM, str(number))
        return [root, *self.world.thread(root)] if root is not None and not root.is_deleted else []

    def shown(self, written: Written) -> dict[str, object]:
        row = wire.shown(written)
        if written.parent is not None and written.parent.parent is not None:
            row["reply_to_post_number"] = written.parent.extra["post_number"]
        return row

    async def topic(self, request: web.Request) -> web.Response:
        posts = self.topic_of(int(request.match_info["topic"]))
        if not posts:
            return web.json_response({"errors": ["no"], "error_type": "not_found"}, status=404)
        stream = {"posts": [self.shown(each) for each in posts], "stream": [int(each.id) for each in posts]}
        is_closed = bool(posts[0].extra.get("locked"))
        return web.json_response(
            {"id": int(posts[0].id), "title": posts[0].title, "closed": is_closed, "post_stream": stream}
        )

    async def replies(self, request: web.Request) -> web.Response:
        written = self.world.find(PLATFORM, request.match_info["number"])
        if written is None or written.is_deleted:
            return web.json_response({"errors": ["no"], "error_type": "not_found"}, status=404)
        below = [each for each in self.world.thread(written.root) if each.parent is written and written.parent]
        return web.json_response([self.shown(each) for each in below])

    async def post(self, request: web.Request) -> web.Response:
        if request.headers.get("User-Api-Key") != KEY:
            return web.json_response({"errors": ["no"], "error_type": "invalid_access"}, status=403)
        told = await request.json()
        posts = self.topic_of(told["topic_id"])
        if not posts or posts[0].extra.get("locked"):
            return web.json_response({"errors": ["The topic is closed."]}, status=422)
        number = told.get("reply_to_post_number", 1)
        parent = next((each for each in posts if each.extra["post_number"] == number), posts[0])
        made = self.world.write(
            PLATFORM, posts[0].community, kind=PostKind.COMMENT, author=SAM, body=told["raw"], parent=parent
        )
        return web.json_response(self.shown(made))

    async def guidelines(self, _: web.Request) -> web.Response:
        text = self.world.state(Sending).guidelines
        return web.Response(text=f"<html><body><p>{text}</p></body></html>", content_type="text/html")


def routes(world: World) -> Sequence[web.RouteDef]:
    site = _Site(world)
    return (
        web.get(r"/t/{topic:\d+}/{number:\d+}.json", site.topic),
        web.get(r"/posts/{number:\d+}/replies.json", site.replies),
        web.post("/posts.json", site.post),
        web.get("/guidelines", site.guidelines),
    )
