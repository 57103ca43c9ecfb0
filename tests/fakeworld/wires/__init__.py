"""The wires that are spoken, one module for each platform."""

from tests.fakeworld.model import register
from tests.fakeworld.wires import bluesky, discord, hackernews, reddit

WIRES = tuple(
    register(wire)
    for wire in (
        discord.WIRE,
        hackernews.WIRE,
        bluesky.WIRE,
        reddit.WIRE,
    )
)  # fmt: skip
