"""A message of Slack as a post: the same one, under the same key, from an export, the Web API or an event."""

import json
import re
from collections.abc import Container
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from collectors.formats.records import Outcome, Skipped, required, text_of
from collectors.formats.slack_text import Names, plain, text_of_blocks
from collectors.rows import Row
from overheard.errors import InvalidInput
from overheard.listening.intake import MAX_RAW, Erased, Rejected
from overheard.listening.posts import NewPost
from overheard.vocabulary import Platform, PostKind

_TS = re.compile(r"(\d{1,11})\.(\d{1,6})")
_DOMAIN = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")

# What people write. All other subtypes are the channel's own news: joined, left, renamed, pinned…
_WRITTEN = frozenset({None, "me_message", "thread_broadcast", "reply_broadcast", "file_share"})


def message_id(workspace: str, channel: str, ts: str) -> str:
    """A message's key in the world: a channel's id is unique in its workspace only."""
    return f"{workspace}:{channel}:{ts}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message stands, and how to read it there."""

    workspace: str
    """The workspace's id where it is known: its name may change."""
    domain: str
    """SLACK in SLACK.slack.com. Anything else gives no permalinks."""
    channel: str
    community: str
    names: Names
    bots: Container[str]

    def message_id(self, ts: str) -> str:
        """The key of a message of this channel."""
        return message_id(self.workspace, self.channel, ts)


def read_message(message: object, place: Place, locator: str) -> Outcome:
    """The post, the erasure, what is no person's post, or the dead letter that a message gives."""
    try:
        if not isinstance(message, dict):
            raise InvalidInput(f"the message is a {type(message).__name__}, not an object")  # noqa: TRY301 - one way out for all that is wrong
        return _outcome(message, place, as_of=None)
    except InvalidInput as error:
        raw = json.dumps(message).encode()[:MAX_RAW]
        ts = message.get("ts") if isinstance(message, dict) else None
        external_id = place.message_id(ts) if isinstance(ts, str) else None
        return Rejected(locator, str(error), raw, Platform.SLACK, external_id)


def ts_of(row: Row, name: str) -> str:
    """A message's time, which is its key too and therefore stays a text."""
    value = row.get(name)
    ts = f"{value:.6f}" if isinstance(value, float) else required(row, name)
    if not _TS.fullmatch(ts):
        raise InvalidInput(f"{name} is no time of a message: {ts[:40]!r}")
    return ts


def order(ts: str) -> tuple[int, int]:
    """What times are compared by: as texts, 9.5 would come after 10.5."""
    seconds, _, micros = ts.partition(".")
    return int(seconds), int(micros or 0)


def subject(message: object) -> str | None:
    """The time of the message that this is or speaks of; None where it has none that can be read."""
    if not isinstance(message, dict):
        return None
    changed = message.get("message")
    if message.get("subtype") == "message_changed" and isinstance(changed, dict):
        return subject(changed)
    ts = message.get("deleted_ts" if message.get("subtype") == "message_deleted" else "ts")
    return ts if isinstance(ts, str) and _TS.fullmatch(ts) else None


def told_of(payload: Row) -> tuple[str, str] | None:
    """The delivery's id and the channel, if an event tells of a message."""
    event = payload.get("event")
    if not isinstance(event, dict) or event.get("type") != "message":
        return None
    channel, event_id = event.get("channel"), payload.get("event_id")
    if not isinstance(channel, str) or not isinstance(event_id, str):
        return None
    return f"{payload.get('team_id', '')}:{event_id}", channel


def _outcome(message: Row, place: Place, *, as_of: datetime | None) -> Outcome:
    subtype, user = text_of(message, "subtype"), text_of(message, "user")
    changed = message.get("message")
    if subtype == "message_changed" and isinstance(changed, dict):
        return _outcome(changed, place, as_of=_moment(ts_of(message, "ts")))
    if subtype in ("message_deleted", "tombstone"):
        ts = ts_of(message, "deleted_ts" if subtype == "message_deleted" else "ts")
        return Erased(Platform.SLACK, place.message_id(ts))
    if message.get("bot_id") or subtype == "bot_message" or user in place.bots:
        return Skipped("written by a bot")
    if message.get("type", "message") != "message" or subtype not in _WRITTEN:
        return Skipped("news of the channel")
    return _post(message, place, as_of=as_of)


def _post(message: Row, place: Place, *, as_of: datetime | None) -> Outcome:
    ts, thread_ts = ts_of(message, "ts"), text_of(message, "thread_ts")
    body = plain(text_of(message, "text") or "", place.names).strip()
    body = body or text_of_blocks(message.get("blocks"), place.names)
    if not body:
        return Skipped("without text")
    author = text_of(message, "user")
    edited, posted_at = message.get("edited"), _moment(ts)
    # An edit's own time is in whole seconds, so it may lie before the message; the time of a change does not.
    moments = (posted_at, as_of, _moment(ts_of(edited, "ts")) if isinstance(edited, dict) else None)
    return NewPost(
        platform=Platform.SLACK,
        external_id=place.message_id(ts),
        community=place.community,
        title="",
        body=body,
        kind=PostKind.MESSAGE,
        author=author,
        author_name=place.names.people.get(author) if author else None,
        permalink=_permalink(place, ts),
        parent_external_id=place.message_id(thread_ts) if thread_ts and thread_ts != ts else None,
        posted_at=posted_at,
        as_of=max(moment for moment in moments if moment is not None),
    )


def _moment(ts: str) -> datetime:
    seconds, _, micros = ts.partition(".")
    return datetime.fromtimestamp(int(seconds), UTC) + timedelta(microseconds=int(micros))


def _permalink(place: Place, ts: str) -> str | None:
    """The address, where the workspace's name is known; an export does not tell it."""
    if not _DOMAIN.fullmatch(place.domain):
        return None
    return f"https://{place.domain}.slack.com/archives/{place.channel}/p{ts.replace('.', '')}"
