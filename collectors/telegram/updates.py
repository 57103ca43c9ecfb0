"""An update of Telegram's Bot API as a post."""

import json
from collections.abc import Mapping

from collectors.rows import Row, text, unix_time
from overheard.errors import InvalidInput
from overheard.listening.intake import Item, Rejected
from overheard.listening.posts import NewPost
from overheard.vocabulary import Platform, PostKind

MESSAGES = ("message", "edited_message", "channel_post", "edited_channel_post")
"""The kinds of update that hold what somebody wrote, before or after an edit."""


def message_of(update: Row) -> Row | None:
    """The message that an update is about."""
    return next((found for kind in MESSAGES if isinstance(found := update.get(kind), Mapping)), None)


def chat_of(update: Row) -> str | None:
    """The id of the chat that an update is about."""
    chat = (message_of(update) or {}).get("chat")
    id_ = chat.get("id") if isinstance(chat, Mapping) else None
    return str(id_) if isinstance(id_, int) else None


def read_update(raw: bytes, community: str) -> Item | None:
    """The post; None for what no person wrote, for others' words passed on, and for pictures without a word."""
    external_id = None
    try:
        update = json.loads(raw)
        message = message_of(update) if isinstance(update, dict) else None
        external_id = f"{chat_of(update)}:{_number(message or {}, 'message_id')}"
        return _post(message or {}, external_id, community)
    except (ValueError, RecursionError, InvalidInput) as error:
        return Rejected(f"message {external_id or '?'}", str(error), raw, Platform.TELEGRAM, external_id)


def _post(message: Row, external_id: str, community: str) -> NewPost | None:
    body = text(message, "text") or text(message, "caption")
    if not body or _is_of_others(message):
        return None
    chat, number = _mapping(message, "chat"), _number(message, "message_id")
    writer = message.get("sender_chat") or message.get("from") or chat
    if not isinstance(writer, Mapping):
        raise InvalidInput("from is no person")
    written = unix_time(message, "date")
    answered = message.get("reply_to_message")
    return NewPost(
        platform=Platform.TELEGRAM,
        external_id=external_id,
        community=community,
        title="",
        body=body,
        kind=PostKind.MESSAGE,
        author=str(_number(writer, "id")),
        author_name=_name(writer),
        permalink=_permalink(chat, number),
        parent_external_id=f"{chat['id']}:{answered.get('message_id')}" if isinstance(answered, Mapping) else None,
        posted_at=written,
        as_of=unix_time(message, "edit_date") or written,
    )


def _is_of_others(message: Row) -> bool:
    writer = message.get("from")
    is_bots = isinstance(writer, Mapping) and bool(writer.get("is_bot")) and not message.get("sender_chat")
    return is_bots or any(message.get(name) for name in ("via_bot", "forward_origin", "is_automatic_forward"))


def _permalink(chat: Row, number: int) -> str | None:
    """A basic group has no addresses: only those that became supergroups do."""
    if isinstance(chat.get("username"), str):
        return f"https://t.me/{chat['username']}/{number}"
    inner = str(chat.get("id")).removeprefix("-100")
    return f"https://t.me/c/{inner}/{number}" if chat.get("type") in {"supergroup", "channel"} else None


def _name(writer: Row) -> str | None:
    full = " ".join(str(writer[part]) for part in ("first_name", "last_name") if writer.get(part))
    name = writer.get("username") or full or writer.get("title")
    return str(name) if name else None


def _mapping(row: Row, name: str) -> Row:
    value = row.get(name)
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{name} is missing")
    return value


def _number(row: Row, name: str) -> int:
    value = row.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidInput(f"{name} is no number")
    return value
