"""Hacker News: the Firebase API, which knows items by number and nothing else."""

import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from aiohttp import web

from overheard.vocabulary import Platform, PostKind
from tests.fakeworld.model import ChangeKind, Wire, World, Written, covers_numbers

COMMUNITY = "Hacker News"


@dataclass
class HackerNews:
    """What only this platform has."""

    newest: int = 0
    raw: dict[int, object] = field(default_factory=dict)
    """Answers in place of those of the model."""
    updates_shown: int = 100
    """The real list is short as well: whoever comes late has missed some."""
    extra_updates: list[int] = field(default_factory=list)


def new_id(world: World, _: Written) -> str:
    """Ids are given in order, one for each item."""
    state = world.state(HackerNews)
    state.newest += 1
    return str(state.newest)


def reserve(world: World) -> int:
    """An id is given away, and its item cannot be read: until it is written with that id, if ever."""
    state = world.state(HackerNews)
    state.newest += 1
    return state.newest


def write(world: World, **fields: Any) -> Written:  # noqa: ANN401 - as in the model
    """Somebody writes a comment, or what the fields say. Those that the model does not know are the item's own."""
    number = world.state(HackerNews).newest + 1
    told = {"kind": PostKind.COMMENT, "author": f"writer{number}", "body": f"Invented comment {number}", **fields}
    return world.write(Platform.HACKERNEWS, COMMUNITY, **told)


def item(written: Written) -> dict[str, object]:
    """An item as the API gives it."""
    kind = "comment" if written.kind is PostKind.COMMENT else "story"
    shown: dict[str, object] = {"id": int(written.id), "type": kind, "time": int(written.written_at.timestamp())}
    if written.parent:
        shown["parent"] = int(written.parent.id)
    if written.is_deleted:
        return {**shown, "deleted": True}
    shown["by"] = written.author
    if written.title:
        shown["title"] = html.escape(written.title)
    if written.body:
        shown["text"] = "<p>".join(html.escape(part) for part in written.body.split("\n\n"))
    return {**shown, **written.extra}


def routes(world: World) -> Sequence[web.RouteDef]:
    async def maxitem(_: web.Request) -> web.Response:
        return web.json_response(world.state(HackerNews).newest)

    async def one_item(request: web.Request) -> web.Response:
        number = request.match_info["number"]
        written = world.find(Platform.HACKERNEWS, number)
        raw = world.state(HackerNews).raw
        return web.json_response(raw.get(int(number), item(written) if written else None))

    async def updates(_: web.Request) -> web.Response:
        state = world.state(HackerNews)
        changed = (
            int(change.written.id)
            for change in reversed(world.changes_after(0))
            if change.kind is not ChangeKind.CREATE and change.written.platform is Platform.HACKERNEWS
        )
        latest = dict.fromkeys([*state.extra_updates[::-1], *islice(changed, state.updates_shown)])
        shown = list(latest)[: state.updates_shown]
        return web.json_response({"items": shown, "profiles": []})

    return (
        web.get("/v0/maxitem.json", maxitem),
        web.get(r"/v0/item/{number:\d+}.json", one_item),
        web.get("/v0/updates.json", updates),
    )


def is_post(written: Written) -> bool:
    """Not what a test has made unreadable, not what moderators took away, not an option of a poll."""
    extra = written.extra
    return isinstance(extra.get("text", ""), str) and not extra.get("dead") and extra.get("type") != "pollopt"


WIRE = Wire(Platform.HACKERNEWS, routes, new_id=new_id, is_post=is_post, covers=covers_numbers)
