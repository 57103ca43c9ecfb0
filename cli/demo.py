"""`overheard demo`: from nothing to a queue of leads in one command."""

import json
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import sqlalchemy as sa
import typer
from sqlalchemy.orm import Session

from cli.context import Context, clock, out, start
from cli.listen import listening
from cli.sources import watch_something
from cli.work import check_address, classify_all, collect_once, run_server
from overheard.listening.intake import take_in
from overheard.listening.posts import NewPost
from overheard.marketing import campaigns
from overheard.models import User
from overheard.settings import Settings
from overheard.users import accounts
from overheard.vocabulary import Platform, PostKind, Role

SAMPLE = Path(__file__).parent / "sample" / "posts.jsonl"
DEMO_EMAIL = "demo@localhost.localdomain"
DEMO_CAMPAIGN = "Tools for small teams"

# A first collection of this many items takes about half a minute and covers the last hour or two of Hacker News.
DEMO_BACKFILL = 1_000
DEMO_TIMEOUT = 3.0  # seconds
LISTEN_EVERY = 60.0  # seconds


def demo(
    *,
    port: Annotated[int | None, typer.Option(help="Port to listen on; default: OVERHEARD_PORT.")] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Use the bundled sample, whatever the network.")] = False,
) -> None:
    """Prepare everything, bring posts in, classify them, and serve the queue."""
    context = start()
    host, port = context.settings.host, context.settings.port if port is None else port
    check_address(context.settings, host, port)
    with context.sessions.begin() as session:
        user = _demo_user(session, now=clock())
        _demo_campaign(session, now=clock())
    is_live = _bring_posts_in(context, offline=offline)
    classify_all(context)
    with context.sessions.begin() as session:
        secret = accounts.make_login_link(session, user, now=clock())
    out.print(f"\nYour queue:  [bold]http://{host}:{port}/login/{secret.token}[/]", soft_wrap=True)
    out.print("The link logs you in once, within the hour. A new one:")
    out.print(f"  .venv/bin/overheard login-link {DEMO_EMAIL} --port {port}", soft_wrap=True)
    out.print("Stop with Ctrl+C.\n")
    with listening(LISTEN_EVERY) if is_live else nullcontext():
        run_server(context, host, port)


def _demo_user(session: Session, *, now: datetime) -> User:
    user = session.scalars(sa.select(User).where(User.email == DEMO_EMAIL)).one_or_none()
    return user or accounts.add_user(session, email=DEMO_EMAIL, name="Demo admin", role=Role.ADMIN, now=now)


def _demo_campaign(session: Session, *, now: datetime) -> None:
    if campaigns.find(session, DEMO_CAMPAIGN) is None:
        campaigns.create(
            session,
            name=DEMO_CAMPAIGN,
            offer="Simple, fairly priced software and services for small teams: sales, accounts, hosting, automation.",
            queries=_DEMO_QUERIES,
            now=now,
        )


_DEMO_QUERIES = {
    "everything, judged by intent alone": "*",
    "looking for": '"looking for"',
    "recommend": "recommend -hiring",
    "alternative": "alternative",
}


def _bring_posts_in(context: Context, *, offline: bool) -> bool:
    """Posts from Hacker News, or else from the sample; whether they are live."""
    if not offline:
        out.print("Trying Hacker News for its newest posts.")
        with context.sessions.begin() as session:
            watch_something(session, now=clock())
        if not collect_once(Context(_hurried(context.settings)), Platform.HACKERNEWS):
            out.print("The posts of this demo are live from Hacker News, and it goes on listening.")
            return True
    out.print("The posts of this demo are the bundled sample: all are invented.")
    now = clock()
    with context.sessions.begin() as session:
        intake = take_in(session, list(sample_posts(now)), origin="the bundled sample", now=now)
    out.print(f"Sample: {intake.new} new posts, {intake.unchanged} known.")
    return False


def _hurried(settings: Settings) -> Settings:
    """The settings for somebody who waits: a short first collection, and a quick "no" where there is no network."""
    hurried = settings.hackernews.model_copy(update={"backfill": min(settings.hackernews.backfill, DEMO_BACKFILL)})
    timeout = min(settings.http_timeout, DEMO_TIMEOUT)
    return settings.model_copy(update={"hackernews": hurried, "http_timeout": timeout})


def sample_posts(now: datetime) -> Iterator[NewPost]:
    """The bundled posts, dated back from `now`. All are invented."""
    for line in SAMPLE.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        platform = Platform(row["platform"])
        yield NewPost(
            platform=platform,
            external_id=row["id"],
            community=row["community"],
            author=row["author"],
            title=row["title"],
            body=row["body"],
            kind=PostKind.MESSAGE if platform is Platform.SLACK else _kind_at_a_board(row["title"]),
            posted_at=now - timedelta(hours=row["hours_ago"]),
        )


def _kind_at_a_board(title: str) -> PostKind:
    return PostKind.SUBMISSION if title else PostKind.COMMENT
