"""The places in which random lives are lived: one for each way of reading a platform."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from pydantic import HttpUrl, WebsocketUrl

from overheard.settings import (
    BlueskySettings,
    HackerNewsSettings,
    RedditSettings,
    ServiceSettings,
    Settings,
    SlackSettings,
)
from overheard.vocabulary import Platform
from tests.collectors.mails import mail
from tests.fakeworld import faults
from tests.fakeworld.faults import Fault, SocketFault
from tests.fakeworld.imap import Mailserver
from tests.fakeworld.model import World
from tests.fakeworld.wires import bluesky, github, hackernews, mastodon, reddit, rss, slack, telegram

FAULTS: tuple[Fault | SocketFault, ...] = (*faults.PASSING, faults.rate_limited("1000000000"), faults.TWICE)
_FEED = 30  # entries


@dataclass(frozen=True)
class Pushes:
    """How it is known that a listener is told. Both are asked without end, for a few seconds."""

    is_open: Callable[[World], bool]
    """Whether the platform has somebody to tell."""
    is_told: Callable[[World, Collection[str]], bool]
    """Whether it has no more to tell, and these deliveries are all that it told; true where nobody listens."""


@dataclass(frozen=True)
class Place:
    """One way of reading one platform, as histories use it."""

    mode: str
    platform: Platform
    settings: Callable[[World, Path], Settings]
    communities: Sequence[str]
    """As the world names them."""
    way: str = ""
    """Where the mode has several."""
    community: Callable[[str], str] = lambda name: name
    """The name of the source for it."""
    address: Callable[[World, str], str] = lambda _, name: name
    source: Platform | None = None
    """The platform of the source, where it tells of another one."""
    server: Callable[[World], AbstractContextManager[None]] = lambda _: nullcontext()
    """What must be served besides the world."""
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
    fail: Callable[[World, Random], str] | None = None
    """Makes something go wrong, and says what, where it is no request to the world that does."""
    acts: Sequence[str] = ("write", "reply", "edit", "delete", "leave")
    """What people do there that can become known to us."""
    has_titles: bool = False
    window: int | None = None
    """So many of the newest are shown, and nothing else can be asked for."""
    pushes: Pushes | None = None

    @property
    def name(self) -> str:
        """What it is called on the command line and in reports."""
        return f"{self.mode}-{self.way}" if self.way else self.mode


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


def _at_large(_: World, home: Path) -> Settings:
    """For what has no address of its own in the settings."""
    return Settings(home=home, http_timeout=5, allow_private_addresses=True)


def _is_told_by_slack(world: World, _: Collection[str]) -> bool:
    """What was seen waits, and what waits no more was sent: looked at in this order, as all goes on meanwhile."""
    state = world.state(slack.Slack)
    if not state.sockets:
        return True
    is_seen, is_sent = state.seen == len(world.changes), not state.waiting
    sent = {envelope["payload"]["event_id"] for envelope in state.sent[-9:]}
    return is_seen and is_sent and sent <= set(state.acknowledged[-99:])


def _is_told_by_mastodon(world: World, kept: Collection[str]) -> bool:
    state = world.state(mastodon.Mastodon)
    return not state.streams or (state.seen == len(world.changes) and len(kept) > state.told)  # "connected" is one more


@dataclass
class _Alerts:
    """A keyword service that watches Hacker News and sends mails."""

    sent: int = 0
    """Posts of which it told."""


def _send_alerts(world: World, rng: Random) -> None:
    """Each tells of some posts, now and then of one again. The last ones arrive while somebody reads."""
    state, server = world.state(_Alerts), world.state(Mailserver)
    posts = world.posts(Platform.HACKERNEWS)
    mails = []
    while state.sent < len(posts):
        some = posts[state.sent : state.sent + rng.randint(1, 3)]
        state.sent += len(some)
        told = [rng.choice(posts), *some] if rng.random() < 0.2 else some
        text = "\n\n".join(
            f"{post.title}\nhttps://news.ycombinator.com/item?id={post.id}\n{post.body}" for post in told
        )
        mails.append(mail(text, message_id=f"<{state.sent}@example.org>"))
    late = rng.randint(0, 2)
    for number, raw in enumerate(mails):
        if number < len(mails) - late:
            server.inbox.add(raw, at=world.now)
        else:
            server.arriving.append((raw, world.now))
    if rng.random() < 0.05:
        server.inbox.renumber()


def _all_alerts_arrive(world: World) -> None:
    server = world.state(Mailserver)
    server.faults.clear()
    _send_alerts(world, Random(1))  # noqa: S311 - nothing is secret
    while server.arriving:
        server.arrive()


def _fail_mails(world: World, rng: Random) -> str:
    command = rng.choice(("LOGIN", "EXAMINE", "UID SEARCH", "UID FETCH"))
    answer = rng.choice((None, b"TAG NO [UNAVAILABLE] try again later\r\n", b"TAG BAD what?\r\n", b"nonsense\r\n"))
    times = rng.randint(1, 5)
    world.state(Mailserver).faults.setdefault(command, []).extend([answer] * times)
    return f"{command} {answer!r} x {times}"


def _mailbox(world: World) -> Mapping[str, str]:
    server = world.state(Mailserver)
    return {"host": "127.0.0.1", "port": str(server.port), "user": server.user, "password": server.password}


PLACES = (
    Place(
        "hackernews", Platform.HACKERNEWS, _hackernews, [hackernews.COMMUNITY], address=lambda *_: "",
        route="/hackernews/", has_titles=True, acts=("write", "reply", "edit", "delete"),  # nobody's posts go with them
        stir=_hide_or_show, calm=lambda world: world.state(hackernews.HackerNews).raw.clear(),
    ),
    Place(
        "reddit", Platform.REDDIT, _reddit, ["r/bakers", "r/cooks"], address=lambda _, name: name.removeprefix("r/"),
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
        "slack", Platform.SLACK, _slack, ["C1"], way="socket", community=lambda _: "bakery/#ovens",
        secrets=lambda _: {
            "bot_token": slack.BOT_TOKEN, "app_token": slack.APP_TOKEN, "signing_secret": slack.SIGNING_SECRET,
        },
        options={"backfill_days": "7"}, route="/slack/",
        # Not half open: nobody would tell the fake server that the client has left, and it would lose all that comes.
        faults=(*FAULTS, faults.DROPPED, faults.SILENT, faults.SocketFault(after=3)),
        pushes=Pushes(lambda world: world.state(slack.Slack).sockets > 0, _is_told_by_slack),
    ),
    Place(
        "discord", Platform.DISCORD, _service("discord", Platform.DISCORD), ["200"],
        community=lambda _: "Bakers/#tools", secrets=lambda _: {"token": "bot-token"}, route="/discord/",
    ),
    Place(
        "bluesky", Platform.BLUESKY, _bluesky, [bluesky.COMMUNITY], address=lambda *_: "", options={"keep": "all"},
        route=bluesky.STREAM, faults=(*FAULTS, faults.DROPPED, faults.SocketFault(after=3)),
    ),
    Place(
        "mastodon", Platform.MASTODON, lambda _, home: Settings(home=home, http_timeout=5), ["#crm"],
        community=lambda name: mastodon.DOMAIN + name,
        secrets=lambda world: {"instance": world.url(Platform.MASTODON), "token": mastodon.TOKEN},
        route="/mastodon/",
    ),
    Place(
        "mastodon", Platform.MASTODON, lambda _, home: Settings(home=home, http_timeout=5), ["#crm"], way="stream",
        community=lambda name: mastodon.DOMAIN + name,
        secrets=lambda world: {"instance": world.url(Platform.MASTODON), "token": mastodon.TOKEN},
        route="/mastodon/", faults=(*FAULTS, faults.DROPPED, faults.SocketFault(after=3)),
        pushes=Pushes(lambda world: world.state(mastodon.Mastodon).streams > 0, _is_told_by_mastodon),
    ),
    # Nobody tells a bot of deletions, and it cannot ask.
    Place(
        "telegram", Platform.TELEGRAM, _service("telegram", Platform.TELEGRAM), ["-1001"],
        community=lambda _: "Bakers", secrets=lambda _: {"token": telegram.TOKEN}, route="/telegram/",
        faults=(*FAULTS, faults.BACKWARDS, faults.RESET_AFTER), acts=("write", "reply", "edit"),
        pushes=Pushes(lambda _: True, lambda world, _: telegram.is_told(world)),
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
    Place(
        "discourse", Platform.DISCOURSE, _at_large, ["the forum"],
        address=lambda world, _: world.url(Platform.DISCOURSE),
        secrets=lambda _: {"forum": "", "api_username": "", "api_key": ""}, route="/discourse/", has_titles=True,
    ),
    # A feed shows what is new and what was edited lately. It does not say what was deleted.
    Place(
        "rss", Platform.RSS, _at_large, ["ovens", "flours"],
        address=lambda world, name: f"{world.url(Platform.RSS)}/{name}",
        prepare=lambda world: setattr(world.state(rss.Rss), "size", _FEED), window=_FEED,
        route="/rss/", has_titles=True, acts=("write", "edit"),
    ),
    # An alert tells of a post once, as it was then.
    Place(
        "mailbox", Platform.HACKERNEWS, _at_large, [hackernews.COMMUNITY], source=Platform.OTHER,
        community=lambda _: "alerts@example.org/INBOX", address=lambda *_: "INBOX",
        server=lambda world: world.state(Mailserver).serve(), secrets=_mailbox, stir=_send_alerts,
        calm=_all_alerts_arrive, fail=_fail_mails, has_titles=True, acts=("write",),
    ),
)  # fmt: skip
