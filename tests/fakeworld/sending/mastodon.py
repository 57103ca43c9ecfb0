"""Mastodon: statuses under an idempotency key, the account's own, what stands around one, mentions, rules."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from aiohttp import web

from overheard.vocabulary import Platform, PostKind
from tests.fakeworld.model import World, Written
from tests.fakeworld.sending.who import SAM
from tests.fakeworld.wires import mastodon as wire

PLATFORM = Platform.MASTODON
TOKEN = "sam-token"
ME = f"{SAM}@{wire.DOMAIN}"
ACCOUNT_ID = str(sum(SAM.encode()))

Handler = Callable[[web.Request], Awaitable[web.Response]]


@dataclass
class Sending:
    """What only this half has."""

    by_key: dict[str, Written] = field(default_factory=dict)
    """What each idempotency key stands for."""
    rules: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class _Site:
    world: World

    def shown(self, written: Written) -> dict[str, object]:
        return wire.status(self.world.state(wire.Mastodon), written)

    def authorised(self, handler: Handler) -> Handler:
        async def asked(request: web.Request) -> web.Response:
            if request.headers.get("Authorization") not in {f"Bearer {TOKEN}", f"Bearer {wire.TOKEN}"}:
                return web.json_response({"error": "The access token is invalid"}, status=401)
            return await handler(request)

        return asked

    async def post(self, request: web.Request) -> web.Response:
        form, state = await request.post(), self.world.state(Sending)
        key = request.headers["Idempotency-Key"]
        if key not in state.by_key:
            target = self.world.find(PLATFORM, str(form["in_reply_to_id"]))
            if target is None or target.is_deleted:
                return web.json_response({"error": "Record not found"}, status=404)
            state.by_key[key] = self.world.write(
                PLATFORM, target.community, kind=PostKind.COMMENT, author=SAM, body=str(form["status"]), parent=target
            )
        return web.json_response(self.shown(state.by_key[key]))

    async def one(self, request: web.Request) -> web.Response:
        written = self.world.find(PLATFORM, request.match_info["id"])
        if written is None or written.is_deleted:
            return web.json_response({"error": "Record not found"}, status=404)
        return web.json_response(self.shown(written))

    async def around(self, request: web.Request) -> web.Response:
        written = self.world.find(PLATFORM, request.match_info["id"])
        if written is None or written.is_deleted:
            return web.json_response({"error": "Record not found"}, status=404)
        above = _above(written)
        below = [each for each in self.world.thread(written.root) if written in _above(each)]
        return web.json_response(
            {"ancestors": [self.shown(each) for each in above], "descendants": [self.shown(each) for each in below]}
        )

    async def own(self, request: web.Request) -> web.Response:
        assert request.match_info["id"] == ACCOUNT_ID
        ours = [each for each in self.world.posts(PLATFORM) if each.author == SAM]
        return web.json_response([self.shown(each) for each in ours[::-1][:40]])

    async def mentions(self, request: web.Request) -> web.Response:
        since = int(request.query.get("since_id", 0))
        answers = [each for each in self.world.posts(PLATFORM) if each.parent and each.parent.author == SAM]
        found = [{"id": str(each.number), "type": "mention", "status": self.shown(each)} for each in answers]
        return web.json_response([each for each in found[::-1] if int(str(each["id"])) > since])

    async def rules(self, _: web.Request) -> web.Response:
        return web.json_response(self.world.state(Sending).rules)


def routes(world: World) -> Sequence[web.RouteDef]:
    site = _Site(world)
    return (
        web.post("/api/v1/statuses", site.authorised(site.post)),
        web.get(r"/api/v1/statuses/{id:\d+}", site.authorised(site.one)),
        web.get(r"/api/v1/statuses/{id:\d+}/context", site.authorised(site.around)),
        web.get("/api/v1/accounts/{id}/statuses", site.authorised(site.own)),
        web.get("/api/v1/notifications", site.authorised(site.mentions)),
        web.get("/api/v1/instance/rules", site.authorised(site.rules)),
    )


def _above(written: Written) -> list[Written]:
    above: list[Written] = []
    parent = written.parent
    while parent is not None:
        above.insert(0, parent)
        parent = parent.parent
    return above
