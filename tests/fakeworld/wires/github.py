"""GitHub: issues and comments by REST, discussions by GraphQL. A community is a repository.

`written.extra["is_discussion"]` tells discussions from issues; the rest of it is put into the item as it is.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from overheard.vocabulary import Platform
from tests.fakeworld.model import Wire, World, Written

REPOSITORY = "rye/oven"


@dataclass
class GitHub:
    """What only this platform has."""

    token: str = "github_pat_1"
    page: int = 100
    remaining: int = 4999
    has_issues: bool = True
    renamed: dict[str, str] = field(default_factory=dict)
    """Old names → new names."""
    raw: list[object] = field(default_factory=list)
    """Shown before the issues of the first page."""


def new_id(_: World, written: Written) -> str:
    kind = "D" if written.root.extra.get("is_discussion") else "I"
    return f"{kind}{'C' if written.parent else ''}_{written.number:06}"


def text(written: Written) -> tuple[str, str]:
    return ("" if written.parent else written.title), written.body


def is_post(written: Written) -> bool:
    return "pull_request" not in written.root.extra and written.author != "robot"


def _time(written: Written) -> str:
    return f"{written.edited_at or written.written_at:%Y-%m-%dT%H:%M:%SZ}"


def _user(written: Written) -> dict[str, Any]:
    is_bot = written.author == "robot"
    return {"login": written.author, "id": sum(written.author.encode()), "type": "Bot" if is_bot else "User"}


def rest(written: Written) -> dict[str, Any]:
    kind = "pull" if "pull_request" in written.root.extra else "issues"
    page = f"https://github.com/{written.community}/{kind}/{written.root.number}"
    item = {
        "id": written.number, "node_id": written.id, "body": written.body, "user": _user(written),
        "created_at": f"{written.written_at:%Y-%m-%dT%H:%M:%SZ}", "updated_at": _time(written),
        "html_url": f"{page}#issuecomment-{written.number}" if written.parent else page,
    }  # fmt: skip
    return {**item, **({} if written.parent else {"title": written.title}), **written.extra}


def node(written: Written) -> dict[str, Any]:
    is_bot = written.author == "robot"
    kind = "Discussion" if written.root.extra.get("is_discussion") else "Issue"
    page = f"https://github.com/{written.community}/discussions/{written.root.number}"
    item = {
        "__typename": kind + "Comment" * bool(written.parent), "id": written.id, "body": written.body,
        "url": f"{page}#discussioncomment-{written.number}" if written.parent else page,
        "createdAt": written.written_at.isoformat(), "updatedAt": _time(written),
        "author": {"__typename": "Bot" if is_bot else "User", "login": written.author}
        | ({} if is_bot else {"databaseId": sum(written.author.encode())}),
    }  # fmt: skip
    return {**item, **({"isMinimized": False} if written.parent else {"title": written.title}), **written.extra}


class Site:
    def __init__(self, world: World) -> None:
        self.world = world
        self.state = world.state(GitHub)

    def headers(self) -> dict[str, str]:
        resets = int(self.world.now.timestamp()) + 1800
        told = {"Limit": 5000, "Remaining": self.state.remaining, "Reset": resets}
        return {f"X-RateLimit-{name}": str(value) for name, value in told.items()}

    def refusal(self, request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") != f"Bearer {self.state.token}":
            return web.json_response({"message": "Bad credentials"}, status=401, headers=self.headers())
        if self.state.remaining < 1:
            return web.json_response({"message": "API rate limit exceeded"}, status=403, headers=self.headers())
        name = "/".join(request.match_info.get(part, "") for part in ("owner", "name"))
        if name in self.state.renamed:
            where = str(request.rel_url).replace(name, self.state.renamed[name])
            return web.json_response({"message": "Moved Permanently"}, status=301, headers={"Location": where})
        return None

    async def user(self, request: web.Request) -> web.Response:
        return self.refusal(request) or web.json_response({"login": "rita"}, headers=self.headers())

    async def subscriptions(self, request: web.Request) -> web.Response:
        return self.refusal(request) or web.json_response([_repository(REPOSITORY)], headers=self.headers())

    async def repository(self, request: web.Request) -> web.Response:
        name = f"{request.match_info['owner']}/{request.match_info['name']}"
        if refused := self.refusal(request):
            return refused
        if name != REPOSITORY:
            return web.json_response({"message": "Not Found"}, status=404)
        return web.json_response(_repository(name), headers=self.headers())

    async def issues(self, request: web.Request) -> web.Response:
        return self.listed(request, are_comments=False)

    async def comments(self, request: web.Request) -> web.Response:
        return self.listed(request, are_comments=True)

    def listed(self, request: web.Request, *, are_comments: bool) -> web.Response:
        if refused := self.refusal(request):
            return refused
        if not self.state.has_issues:
            return web.json_response({"message": "Issues are disabled for this repo"}, status=410)
        name = f"{request.match_info['owner']}/{request.match_info['name']}"
        found = [
            written
            for written in self.world.posts(Platform.GITHUB, name)
            if bool(written.parent) is are_comments and not written.root.extra.get("is_discussion")
            if _time(written) >= request.query["since"]
        ]
        found.sort(key=_time)
        start = (int(request.query["page"]) - 1) * self.state.page
        items = [rest(written) for written in found[start : start + self.state.page]]
        if not are_comments and request.query["page"] == "1":
            items = [*self.state.raw, *items]  # type: ignore[list-item]
        etag = f'"{hashlib.sha256(json.dumps(items).encode()).hexdigest()}"'
        headers = {**self.headers(), "ETag": etag}
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers=headers)
        return web.json_response(items, headers=headers)

    async def graphql(self, request: web.Request) -> web.Response:
        if refused := self.refusal(request):
            return refused
        told = (await request.json())["variables"]
        data = self.nodes(told["ids"]) if "ids" in told else self.discussions(told)
        return web.json_response(data, headers=self.headers())

    def nodes(self, ids: Sequence[str]) -> dict[str, Any]:
        found = [self.world.find(Platform.GITHUB, id_) for id_ in ids]
        nodes = [node(written) if written and not written.is_deleted else None for written in found]
        missing = [{"type": "NOT_FOUND", "path": ["nodes", index]} for index, each in enumerate(nodes) if each is None]
        return {"data": {"nodes": nodes}, **({"errors": missing} if missing else {})}

    def discussions(self, told: dict[str, Any]) -> dict[str, Any]:
        posts = self.world.posts(Platform.GITHUB, f"{told['owner']}/{told['name']}")
        found = [written for written in posts if written.root.extra.get("is_discussion")]

        def changed(written: Written) -> str:
            return max(_time(each) for each in (written, *self.world.thread(written)))

        def shown(written: Written) -> dict[str, Any]:
            thread = self.world.thread(written)
            shown_below = [
                {**node(each), "replies": {"nodes": [node(r) for r in thread if r.parent is each]}}
                for each in thread
                if each.parent is written
            ]
            return {**node(written), "updatedAt": changed(written), "comments": {"nodes": shown_below}}

        roots = sorted((written for written in found if not written.parent), key=changed, reverse=True)
        start = int(told["after"] or 0)
        page = [shown(written) for written in roots[start : start + 20]]
        has_more = len(roots) > start + 20
        info = {"hasNextPage": has_more, "endCursor": str(start + 20)}
        return {"data": {"repository": {"discussions": {"pageInfo": info, "nodes": page}}}}


def _repository(name: str) -> dict[str, Any]:
    return {"full_name": name, "private": False, "archived": False, "has_issues": True, "has_discussions": True}


def routes(world: World) -> Sequence[web.RouteDef]:
    wire = Site(world)
    place = "/repos/{owner}/{name}"
    return (
        web.get("/user", wire.user),
        web.get("/user/subscriptions", wire.subscriptions),
        web.get(place, wire.repository),
        web.get(f"{place}/issues", wire.issues),
        web.get(f"{place}/issues/comments", wire.comments),
        web.post("/graphql", wire.graphql),
    )


WIRE = Wire(Platform.GITHUB, routes, new_id=new_id, text=text, is_post=is_post)
