"""Threads and rules, asked for afresh with the credential of the source that a post came from.

A person waits for the answer: it comes within seconds or not at all.
"""

import importlib
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from collectors.base import Clock, Tools
from collectors.http import JsonReader
from collectors.replying import bluesky, discourse, github, rules
from collectors.replying.base import Ask, SeenThread
from collectors.replying.open_platforms import read_hackernews, read_stackexchange
from collectors.replying.threads import FLAT, Shown, as_thread
from collectors.web import web_reader
from overheard.db import Sessions
from overheard.errors import CollectorError
from overheard.listening import credentials
from overheard.models import Credential, Post, Reply, Source
from overheard.replying import community_rules, connected_accounts
from overheard.replying.conversations import RuleFlag, Rules, Thread
from overheard.settings import Settings
from overheard.vocabulary import Platform

_PATIENCE = 4.0  # seconds for one answer
_LONGEST_NAP = 1.0
_KEEP_RULES = timedelta(days=3)


@dataclass(frozen=True)
class PlatformConversations:
    """`overheard.replying.conversations.Conversations` over the real platforms. May be used by several threads."""

    sessions: Sessions
    settings: Settings
    clock: Clock

    def thread(self, post: Post) -> Thread:
        """The thread around a post. `CollectorError` when it cannot be had."""
        with self.sessions() as session:
            source = session.get_one(Source, post.source_id)
            ours = set(connected_accounts.own_keys(session, self.settings, post.platform))
            sent = sa.select(Reply.remote_id).where(Reply.platform == post.platform, Reply.remote_id.is_not(None))
            ours_there = set(session.scalars(sent.where(Reply.target == post.external_id)))
        seen = self.read(post.platform, post.external_id, post.permalink, source)
        shown = Shown(post.external_id, post.title, post.body, is_flat=post.platform in FLAT)
        return as_thread(seen, shown, lambda each: each.author in ours or each.external_id in ours_there)

    def read(self, platform: Platform, target: str, permalink: str | None, source: Source) -> SeenThread:
        """The same for a post that may not be stored here: a reply of ours."""
        ask = _THREADS.get(platform) or _imported(platform, "ask_thread")
        if ask is None:
            raise CollectorError(f"{platform.display} cannot be asked for a thread: open the post.", permanent=True)
        return ask(Ask(self._tools(platform, source), target, permalink, source))

    def rules(self, source: Source) -> Rules | None:
        """A source's rules, asked for every few days. Call it from what only reads: it writes them down itself."""
        ask = _RULES.get(source.platform) or _imported(source.platform, "ask_rules")
        if ask is None:
            return None
        with self.sessions() as session:
            kept = community_rules.of(session, source.id)
        if kept is not None and self.clock() - kept.fetched_at < _KEEP_RULES:
            return Rules(kept.text, frozenset(RuleFlag(flag) for flag in kept.flags))
        found = ask(self._tools(source.platform, source), source)
        with self.sessions.begin() as session:
            community_rules.keep(session, source.id, found, now=self.clock())
        return found

    def _tools(self, platform: Platform, source: Source) -> Tools:
        """With the source's own account. For posts that came by hand or by feed, another of the platform does."""
        with self.sessions() as session:
            account = session.get(Credential, source.credential_id) if source.credential_id else None
            if account is None and platform in _WITH_ACCOUNT:
                same = sa.select(Credential).where(Credential.mode == platform.value).order_by(Credential.id)
                account = session.scalars(same).first()
        if account is None and platform in _WITH_ACCOUNT:
            raise CollectorError(
                f"{platform.display} cannot be asked without an account: overheard sources add {platform.value}",
                permanent=True,
            )
        secrets = credentials.unseal(self.settings, account) if account else {}
        patient = min(self.settings.http_timeout, _PATIENCE)
        return Tools(self.settings.model_copy(update={"http_timeout": patient}), self.clock, _nap, secrets)


_WITH_ACCOUNT = frozenset({Platform.REDDIT, Platform.SLACK, Platform.MASTODON, Platform.GITHUB})


def _nap(seconds: float) -> None:
    if seconds > _LONGEST_NAP:
        raise CollectorError("The platform does not answer just now.", retry_after=seconds)
    time.sleep(seconds)


# --- how each platform is asked --------------------------------------------------------------------------------------


def _hackernews(ask: Ask) -> SeenThread:
    with closing(
        JsonReader("Hacker News", str(ask.tools.settings.hackernews.base_url), ask.tools, is_open=True)
    ) as reader:
        return read_hackernews(reader.get, ask.target, now=ask.tools.clock())


def _bluesky(ask: Ask) -> SeenThread:
    base_url = str(ask.tools.settings.bluesky.base_url)
    with closing(JsonReader("Bluesky", base_url, ask.tools, on_refusal=bluesky.on_refusal)) as reader:
        return bluesky.read_thread(reader.get, ask.target, now=ask.tools.clock())


def _github(ask: Ask) -> SeenThread:
    headers = {"Authorization": f"Bearer {ask.tools.secrets.get('token', '')}", "Accept": "application/vnd.github+json"}
    base_url = str(ask.tools.settings.services.github_url)
    with closing(
        JsonReader("GitHub", base_url, ask.tools, headers=headers, on_refusal=github.on_refusal, follows=True)
    ) as reader:
        return github.read_thread(reader, ask.target, ask.permalink)


def _discourse(ask: Ask) -> SeenThread:
    with _discourse_reader(ask.tools, ask.source) as (reader, base_url):
        return discourse.read_thread(reader.get, ask.target, base_url)


def _stackexchange(ask: Ask) -> SeenThread:
    with closing(JsonReader("Stack Exchange", str(ask.tools.settings.services.stackexchange_url), ask.tools)) as reader:
        return read_stackexchange(reader.get, ask.target)


@contextmanager
def _discourse_reader(tools: Tools, source: Source) -> Iterator[tuple[JsonReader, str]]:
    base_url = (source.address or "").partition("/c/")[0].rstrip("/")
    if not base_url:
        raise CollectorError("The forum's address is not known: open the post.", permanent=True)
    key, name = tools.secrets.get("api_key"), tools.secrets.get("api_username", "")
    headers = {"Api-Key": key, "Api-Username": name} if key else {}
    with closing(
        web_reader("The forum", tools, base_url=f"{base_url}/", headers=headers, on_refusal=discourse.on_refusal)
    ) as reader:
        yield reader, base_url


# Their clients are packages that not everybody has installed: each module is imported when it is asked.
_WITH_CLIENT = {
    Platform.REDDIT: "collectors.replying.reddit",
    Platform.SLACK: "collectors.replying.slack",
    Platform.MASTODON: "collectors.replying.mastodon",
}


def _imported(platform: Platform, name: str) -> Any:  # noqa: ANN401 - a function of the module, None where there is none
    if platform not in _WITH_CLIENT:
        return None
    try:
        return getattr(importlib.import_module(_WITH_CLIENT[platform]), name)
    except ImportError as error:
        message = f"{platform.display} cannot be asked: the package {error.name} is not installed."
        raise CollectorError(message, permanent=True) from error


_THREADS: dict[Platform, Callable[[Ask], SeenThread]] = {
    Platform.HACKERNEWS: _hackernews,
    Platform.BLUESKY: _bluesky,
    Platform.GITHUB: _github,
    Platform.DISCOURSE: _discourse,
    Platform.STACKEXCHANGE: _stackexchange,
}


def _discourse_rules(tools: Tools, source: Source) -> Rules:
    with _discourse_reader(tools, source) as (reader, _):
        return rules.of_page(reader.read("guidelines").body or b"")


_RULES: dict[Platform, Callable[[Tools, Source], Rules]] = {
    Platform.DISCOURSE: _discourse_rules,
}
