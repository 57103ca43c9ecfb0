"""What GitHub gives as posts: issues and comments by REST, discussions by GraphQL."""

import json
import re
from datetime import UTC, datetime

from collectors.rows import Row, iso_time, text
from overheard.errors import InvalidInput
from overheard.listening.intake import Item, Rejected
from overheard.listening.posts import NewPost
from overheard.vocabulary import Platform, PostKind

_REMARK = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_QUOTE = re.compile(r"(?:^[ ]{0,3}>.*(?:\n|\Z))+", re.MULTILINE)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def own_words(markdown: str) -> str:
    """The text without the remarks of an issue's template and without what is quoted of somebody else."""
    return _QUOTE.sub("[…]\n", _REMARK.sub("", markdown.replace("\r\n", "\n"))).strip()


def changed_at(item: Row) -> datetime:
    """When something last happened to it, label or reaction included; long ago, where it does not say."""
    try:
        return iso_time(item, "updated_at") or iso_time(item, "updatedAt") or _LONG_AGO
    except InvalidInput:
        return _LONG_AGO


def read_rest(item: Row, *, kind: PostKind, community: str) -> Item | None:
    """An issue or a comment; None for pull requests and what belongs to them, and for bots."""
    is_of_pull_request = "pull_request" in item or "/pull/" in str(item.get("html_url"))
    user = item.get("user")
    who = user if isinstance(user, dict) else {}
    if is_of_pull_request or who.get("type") == "Bot":
        return None
    found = {
        "id": item.get("node_id"),
        "title": item.get("title") if kind is PostKind.SUBMISSION else None,
        "body": item.get("body"),
        "url": item.get("html_url"),
        "createdAt": item.get("created_at"),
        "updatedAt": item.get("updated_at"),
        "author": {"databaseId": who.get("id"), "login": who.get("login")},
    }
    return _read(found, kind, community, parent=None)


def read_node(node: Row, *, community: str, parent: str | None = None) -> Item | None:
    """A node of GraphQL; None for bots and for what was hidden as spam or abuse."""
    author = node.get("author")
    if (isinstance(author, dict) and author.get("__typename") == "Bot") or node.get("isMinimized"):
        return None
    kind = PostKind.SUBMISSION if "title" in node else PostKind.COMMENT
    return _read(node, kind, community, parent)


def _read(node: Row, kind: PostKind, community: str, parent: str | None) -> Item:
    key = node.get("id")
    raw = json.dumps(node).encode()
    if not isinstance(key, str) or not key:
        return Rejected("node without an id", "its id is missing", raw, Platform.GITHUB)
    try:
        return _post(node, key, kind, community, parent)
    except InvalidInput as error:
        return Rejected(f"node {key}", str(error), raw, Platform.GITHUB, key)


def _post(node: Row, external_id: str, kind: PostKind, community: str, parent: str | None) -> NewPost:
    title, body = text(node, "title"), own_words(text(node, "body"))
    if not title.strip() and not body:
        raise InvalidInput("title and body are both missing")
    author = node.get("author")
    who = author if isinstance(author, dict) else {}
    number = who.get("databaseId")
    return NewPost(
        platform=Platform.GITHUB,
        external_id=external_id,
        community=community,
        title=title,
        body=body,
        kind=kind,
        author=str(number) if isinstance(number, int) else None,  # logins can be changed
        author_name=text(who, "login") or None,
        permalink=text(node, "url") or None,
        parent_external_id=parent,
        posted_at=iso_time(node, "createdAt"),
        as_of=iso_time(node, "updatedAt") or iso_time(node, "createdAt"),
    )
