"""Replies on GitHub, with plain HTTP, as PyGithub sends a POST again after a failure by design: comments on issues by
REST, on discussions by GraphQL.
"""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from collectors.github.posts import own_words, read_rest
from collectors.http import JsonReader
from collectors.replying import github_discussions as discussions
from collectors.replying.base import Delivered, Get, Outgoing, SeenThread, Sender, SenderTools, UnclearError
from collectors.replying.once import post_once
from collectors.rows import Row, iso_time
from overheard.errors import CollectorError, InvalidInput
from overheard.listening.posts import NewPost
from overheard.vocabulary import PostKind

_PAGE = 100
_PAGES = 3
_ISSUE = re.compile(r"https?://[^/]+/(?P<owner>[\w.-]+)/(?P<name>[\w.-]+)/issues/(?P<number>\d+)")
_COMMENT = re.compile(r"#issuecomment-(\d+)$")
_GONE = frozenset({404, 410})


class GoneError(CollectorError):
    """There is no such issue, or not any more."""


def on_refusal(status: int, _: object) -> CollectorError | None:
    """For the reader: what is gone is no failure."""
    return GoneError("There is no such issue.", permanent=True) if status in _GONE else None


def issue_at(permalink: str | None) -> str:
    """The issue's path in the API."""
    found = _ISSUE.match(permalink or "")
    if found is None:
        raise CollectorError(
            "Only issues and discussions can be answered from here: open the post and answer it there.", permanent=True
        )
    return f"repos/{found['owner']}/{found['name']}/issues/{found['number']}"


def read_thread(reader: JsonReader, target: str, permalink: str | None) -> SeenThread:
    """The issue and its comments, or the discussion."""
    if discussions.is_discussion(permalink):
        return discussions.read_thread(reader, target)
    return _issue(reader.get, target, permalink)


def _issue(get: Get, target: str, permalink: str | None) -> SeenThread:
    """The oldest three hundred comments."""
    path = issue_at(permalink)
    try:
        issue = get(path, {})
        rows = _comments(get, path, {})
    except GoneError:
        return SeenThread([], None)
    if not isinstance(issue, dict):
        raise CollectorError(f"GitHub answered {path} in an unknown form.")
    read = [
        _read(issue, PostKind.SUBMISSION, None),
        *(_read(row, PostKind.COMMENT, str(issue.get("node_id"))) for row in rows),
    ]
    posts = [post for post in read if post is not None]
    found = next((post for post in posts if post.external_id == target), None)
    if found is None and (comment := _COMMENT.search(permalink or "")):  # it may be later than those
        found = _one(get, f"{path.rpartition('/')[0]}/comments/{comment[1]}", str(issue.get("node_id")))
        posts += [found] if found is not None else []
    return SeenThread(posts, found, issue.get("locked") is True)


def _one(get: Get, path: str, parent: str) -> NewPost | None:
    try:
        row = get(path, {})
    except GoneError:
        return None
    return _read(row, PostKind.COMMENT, parent) if isinstance(row, dict) else None


def _comments(get: Get, path: str, params: dict[str, str | int]) -> list[Row]:
    rows: list[Row] = []
    for number in range(1, _PAGES + 1):
        page = get(f"{path}/comments", {"per_page": _PAGE, "page": number, **params})
        if not isinstance(page, list):
            raise CollectorError(f"GitHub answered {path}/comments in an unknown form.")
        rows += [row for row in page if isinstance(row, dict)]
        if len(page) < _PAGE:
            break
    return rows


def _read(row: Row, kind: PostKind, parent: str | None) -> NewPost | None:
    item = read_rest(row, kind=kind, community="GitHub")
    if not isinstance(item, NewPost):
        return None
    return replace(item, parent_external_id=parent)  # comments do not say what they answer: all stand under the issue


class GitHubSender(Sender):
    """Sends with the SDR's token."""

    def __init__(self, tools: SenderTools) -> None:
        """Nothing is asked for yet."""
        super().__init__(tools)
        self._read = tools.reading()
        headers = {
            "Authorization": f"Bearer {tools.secrets.get('token', '')}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        base_url = str(tools.settings.services.github_url)
        self._reader = JsonReader("GitHub", base_url, self._read, headers=headers, on_refusal=on_refusal)

    def close(self) -> None:
        """Hang up."""
        self._reader.close()

    def thread(self, outgoing: Outgoing) -> SeenThread:
        """As the account sees it."""
        return read_thread(self._reader, outgoing.target, outgoing.permalink)

    def post(self, outgoing: Outgoing, seen: SeenThread) -> Delivered:
        """A comment, once."""
        if discussions.is_discussion(outgoing.permalink):
            return _delivered(discussions.answer(self._reader, self._read, seen, outgoing.text))
        path = f"{issue_at(outgoing.permalink)}/comments"
        answer = post_once(self._reader, self._read, path, {"body": outgoing.text}, platform="GitHub", headers={})
        if not isinstance(answer.get("node_id"), str):
            raise UnclearError("GitHub took the comment and did not say which it is.")
        return _delivered(answer)

    def find(self, outgoing: Outgoing) -> Delivered | None:
        """The account's comments there since the target was written."""
        seen = self.thread(outgoing)
        if seen.target is None or seen.target.posted_at is None:
            return None
        # Written after the draft was begun, or it answers something else in a long thread.
        since = max(seen.target.posted_at, outgoing.written_at - timedelta(days=7)).astimezone(UTC)
        if discussions.is_discussion(outgoing.permalink):
            rows = discussions.newest(self._reader, seen)
        else:
            params: dict[str, str | int] = {"since": f"{since:%Y-%m-%dT%H:%M:%SZ}"}
            rows = _comments(self._reader.get, issue_at(outgoing.permalink), params)
        ours = [row for row in rows if _is_ours(row, self.me) and _is_since(row, since)]
        return _delivered(ours[0]) if ours else None


def _is_ours(row: Row, me: str) -> bool:
    user = row.get("user")
    return isinstance(user, dict) and str(user.get("id")) == me


def _is_since(row: Row, since: datetime) -> bool:
    try:
        at = iso_time(row, "created_at")
    except InvalidInput:
        return False
    return at is not None and at >= since


def _delivered(row: Row) -> Delivered:
    link = row.get("html_url")
    body = row.get("body")
    text = own_words(body) if isinstance(body, str) else ""
    return Delivered(str(row["node_id"]), str(link) if link else None, text)
