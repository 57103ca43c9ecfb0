"""Discussions on GitHub, which only GraphQL shows and takes answers to: read whole, answered once, read back."""

from collections.abc import Iterator
from datetime import UTC, datetime

from collectors.base import Tools
from collectors.github import graphql
from collectors.github.posts import read_node
from collectors.http import JsonReader
from collectors.replying.base import Refused, SeenThread, UnclearError, limited
from collectors.replying.once import post_once
from collectors.rows import Row
from overheard.listening.posts import NewPost

_PAGES = 3
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

_THREAD = f"""
query($id: ID!, $after: String) {{
  node(id: $id) {{
    ... on Discussion {{ ...thread }}
    ... on DiscussionComment {{ {graphql.COMMENT} replyTo {{ id }} discussion {{ ...thread }} }}
  }}
}}
fragment thread on Discussion {{
  {graphql.TITLED} locked
  comments(first: 50, after: $after) {{
    pageInfo {{ hasNextPage endCursor }}
    nodes {{ {graphql.COMMENT} replies(first: 50) {{ nodes {{ {graphql.COMMENT} }} }} }}
  }}
}}"""

_NEWEST = f"""
query($id: ID!) {{
  node(id: $id) {{
    ... on Discussion {{ comments(last: 100) {{ nodes {{ {graphql.COMMENT} }} }} }}
    ... on DiscussionComment {{ replies(last: 100) {{ nodes {{ {graphql.COMMENT} }} }} }}
  }}
}}"""

_ANSWER = f"""
mutation($discussion: ID!, $below: ID, $body: String!) {{
  addDiscussionComment(input: {{discussionId: $discussion, replyToId: $below, body: $body}}) {{
    comment {{ {graphql.COMMENT} }}
  }}
}}"""

_OF_ACCOUNT = frozenset({"FORBIDDEN", "INSUFFICIENT_SCOPES"})
# With these nothing was stored. Whatever else is said, it may have been.
_REFUSALS = _OF_ACCOUNT | {"NOT_FOUND", "UNPROCESSABLE"}


def is_discussion(permalink: str | None) -> bool:
    """Whether a post stands in a discussion: its address says so."""
    return "/discussions/" in (permalink or "")


def read_thread(reader: JsonReader, target: str) -> SeenThread:
    """The discussion around a post in the order of writing: its oldest 150 comments, with 50 replies to each.

    `told` has what an answer must name: the discussion, and the comment below which it goes, if any. Answers stand two
    deep, so that what answers a reply goes below the comment which that one answers.
    """
    rows: dict[str, tuple[Row, str | None]] = {}
    discussion: Row = {}
    below = ""
    for node, discussion in _pages(reader, target):
        rows.setdefault(str(discussion.get("id")), (discussion, None))
        for comment in graphql.nodes_in(discussion.get("comments")):
            rows[str(comment.get("id"))] = (comment, str(discussion.get("id")))
            rows |= {str(each.get("id")): (each, str(comment.get("id"))) for each in _replies(comment)}
        if node is not discussion:
            above = node.get("replyTo")
            below = str(above["id"] if isinstance(above, dict) else node.get("id"))
            rows.setdefault(target, (node, below if below != target else str(discussion.get("id"))))
    posts = [post for row, parent in rows.values() if (post := _read(row, parent)) is not None]
    found = next((post for post in posts if post.external_id == target), None)
    told = {"discussion": str(discussion.get("id")), "below": below}
    posts.sort(key=lambda post: post.posted_at or _LONG_AGO)
    return SeenThread(posts, found, discussion.get("locked") is True, told=told)


def newest(reader: JsonReader, seen: SeenThread) -> list[Row]:
    """The newest comments that stand where an answer to the target would."""
    node = graphql.node(reader, _NEWEST, seen.told["below"] or seen.told["discussion"]) or {}
    return [_as_rest(row) for row in graphql.nodes_in(node.get("comments") or node.get("replies"))]


def answer(reader: JsonReader, tools: Tools, seen: SeenThread, text: str) -> Row:
    """The one attempt; the comment as it stands there."""
    told = {"discussion": seen.told["discussion"], "below": seen.told["below"] or None, "body": text}
    body = {"query": _ANSWER, "variables": told}
    said = post_once(reader, tools, "graphql", body, platform="GitHub", headers={})
    data = said.get("data")
    added = data.get("addDiscussionComment") if isinstance(data, dict) else None
    comment = added.get("comment") if isinstance(added, dict) else None
    if isinstance(comment, dict) and isinstance(comment.get("id"), str):
        return _as_rest(comment)
    found = said.get("errors")
    errors = [error for error in found if isinstance(error, dict)] if isinstance(found, list) else []
    kinds = {str(error.get("type")) for error in errors}
    if "RATE_LIMITED" in kinds:
        raise limited("GitHub", None)
    if kinds and kinds <= _REFUSALS and added is None:
        because = str(errors[0].get("message"))[:200]
        raise Refused(f"GitHub refused it ({because}). Nothing was sent.", pause=bool(kinds & _OF_ACCOUNT))
    raise UnclearError("GitHub took the comment and did not say which it is.")


def _pages(reader: JsonReader, target: str) -> Iterator[tuple[Row, Row]]:
    """The target's node and its discussion, which are one where the discussion itself is the target; page by page."""
    after: str | None = None
    for _ in range(_PAGES):
        node = graphql.node(reader, _THREAD, target, after=after)
        discussion = node.get("discussion", node) if node else None
        if not node or not isinstance(discussion, dict):
            return
        yield node, discussion
        comments = discussion.get("comments")
        page = comments.get("pageInfo") if isinstance(comments, dict) else None
        if not isinstance(page, dict) or page.get("hasNextPage") is not True:
            return
        after = str(page.get("endCursor"))


def _replies(comment: Row) -> list[Row]:
    return graphql.nodes_in(comment.get("replies"))


def _read(row: Row, parent: str | None) -> NewPost | None:
    own = {name: value for name, value in row.items() if name not in {"comments", "replies", "discussion"}}
    item = read_node(own, community="GitHub", parent=parent)
    return item if isinstance(item, NewPost) else None


def _as_rest(row: Row) -> Row:
    """A comment under the names that issues give theirs."""
    author = row.get("author")
    number = author.get("databaseId") if isinstance(author, dict) else None
    return {
        "node_id": row.get("id"),
        "html_url": row.get("url"),
        "body": row.get("body"),
        "created_at": row.get("createdAt"),
        "user": {"id": number},
    }
