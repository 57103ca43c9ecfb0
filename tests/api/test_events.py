"""Live updates over real connections: what is told, when it ends, and what listening costs."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy.engine import Engine

from api.app import create_app
from api.events import MAX_LISTENERS, Rhythm
from api.security import LOGIN_COOKIE
from api.server import Server
from api.state import State
from overheard.db import make_engine, make_reading_sessions
from overheard.leads import funnel
from overheard.models import Lead, User
from overheard.settings import Settings
from overheard.users import accounts
from tests.api.conftest import World
from tests.api.serving import serving

QUICK = Rhythm(look=0.05, recount=30.0, heartbeat=0.3, lifetime=30.0)


@dataclass
class Site:
    """A server on the loopback address, and who asks it."""

    client: httpx.Client
    server: Server
    world: World

    @property
    def state(self) -> State:
        state: State = self.server.config.app.state.overheard  # type: ignore[union-attr]
        return state

    def token(self, user: User) -> dict[str, str]:
        with self.world.sessions.begin() as session:
            return {"Authorization": f"Bearer {accounts.make_token(session, user, name='t', now=self.world.now).token}"}

    @contextmanager
    def stream(self, user: User, **headers: str) -> Iterator["Stream"]:
        with self.client.stream("GET", "/v1/events", headers=self.token(user) | headers) as response:
            assert response.status_code == 200, response.read()
            yield Stream(response)


class Stream:
    """What comes in, block by block."""

    def __init__(self, response: httpx.Response) -> None:
        self.headers = response.headers
        self._lines = response.iter_lines()

    def block(self) -> dict[str, str] | None:
        """The next block, field by field (a comment under ""); None at the end."""
        found: dict[str, str] = {}
        for line in self._lines:
            if not line:
                return found
            name, _, value = line.partition(": ") if not line.startswith(":") else ("", "", line[1:].strip())
            found[name] = value
        return None

    def event(self) -> tuple[str, dict[str, Any]]:
        """Id and data of the next event."""
        while (block := self.block()) is not None:
            if "event" in block:
                assert block["event"] == "queue"
                return block["id"], json.loads(block["data"])
        raise AssertionError("the stream has ended")


@pytest.fixture
def site(world: World, engine: Engine, settings: Settings) -> Iterator[Site]:
    with _site(world, engine, settings) as site:
        yield site


@contextmanager
def _site(world: World, engine: Engine, settings: Settings, rhythm: Rhythm = QUICK) -> Iterator[Site]:
    app = create_app(settings, engine=engine, clock=lambda: world.clock[0], rhythm=rhythm)
    with serving(app) as (address, server), _client(address) as client:
        yield Site(client, server, world)


def _client(address: str) -> httpx.Client:
    return httpx.Client(base_url=address, timeout=10, limits=httpx.Limits(max_connections=None))


def test_a_listener_is_told_how_things_stand_and_then_what_changes(site: Site) -> None:
    first = site.world.lead()
    with site.stream(site.world.cast.sam) as stream:
        assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert stream.headers["x-accel-buffering"] == "no"
        _, data = stream.event()
        assert data == {"to_review": 1, "mine": 0, "due": 0, "newest_lead": first}
        second = site.world.lead()
        _, data = stream.event()
        assert data == {"to_review": 2, "mine": 0, "due": 0, "newest_lead": second}
        with site.world.sessions.begin() as session:
            funnel.promote(session, first, actor=site.world.cast.sue, now=site.world.now)
            lead = session.get_one(Lead, first)
            lead.assignee_id, lead.follow_up_on = site.world.cast.sam.id, date(2026, 11, 20)
        _, data = stream.event()
        assert data == {"to_review": 1, "mine": 1, "due": 1, "newest_lead": second}


def test_what_concerns_a_colleague_alone_is_not_told(site: Site) -> None:
    lead = site.world.lead()
    with site.stream(site.world.cast.sam) as sam, site.stream(site.world.cast.sue) as sue:
        assert sam.event() == sue.event()
        with site.world.sessions.begin() as session:
            funnel.promote(session, lead, actor=site.world.cast.sue, now=site.world.now)
            session.get_one(Lead, lead).assignee_id = site.world.cast.sue.id
        assert sue.event()[1]["mine"] == 1
        assert sam.event()[1] == {"to_review": 0, "mine": 0, "due": 0, "newest_lead": lead}


def test_who_comes_back_with_the_newest_id_is_told_nothing_until_something_changes(
    site: Site, settings: Settings, database_url: str
) -> None:
    site.world.lead()
    with site.stream(site.world.cast.sam) as stream:
        newest, _ = stream.event()
    engine = make_engine(database_url)
    with _site(site.world, engine, settings) as other:  # another process of the server knows the same ids
        for place in (site, other):
            with place.stream(site.world.cast.sam, **{"Last-Event-ID": newest}) as stream:
                assert [stream.block(), stream.block(), stream.block()] == [
                    {"": "listening"},
                    {"": "still here"},
                    {"": "still here"},
                ]
        with other.stream(site.world.cast.sam, **{"Last-Event-ID": newest}) as stream:
            lead = site.world.lead()
            assert stream.event()[1]["newest_lead"] == lead
        with site.stream(site.world.cast.sam, **{"Last-Event-ID": newest}) as stream:
            assert stream.event()[1]["newest_lead"] == lead
    engine.dispose()


def test_pages_listen_by_their_login_and_a_stranger_is_sent_to_it(site: Site) -> None:
    with site.world.sessions.begin() as session:
        secret = accounts.start_login(session, site.world.cast.sam, lifetime=timedelta(hours=1), now=site.world.now)
    with site.client.stream("GET", "/events", headers={"Cookie": f"{LOGIN_COOKIE}={secret.token}"}) as response:
        assert Stream(response).event()[1]["to_review"] == 0
    stranger = site.client.get("/events")
    assert (stranger.status_code, stranger.headers["location"]) == (303, "/login?next=%2Fevents")
    assert site.client.get("/v1/events").status_code == 401


def test_one_user_has_so_many_places_and_what_they_leave_is_free_again(site: Site) -> None:
    sam, token = site.world.cast.sam, site.token(site.world.cast.sam)
    with ExitStack() as all_of_them:
        listening = [all_of_them.enter_context(site.stream(sam)) for _ in range(MAX_LISTENERS - 1)]
        with site.stream(sam) as last:
            for stream in (*listening, last):
                stream.event()
            refused = site.client.get("/v1/events", headers=token)
            assert (refused.status_code, refused.json()["error"]) == (429, "TooManyListeners")
            with site.stream(site.world.cast.sue) as other:
                other.event()
        _wait(lambda: site.state.feed.has_place(sam.id))
        with site.stream(sam) as again:
            again.event()
    _wait(lambda: site.state.feed.listeners == 0)


def test_listeners_hold_neither_threads_nor_connections(site: Site, engine: Engine) -> None:
    world = site.world
    users = (world.cast.alice, world.cast.mara, world.cast.sam, world.cast.sue, world.cast.eli)
    with ExitStack() as all_of_them:
        streams = [all_of_them.enter_context(site.stream(user)) for user in users for _ in range(MAX_LISTENERS)]
        for stream in streams:
            stream.event()
        threads = threading.active_count()
        held = []
        for _ in range(20):
            held.append(engine.pool.checkedout())  # type: ignore[attr-defined] # both databases' pools count
            time.sleep(0.02)
        assert max(held) <= 1  # the feed's own look, at most
        assert threads < len(streams)
        assert site.client.get("/v1/me", headers=site.token(world.cast.sam)).status_code == 200
        assert site.state.feed.listeners == len(streams) == 40


def test_the_server_ends_at_once_though_somebody_listens(world: World, engine: Engine, settings: Settings) -> None:
    app = create_app(settings, engine=engine, clock=lambda: world.clock[0])  # heartbeats are far apart
    with serving(app) as (address, server), _client(address) as client:
        site = Site(client, server, world)
        with site.stream(world.cast.sam) as stream:
            stream.event()
            server.should_exit = True
            assert stream.block() is None
    assert site.state.feed.listeners == 0


def test_a_stream_ends_after_its_time_so_that_the_listener_shows_again_who_it_is(
    world: World, engine: Engine, settings: Settings
) -> None:
    brief = Rhythm(look=0.05, heartbeat=0.1, lifetime=0.5)
    began = time.monotonic()
    with _site(world, engine, settings, brief) as site:
        with site.stream(world.cast.sam) as stream:
            blocks = list(iter(stream.block, None))  # its time may be over before anything was counted
        assert time.monotonic() - began >= brief.lifetime
        assert blocks[0] == {"": "listening"}
        assert all(block == {"": "still here"} or block["event"] == "queue" for block in blocks[1:])
        _wait(lambda: site.state.feed.listeners == 0)
        with site.stream(world.cast.sam) as again:  # whoever comes back is heard
            assert again.block() == {"": "listening"}


def test_a_database_that_is_away_for_a_moment_ends_no_stream(site: Site) -> None:
    site.world.lead()
    with site.stream(site.world.cast.sam) as stream:
        stream.event()
        feed = site.state.feed
        there, away = feed.reading, make_reading_sessions(make_engine("sqlite:////nowhere/at/all.db"))
        feed.reading = away
        stream.block()
        feed.reading = there
        lead = site.world.lead()
        assert stream.event()[1]["newest_lead"] == lead


def _wait(done: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not done():
        assert time.monotonic() < until
        time.sleep(0.02)
