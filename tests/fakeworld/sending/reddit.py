"""Reddit: comments, the account's own, its inbox, a thread, and the rules."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from overheard.vocabulary import Platform, PostKind
from tests.fakeworld.model import World, Written
from tests.fakeworld.sending.who import SAM
from tests.fakeworld.wires import reddit as wire

PLATFORM = Platform.REDDIT


@dataclass
class Refusals:
    """What Reddit says to the next comments instead of taking them: codes with their words."""

    next: list[tuple[str, str]] = field(default_factory=list)
    rules: list[dict[str, str]] = field(default_factory=list)


def routes(world: World) -> Sequence[web.RouteDef]:
    site = wire._Site(world)  # noqa: SLF001 - the other half of it

    async def comment(request: web.Request) -> web.Response:
        form = await request.post()
        target = world.find(PLATFORM, str(form["thing_id"]))
        refusals = world.state(Refusals)
        if refusals.next:
            return _refused(*refusals.next.pop(0))
        if target is None or target.is_deleted:
            return _refused("DELETED_COMMENT", "that comment has been deleted")
        if target.root.extra.get("locked"):
            return _refused("THREAD_LOCKED", "Comments are locked.")
        written = world.write(
            PLATFORM, target.community, kind=PostKind.COMMENT, author=SAM, body=str(form["text"]), parent=target
        )
        return web.json_response({"json": {"errors": [], "data": {"things": [wire.row(world, written)]}}})

    async def own(request: web.Request) -> web.Response:
        ours = [each for each in world.posts(PLATFORM) if each.author == request.match_info["name"] and each.parent]
        return wire.listing([wire.row(world, each) for each in ours[::-1][:100]])

    async def thread(request: web.Request) -> web.Response:
        root = world.find(PLATFORM, f"t3_{request.match_info['link']}")
        assert root is not None
        below = [nested(world, each) for each in world.thread(root) if each.parent is root]
        shown = [{"kind": "Listing", "data": {"children": [wire.row(world, root)], "after": None}}]
        shown.append({"kind": "Listing", "data": {"children": below, "after": None}})
        return web.json_response(shown)

    async def inbox(_: web.Request) -> web.Response:
        answers = [each for each in world.posts(PLATFORM) if each.parent and each.parent.author == SAM]
        rows = [wire.row(world, each) for each in answers[::-1]]
        for row in rows:
            data = row["data"]
            assert isinstance(data, dict)
            data["was_comment"] = True
        return wire.listing(rows)

    async def rules(_: web.Request) -> web.Response:
        return web.json_response({"rules": world.state(Refusals).rules})

    return (
        web.post("/api/comment", site.authorised(comment)),
        web.get("/user/{name}/comments", site.authorised(own)),
        web.get("/comments/{link}", site.authorised(thread)),
        web.get("/message/inbox", site.authorised(inbox)),
        web.get("/r/{names}/about/rules", site.authorised(rules)),
    )


def nested(world: World, written: Written) -> dict[str, Any]:
    """A comment with its answers inside it."""
    row: dict[str, Any] = wire.row(world, written)
    below = [nested(world, each) for each in world.thread(written.root) if each.parent is written]
    row["data"]["replies"] = {"kind": "Listing", "data": {"children": below}} if below else ""
    return row


def _refused(code: str, told: str) -> web.Response:
    return web.json_response({"json": {"errors": [[code, told, code.lower()]], "data": {}}})
