"""Collectors bring posts in: from platforms, live (`collectors.run`), and from files (`collectors.importing`)."""

import importlib
from importlib.metadata import entry_points

from collectors.base import Collector
from overheard.errors import NotFound

# Mode → what it is called, and the class that reads it, which is imported when it is used.
COLLECTORS = {
    "reddit": ("Reddit", "collectors.reddit.collector:Reddit"),
    "reddit-rss": ("Reddit (RSS)", "collectors.reddit.feed:RedditRss"),
    "slack": ("Slack", "collectors.slack.collector:Slack"),
    "hackernews": ("Hacker News", "collectors.hackernews.collector:HackerNews"),
    "bluesky": ("Bluesky", "collectors.bluesky.collector:Bluesky"),
    "mastodon": ("Mastodon", "collectors.mastodon.collector:Mastodon"),
    "discourse": ("Discourse", "collectors.discourse.collector:Discourse"),
    "rss": ("RSS and Atom", "collectors.rss.collector:Rss"),
    "stackexchange": ("Stack Exchange", "collectors.stackexchange.collector:StackExchange"),
    "github": ("GitHub", "collectors.github.collector:GitHub"),
    "discord": ("Discord", "collectors.discord.collector:Discord"),
    "telegram": ("Telegram", "collectors.telegram.collector:Telegram"),
    "x": ("X", "collectors.x.collector:X"),
    "mailbox": ("Alert mailbox", "collectors.mailbox.collector:Mailbox"),
}

# Where others' collectors announce themselves: `lobsters = "their_package:Lobsters"`.
_ENTRY_POINTS = "overheard.collectors"


def collector_names() -> dict[str, str]:
    """Every mode in which a source can be read, and what it is called: ours, and what is installed beside us."""
    others = {found.name: found.name for found in entry_points(group=_ENTRY_POINTS)}
    return others | {mode: label for mode, (label, _) in COLLECTORS.items()}


def collector_class(mode: str) -> type[Collector]:
    """The collector of a mode; `NotFound` lists the modes, or says which package is missing."""
    path = COLLECTORS[mode][1] if mode in COLLECTORS else _path_of_another(mode)
    module, _, name = path.partition(":")
    try:
        found: type[Collector] = getattr(importlib.import_module(module), name)
    except ImportError as error:
        raise NotFound(f"Reading {mode} needs a package that is not installed: {error.name}. {_hint(mode)}") from error
    return found


def _path_of_another(mode: str) -> str:
    for found in entry_points(group=_ENTRY_POINTS, name=mode):
        return found.value
    raise NotFound(f"{mode!r} cannot be read live; what can: {', '.join(collector_names())}. Or import a file.")


def _hint(mode: str) -> str:
    return f"Install it with: pip install -c constraints.txt 'overheard[{mode.partition('-')[0]}]'"
