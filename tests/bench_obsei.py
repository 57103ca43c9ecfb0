"""Side by side with obsei on Hacker News: 800 items between two looks, the same ones for both, on loopback.

    python -m venv /tmp/obsei && /tmp/obsei/bin/pip install obsei==1.1.1
    .venv/bin/python -m tests.bench_obsei /tmp/obsei/bin/python

obsei asks Algolia's search and we ask the Firebase API: both are shown from one world here, as they are in life.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa
from aiohttp import web
from pydantic import HttpUrl

from collectors.run import collect
from overheard.db import make_engine, make_sessions, upgrade
from overheard.models import Post
from overheard.settings import HackerNewsSettings, Settings
from overheard.vocabulary import Platform
from tests.factories import watch_source
from tests.fakeworld.model import Wire, World
from tests.fakeworld.server import serve
from tests.fakeworld.wires import hackernews

_BURST = 800

# Their source, as it is: only the address and what their runner hands in are ours.
_OBSEI = """
import json, sys, types, httpx
from obsei.sources import hackernews
hackernews.API_URL = sys.argv[1]
source = hackernews.HackerNewsSource(
    hackernews.HackerNewsConfig(query="crm"), types.SimpleNamespace(http=httpx.Client(), author=lambda name: None)
)
ids, cursor = [], json.loads(sys.argv[2])
for record, cursor in source.fetch(cursor):
    ids.append(record.source.native_id)
print(json.dumps([ids, cursor], default=str))
"""


def _algolia(world: World) -> Sequence[web.RouteDef]:
    async def search_by_date(request: web.Request) -> web.Response:
        since = int(request.query["numericFilters"].removeprefix("created_at_i>"))
        size, page = int(request.query["hitsPerPage"]), int(request.query["page"])
        found = [each for each in world.posts(Platform.HACKERNEWS) if each.written_at.timestamp() > since][::-1]
        hits = [
            {
                "objectID": each.id, "created_at_i": int(each.written_at.timestamp()), "comment_text": each.body,
                "author": each.author,
            }
            for each in found[page * size : (page + 1) * size]
        ]  # fmt: skip
        return web.json_response({"hits": hits, "nbPages": -(-len(found) // size)})

    return [web.get("/api/v1/search_by_date", search_by_date)]


def main(python: str) -> None:
    """Two looks before the burst and two after it, by both; what each has of the burst is printed."""
    world = World()
    with tempfile.TemporaryDirectory() as folder, serve(world, [hackernews.WIRE, Wire(Platform.OTHER, _algolia)]):
        engine = make_engine(f"sqlite:///{folder}/bench.db")
        upgrade(engine)
        sessions = make_sessions(engine)
        with sessions.begin() as session:
            watch_source(session, now=world.now)
        base_url = HttpUrl(world.url(Platform.HACKERNEWS) + "/v0/")
        settings = Settings(home=Path(folder), hackernews=HackerNewsSettings(base_url=base_url))
        theirs: set[str] = set()
        cursor: object = None
        for burst in (1, _BURST, 0):
            for _ in range(burst):
                world.advance(1)
                hackernews.write(world, body="Which CRM for a bakery?")
            world.advance(60)
            collect(sessions, settings, clock=lambda: world.now)
            address = world.url(Platform.OTHER) + "/api/v1/search_by_date"
            told = subprocess.check_output([python, "-c", _OBSEI, address, json.dumps(cursor)], text=True)
            ids, cursor = json.loads(told)
            theirs.update(ids)
        with sessions() as session:
            ours = session.scalar(sa.select(sa.func.count()).select_from(Post)) or 0
        engine.dispose()
    print(f"of {_BURST} new items: Overheard {ours - 1}, obsei {len(theirs) - 1}")  # noqa: T201 - its output


if __name__ == "__main__":
    main(sys.argv[1])
