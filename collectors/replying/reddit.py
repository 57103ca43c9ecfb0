"""Replies on Reddit, through PRAW as the collector uses it: what goes wrong is judged below PRAW's own retries.

Reddit knows no key that would make a second attempt harmless. Whether a reply came through is read back from the
account's own newest comments.
"""

import re
from collections.abc import Iterator
from contextlib import closing

from collectors.base import Tools
from collectors.reddit.client import RedditClient, RedditRefusal
from collectors.reddit.collector import entry_of
from collectors.replying import rules
from collectors.replying.base import (
    Ask,
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
    judge,
    limited,
)
from collectors.rows import Row
from overheard.errors import CollectorError
from overheard.listening.posts import NewPost
from overheard.models import Source
from overheard.replying.conversations import Rules
from overheard.settings import Settings

_MOST = 100  # comments of a thread, and of the account
_WAIT = re.compile(r"(\d+) (millisecond|second|minute|hour)s?", re.IGNORECASE)
_SECONDS = {"millisecond": 0.001, "second": 1.0, "minute": 60.0, "hour": 3600.0}
_BLOCKED = frozenset({"USER_BLOCKED", "SUBREDDIT_NOTALLOWED", "USER_MUTED", "BANNED_FROM_SUBREDDIT"})


def read_thread(get: Get, target: str, community: str = "r/?") -> SeenThread:
    """The thread around a post or comment."""
    rows = list(_things(get("api/info", {"id": target})))
    row = next((row for row in rows if row.get("name") == target), None)
    found = _post(row, community) if row is not None else None
    if row is None or found is None or found.author is None:
        return SeenThread([], None)
    link = str(row.get("link_id") or target)
    below: dict[str, str | int] = {"limit": _MOST, "sort": "old"}
    if link != target:
        below |= {"comment": target.removeprefix("t1_"), "context": 4}
    answer = get(f"comments/{link.removeprefix('t3_')}", below)
    read: dict[str, NewPost] = {}
    is_locked = _is_shut(row)
    for part in answer if isinstance(answer, list) else []:
        for each in _things(part):
            is_locked = is_locked or (each.get("name") == link and _is_shut(each))
            post = _post(each, community)
            if post is not None:
                read[post.external_id] = post
    read.setdefault(target, found)
    score = row.get("score")
    return SeenThread(list(read.values()), found, is_locked, score=score if isinstance(score, int) else None)


def ask_thread(ask: Ask) -> SeenThread:
    """The same by a source's account."""
    with closing(RedditClient(ask.tools)) as client:
        return read_thread(client.get, ask.target, ask.source.community)


def ask_rules(tools: Tools, source: Source) -> Rules:
    """A subreddit's rules."""
    with closing(RedditClient(tools)) as client:
        return rules.of_reddit(client.get, source.address or source.community)


class RedditSender(Sender):
    """Sends with an approved app, as the SDR."""

    def __init__(self, tools: SenderTools) -> None:
        """Nothing is asked for yet."""
        super().__init__(tools)
        self._client = RedditClient(tools.reading(_app(tools.settings) | dict(tools.secrets) | {"contact": self.me}))

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def thread(self, outgoing: Outgoing) -> SeenThread:
        """As the account sees it."""
        return read_thread(self._client.get, outgoing.target)

    def post(self, outgoing: Outgoing, seen: SeenThread) -> Delivered:
        """`POST /api/comment`, once."""
        told = {"api_type": "json", "thing_id": outgoing.target, "text": outgoing.text}
        try:
            answer = self._client.post_once("api/comment", told)
        except RedditRefusal as error:
            judge("Reddit", error.status, retry_after=error.retry_after)
            raise
        answered = answer.get("json") if isinstance(answer, dict) else None
        if not isinstance(answered, dict):
            raise UnclearError("Reddit answered api/comment in an unknown form.")
        if errors := answered.get("errors"):
            raise _refused(errors)
        data = answered.get("data")
        things = data.get("things") if isinstance(data, dict) else None
        first = things[0] if isinstance(things, list) and things else None
        row = first.get("data") if isinstance(first, dict) else None
        if not isinstance(row, dict) or not isinstance(row.get("name"), str):
            raise UnclearError("Reddit took the comment and did not say which it is.")
        return _delivered(row)

    def find(self, outgoing: Outgoing) -> Delivered | None:
        """Among the account's newest comments."""
        answer = self._client.get(f"user/{self.me}/comments", {"sort": "new", "limit": _MOST})
        if not isinstance(answer, dict) or answer.get("kind") != "Listing":
            raise CollectorError("Reddit answered the account's comments in an unknown form.")
        return next((_delivered(row) for row in _things(answer) if row.get("parent_id") == outgoing.target), None)

    def answers(self, cursor: str | None) -> tuple[list[HeardAnswer], str | None]:
        """Comments that answer the account's. Nothing is marked as read: the person reads them too."""
        heard: list[HeardAnswer] = []
        newest = cursor
        for row in _things(self._client.get("message/inbox", {"limit": _MOST})):
            name = row.get("name")
            if name == cursor:
                break
            newest = str(name) if newest == cursor else newest
            post = _post(row, "r/?") if row.get("was_comment") is True else None
            if post is not None and post.parent_external_id:
                heard.append(heard_of(post, post.parent_external_id))
        return heard, newest


def _app(settings: Settings) -> dict[str, str]:
    secret = settings.accounts.reddit_client_secret
    return {
        "client_id": settings.accounts.reddit_client_id or "",
        "client_secret": secret.get_secret_value() if secret else "",
    }


def _things(listing: object) -> Iterator[Row]:
    """The rows of a listing, and of the replies below them."""
    data = listing.get("data") if isinstance(listing, dict) else None
    children = data.get("children") if isinstance(data, dict) else None
    for child in children if isinstance(children, list) else []:
        row = child.get("data") if isinstance(child, dict) else None
        if isinstance(row, dict) and child.get("kind") in {"t1", "t3"}:
            yield {**row, "kind": child["kind"]}
            yield from _things(row.get("replies"))


def _post(row: Row, community: str) -> NewPost | None:
    item = entry_of({"kind": row["kind"], "data": dict(row)}, community).item
    return item if isinstance(item, NewPost) else None


def _is_shut(row: Row) -> bool:
    return row.get("locked") is True or row.get("archived") is True


def _delivered(row: Row) -> Delivered:
    path = row.get("permalink")
    link = f"https://www.reddit.com{path}" if isinstance(path, str) else None
    return Delivered(str(row["name"]), link, str(row.get("body") or ""))


def _refused(errors: object) -> Refused:
    """What stands in the `errors` of an answer: `[["RATELIMIT", "… try again in 9 minutes.", "ratelimit"]]`."""
    first = errors[0] if isinstance(errors, list) and errors else None
    code, told = (str(part) for part in [*first, "", ""][:2]) if isinstance(first, list) else ("", "")
    if code == "RATELIMIT":
        wait = _WAIT.search(told)
        return limited("Reddit", float(wait[1]) * _SECONDS[wait[2].lower()] if wait else None)
    return Refused(f"Reddit refuses the reply: {code[:60]} {told[:200]} Nothing was sent.", pause=code in _BLOCKED)
