"""Threads of platforms that are only read from here: Hacker News and Stack Exchange."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from collectors.hackernews.items import read_item
from collectors.replying.base import Get, SeenThread
from collectors.rows import Row
from collectors.stackexchange.items import read_item as read_stack_item
from overheard.errors import CollectorError
from overheard.listening.posts import NewPost

_ABOVE = 8  # posts towards the root
_BELOW = 20  # answers to the target
_AT_ONCE = 10


def read_hackernews(get: Get, target: str, *, now: datetime) -> SeenThread:
    """The item, what it answers up to the story, and its first answers. Closed stories are not told apart."""
    row = _item(get, target)
    found = _hackernews_post(target, row, now)
    if found is None or row is None:
        return SeenThread([], None)
    above: list[NewPost] = []
    parent = row.get("parent")
    while isinstance(parent, int) and len(above) < _ABOVE:
        upper = _item(get, str(parent))
        post = _hackernews_post(str(parent), upper, now)
        above += [post] if post is not None else []
        parent = upper.get("parent") if upper is not None else None
    kids = row.get("kids")
    ids = [str(kid) for kid in kids[:_BELOW] if isinstance(kid, int)] if isinstance(kids, list) else []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        kids_there = list(pool.map(lambda id_: _item(get, id_), ids))
    below = [_hackernews_post(id_, kid, now) for id_, kid in zip(ids, kids_there, strict=True)]
    return SeenThread([*above[::-1], found, *(post for post in below if post is not None)], found)


def _item(get: Get, id_: str) -> Row | None:
    answer = get(f"item/{id_}.json", {})
    return answer if isinstance(answer, dict) else None


def _hackernews_post(id_: str, row: Row | None, now: datetime) -> NewPost | None:
    item = read_item(id_, row, as_of=now) if row is not None else None
    return item if isinstance(item, NewPost) else None


def read_stackexchange(get: Get, target: str) -> SeenThread:
    """The question and its answers."""
    site, kind, number = target.rsplit(":", 2)
    params: dict[str, str | int] = {"site": site, "filter": "withbody", "pagesize": 50}
    if kind == "answer":
        answers = _rows(get(f"answers/{number}", params))
        if not answers:
            return SeenThread([], None)
        number = str(answers[0].get("question_id"))
    questions = _rows(get(f"questions/{number}", params))
    if not questions:
        return SeenThread([], None)
    link = questions[0].get("link")
    below = _rows(get(f"questions/{number}/answers", params | {"sort": "creation", "order": "asc"}))
    items = [read_stack_item(row, site=site, community=site) for row in (*questions, *_linked(below, link))]
    posts = [item for item in items if isinstance(item, NewPost)]
    found = next((post for post in posts if post.external_id == target), None)
    is_locked = "locked_date" in questions[0] or "closed_date" in questions[0]
    return SeenThread(posts, found, is_locked, "closed or locked")


def _linked(rows: Sequence[Row], link: object) -> list[Row]:
    return [{**row, "question_link": link} for row in rows]


def _rows(answer: object) -> list[Row]:
    items = answer.get("items") if isinstance(answer, dict) else None
    if not isinstance(items, list):
        raise CollectorError("Stack Exchange answered in an unknown form.")
    return [item for item in items if isinstance(item, dict)]
