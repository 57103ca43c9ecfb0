"""The wires that are spoken, one module for each platform."""

from tests.fakeworld.model import register
from tests.fakeworld.wires import (
    bluesky,
    discord,
    discourse,
    github,
    hackernews,
    mastodon,
    reddit,
    rss,
    slack,
    stackexchange,
    telegram,
    x,
)

WIRES = tuple(
    register(wire)
    for wire in (
        discord.WIRE,
        hackernews.WIRE,
        slack.WIRE,
        bluesky.WIRE,
        mastodon.WIRE,
        reddit.WIRE,
        telegram.WIRE,
        x.WIRE,
        rss.WIRE,
        discourse.WIRE,
        stackexchange.WIRE,
        github.WIRE,
    )
)  # fmt: skip
