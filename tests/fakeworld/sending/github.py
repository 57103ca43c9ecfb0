"""GitHub: one issue, its comments, and taking a new one."""

from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from overheard.vocabulary import Platform, PostKind
from tests.fakeworld.model import World, Written
from tests.fakeworld.sending.who import SAM
from tests.fakeworld.wires import github as wire

PLATFORM = Platform.GITHUB
TOKEN = "gho_sam"
ME = str(sum(SAM.encode()))


@dataclass(frozen=True)
class _Site:
    world: World

    def refusal(self, request: web.Request) -> web.Response | None:
        known = {f"Bearer {TOKEN}", f"Bearer {self.world.state(wire.GitHub).token}"}
        if request.headers.get("Authorization") not in known:
            return web.json_response({"message": "Bad credentials"}, status=401)
        return None

    def asked(self, request: web.Request) -> Written | None:
        number = int(request.match_info["number"])
        found = [each for each in self.world.posts(PLATFORM) if each.number == number and not each.parent]
        return found[0] if found else None

    async def issue(self, request: web.Request) -> web.Response:
        written = self.asked(request)
        if refused := self.refusal(request):
            return refused
        if written is None:
            return web.json_response({"message": "Not Found"}, status=404)
        return web.json_response(wire.rest(written))

    async def comments(self, request: web.Request) -> web.Response:
        written = self.asked(request)
        if refused := self.refusal(request):
            return refused
        if written is None:
            return web.json_response({"message": "Not Found"}, status=404)
        since = request.query.get("since", "")
        rows = [row for each in self.world.thread(written) if (row := wire.rest(each))["updated_at"] >= since]
        start = (int(request.query.get("page", 1)) - 1) * 100
        return web.json_response(rows[start : start + 100])

    async def one_comment(self, request: web.Request) -> web.Response:
        number = int(request.match_info["number"])
        found = [each for each in self.world.posts(PLATFORM) if each.number == number and each.parent]
        return self.refusal(request) or (
            web.json_response(wire.rest(found[0])) if found else web.json_response({"message": "no"}, status=404)
        )

    async def post(self, request: web.Request) -> web.Response:
        written = self.asked(request)
        if refused := self.refusal(request):
            return refused
        if written is None:
            return web.json_response({"message": "Not Found"}, status=404)
        if written.extra.get("locked"):
            return web.json_response({"message": "Unable to create comment because issue is locked."}, status=403)
        made = self.world.write(
            PLATFORM, written.community, kind=PostKind.COMMENT, author=SAM, body=(await request.json())["body"],
            parent=written,
        )  # fmt: skip
        return web.json_response(wire.rest(made), status=201)


def routes(world: World) -> Sequence[web.RouteDef]:
    site = _Site(world)
    place = "/repos/{owner}/{name}/issues"
    return (
        web.get(rf"{place}/{{number:\d+}}", site.issue),
        web.get(rf"{place}/{{number:\d+}}/comments", site.comments),
        web.get(rf"{place}/comments/{{number:\d+}}", site.one_comment),
        web.post(rf"{place}/{{number:\d+}}/comments", site.post),
    )
