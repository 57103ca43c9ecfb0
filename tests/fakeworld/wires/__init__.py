"""The wires that are spoken, one module for each platform."""

from tests.fakeworld.model import register
from tests.fakeworld.wires import hackernews

WIRES = tuple(
    register(wire)
    for wire in (
        hackernews.WIRE,
    )
)  # fmt: skip
