"""The wires that are spoken, one module for each platform."""

from tests.fakeworld.model import register
from tests.fakeworld.wires import bluesky, hackernews

WIRES = tuple(
    register(wire)
    for wire in (
        discord.WIRE,
        hackernews.WIRE,
        bluesky.WIRE,
    )
)  # fmt: skip
