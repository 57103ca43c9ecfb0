"""GitHub: one issue or discussion, its comments, and taking a new one."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from overheard.vocabulary import Platform, PostKind
from tests.fakeworld.model import World, Written
from tests.fakeworld.sending.who import SAM
from tests.fakeworld.wires import github as wire

PLATFORM = Platform.GITHUB
TOKEN = "gho_sam"
ME = str(sum(SAM.encode()))


@dataclass
class Refusals:
    """The errors with which GraphQL refuses the next comments."""

    next: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Site:
    world: World

    def refusal(self, request: web.Request) -> web.Response | None:
        known = {f"Bearer {TOKEN}", f"Bearer {self.world.state(wire.GitHub).token}"}
        if request.headers.get("Authorization") not in known:
            return web.json_response({"message": "Bad credentials"}, status=401)
        return None

    def asked(self, request: web.Request) -> Written | None:
        number = int(request.match_info["number"])
        found = [each for each in self.world.posts(PLATFORM) if each.number == number and not each.parent]
        return found[0] if found else None

    async def issue(self, request: web.Request) -> web.Response:
        written = self.asked(request)
        if refused := self.refusal(request):
            return refused
        if written is None:
            return web.json_response({"message": "Not Found"}, status=404)
        return web.json_response(wire.rest(written))

    async def comments(self, request: web.Request) -> web.Response:
        written = self.asked(request)
        if refused := self.refusal(request):
            return refused
        if written is None:
            return web.json_response({"message": "Not Found"}, status=404)
        since = request.query.get("since", "")
        rows = [row for each in self.world.thread(written) if (row := wire.rest(each))["updated_at"] >= since]
        start = (int(request.query.get("page", 1)) - 1) * 100
        return web.json_response(rows[start : start + 100])

    async def one_comment(self, request: web.Request) -> web.Response:
        number = int(request.match_info["number"])
        found = [each for each in self.world.posts(PLATFORM) if each.number == number and each.parent]
        return self.refusal(request) or (
            web.json_response(wire.rest(found[0])) if found else web.json_response({"message": "no"}, status=404)
        )

    async def post(self, request: web.Request) -> web.Response:
        written = self.asked(request)
        if refused := self.refusal(request):
            return refused
        if written is None:
            return web.json_response({"message": "Not Found"}, status=404)
        if written.extra.get("locked"):
            return web.json_response({"message": "Unable to create comment because issue is locked."}, status=403)
        made = self.world.write(
            PLATFORM, written.community, kind=PostKind.COMMENT, author=SAM, body=(await request.json())["body"],
            parent=written,
        )  # fmt: skip
        return web.json_response(wire.rest(made), status=201)

    async def graphql(self, request: web.Request) -> web.Response:
        asked = await request.json()
        told = asked["variables"]
        if "id" not in told and "discussion" not in told:  # what the collector asks
            return await wire.Site(self.world).graphql(request)
        if refused := self.refusal(request):
            return refused
        found = self.world.find(PLATFORM, told.get("below") or told.get("id") or told["discussion"])
        if found is None or found.is_deleted:
            missing = {"type": "NOT_FOUND", "path": ["node"], "message": "Could not resolve to a node"}
            return web.json_response({"data": {"node": None}, "errors": [missing]})
        if "mutation" in asked["query"]:
            return self.answered(found, told["body"])
        return web.json_response({"data": {"node": self.discussion(found, told, is_newest="last:" in asked["query"])}})

    def answered(self, found: Written, body: str) -> web.Response:
        state = self.world.state(Refusals)
        is_nested = found.parent is not None and found.parent.parent is not None
        kind = state.next.pop(0) if state.next else "UNPROCESSABLE" if is_nested else None
        if kind is not None:
            error = {"type": kind, "path": ["addDiscussionComment"], "message": "no"}
            return web.json_response({"data": {"addDiscussionComment": None}, "errors": [error]})
        made = self.world.write(
            PLATFORM, found.community, kind=PostKind.COMMENT, author=SAM, body=body, parent=found
        )  # fmt: skip
        return web.json_response({"data": {"addDiscussionComment": {"comment": wire.node(made)}}})

    def discussion(self, found: Written, told: dict[str, Any], *, is_newest: bool) -> dict[str, Any]:
        thread = self.world.thread(found.root)
        if is_newest:
            nodes = [wire.node(each) for each in thread if each.parent is found][-100:]
            return {"replies" if found.parent else "comments": {"nodes": nodes}}
        below = [
            {**wire.node(each), "replies": {"nodes": [wire.node(one) for one in thread if one.parent is each]}}
            for each in thread
            if each.parent is found.root
        ]
        start = int(told["after"] or 0)
        info = {"hasNextPage": len(below) > start + 50, "endCursor": str(start + 50)}
        whole = {**wire.node(found.root), "comments": {"pageInfo": info, "nodes": below[start : start + 50]}}
        if found is found.root:
            return whole
        above = found.parent if found.parent is not found.root else None
        return {**wire.node(found), "replyTo": above and {"id": above.id}, "discussion": whole}


def routes(world: World) -> Sequence[web.RouteDef]:
    site = _Site(world)
    place = "/repos/{owner}/{name}/issues"
    return (
        web.get(rf"{place}/{{number:\d+}}", site.issue),
        web.get(rf"{place}/{{number:\d+}}/comments", site.comments),
        web.get(rf"{place}/comments/{{number:\d+}}", site.one_comment),
        web.post(rf"{place}/{{number:\d+}}/comments", site.post),
        web.post("/graphql", site.graphql),
    )
