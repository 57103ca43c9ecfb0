"""Random lives of communities, read by the real collectors through faults and crashes, and what the oracle says.

`tests/collectors/test_histories.py` lives short ones under Hypothesis, `tests/soak.py` one long one for each platform.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random

import sqlalchemy as sa
from pydantic import HttpUrl, WebsocketUrl
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from collectors.run import CollectSummary, collect
from collectors.sweep import sweep
from overheard import credentials, funnel, sources
from overheard.db import Sessions, make_engine, make_sessions
from overheard.models import Post, Prediction, Source
from overheard.settings import (
    BlueskySettings,
    HackerNewsSettings,
    RedditSettings,
    ServiceSettings,
    Settings,
    SlackSettings,
)
from overheard.vocabulary import Platform, PostKind
from tests.collectors.crashes import killed_at
from tests.factories import MODEL, make_campaign, predict, watch_source
from tests.fakeworld import faults
from tests.fakeworld.faults import Fault, SocketFault
from tests.fakeworld.model import World, Written
from tests.fakeworld.oracle import Report, compare
from tests.fakeworld.wires import bluesky, github, hackernews, mastodon, reddit, slack

FAULTS: tuple[Fault | SocketFault, ...] = (*faults.PASSING, faults.rate_limited("1000000000"), faults.TWICE)
_AUTHORS = 12  # write at any one time
_OFTEN = {"write": 40, "reply": 20, "edit": 20, "delete": 15, "leave": 5}
_FALL_SILENT = 0.02  # so likely after each post: or whoever leaves a long history would take a tenth of it along
_LATE = 25 * 3600.0  # seconds: what is asked for again once a day is due


@dataclass(frozen=True)
class Place:
    """One mode of one platform, as histories use it."""

    mode: str
    platform: Platform
    settings: Callable[[World, Path], Settings]
    communities: Sequence[str]
    """As the world names them."""
    community: Callable[[str], str] = lambda name: name
    """The name of the source for it."""
    address: Callable[[str], str] = lambda name: name
    prepare: Callable[[World], None] = lambda _: None
    """Tokens, channels: what must be there before anybody writes."""
    secrets: Callable[[World], Mapping[str, str]] | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    stir: Callable[[World, Random], None] = lambda _, __: None
    """What happens there now and then and nowhere else."""
    calm: Callable[[World], None] = lambda _: None
    """The end of that."""
    route: str = ""
    """What can go wrong: a pattern of paths."""
    faults: Sequence[Fault | SocketFault] = FAULTS
    acts: Sequence[str] = ("write", "reply", "edit", "delete", "leave")
    """What people do there that can become known to us."""
    has_titles: bool = False


def _hackernews(world: World, home: Path) -> Settings:
    address = HttpUrl(world.url(Platform.HACKERNEWS) + "/v0/")
    return Settings(home=home, hackernews=HackerNewsSettings(base_url=address), http_timeout=5)


def _hide_or_show(world: World, rng: Random) -> None:
    """The newest item cannot be read yet, or all can."""
    state = world.state(hackernews.HackerNews)
    if state.raw:
        state.raw.clear()
    elif rng.random() < 0.5:
        state.raw[state.newest] = None


def _reddit(world: World, home: Path) -> Settings:
    address = HttpUrl(world.url(Platform.REDDIT))
    return Settings(home=home, reddit=RedditSettings(base_url=address, oauth_url=address), http_timeout=5)


def _slack(world: World, home: Path) -> Settings:
    return Settings(
        home=home, slack=SlackSettings(base_url=HttpUrl(world.url(Platform.SLACK) + "/api/")), http_timeout=5
    )


def _bluesky(world: World, home: Path) -> Settings:
    address = world.url(Platform.BLUESKY)
    stream = WebsocketUrl(address.replace("http:", "ws:") + bluesky.STREAM)
    urls = BlueskySettings(stream_url=stream, base_url=HttpUrl(f"{address}/xrpc/"))
    return Settings(home=home, bluesky=urls, http_timeout=0.5)


def _service(name: str, platform: Platform) -> Callable[[World, Path], Settings]:
    def settings(world: World, home: Path) -> Settings:
        services = ServiceSettings(**{f"{name}_url": HttpUrl(world.url(platform) + "/")})
        return Settings(home=home, services=services, http_timeout=5)

    return settings


PLACES = (
    Place(
        "hackernews", Platform.HACKERNEWS, _hackernews, [hackernews.COMMUNITY], address=lambda _: "",
        route="/hackernews/", has_titles=True, acts=("write", "reply", "edit", "delete"),  # nobody's posts go with them
        stir=_hide_or_show, calm=lambda world: world.state(hackernews.HackerNews).raw.clear(),
    ),
    Place(
        "reddit", Platform.REDDIT, _reddit, ["r/bakers", "r/cooks"], address=lambda name: name.removeprefix("r/"),
        secrets=lambda _: {
            "client_id": reddit.CLIENT_ID, "client_secret": reddit.CLIENT_SECRET, "contact": "flour_power",
            "refresh_token": "",
        },
        route="/reddit/", has_titles=True,
    ),
    Place(
        "slack", Platform.SLACK, _slack, ["C1"], community=lambda _: "bakery/#ovens",
        secrets=lambda _: {"bot_token": slack.BOT_TOKEN, "app_token": "", "signing_secret": ""},
        options={"backfill_days": "7"}, route="/slack/",
    ),
    Place(
        "discord", Platform.DISCORD, _service("discord", Platform.DISCORD), ["200"],
        community=lambda _: "Bakers/#tools", secrets=lambda _: {"token": "bot-token"}, route="/discord/",
    ),
    Place(
        "bluesky", Platform.BLUESKY, _bluesky, [bluesky.COMMUNITY], address=lambda _: "", options={"keep": "all"},
        route=bluesky.STREAM, faults=(*FAULTS, faults.DROPPED, faults.SocketFault(after=3)),
    ),
    Place(
        "mastodon", Platform.MASTODON, lambda _, home: Settings(home=home, http_timeout=5), ["#crm"],
        community=lambda name: mastodon.DOMAIN + name,
        secrets=lambda world: {"instance": world.url(Platform.MASTODON), "token": mastodon.TOKEN},
        route="/mastodon/",
    ),
    Place(
        "x", Platform.X, _service("x", Platform.X), ["crm (recommend OR alternative)"],
        secrets=lambda _: {"token": "bearer-token"}, options={"budget": "1000"}, route="/x/",
    ),
    # Deletions are learned of when leads are asked for again, and nothing is a lead here.
    Place(
        "stackexchange", Platform.STACKEXCHANGE, _service("stackexchange", Platform.STACKEXCHANGE), ["softwarerecs"],
        secrets=lambda _: {"key": ""}, route="/stackexchange/", has_titles=True, acts=("write", "reply", "edit"),
    ),
    Place(
        "github", Platform.GITHUB, _service("github", Platform.GITHUB), [github.REPOSITORY],
        secrets=lambda _: {"token": "github_pat_1"}, route="/github/", has_titles=True, acts=("write", "reply", "edit"),
    ),
)  # fmt: skip


class _CrashError(BaseException):
    """Nobody catches it: the pass ends as if the process had."""


class Life:
    """The history of one place, and somebody who watches it."""

    def __init__(self, place: Place, world: World, url: str, home: Path, rng: Random) -> None:
        self.place = place
        self.world = world
        self.url = url
        self.rng = rng
        self.settings = place.settings(world, home)
        self.engine = make_engine(url)
        self.story: list[str] = []
        """What happened, for whoever has to find out why."""
        self.counts: Counter[str] = Counter()
        self.alive: list[Written] = []
        self.authors = [f"writer{number}" for number in range(_AUTHORS)]
        self._numbers = count(_AUTHORS)
        place.prepare(world)
        for number, community in enumerate(place.communities):  # some platforms deny a place in which nobody wrote
            self._write(number, None, community)
        with self.sessions.begin() as session:
            make_campaign(session, now=world.now, queries={"everything": "*"})
            self._watch(session)

    @property
    def sessions(self) -> Sessions:
        return make_sessions(self.engine)

    def _watch(self, session: Session) -> None:
        place, account = self.place, None
        if place.secrets is not None:
            account = credentials.save(
                session,
                self.settings,
                mode=place.mode,
                name="ours",
                secrets=place.secrets(self.world),
                now=self.world.now,
            )
        for name in place.communities:
            watch_source(
                session, now=self.world.now, mode=place.mode, platform=place.platform,
                community=place.community(name), address=place.address(name), options=dict(place.options),
                credential_id=account,
            )  # fmt: skip

    def close(self) -> None:
        self.engine.dispose()

    # --- what people do ------------------------------------------------------------------------------------------

    def people(self, most: int = 5) -> None:
        """Somebody does something, or several do."""
        (act,) = self.rng.choices(self.place.acts, [_OFTEN[act] for act in self.place.acts])
        times = self.rng.randint(1, most if act in {"write", "reply"} else 2)
        for _ in range(times):
            self._act(act if self.alive else "write")
        self.place.stir(self.world, self.rng)
        self._tell(f"{act} x {times}")
        self.world.advance(self.rng.choice((1, 10, 60, 300)))

    def _act(self, act: str) -> None:
        number = next(self._numbers)
        chosen = self.rng.choice(self.alive) if self.alive else None
        self.counts[act] += 1
        if act in {"write", "reply"} or chosen is None:
            parent = chosen if act == "reply" else None
            self._write(number, parent, parent.community if parent else self.rng.choice(self.place.communities))
        elif act == "edit":
            self.world.edit(chosen, body=f"Invented text {number}, edited & <changed>")
        elif act == "delete":
            self.world.delete(chosen)
            self.alive.remove(chosen)
        elif act == "leave":
            self.world.delete_author(self.place.platform, chosen.author)
            self.alive = [written for written in self.alive if not written.is_deleted]
            self._succeed(chosen.author, number)  # nobody comes back
        self.world.advance(0.001)

    def _write(self, number: int, parent: Written | None, community: str) -> None:
        seat = number % _AUTHORS
        self.alive.append(
            self.world.write(
                self.place.platform,
                community,
                kind=PostKind.COMMENT if parent else PostKind.SUBMISSION,
                author=self.authors[seat],
                title=f"Title {number}" if self.place.has_titles and not parent else "",
                body=f"Invented text {number} & <more>",
                parent=parent,
            )
        )

        if self.rng.random() < _FALL_SILENT:
            self._succeed(self.authors[seat], number)

    def _succeed(self, author: str, number: int) -> None:
        """Somebody else writes from now on."""
        self.authors = [f"writer{number}" if name == author else name for name in self.authors]

    # --- what goes wrong -----------------------------------------------------------------------------------------

    def go_wrong(self) -> None:
        """The next requests fail."""
        fault, times = self.rng.choice(self.place.faults), self.rng.randint(1, 5)
        self.world.fail(self.place.route, fault, times)
        self.counts["fault"] += times
        self._tell(f"{fault} x {times}")

    # --- what we do ----------------------------------------------------------------------------------------------

    def collect(self, engine: Engine | None = None) -> list[CollectSummary]:
        """One pass over all sources."""
        sessions = make_sessions(engine or self.engine)
        found = collect(sessions, self.settings, clock=lambda: self.world.now, sleep=lambda _: None)
        self._tell(f"collect: {[str(summary.error or summary.intake) for summary in found]}")
        self.counts["pass"] += 1
        self.world.advance(self.rng.choice((1, 20, 60)))
        return found

    def sweep(self) -> None:
        """Retention, and asking again."""
        self._qualify()
        while True:
            done = sweep(self.sessions, self.settings, clock=lambda: self.world.now, sleep=lambda _: None)
            self._tell(f"sweep: {done}")
            if not done.rechecked or done.errors:
                return

    def _qualify(self) -> None:
        """Every post is a lead's: those are asked for again wherever that can be done."""
        with self.sessions.begin() as session:
            has_none = ~sa.exists().where(Prediction.post_id == Post.id)
            for post in session.scalars(sa.select(Post).where(has_none)):
                predict(session, post, now=self.world.now)
            funnel.qualify(session, model_version=MODEL, threshold=0.5, now=self.world.now)

    def crash(self) -> None:
        """A pass that breaks off at some statement or commit, with all that it had not committed."""
        step = self.rng.randint(1, 60)
        engine = make_engine(self.url)
        try:
            with _crashing(engine, step):
                self.collect(engine)
        except _CrashError:
            self._tell(f"crashed at step {step}")
            self.counts["crash"] += 1
            self.world.advance(1)
        finally:
            engine.dispose()

    def kill(self) -> None:
        """A pass in a process of its own that is ended with `kill -9`."""
        step = self.rng.randint(1, 60)
        self.engine.dispose()  # a connection must not be shared with the child
        if killed_at(step, self.url, self.collect):
            self._tell(f"killed at step {step}")
            self.counts["crash"] += 1
        self.world.advance(1)

    def enable(self) -> None:
        """The operator says that all is well: no source waits any more."""
        with self.sessions.begin() as session:
            for source in session.scalars(sa.select(Source).where(Source.mode.is_not(None))):
                sources.enable(source)

    def settle(self) -> Report:
        """All is well again, and there is time: what is still wrong now is a fault of ours."""
        self.world.heal()
        self.place.calm(self.world)
        for late in (0.0, _LATE):
            self.world.advance(late)
            self.enable()
            for _ in range(2):
                for summary in self.collect():
                    assert summary.error is None, f"{summary.error}\n{self}"
            self.sweep()
        return compare(self.world, self.sessions, platforms=[self.place.platform])

    def _tell(self, what: str) -> None:
        self.story.append(f"{self.world.now:%H:%M:%S} {what}")

    def __str__(self) -> str:
        """The last of the story."""
        return "\n".join(self.story[-60:])


@contextmanager
def _crashing(engine: Engine, step: int) -> Iterator[None]:
    steps = count(1)

    def crash(*_: object) -> None:
        if next(steps) == step:
            raise _CrashError

    event.listen(engine, "before_cursor_execute", crash)
    event.listen(engine, "commit", crash)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", crash)
        event.remove(engine, "commit", crash)
