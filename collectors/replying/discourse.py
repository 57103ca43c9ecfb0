"""Replies on a Discourse forum, with the SDR's own API key, which the forum makes for one app and one person."""

from dataclasses import replace
from urllib.parse import urlsplit

from collectors.discourse.posts import number_of, read_post
from collectors.http import JsonReader
from collectors.replying.base import Delivered, Get, Outgoing, SeenThread, Sender, SenderTools, UnclearError
from collectors.replying.once import post_once
from collectors.rows import Row
from collectors.web import web_reader
from overheard.errors import CollectorError
from overheard.listening.posts import NewPost

_GONE = frozenset({403, 404, 410})


class GoneError(CollectorError):
    """There is no such post, or none for us."""


def on_refusal(status: int, answer: object) -> CollectorError | None:
    """For the reader: what is gone is no failure."""
    kind = answer.get("error_type") if isinstance(answer, dict) else None
    if status in _GONE and kind in {"not_found", "invalid_access"}:
        return GoneError("The forum has no such post, or none for us.", permanent=True)
    return None


def read_thread(get: Get, target: str, base_url: str) -> SeenThread:
    """The posts of the topic that stand around a post."""
    forum, _, number = target.rpartition(":")
    try:
        asked = get(f"posts/{number}.json", {})
        topic = asked.get("topic_id") if isinstance(asked, dict) else None
        place = asked.get("post_number") if isinstance(asked, dict) else None
        answer = get(f"t/{topic}/{place}.json", {})
    except GoneError:
        return SeenThread([], None)
    stream = answer.get("post_stream") if isinstance(answer, dict) else None
    rows = stream.get("posts") if isinstance(stream, dict) else None
    if not isinstance(rows, list) or not isinstance(answer, dict) or not isinstance(asked, dict):
        raise CollectorError(f"{forum} answered a topic in an unknown form.")
    title = answer.get("title")
    found = _read(asked, forum, base_url, title, {})
    keys = {row.get("post_number"): f"{forum}:{number_of(row)}" for row in rows if isinstance(row, dict)}
    read = [_read(row, forum, base_url, title, keys) for row in rows if isinstance(row, dict)]
    is_shut = answer.get("closed") is True or answer.get("archived") is True
    told = {"topic": str(topic), "number": str(place)}
    return SeenThread([post for post in read if post is not None], found, is_shut, "closed or archived", told)


def _read(row: Row, forum: str, base_url: str, title: object, keys: dict[object, str]) -> NewPost | None:
    item = read_post({"topic_title": title, **row}, forum=forum, base_url=base_url, community=forum)
    if not isinstance(item, NewPost):
        return None
    parent = keys.get(row.get("reply_to_post_number")) or (keys.get(1) if row.get("post_number") != 1 else None)
    return replace(item, parent_external_id=parent)


class DiscourseSender(Sender):
    """Sends with a user API key."""

    def __init__(self, tools: SenderTools) -> None:
        """Nothing is asked for yet."""
        super().__init__(tools)
        self._read = tools.reading()
        self._base = tools.address.rstrip("/")
        key, username = tools.secrets.get("key", ""), tools.secrets.get("username", "")
        self._headers = {"Api-Key": key, "Api-Username": username} if username else {"User-Api-Key": key}
        name = urlsplit(self._base).netloc
        self._reader: JsonReader = web_reader(
            name, self._read, base_url=f"{self._base}/", headers=self._headers, on_refusal=on_refusal
        )

    def close(self) -> None:
        """Hang up."""
        self._reader.close()

    def thread(self, outgoing: Outgoing) -> SeenThread:
        """As the account sees it."""
        return read_thread(self._reader.get, outgoing.target, self._base)

    def post(self, outgoing: Outgoing, seen: SeenThread) -> Delivered:
        """`POST /posts.json`, once."""
        body: dict[str, object] = {"raw": outgoing.text, "topic_id": int(seen.told["topic"])}
        if seen.told["number"] != "1":
            body["reply_to_post_number"] = int(seen.told["number"])
        answer = post_once(self._reader, self._read, "posts.json", body, platform="The forum", headers={})
        post = answer.get("post") if isinstance(answer.get("post"), dict) else answer
        if answer.get("action") == "enqueued":  # a moderator looks at it first
            return Delivered("", outgoing.permalink)
        if not isinstance(post, dict) or number_of(post) is None:
            raise UnclearError("The forum took the post and did not say which it is.")
        return self._delivered(outgoing, post)

    def find(self, outgoing: Outgoing) -> Delivered | None:
        """What the account has written below the target: as an answer to it, or in its topic since."""
        _, _, number = outgoing.target.rpartition(":")
        try:
            below = self._reader.get(f"posts/{number}/replies.json")
        except GoneError:
            return None
        if not isinstance(below, list):
            raise CollectorError("The forum answered the replies of a post in an unknown form.")
        seen = self.thread(outgoing)
        ours = [row for row in below if isinstance(row, dict) and self._is_ours(row)]
        if ours:
            return self._delivered(outgoing, ours[0])
        later = [post for post in seen.below(outgoing.target) if post.author == self.me]
        return Delivered(later[0].external_id, later[0].permalink, later[0].body) if later else None

    def _is_ours(self, row: Row) -> bool:
        forum = self.me.rpartition(":")[0]
        return f"{forum}:{row.get('user_id')}" == self.me

    def _delivered(self, outgoing: Outgoing, row: Row) -> Delivered:
        forum = outgoing.target.rpartition(":")[0]
        post = read_post(row, forum=forum, base_url=self._base, community=forum)
        text = post.body if isinstance(post, NewPost) else ""
        link = f"{self._base}/t/{row.get('topic_slug') or '-'}/{row.get('topic_id')}/{row.get('post_number')}"
        return Delivered(f"{forum}:{number_of(row)}", link, text)
