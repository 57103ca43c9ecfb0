"""A question or answer of Stack Exchange as a post."""

import html
import json
from collections.abc import Mapping
from datetime import UTC, datetime

from collectors.markup import plain
from collectors.rows import text, unix_time
from overheard.errors import InvalidInput
from overheard.listening.intake import Item, Rejected
from overheard.listening.posts import NewPost
from overheard.vocabulary import Platform, PostKind

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def changed_at(item: Mapping[str, object]) -> datetime:
    """When something last happened to it; long ago, where it does not say it as it should."""
    try:
        return unix_time(item, "last_activity_date") or _LONG_AGO
    except InvalidInput:
        return _LONG_AGO


def external_id(item: Mapping[str, object], site: str) -> str | None:
    """`site:answer:7`: each site counts for itself."""
    kind = "answer" if "answer_id" in item else "question"
    number = item.get(f"{kind}_id")
    return f"{site}:{kind}:{number}" if isinstance(number, int) and not isinstance(number, bool) else None


def read_item(item: Mapping[str, object], *, site: str, community: str) -> Item:
    """The post; what cannot be one is rejected."""
    key = external_id(item, site)
    raw = json.dumps(item).encode()
    if key is None:
        return Rejected("item without a number", "its number is missing", raw, Platform.STACKEXCHANGE)
    try:
        return _post(item, key, site, community)
    except InvalidInput as error:
        return Rejected(f"item {key}", str(error), raw, Platform.STACKEXCHANGE, key)


def _post(item: Mapping[str, object], key: str, site: str, community: str) -> NewPost:
    is_answer = "answer_id" in item
    title, body = html.unescape(text(item, "title")), plain(text(item, "body"))
    if not body and not title:
        raise InvalidInput("title and body are both missing")
    owner = item.get("owner")
    who = owner if isinstance(owner, dict) else {}
    number = who.get("user_id")
    created = unix_time(item, "creation_date")
    return NewPost(
        platform=Platform.STACKEXCHANGE,
        external_id=key,
        community=community,
        title="" if is_answer else title,  # an answer carries its question's
        body=body,
        kind=PostKind.COMMENT if is_answer else PostKind.SUBMISSION,
        author=f"{site}:{number}" if isinstance(number, int) else None,  # the rest have left
        author_name=html.unescape(text(who, "display_name")) or None,
        permalink=_permalink(item),
        parent_external_id=f"{site}:question:{item.get('question_id')}" if is_answer else None,
        posted_at=created,
        as_of=unix_time(item, "last_edit_date") or created,
    )


def _permalink(item: Mapping[str, object]) -> str | None:
    if "answer_id" not in item:
        return text(item, "link") or None
    scheme, _, rest = text(item, "question_link").partition("://")
    return f"{scheme}://{rest.partition('/')[0]}/a/{item['answer_id']}" if rest else None
