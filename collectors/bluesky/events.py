"""What Jetstream v2 sends, as posts and erasures.

Its frames are described in https://github.com/bluesky-social/jetstream/tree/main/lexicons/network/bsky/jetstream.
"""

import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from overheard.errors import InvalidInput
from overheard.listening.intake import Erased, ErasedAuthor, Item, Rejected
from overheard.listening.posts import NewPost
from overheard.vocabulary import Platform, PostKind

POSTS = "app.bsky.feed.post"
_EVENT = "network.bsky.jetstream.subscribeEvents#"

# The writer's own machine says when a post was written. What it says of the time before there were such machines, or
# of the time after the network has seen the post, is not true.
_EARLIEST = datetime(2006, 1, 1, tzinfo=UTC)

_GONE = frozenset({"deleted", "takendown"})

_NAMES = 10_000  # that are remembered; more than are heard of in an hour


@dataclass(frozen=True, slots=True)
class Event:
    """One message: where it stands in the stream, and what follows from it for us, if anything."""

    seq: int
    seen_at: datetime
    """When this server saw it. Unlike `seq` it says something to other servers too."""
    item: Item | None


@dataclass(frozen=True, slots=True)
class Notice:
    """The server tells something about the stream."""

    name: str
    is_error: bool


@dataclass
class Names:
    """Handles of those we have heard of. Posts come without: their author is a DID, which never changes."""

    _handles: OrderedDict[str, str] = field(default_factory=OrderedDict)

    def learn(self, did: str, handle: str) -> None:
        """This is what the author is called by now."""
        self._handles[did] = handle
        self._handles.move_to_end(did)
        if len(self._handles) > _NAMES:
            self._handles.popitem(last=False)

    def of(self, did: str) -> str | None:
        """What the author is called, if we know."""
        return self._handles.get(did)


@dataclass(frozen=True)
class Reader:
    """Reads the frames for one source."""

    community: str
    languages: frozenset[str] = frozenset()
    names: Names = field(default_factory=Names)

    def read(self, frame: str | bytes) -> Event | Notice | Rejected:
        """What a frame says. One that cannot be read is `Rejected`, and the stream goes on."""
        try:
            payload = _payload(frame)
            if isinstance(payload, Notice):
                return payload
            seq, at = _number(payload, "seq"), moment(payload.get("time"))
            seen_at = moment(payload.get("witnessedAt") or payload.get("time"))
        except InvalidInput as error:
            return _rejected(frame, str(error))
        try:
            return Event(seq, seen_at, self._item(_text(payload, "$type").removeprefix(_EVENT), payload, at))
        except InvalidInput as error:
            rejected = _rejected(frame, str(error), locator=f"event {seq}", external_id=_key_of(payload))
            return Event(seq, seen_at, rejected)

    def _item(self, kind: str, payload: Mapping[str, object], at: datetime) -> Item | None:
        did = _text(payload, "did")
        if kind == "commit":
            return self._commit(did, payload, at)
        if kind == "account":
            account = _mapping(payload, "account")
            is_gone = account.get("active") is False and account.get("status") in _GONE
            return ErasedAuthor(Platform.BLUESKY, did) if is_gone else None
        if kind == "identity":
            handle = _mapping(payload, "identity").get("handle")
            if isinstance(handle, str):
                self.names.learn(did, handle)
            return None
        if kind == "sync":  # not asked for: the posts that it is about come as commits
            return None
        raise InvalidInput(f"{kind[:80]!r} is no kind of event we know")

    def _commit(self, did: str, payload: Mapping[str, object], at: datetime) -> Item | None:
        if payload.get("collection") != POSTS:
            return None
        uri = f"at://{did}/{POSTS}/{_text(payload, 'rkey')}"
        if payload.get("operation") == "delete":
            return Erased(Platform.BLUESKY, uri)
        record = _mapping(payload, "record")
        if not self._speaks(record):
            return None
        is_new = payload.get("operation") == "create"
        post = read_post(uri, record, community=self.community, seen_at=at, as_of=at, name=self.names.of(did))
        return None if is_new and not post.body else post

    def _speaks(self, record: Mapping[str, object]) -> bool:
        """Whether the post is in a language that is wanted, or does not say in which it is."""
        languages = record.get("langs")
        if not self.languages or not isinstance(languages, list) or not languages:
            return True
        return any(str(language).lower().partition("-")[0] in self.languages for language in languages)


def read_post(
    uri: str, record: Mapping[str, object], *, community: str, seen_at: datetime, as_of: datetime, name: str | None
) -> NewPost:
    """A record of the network as a post. Without a text it is a picture or a film, of which nothing can be said."""
    did, _, rkey = uri.removeprefix("at://").partition(f"/{POSTS}/")
    reply = record.get("reply")
    parent = reply.get("parent") if isinstance(reply, Mapping) else None
    parent_uri = parent.get("uri") if isinstance(parent, Mapping) else None
    return NewPost(
        platform=Platform.BLUESKY,
        external_id=uri,
        community=community,
        title="",
        body=_text(record, "text"),
        kind=PostKind.COMMENT if isinstance(reply, Mapping) else PostKind.SUBMISSION,
        author=did,
        author_name=name,
        permalink=f"https://bsky.app/profile/{did}/post/{rkey}",
        parent_external_id=parent_uri if isinstance(parent_uri, str) else None,
        posted_at=_written(record, seen_at),
        as_of=as_of,
    )


def _written(record: Mapping[str, object], seen_at: datetime) -> datetime:
    try:
        written = moment(record.get("createdAt"))
    except InvalidInput:
        return seen_at
    return written if _EARLIEST <= written <= seen_at else seen_at


def moment(value: object) -> datetime:
    """The time that a text names; times without a zone are UTC."""
    if not isinstance(value, str):
        raise InvalidInput("a time is missing")
    try:
        found = datetime.fromisoformat(value)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidInput("a time cannot be read") from error


def primary_languages(option: str) -> frozenset[str]:
    """`en, de-AT` → en and de."""
    return frozenset(part.strip().lower().partition("-")[0] for part in option.split(",") if part.strip())


def _payload(frame: str | bytes) -> Mapping[str, object] | Notice:
    try:
        message = json.loads(frame)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("it is not JSON") from error
    if not isinstance(message, dict):
        raise InvalidInput("it is not an object")
    kind = message.get("$type")
    if kind == "error":
        return Notice(str(message.get("error")), is_error=True)
    if kind != "message":
        raise InvalidInput(f"{str(kind)[:40]!r} is no kind of frame we know")
    payload = _mapping(message, "payload")
    if payload.get("$type") == f"{_EVENT}info":
        return Notice(str(payload.get("name")), is_error=False)
    return payload


def _text(of: Mapping[str, object], name: str) -> str:
    value = of.get(name)
    if not isinstance(value, str):
        raise InvalidInput(f"{name} is missing" if value is None else f"{name} is a {type(value).__name__}, no text")
    return value


def _number(of: Mapping[str, object], name: str) -> int:
    value = of.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidInput(f"{name} is missing" if value is None else f"{name} is a {type(value).__name__}, no number")
    return value


def _mapping(of: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = of.get(name)
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{name} is missing")
    return value


def _key_of(payload: Mapping[str, object]) -> str | None:
    did, rkey = payload.get("did"), payload.get("rkey")
    return f"at://{did}/{POSTS}/{rkey}" if isinstance(did, str) and isinstance(rkey, str) else None


def _rejected(frame: str | bytes, reason: str, *, locator: str = "frame", external_id: str | None = None) -> Rejected:
    raw = frame.encode(errors="replace") if isinstance(frame, str) else frame
    return Rejected(locator, reason, raw, Platform.BLUESKY if external_id else None, external_id)
