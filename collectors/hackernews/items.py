"""An item of Hacker News as a post."""

import html
import json
from collections.abc import Mapping
from datetime import datetime

from collectors.markup import plain
from collectors.rows import text, unix_time
from overheard.errors import CollectorError, InvalidInput
from overheard.listening.intake import Erased, Item, Rejected
from overheard.listening.posts import NewPost
from overheard.vocabulary import Platform, PostKind

COMMUNITY = "Hacker News"

_KINDS = {
    "story": PostKind.SUBMISSION,
    "poll": PostKind.SUBMISSION,
    "job": PostKind.SUBMISSION,
    "comment": PostKind.COMMENT,
}


def read_item(external_id: str, answer: object, *, as_of: datetime) -> Item | None:
    """The post that Hacker News gave for an id; None for what is no post (an option of a poll).

    An item that is not the one asked for means that somebody else answered: `CollectorError`.
    """
    if not isinstance(answer, dict) or "id" not in answer or _is_of_another(answer["id"], external_id):
        raise CollectorError(f"Hacker News answered item {external_id} with something else.")
    if str(answer["id"]) != external_id:
        return _rejected(external_id, "its id is no number", answer)
    if answer.get("deleted") or answer.get("dead"):
        return Erased(Platform.HACKERNEWS, external_id)
    if answer.get("type") == "pollopt":
        return None
    try:
        return _post(external_id, answer, as_of)
    except InvalidInput as error:
        return _rejected(external_id, str(error), answer)


def _is_of_another(told: object, external_id: str) -> bool:
    return isinstance(told, int) and str(told) != external_id


def _rejected(external_id: str, reason: str, answer: Mapping[str, object]) -> Rejected:
    return Rejected(f"item {external_id}", reason, json.dumps(answer).encode(), Platform.HACKERNEWS, external_id)


def _post(external_id: str, item: Mapping[str, object], as_of: datetime) -> NewPost:
    kind = _KINDS.get(text(item, "type"))
    if kind is None:
        raise InvalidInput(f"type {text(item, 'type')[:40]!r} is not known")
    title, body = html.unescape(text(item, "title")), plain(text(item, "text"))
    if not title.strip() and not body:
        raise InvalidInput("title and text are both missing")
    parent = item.get("parent")
    return NewPost(
        platform=Platform.HACKERNEWS,
        external_id=external_id,
        community=COMMUNITY,
        title=title,
        body=body,
        kind=kind,
        author=text(item, "by") or None,
        permalink=f"https://news.ycombinator.com/item?id={external_id}",
        parent_external_id=str(parent) if isinstance(parent, int) else None,
        posted_at=unix_time(item, "time"),
        as_of=as_of,
    )
