"""Stack Exchange's API: a community is a site; `written.extra` is put into the item as it is, `tags` with it."""

import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiohttp import web

from overheard.models import Source
from overheard.vocabulary import Platform
from tests.fakeworld.model import Wire, World, Written


@dataclass
class StackExchange:
    """What only this platform has."""

    page: int = 100
    quota: int = 300
    keys: set[str] = field(default_factory=lambda: {"free-key"})
    backoffs: list[int] = field(default_factory=list)
    """Seconds, one for each answer that comes by."""


def external_id(written: Written) -> str:
    return f"{written.community}:{'answer' if written.parent else 'question'}:{written.id}"


def text(written: Written) -> tuple[str, str]:
    return ("" if written.parent else written.title), written.body


def is_of(source: Source, written: Written) -> bool:
    return source.community.partition("/")[0] == written.community


def _seconds(time: datetime) -> int:
    return int(time.timestamp())


def _own_activity(written: Written) -> int:
    return _seconds(written.edited_at or written.written_at)


def shown(written: Written) -> dict[str, Any]:
    markup = "".join(f"<p>{html.escape(part)}</p>\n" for part in written.body.split("\n\n"))
    item: dict[str, Any] = {
        "owner": {"user_id": sum(written.author.encode()), "display_name": html.escape(written.author)},
        "creation_date": _seconds(written.written_at),
        "last_activity_date": _own_activity(written),
        "body": markup,
        "content_license": "CC BY-SA 4.0",
    }
    if written.edited_at:
        item["last_edit_date"] = _seconds(written.edited_at)
    number = int(written.id)
    if written.parent:
        return {**item, "answer_id": number, "question_id": int(written.root.id), **written.extra}
    link = f"https://{written.community}.stackexchange.com/questions/{number}/a-question"
    return {**item, "question_id": number, "title": html.escape(written.title), "link": link, **written.extra}


class _Routes:
    def __init__(self, world: World) -> None:
        self.world = world
        self.state = world.state(StackExchange)

    def posts(self, request: web.Request, *, is_answer: bool) -> list[Written]:
        posts = self.world.posts(Platform.STACKEXCHANGE, request.query["site"])
        return [written for written in posts if bool(written.parent) is is_answer]

    def by_id(self, request: web.Request, *, is_answer: bool) -> list[Written]:
        ids = request.match_info["ids"].split(";")
        return [written for written in self.posts(request, is_answer=is_answer) if written.id in ids]

    def question(self, written: Written) -> dict[str, Any]:
        answers = self.world.thread(written)
        newest = max([_own_activity(written), *map(_own_activity, answers)])
        return {**shown(written), "answer_count": len(answers), "last_activity_date": newest, **written.extra}

    async def info(self, request: web.Request) -> web.Response:
        return self.answer(request, [{"total_questions": 7}])

    async def tags(self, request: web.Request) -> web.Response:
        there = [written.extra.get("tags", []) for written in self.posts(request, is_answer=False)]
        wanted = request.match_info["ids"].split(";")
        counted = {tag: sum(tag in tags for tags in there) for tag in wanted}
        return self.answer(request, [{"name": tag, "count": count} for tag, count in counted.items() if count])

    async def questions(self, request: web.Request) -> web.Response:
        wanted = {tag for tag in request.query.get("tagged", "").split(";") if tag}
        posts = self.posts(request, is_answer=False)
        return self.answer(request, [self.question(each) for each in posts if wanted <= {*each.extra.get("tags", [])}])

    async def questions_by_id(self, request: web.Request) -> web.Response:
        return self.answer(request, [self.question(each) for each in self.by_id(request, is_answer=False)])

    async def answers_by_id(self, request: web.Request) -> web.Response:
        return self.answer(request, [shown(each) for each in self.by_id(request, is_answer=True)])

    async def answers_to(self, request: web.Request) -> web.Response:
        ids = request.match_info["ids"].split(";")
        posts = [each for each in self.posts(request, is_answer=True) if each.root.id in ids]
        return self.answer(request, [shown(each) for each in posts])

    def answer(self, request: web.Request, items: list[dict[str, Any]]) -> web.Response:
        key = request.query.get("key")
        if key is not None and key not in self.state.keys:
            return refused(400, "key", number=400)
        if request.query.get("site") == "nowhere":
            return refused(400, "No site found for name `nowhere`", number=400)
        self.state.quota -= 1
        items = [item for item in items if _activity(item) >= int(request.query.get("min", 0))]
        items.sort(key=_activity)
        start = (int(request.query.get("page", 1)) - 1) * self.state.page
        whole: dict[str, Any] = {
            "items": items[start : start + self.state.page],
            "has_more": len(items) > start + self.state.page,
            "quota_max": 300,
            "quota_remaining": self.state.quota,
        }
        if self.state.backoffs:
            whole["backoff"] = self.state.backoffs.pop(0)
        return web.json_response(whole)


def _activity(item: dict[str, Any]) -> int:
    value = item.get("last_activity_date")
    return value if isinstance(value, int) else 2**40


def refused(status: int, message: str, *, number: int) -> web.Response:
    return web.json_response({"error_id": number, "error_message": message, "error_name": "no"}, status=status)


def routes(world: World) -> Sequence[web.RouteDef]:
    wire = _Routes(world)
    return (
        web.get("/info", wire.info),
        web.get("/tags/{ids}/info", wire.tags),
        web.get("/questions", wire.questions),
        web.get("/questions/{ids}", wire.questions_by_id),
        web.get("/answers/{ids}", wire.answers_by_id),
        web.get("/questions/{ids}/answers", wire.answers_to),
    )


WIRE = Wire(Platform.STACKEXCHANGE, routes, external_id=external_id, text=text, is_of=is_of)
