"""A status of Mastodon as a post.

A post's key is `instance:id`, with the instance that told us of it, and not its `uri`, which is the same everywhere:
when a status is deleted, the stream names nothing but the id. On one instance a status has one id, however many
timelines show it, so it is stored once. Two accounts on two instances bring it twice; its author is one and the same,
and so is the lead.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from collectors.markup import plain
from collectors.rows import iso_time, needed_text, text
from overheard.errors import InvalidInput
from overheard.listening.intake import Rejected
from overheard.listening.posts import NewPost
from overheard.vocabulary import Platform, PostKind


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A status that is not for us: its author said so, or it is not public."""

    external_id: str


def key(instance: str, status_id: object) -> str:
    """The key of a post. An id is a text, even where a library or an old server makes a number of it."""
    return f"{instance}:{status_id}"


def id_of(status: object) -> str | None:
    """The id of a status, if it has one."""
    found = status.get("id") if isinstance(status, dict) else None
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) and found != "" else None


def read_status(status: object, *, instance: str, community: str) -> NewPost | LeftOut | Rejected | None:
    """What a status is to us; None for what has no words of its own: a boost, a picture."""
    status_id = id_of(status)
    external_id = key(instance, status_id) if status_id else None
    try:
        return _read(status, status_id, instance, community)
    except InvalidInput as error:
        raw = json.dumps(status).encode()
        return Rejected(f"status {status_id}", str(error), raw, Platform.MASTODON if external_id else None, external_id)


def _read(status: object, status_id: str | None, instance: str, community: str) -> NewPost | LeftOut | None:
    if status_id is None or not isinstance(status, dict):
        raise InvalidInput("id is missing")
    account = status.get("account")
    if not isinstance(account, Mapping):
        raise InvalidInput("account is missing")
    if status.get("reblog"):
        return None
    if status.get("visibility") != "public" or _wants_no_readers(account):
        return LeftOut(key(instance, status_id))
    title, body = text(status, "spoiler_text"), plain(text(status, "content"))
    if not title and not body:
        return None
    handle = text(account, "acct")
    if not handle:
        raise InvalidInput("account has no acct")
    parent = status.get("in_reply_to_id")
    needed_text(status, "created_at")  # which every status has
    written = iso_time(status, "created_at")
    return NewPost(
        platform=Platform.MASTODON,
        external_id=key(instance, status_id),
        community=community,
        title=title,
        body=body,
        kind=PostKind.COMMENT if parent else PostKind.SUBMISSION,
        author=handle if "@" in handle else f"{handle}@{instance}",
        permalink=text(status, "url") or text(status, "uri") or None,
        parent_external_id=key(instance, parent) if parent else None,
        posted_at=written,
        as_of=iso_time(status, "edited_at") or written,
    )


def _wants_no_readers(account: Mapping[str, object]) -> bool:
    """`#nobot` is what people of the fediverse write into their profile; the two switches are Mastodon's own."""
    if account.get("discoverable") is False or account.get("indexable") is False:
        return True
    return "#nobot" in plain(text(account, "note")).casefold()
