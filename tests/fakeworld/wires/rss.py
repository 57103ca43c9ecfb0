"""Feeds: a community is the feed's path, and shows its newest posts as RSS 2.0. What is deleted just disappears."""

import hashlib
import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from xml.sax.saxutils import escape

from aiohttp import web

from overheard.models import Gap
from overheard.vocabulary import Platform
from tests.fakeworld.model import Wire, World, Written


@dataclass
class Rss:
    """What only this platform has."""

    size: int = 25
    """Entries that a feed shows."""
    raw: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    """What stands at a path instead of a feed, and its type."""
    status: int = 200


def new_id(world: World, written: Written) -> str:
    """A guid; and the feed's address, which is half of the key. So the world must be served before."""
    written.extra.setdefault("feed", f"{world.url(Platform.RSS)}/{written.community}")
    return f"urn:entry:{written.number}"


def external_id(written: Written) -> str:
    return hashlib.sha256(f"{written.extra['feed']}\n{written.id}".encode()).hexdigest()


def entry(written: Written) -> str:
    markup = "".join(f"<p>{html.escape(part)}</p>" for part in written.body.split("\n\n"))
    return (
        f"<item><title>{escape(html.escape(written.title))}</title><guid isPermaLink='false'>{written.id}</guid>"
        f"<link>https://example.org/{written.number}</link><author>{escape(written.author)}</author>"
        f"<pubDate>{format_datetime(written.written_at)}</pubDate><description>{escape(markup)}</description></item>"
    )


def routes(world: World) -> Sequence[web.RouteDef]:
    state = world.state(Rss)

    async def feed(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if state.status != 200:
            return web.Response(status=state.status)
        if name in state.raw:
            body, kind = state.raw[name]
            return web.Response(body=body, headers={"Content-Type": kind})
        newest = world.posts(Platform.RSS, name)[::-1][: state.size]
        items = "".join(entry(written) for written in newest)
        text = f"<rss version='2.0'><channel><title>{escape(name)}</title>{items}</channel></rss>"
        etag = f'"{hashlib.sha256(text.encode()).hexdigest()[:16]}"'
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers={"ETag": etag})
        return web.Response(text=text, content_type="application/rss+xml", headers={"ETag": etag})

    return (web.get("/{name:.+}", feed),)


def covers(gap: Gap, written: Written) -> bool:
    """A gap lies between two readings."""
    return datetime.fromisoformat(gap.first) <= written.written_at <= datetime.fromisoformat(gap.last)


WIRE = Wire(Platform.RSS, routes, new_id=new_id, external_id=external_id, covers=covers)
