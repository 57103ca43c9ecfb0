"""A message of Discord as a post."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from collectors.rows import Row, iso_time, needed_text
from overheard.errors import InvalidInput
from overheard.listening.intake import Item, Rejected
from overheard.listening.posts import NewPost
from overheard.vocabulary import Platform, PostKind

_MESSAGE, _REPLY = 0, 19  # all other types are the channel's own news: joined, pinned, a thread was opened…

# What Discord writes for a person, a role, a channel, an emoji, a time.
_MARK = re.compile(
    r"<@!?(?P<user>\d+)>|<@&(?P<role>\d+)>|<#(?P<channel>\d+)>|<a?:(?P<emoji>\w+):\d+>|<t:(?P<time>-?\d+)(?::\w)?>"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where messages stand: a channel or a thread, which is a channel of its own."""

    id: str
    server: str
    community: str
    name: str = ""
    """A thread's own."""
    is_thread: bool = False
    is_of_forum: bool = False

    def permalink(self, message: str) -> str:
        """Opens the message in Discord."""
        return f"https://discord.com/channels/{self.server}/{self.id}/{message}"


def read_message(row: Row, place: Place) -> Item | None:
    """The post; None for what no person wrote, and for pictures without a word."""
    author = row.get("author")
    is_persons = row.get("type") in (_MESSAGE, _REPLY) and not row.get("webhook_id")
    if not is_persons or (isinstance(author, Mapping) and (author.get("bot") or author.get("system"))):
        return None
    external_id = str(row.get("id"))
    try:
        return _post(row, external_id, place)
    except InvalidInput as error:
        raw = json.dumps(row).encode()
        return Rejected(f"message {external_id}", str(error), raw, Platform.DISCORD, external_id)


def _post(row: Row, external_id: str, place: Place) -> NewPost | None:
    author = _mapping(row, "author")
    body = plain(needed_text(row, "content"), _names(row))
    # The first message of a forum's post has the post's id, and the post's name is what the writer asks.
    is_submission = place.is_of_forum and external_id == place.id
    if not body and not is_submission:
        return None
    written = iso_time(row, "timestamp")
    return NewPost(
        platform=Platform.DISCORD,
        external_id=external_id,
        community=place.community,
        title=place.name if is_submission else "",
        body=body,
        kind=PostKind.SUBMISSION if is_submission else PostKind.MESSAGE,
        author=needed_text(author, "id"),
        author_name=_name(author),
        permalink=place.permalink(external_id),
        parent_external_id=_parent(row, external_id, place),
        posted_at=written,
        as_of=iso_time(row, "edited_timestamp") or written,
    )


def _parent(row: Row, external_id: str, place: Place) -> str | None:
    reference = row.get("message_reference")
    if row.get("type") == _REPLY and isinstance(reference, Mapping) and isinstance(reference.get("message_id"), str):
        return str(reference["message_id"])
    # A thread has the id of the message that it began with.
    return place.id if place.is_thread and external_id != place.id else None


def plain(content: str, names: Mapping[str, str]) -> str:
    """The text with people's names for their numbers. Its markdown stays, as people read it."""

    def readable(mark: re.Match[str]) -> str:
        if mark["user"]:
            return f"@{names.get(mark['user'], 'someone')}"
        if mark["emoji"]:
            return f":{mark['emoji']}:"
        if mark["time"]:
            return _day(int(mark["time"])) or mark[0]
        return "@role" if mark["role"] else "#channel"

    return _MARK.sub(readable, content).strip()


def _day(seconds: int) -> str | None:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError, OSError):
        return None


def _names(row: Row) -> dict[str, str]:
    mentions = row.get("mentions")
    people = [person for person in mentions if isinstance(person, Mapping)] if isinstance(mentions, list) else []
    return {str(person.get("id")): _name(person) or "someone" for person in people}


def _name(person: Row) -> str | None:
    name = person.get("global_name") or person.get("username")
    return name if isinstance(name, str) else None


def _mapping(row: Row, name: str) -> Row:
    value = row.get(name)
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{name} is missing")
    return value
