"""X's API v2: a community is a search, and what was written there is what the search finds."""

import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from overheard.vocabulary import Platform, PostKind
from tests.fakeworld.model import Wire, World, Written

_EPOCH_MS = 1_288_834_974_657
_SUFFIX = ") -is:retweet"
_WEEK = timedelta(days=7)


@dataclass
class X:
    """What only this platform has."""

    token: str = "bearer-token"
    hidden: set[str] = field(default_factory=set)
    """Posts that only followers may see by now."""
    posts_read: int = 0
    """As X will bill it, without its discount for what is read twice."""


def _snowflake(moment: datetime, number: int) -> str:
    return str((int(moment.timestamp() * 1000) - _EPOCH_MS << 22) + number)


def new_id(_: World, written: Written) -> str:
    """Milliseconds, and a number that keeps those of one moment apart."""
    return _snowflake(written.written_at, written.number)


def versions(written: Written) -> list[str]:
    """An edit makes a new id."""
    return [written.id, *([_snowflake(written.edited_at, written.number)] if written.edited_at else [])]


def shown(written: Written, version: str | None = None) -> dict[str, Any]:
    """A post as the API gives it."""
    ids = versions(written)
    told: dict[str, Any] = {
        "id": version or ids[-1],
        "text": html.escape(written.body, quote=False),
        "author_id": str(sum(written.author.encode())),
        "created_at": written.written_at.isoformat(),
        "edit_history_tweet_ids": ids,
    }
    if written.kind is PostKind.COMMENT and written.parent:
        told["referenced_tweets"] = [{"type": "replied_to", "id": written.parent.id}]
    return {**told, **written.extra}


def _refused(status: int, detail: str) -> web.Response:
    return web.json_response({"title": "no", "detail": detail, "errors": [{"message": detail}]}, status=status)


class _Routes:
    def __init__(self, world: World) -> None:
        self.world = world
        self.state = world.state(X)

    def found(self, request: web.Request) -> list[Written]:
        search = request.query["query"].removeprefix("(").removesuffix(_SUFFIX)
        posts = self.world.posts(Platform.X, search)
        return sorted(posts, key=lambda written: int(versions(written)[-1]), reverse=True)

    async def usage(self, _: web.Request) -> web.Response:
        return web.json_response({"data": {"project_id": "77", "project_usage": "0"}})

    async def counts(self, request: web.Request) -> web.Response:
        return web.json_response({"data": [], "meta": {"total_tweet_count": len(self.found(request))}})

    async def search(self, request: web.Request) -> web.Response:
        query, found = request.query, self.found(request)
        if "since_id" in query:
            written_at = datetime.fromtimestamp(((int(query["since_id"]) >> 22) + _EPOCH_MS) / 1000, UTC)
            if written_at < self.world.now - _WEEK:
                return _refused(400, "since_id must be a tweet id created after 7 days ago")
            found = [written for written in found if int(versions(written)[-1]) > int(query["since_id"])]
        if "start_time" in query:
            start = datetime.fromisoformat(query["start_time"])
            found = [written for written in found if written.written_at >= start]
        # A token holds its place by id, as theirs does: what is new at the top does not shift the pages.
        if "next_token" in query:
            found = [written for written in found if int(versions(written)[-1]) < int(query["next_token"])]
        page, rest = found[: (size := int(query["max_results"]))], found[size:]
        self.state.posts_read += len(page)
        meta: dict[str, Any] = {"result_count": len(page)}
        if rest:
            meta["next_token"] = versions(page[-1])[-1]
        answer: dict[str, Any] = {"meta": meta, **({"data": [shown(written) for written in page]} if page else {})}
        if "expansions" in query and page:
            authors = {written.author for written in page}
            answer["includes"] = {"users": [{"id": str(sum(a.encode())), "username": a} for a in sorted(authors)]}
        return web.json_response(answer)

    async def posts(self, request: web.Request) -> web.Response:
        by_version = {id_: written for written in self.world.posts(Platform.X) for id_ in versions(written)}
        data, errors = [], []
        for id_ in request.query["ids"].split(","):
            if id_ in self.state.hidden:
                errors.append({"resource_id": id_, "title": "Authorization Error"})
            elif id_ in by_version:
                data.append(shown(by_version[id_], id_))
            else:
                errors.append({"resource_id": id_, "title": "Not Found Error"})
        self.state.posts_read += len(data)
        return web.json_response({**({"data": data} if data else {}), **({"errors": errors} if errors else {})})


def routes(world: World) -> Sequence[web.RouteDef]:
    all_ = _Routes(world)

    def known(handler: Any) -> Any:  # noqa: ANN401 - a handler of aiohttp
        async def checked(request: web.Request) -> web.Response:
            if request.headers.get("Authorization") != f"Bearer {all_.state.token}":
                return _refused(401, "Unauthorized")
            response: web.Response = await handler(request)
            response.headers["x-rate-limit-limit"] = "450"
            response.headers["x-rate-limit-remaining"] = "449"
            response.headers["x-rate-limit-reset"] = str(int(world.now.timestamp()) + 900)
            return response

        return checked

    table = {
        "/usage/tweets": all_.usage,
        "/tweets/counts/recent": all_.counts,
        "/tweets/search/recent": all_.search,
        "/tweets": all_.posts,
    }
    return [web.get(path, known(handler)) for path, handler in table.items()]


WIRE = Wire(Platform.X, routes, new_id=new_id)
