"""Reddit: tokens, listings that end after 1000 entries, `/api/info`, what a closed subreddit answers, and the feed."""

import html
from base64 import b64encode
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from aiohttp import web

from overheard.models import Gap, Source
from overheard.vocabulary import Platform, PostKind
from tests.fakeworld.model import Wire, World, Written

CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN = "client", "secret", "refresh"
_FIRST_ID = 60_000_000  # in base 36, as all ids of Reddit
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_CLOSED = {"private": 403, "quarantined": 403, "banned": 404}


@dataclass
class Reddit:
    """What only this platform has."""

    tokens: set[str] = field(default_factory=set)
    tokens_given: int = 0
    is_withdrawn: bool = False
    """Tokens are still given, and none is accepted."""
    closed: dict[str, str] = field(default_factory=dict)
    """Subreddits that cannot be read (`r/bakers`), and why; `missing`: there is none of this name."""
    window: int = 1000
    """Entries that a listing shows, those included that were removed from it."""
    remaining: float = 990.0
    used: int = 10
    reset: int = 300
    on_next_page: list[Callable[[], object]] = field(default_factory=list)
    """Happens when a page other than the first is asked for, before it is given: one for each such page."""
    on_feed: Callable[[], object] | None = None
    """Happens when a feed is asked for."""
    on_top: list[str] = field(default_factory=list)
    """Old posts that came up again."""


def new_id(_: World, written: Written) -> str:
    """The fullname."""
    return ("t1_" if written.kind is PostKind.COMMENT else "t3_") + base36(_FIRST_ID + written.number)


def base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits


def row(world: World, written: Written, *, is_raw: bool = True) -> dict[str, object]:
    """The post or comment as the API gives it."""
    is_comment = written.kind is PostKind.COMMENT
    subreddit = written.community.removeprefix("r/")
    data: dict[str, object] = {
        "name": written.id,
        "id": written.id[3:],
        "subreddit": subreddit,
        "author": written.author,
        "created_utc": written.written_at.timestamp(),
        "edited": written.edited_at.timestamp() if written.edited_at else False,
        "permalink": f"/r/{subreddit}/comments/{written.root.id[3:]}/_/" + written.id[3:] * is_comment,
        "body" if is_comment else "selftext": written.body,
    }
    if is_comment:
        data |= {"link_id": written.root.id, "parent_id": (written.parent or written).id}
    else:
        data |= {"title": written.title, "removed_by_category": None, "url": f"https://example.org/{written.number}"}
    if written.is_deleted:
        data["author"] = "[deleted]"
        if not any(change.is_of_author for change in world.changes if change.written is written):
            data["body" if is_comment else "selftext"] = "[deleted]"
    data |= written.extra
    if not is_raw:
        data |= {name: html.escape(value, quote=False) for name, value in data.items() if isinstance(value, str)}
    return {"kind": written.id[:2], "data": data}


def listing(children: Sequence[object], after: str | None = None) -> web.Response:
    return web.json_response({"kind": "Listing", "data": {"children": list(children), "after": after, "before": None}})


Handler = Callable[[web.Request], Awaitable[web.Response]]


@dataclass(frozen=True)
class _Site:
    world: World

    @property
    def state(self) -> Reddit:
        return self.world.state(Reddit)

    async def token(self, request: web.Request) -> web.Response:
        expected = "Basic " + b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        form = await request.post()
        if request.headers.get("Authorization") != expected:
            return web.json_response({"message": "Unauthorized", "error": 401}, status=401)
        if form.get("grant_type") == "refresh_token" and form.get("refresh_token") != REFRESH_TOKEN:
            return web.json_response({"error": "invalid_grant"}, status=400)
        self.state.tokens_given += 1
        name = f"token{self.state.tokens_given}"
        self.state.tokens.add(name)
        return web.json_response({"access_token": name, "token_type": "bearer", "expires_in": 86400, "scope": "*"})

    def authorised(self, handler: Handler) -> Handler:
        async def asked(request: web.Request) -> web.Response:
            name = request.headers.get("Authorization", "").removeprefix("bearer ")
            if self.state.is_withdrawn or name not in self.state.tokens:
                challenge = {"www-authenticate": 'Bearer realm="reddit", error="invalid_token"'}
                return web.json_response({"message": "Unauthorized", "error": 401}, status=401, headers=challenge)
            response = await handler(request)
            response.headers["x-ratelimit-remaining"] = str(self.state.remaining)
            response.headers["x-ratelimit-used"] = str(self.state.used)
            response.headers["x-ratelimit-reset"] = str(self.state.reset)
            return response

        return asked

    def refusal(self, names: Sequence[str]) -> web.Response | None:
        """What is answered for a place that cannot be read."""
        for name in names:
            reason = self.state.closed.get(f"r/{name}")
            if reason == "missing":
                return web.Response(status=302, headers={"Location": f"/subreddits/search?q={name}"})
            if reason is not None:
                answer = {"reason": reason, "message": "no", "error": _CLOSED[reason]}
                return web.json_response(answer, status=_CLOSED[reason])
        return None

    def newest(self, names: Sequence[str], kind: PostKind) -> list[Written]:
        """What a listing shows."""
        found = [
            written
            for name in names
            for written in self.world.posts(Platform.REDDIT, f"r/{name}", include_deleted=True)
            if written.kind is kind
        ]
        found = sorted(found, key=lambda written: written.number)[-self.state.window :][::-1]
        again = [self.world.find(Platform.REDDIT, id_) for id_ in self.state.on_top]
        shown = [*(written for written in again if written and written.kind is kind), *found]
        return [written for written in shown if not written.is_deleted]

    def page(self, request: web.Request, kind: PostKind) -> web.Response:
        names = request.match_info["names"].split("+")
        if (answer := self.refusal(names)) is not None:
            return answer
        after, limit = request.query.get("after"), int(request.query.get("limit", 25))
        if after and self.state.on_next_page:
            self.state.on_next_page.pop(0)()
        shown = self.newest(names, kind)
        ids = [written.id for written in shown]
        if after:
            shown = shown[ids.index(after) + 1 :] if after in ids else []  # a deleted anchor leads nowhere
        elif before := request.query.get("before"):
            shown = shown[: ids.index(before)][-limit:] if before in ids else []
        rows = [row(self.world, written, is_raw=request.query.get("raw_json") == "1") for written in shown[:limit]]
        return listing(rows, shown[limit - 1].id if len(shown) > limit else None)

    async def new(self, request: web.Request) -> web.Response:
        return self.page(request, PostKind.SUBMISSION)

    async def comments(self, request: web.Request) -> web.Response:
        return self.page(request, PostKind.COMMENT)

    async def info(self, request: web.Request) -> web.Response:
        found = (self.world.find(Platform.REDDIT, id_) for id_ in request.query["id"].split(",")[:100])
        there = [written for written in found if written is not None and written.community not in self.state.closed]
        return listing([row(self.world, written) for written in there])

    async def about(self, request: web.Request) -> web.Response:
        name = request.match_info["names"]
        known = {written.community.lower(): written.community for written in self.world.posts(Platform.REDDIT)}
        name = known.get(f"r/{name}".lower(), f"r/{name}").removeprefix("r/")
        data = {"display_name": name, "subscribers": 1234, "subreddit_type": "public"}
        return self.refusal([name]) or web.json_response({"kind": "t5", "data": data})

    async def feed(self, request: web.Request) -> web.Response:
        if self.state.on_feed is not None:
            self.state.on_feed()
        names = request.match_info["names"].split("+")
        if (answer := self.refusal(names)) is not None:
            return answer
        shown = self.newest(names, PostKind.SUBMISSION)[: int(request.query.get("limit", 25))]
        entries = "".join(map(entry, shown))
        text = f'<?xml version="1.0" encoding="UTF-8"?><feed xmlns="http://www.w3.org/2005/Atom">{entries}</feed>'
        return web.Response(text=text, content_type="application/atom+xml")


def routes(world: World) -> Sequence[web.RouteDef]:
    site = _Site(world)
    return (
        web.post("/api/v1/access_token", site.token),
        web.get("/api/info", site.authorised(site.info)),
        web.get("/r/{names}/about", site.authorised(site.about)),
        web.get("/r/{names}/new", site.authorised(site.new)),
        web.get("/r/{names}/comments", site.authorised(site.comments)),
        web.get("/r/{names}/new/.rss", site.feed),
    )


def entry(written: Written) -> str:
    """An entry of the feed: its text is HTML, with a line of Reddit's own below."""
    user, link = f"https://www.reddit.com/user/{written.author}", f"https://www.reddit.com/r/x/{written.id}/"
    paragraphs = "".join(f"<p>{html.escape(part)}</p>\n\n" for part in written.body.split("\n\n") if part)
    text = f'<!-- SC_OFF --><div class="md">{paragraphs}</div><!-- SC_ON -->' if paragraphs else ""
    below = (
        f'&#32; submitted by &#32; <a href="{user}"> /u/{written.author} </a> <br/> '
        f'<span><a href="{link}">[link]</a></span> &#32; <span><a href="{link}">[comments]</a></span>'
    )
    at = written.written_at.isoformat()
    return (
        f"<entry><author><name>/u/{written.author}</name><uri>{user}</uri></author>"
        f'<content type="html">{html.escape(text + below)}</content><id>{written.id}</id><link href="{link}" />'
        f"<updated>{at}</updated><published>{at}</published><title>{html.escape(written.title)}</title></entry>"
    )


def is_post(written: Written) -> bool:
    """Not what a bot wrote, what moderators took away, what a test has garbled."""
    is_garbled = not all(isinstance(written.extra.get(name, ""), str) for name in ("title", "selftext", "body"))
    return written.author != "AutoModerator" and not written.extra.get("removed_by_category") and not is_garbled


def covers(gap: Gap, written: Written) -> bool:
    """Whether it is of the gap's kind, and its number lies between the ends."""
    number = int(written.id[3:], 36)
    return gap.first[:3] == written.id[:3] and int(gap.first[3:], 36) <= number <= int(gap.last[3:], 36)


def is_of(source: Source, written: Written) -> bool:
    """A source may be several subreddits in one."""
    return written.community in source.community.split("+")


WIRE = Wire(Platform.REDDIT, routes, new_id=new_id, is_post=is_post, covers=covers, is_of=is_of)
