"""A post of a Discourse forum as a post of ours."""

import json
from collections.abc import Mapping

from collectors.markup import plain
from collectors.rows import iso_time, text
from overheard.errors import InvalidInput
from overheard.listening.intake import Erased, Item, Rejected
from overheard.listening.posts import NewPost
from overheard.vocabulary import Platform, PostKind

# Regular posts, and those that moderators set in colour. The others tell that a topic was closed, or are whispered.
_WRITTEN = frozenset({1, 2})


def number_of(answer: object) -> int | None:
    """The post's number; None for what is no post at all."""
    number = answer.get("id") if isinstance(answer, dict) else None
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def read_post(answer: Mapping[str, object], *, forum: str, base_url: str, community: str) -> Item | None:
    """The post; None for what nobody wrote. `forum`: the host (and path), the first half of the key."""
    number = number_of(answer)
    if number is None:
        return Rejected("post without a number", "id is missing", json.dumps(answer).encode(), Platform.DISCOURSE)
    external_id = f"{forum}:{number}"
    if answer.get("deleted_at") or answer.get("user_deleted") or answer.get("hidden"):
        return Erased(Platform.DISCOURSE, external_id)
    user = answer.get("user_id")
    if answer.get("post_type", 1) not in _WRITTEN or (isinstance(user, int) and user < 0):
        return None  # the forum's own accounts have numbers below zero
    try:
        return _post(answer, external_id, forum, base_url, community)
    except InvalidInput as error:
        raw = json.dumps(answer).encode()
        return Rejected(f"post {external_id}", str(error), raw, Platform.DISCOURSE, external_id)


def _post(answer: Mapping[str, object], external_id: str, forum: str, base_url: str, community: str) -> NewPost:
    number, topic = answer.get("post_number"), answer.get("topic_id")
    body = plain(text(answer, "cooked"))
    if not body:
        raise InvalidInput("cooked is empty")
    is_first = number == 1
    slug = text(answer, "topic_slug") or "-"
    posted_at = iso_time(answer, "created_at")
    user = answer.get("user_id")
    return NewPost(
        platform=Platform.DISCOURSE,
        external_id=external_id,
        community=community,
        title=text(answer, "topic_title") if is_first else "",
        body=body,
        kind=PostKind.SUBMISSION if is_first else PostKind.COMMENT,
        author=f"{forum}:{user}" if isinstance(user, int) else None,  # names can be changed
        author_name=text(answer, "username") or None,
        permalink=f"{base_url}/t/{slug}/{topic}/{number}" if isinstance(topic, int) else None,
        posted_at=posted_at,
        as_of=iso_time(answer, "updated_at") or posted_at,
    )
