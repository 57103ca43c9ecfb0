"""Replies on Bluesky: records whose key is chosen beforehand, so that the same reply can exist only once."""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from urllib.parse import urlsplit

from collectors.bluesky.events import POSTS, read_post
from collectors.http import JsonReader
from collectors.replying.base import (
    Delivered,
    Get,
    HeardAnswer,
    Outgoing,
    Refused,
    SeenThread,
    Sender,
    SenderTools,
    UnclearError,
    heard_of,
)
from collectors.replying.once import post_once
from collectors.rows import Row
from overheard.errors import CollectorError, InvalidInput
from overheard.listening.posts import NewPost

_MOST = 40
_DIGITS = "234567abcdefghijklmnopqrstuvwxyz"
_BAD_REQUEST = 400


class GoneError(CollectorError):
    """There is no such record, or not for this account."""


def on_refusal(status: int, answer: object) -> CollectorError | None:
    """For the reader: what is gone is no failure."""
    kind = answer.get("error") if isinstance(answer, dict) else None
    if status == _BAD_REQUEST and kind in {"NotFound", "RecordNotFound"}:
        return GoneError("There is no such record.", permanent=True)
    return None


def record_key(key: str, written_at: datetime) -> str:
    """The reply's name in its writer's repository: 13 digits that hold a time, as all do there, and its key."""
    clock = int.from_bytes(hashlib.sha256(key.encode()).digest()[:2]) % 1024
    number = (int(written_at.timestamp() * 1_000_000) << 10 | clock) & (2**63 - 1)
    return "".join(_DIGITS[number >> shift & 31] for shift in range(60, -1, -5))


def read_thread(get: Get, target: str, *, now: datetime) -> SeenThread:
    """What stands above and below a post."""
    try:
        answer = get("app.bsky.feed.getPostThread", {"uri": target, "depth": 6, "parentHeight": 10})
    except GoneError:
        return SeenThread([], None)
    thread = answer.get("thread") if isinstance(answer, dict) else None
    if not isinstance(thread, dict):
        raise CollectorError("Bluesky answered app.bsky.feed.getPostThread in an unknown form.")
    posts = {post.external_id: post for view in _views(thread) if (post := _post(view, now)) is not None}
    view = thread.get("post")
    if target not in posts or not isinstance(view, dict):
        is_blocked = thread.get("blocked") is True
        return SeenThread([], None) if not is_blocked else SeenThread([], None, is_locked=True, lock=_BLOCKED)
    viewer = view.get("viewer")
    is_locked = isinstance(viewer, dict) and viewer.get("replyDisabled") is True
    record = view.get("record")
    reply = record.get("reply") if isinstance(record, dict) else None
    root = reply.get("root") if isinstance(reply, dict) else None
    cid = str(view.get("cid", ""))
    told = {"cid": cid, "root": target, "root_cid": cid}
    if isinstance(root, dict):
        told |= {"root": str(root.get("uri")), "root_cid": str(root.get("cid"))}
    return SeenThread(list(posts.values()), posts[target], is_locked, "closed to us by its writer", told)


_BLOCKED = "closed to us: its writer has blocked this account"


def _views(thread: Row) -> Iterator[Row]:
    """The posts of a thread, from the top down."""
    parent, replies = thread.get("parent"), thread.get("replies")
    if isinstance(parent, dict):
        yield from _views({**parent, "replies": None})
    if isinstance(view := thread.get("post"), dict):
        yield view
    for reply in replies if isinstance(replies, list) else []:
        if isinstance(reply, dict):
            yield from _views({**reply, "parent": None})


def _post(view: Row, now: datetime) -> NewPost | None:
    author, record = view.get("author"), view.get("record")
    if not isinstance(author, dict) or not isinstance(record, dict):
        return None
    name = author.get("handle")
    try:
        return read_post(
            str(view.get("uri")), record, community="Bluesky", seen_at=now, as_of=now, name=str(name) if name else None
        )
    except InvalidInput:
        return None


class BlueskySender(Sender):
    """Sends with an app password, which opens a session for each round of sending."""

    def __init__(self, tools: SenderTools) -> None:
        """Nothing is asked for yet."""
        super().__init__(tools)
        self._read = tools.reading()
        self._base = f"{tools.address.rstrip('/')}/xrpc/"
        self._bearer: str | None = None
        self._readers: list[JsonReader] = []

    def close(self) -> None:
        """Hang up."""
        for reader in self._readers:
            reader.close()

    def thread(self, outgoing: Outgoing) -> SeenThread:
        """As the account sees it."""
        return read_thread(self._session().get, outgoing.target, now=self._tools.clock())

    def post(self, outgoing: Outgoing, seen: SeenThread) -> Delivered:
        """`createRecord`, once, under the reply's own key."""
        rkey = record_key(outgoing.key, outgoing.written_at)
        record = {
            "$type": POSTS,
            "text": outgoing.text,
            "createdAt": self._tools.clock().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "reply": {
                "root": {"uri": seen.told["root"], "cid": seen.told["root_cid"]},
                "parent": {"uri": outgoing.target, "cid": seen.told["cid"]},
            },
        }
        body = {"repo": self.me, "collection": POSTS, "rkey": rkey, "record": record}
        reader, headers = self._session(), {"Authorization": f"Bearer {self._bearer}"}
        answer = post_once(
            reader, self._read, "com.atproto.repo.createRecord", body, platform="Bluesky", headers=headers
        )
        if not isinstance(answer.get("uri"), str):
            raise UnclearError("Bluesky took the post and did not say which it is.")
        return self._delivered(str(answer["uri"]))

    def find(self, outgoing: Outgoing) -> Delivered | None:
        """By its key; and whether the account has answered there in another way."""
        asked: dict[str, str | int] = {
            "repo": self.me, "collection": POSTS, "rkey": record_key(outgoing.key, outgoing.written_at),
        }  # fmt: skip
        try:
            answer = self._session().get("com.atproto.repo.getRecord", asked)
        except GoneError:
            seen = self.thread(outgoing)
            ours = [post for post in seen.below(outgoing.target) if post.author == self.me]
            return Delivered(ours[0].external_id, ours[0].permalink, ours[0].body) if ours else None
        if not isinstance(answer, dict) or not isinstance(answer.get("uri"), str):
            raise CollectorError("Bluesky answered com.atproto.repo.getRecord in an unknown form.")
        value = answer.get("value")
        return self._delivered(str(answer["uri"]), str(value.get("text", "")) if isinstance(value, dict) else "")

    def answers(self, cursor: str | None) -> tuple[list[HeardAnswer], str | None]:
        """Replies among the notifications. `cursor`: the newest that was read."""
        answer = self._session().get("app.bsky.notification.listNotifications", {"limit": _MOST})
        rows = answer.get("notifications") if isinstance(answer, dict) else None
        heard: list[HeardAnswer] = []
        newest = cursor
        for row in rows if isinstance(rows, list) else []:
            at = str(row.get("indexedAt", "")) if isinstance(row, dict) else ""
            if not at or (cursor is not None and at < cursor):
                break
            newest = max(newest or "", at)
            post = _post(row, self._tools.clock()) if row.get("reason") == "reply" else None
            if post is not None and post.parent_external_id:
                heard.append(heard_of(post, post.parent_external_id))
        return heard, newest

    def _session(self) -> JsonReader:
        """The account's door. Opening a session posts nothing."""
        if self._bearer is None:
            door = self._reader({})
            secrets = self._tools.secrets
            told = {"identifier": self.me, "password": secrets.get("app_password", "")}
            try:
                answer = post_once(
                    door, self._read, "com.atproto.server.createSession", told, platform="Bluesky", headers={}
                )
            except (Refused, UnclearError) as error:
                raise CollectorError(f"Bluesky does not open a session. {error}") from error
            self._bearer = str(answer.get("accessJwt", ""))
            self._readers.append(self._reader({"Authorization": f"Bearer {self._bearer}"}))
        return self._readers[-1]

    def _reader(self, headers: Mapping[str, str]) -> JsonReader:
        name = urlsplit(self._base).hostname or "Bluesky"
        reader = JsonReader(name, self._base, self._read, headers=headers, on_refusal=on_refusal)
        self._readers.append(reader)
        return reader

    def _delivered(self, uri: str, text: str = "") -> Delivered:
        rkey = uri.rpartition("/")[2]
        return Delivered(uri, f"https://bsky.app/profile/{self.me}/post/{rkey}", text)
