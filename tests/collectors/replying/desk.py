"""An SDR's desk at one place of the fake world: a lead, an approved reply, and the worker that sends it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic import HttpUrl, SecretStr

from collectors.replying.outbox import Outbox, Tally
from overheard.db import Sessions
from overheard.leads import funnel
from overheard.models import ConnectedAccount, Lead, Post, Reply, Signal, User
from overheard.replying import connected_accounts, replies
from overheard.replying.guardrails import Guard
from overheard.settings import (
    AccountSettings,
    BlueskySettings,
    RedditSettings,
    ReplySettings,
    ServiceSettings,
    Settings,
    SlackSettings,
)  # fmt: skip
from overheard.vocabulary import Platform, ReplyState, Stage
from tests.factories import make_campaign, make_cast, make_lead, new_post
from tests.fakeworld import faults
from tests.fakeworld.model import World, Written, wire_of
from tests.fakeworld.sending import bluesky, discourse, github, mastodon, slack
from tests.fakeworld.sending.who import SAM
from tests.fakeworld.wires import bluesky as bluesky_wire
from tests.fakeworld.wires import github as github_wire
from tests.fakeworld.wires import mastodon as mastodon_wire
from tests.fakeworld.wires import reddit as reddit_wire
from tests.fakeworld.wires import slack as slack_wire

TEXT = "We had the same trouble with orders last year. A shared sheet was enough for us. (I work on Rye CRM.)"

# No guardrail is in the way of what these tests are about; each has tests of its own.
OPEN = ReplySettings(
    near_copy=0, day_cap=0, community_cap=0, contact_days=0, pause_minutes=0, ramp_days=0, links_in_first=True,
    promotional_share=0, affiliation="", fresh_hours=0, skip_topics=False,
)  # fmt: skip


@dataclass(frozen=True)
class Place:
    """Where Sam writes: a community, and what opens his account."""

    platform: Platform
    community: str
    sends: str
    """The path to which a reply is posted."""
    secrets: Mapping[str, str]
    me: str
    """How his posts are signed in the world."""
    author: Callable[[World, Written], str]
    """The key of a post's writer."""
    permalink: Callable[[World, Written], str | None] = lambda _, written: f"https://example.org/{written.number}"
    address: Callable[[World], str] = lambda _: ""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """What its posts have that only the platform knows."""


def _name(_: World, written: Written) -> str:
    return written.author


def _discourse_me(world: World) -> str:
    return f"{world.url(Platform.DISCOURSE).partition('://')[2]}:{discourse.USER_ID}"


PLACES = {
    place.platform: place
    for place in (
        Place(
            Platform.REDDIT, "r/bakers", r"/api/comment$",
            {"me": SAM, "refresh_token": reddit_wire.REFRESH_TOKEN}, SAM, _name,
        ),
        Place(
            Platform.SLACK, "C1", r"/api/chat.postMessage$",
            {"me": slack.ME, "token": slack_wire.USER_TOKEN, "team": slack_wire.TEAM, "domain": slack_wire.DOMAIN},
            slack.ME, _name,
        ),
        Place(
            Platform.MASTODON, "#crm", r"/api/v1/statuses$",
            {
                "me": mastodon.ME, "token": mastodon.TOKEN, "account_id": mastodon.ACCOUNT_ID,
                "instance": mastodon_wire.DOMAIN,
            },
            SAM, lambda _, written: f"{written.author}@{mastodon_wire.DOMAIN}",
            address=lambda world: world.url(Platform.MASTODON),
        ),
        Place(
            Platform.BLUESKY, bluesky_wire.COMMUNITY, r"repo.createRecord$",
            {"me": bluesky.ME, "app_password": bluesky.PASSWORD}, SAM,
            lambda _, written: bluesky_wire.did(written.author),
            address=lambda world: world.url(Platform.BLUESKY),
        ),
        Place(
            Platform.GITHUB, github_wire.REPOSITORY, r"/issues/\d+/comments$",
            {"me": github.ME, "token": github.TOKEN}, SAM, lambda _, written: str(sum(written.author.encode())),
            permalink=lambda _, written: str(github_wire.rest(written)["html_url"]),
        ),
        Place(
            Platform.DISCOURSE, "Support", r"/posts.json$",
            {"me": "", "key": discourse.KEY, "client_id": "overheard"}, SAM,
            lambda world, written: f"{world.url(Platform.DISCOURSE).partition('://')[2]}:{sum(written.author.encode())}",
            address=lambda world: world.url(Platform.DISCOURSE),
        ),
    )
}  # fmt: skip

DISCUSSIONS = replace(
    PLACES[Platform.GITHUB], sends=r"/graphql#mutation$", extra={"is_discussion": True},
    permalink=lambda _, written: str(github_wire.node(written)["url"]),
)  # fmt: skip


def settings_for(world: World, home: Path, *, patience: float = 2.0, replies: ReplySettings = OPEN) -> Settings:
    """All platforms at once are those of the fake world."""
    reddit = HttpUrl(world.url(Platform.REDDIT))
    return Settings(
        home=home,
        reddit=RedditSettings(base_url=reddit, oauth_url=reddit),
        slack=SlackSettings(base_url=HttpUrl(world.url(Platform.SLACK) + "/api/")),
        bluesky=BlueskySettings(base_url=HttpUrl(world.url(Platform.BLUESKY) + "/xrpc/")),
        services=ServiceSettings(github_url=HttpUrl(world.url(Platform.GITHUB) + "/")),
        accounts=AccountSettings(
            reddit_client_id=reddit_wire.CLIENT_ID, reddit_client_secret=SecretStr(reddit_wire.CLIENT_SECRET)
        ),
        http_timeout=patience,
        allow_private_addresses=True,
        replies=replies,
    )


@dataclass
class Desk:
    """Sam at work."""

    sessions: Sessions
    world: World
    home: Path
    place: Place
    patience: float = 2.0
    guardrails: ReplySettings = OPEN
    waits: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.settings = settings_for(self.world, self.home, patience=self.patience, replies=self.guardrails)
        self.guard = Guard(self.guardrails, "the key of the list")
        with self.sessions.begin() as session:
            self.sam = (
                session.scalars(sa.select(User).filter_by(name="Sam")).first()
                or make_cast(session, now=self.world.now).sam
            )
            if session.scalar(sa.select(sa.func.count()).select_from(Lead)) == 0:
                make_campaign(session, now=self.world.now)
        self.account = self.connect()

    def clock(self) -> datetime:
        return self.world.now

    def connect(self) -> int:
        """Sam's account; its id."""
        secrets = dict(self.place.secrets)
        secrets["me"] = secrets["me"] or _discourse_me(self.world)
        with self.sessions.begin() as session:
            return connected_accounts.connect(
                session, self.settings, self.sam, platform=self.place.platform, name="sam", secrets=secrets,
                address=self.place.address(self.world), now=self.world.now,
            )  # fmt: skip

    def ask(self, author: str = "flour", body: str = "Which CRM for a small bakery? We lose orders.") -> Written:
        """Somebody asks there."""
        return self.world.write(
            self.place.platform, self.place.community, author=author, title="A CRM?", body=body, **self.place.extra
        )

    def lead(self, asked: Written) -> int:
        """What was asked is a lead that Sam has promoted; its id."""
        wire, now = wire_of(self.place.platform), self.world.now
        title, body = wire.text(asked)
        post = new_post(
            external_id=wire.external_id(asked), title=title, body=body, platform=self.place.platform,
            community=self.place.community, author=self.place.author(self.world, asked), posted_at=asked.written_at,
            permalink=self.place.permalink(self.world, asked),
        )  # fmt: skip
        with self.sessions.begin() as session:
            known = sa.select(Lead).join(Signal, Signal.lead_id == Lead.id).join(Post, Post.id == Signal.post_id)
            there = session.scalars(known.where(Post.external_id == post.external_id)).first()
            lead = there or make_lead(session, now=now, post=post)
            if lead.stage is Stage.MARKETING_QUALIFIED:
                funnel.promote(session, lead.id, actor=self.sam, now=now)
            return lead.id

    def approve(self, asked: Written, text: str = TEXT) -> int:
        """Sam has written and approved a reply to it; its id."""
        return self.approve_draft(self.draft(asked, text))

    def draft(self, asked: Written, text: str = TEXT) -> int:
        lead_id = self.lead(asked)
        with self.sessions.begin() as session:
            key = wire_of(self.place.platform).external_id(asked)
            post = session.scalars(sa.select(Post).filter_by(platform=self.place.platform, external_id=key)).one()
            return replies.start_draft(
                session, lead_id, actor=self.sam, guard=self.guard, now=self.world.now, post_id=post.id, text=text
            ).id

    def approve_draft(self, reply_id: int) -> int:
        with self.sessions.begin() as session:
            replies.approve(
                session, reply_id, actor=self.sam, guard=self.guard, now=self.world.now, account_id=self.account
            )
        return reply_id

    def worker(self) -> Outbox:
        return Outbox(self.sessions, self.settings, self.guard, self.clock, self.waits.append)

    def send(self) -> Tally:
        """One pass of a fresh worker."""
        return self.worker().run_once()

    def wait(self, minutes: float) -> Tally:
        """Time passes, and a worker passes by."""
        self.world.advance(timedelta(minutes=minutes).total_seconds())
        return self.send()

    def reply(self, reply_id: int) -> Reply:
        with self.sessions() as session:
            return session.get_one(Reply, reply_id)

    def state(self, reply_id: int) -> ReplyState:
        return self.reply(reply_id).state

    def connected(self) -> ConnectedAccount:
        with self.sessions() as session:
            return session.get_one(ConnectedAccount, self.account)

    def ours(self, asked: Written) -> list[Written]:
        """What stands in the world under it, of Sam's."""
        return [
            each
            for each in self.world.posts(self.place.platform)
            if each.author == self.place.me and each.parent is asked
        ]

    def post_meets(self, fault: faults.Fault, times: int = 1) -> None:
        """This goes wrong when a reply is posted."""
        self.world.fail(self.place.sends.replace("$", ""), fault, times, method="POST")

    def attempts(self) -> int:
        """How often anything was posted."""
        posts = [request for request in self.world.requests if request.method == "POST"]
        return sum(bool(re.search(self.place.sends, request.path)) for request in posts)
