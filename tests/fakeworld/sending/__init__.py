"""What the platforms answer to somebody who writes there: the other half of the wires.

`SAM` is the SDR whose accounts these are. What is sent becomes something written in the world, so the oracle can count.
"""

from collections.abc import Sequence
from dataclasses import replace

from aiohttp import web

from tests.fakeworld.model import Wire, World
from tests.fakeworld.sending import bluesky, discourse, github, mastodon, reddit, slack

_ROUTES = {
    module.PLATFORM: module.routes for module in (bluesky, discourse, github, mastodon, reddit, slack)
}  # fmt: skip


def with_sending(wire: Wire) -> Wire:
    """A wire that takes what is sent, where the platform does."""
    more = _ROUTES.get(wire.platform)
    if more is None:
        return wire

    def routes(world: World) -> Sequence[web.RouteDef]:
        return [*more(world), *wire.routes(world)]

    return replace(wire, routes=routes)
