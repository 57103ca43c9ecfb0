"""Rows of Reddit: as its API gives them (`kind` and `data`), and bare as in the dumps (Pushshift, Arctic Shift)."""

import html
import re
from datetime import datetime

from collectors.formats.records import ImportOptions, Outcome, Skipped, is_gone, moment_of, required, text_of
from collectors.rows import Row
from overheard.errors import InvalidInput
from overheard.listening.intake import Erased
from overheard.listening.posts import Key, NewPost
from overheard.vocabulary import Platform, PostKind

_SUBMISSION, _COMMENT = "t3", "t1"
_FULLNAME = re.compile(r"t[13]_[0-9a-z]{1,20}")

# Asked without raw_json=1, Reddit escapes every &, < and >. So a text that holds a bare one was not escaped.
_BARE = re.compile(r"[<>]|&(?!amp;|lt;|gt;)")
_ESCAPED = re.compile(r"&(?:amp|lt|gt);")

# What Reddit's editor writes for an empty paragraph.
_BLANK = "&#x200B;"


def recognises(row: Row) -> bool:
    """Whether this is a row of Reddit. None of them has a `platform`, which is what marks our own form."""
    if "platform" in row:
        return False
    if "kind" in row and "data" in row:
        return True
    return "subreddit" in row and any(name in row for name in ("selftext", "body", "link_id"))


def key(row: Row, _options: ImportOptions) -> Key:
    """The fullname, `t3_…` or `t1_…`."""
    return (Platform.REDDIT, _fullname(*_unwrapped(row)))


def _fullname(kind: str, data: Row) -> str:
    name = text_of(data, "name") or f"{kind}_{required(data, 'id')}"
    if not _FULLNAME.fullmatch(name):
        raise InvalidInput(f"{name[:40]!r} is no id of a submission or comment")
    return name


def read(row: Row, _options: ImportOptions) -> Outcome:
    """The post, or that it is gone."""
    return read_row(row)


def read_row(
    row: Row, *, may_be_escaped: bool = True, community: str | None = None, as_of: datetime | None = None
) -> Outcome:
    """The post, or that it is gone. Whoever asked with raw_json=1 knows that it is not escaped.

    `community`: what it is filed under, if not its own subreddit. `as_of`: when it was asked for, if that is known.
    """
    kind, data = _unwrapped(row)
    if kind not in (_SUBMISSION, _COMMENT):
        return Skipped("neither submission nor comment")
    external_id = _fullname(kind, data)
    title, body = text_of(data, "title") or "", _body(data)
    if may_be_escaped:
        title, body = _decoded(title, body)
    body = body.replace(_BLANK, "")
    if _is_erased(data, title, body):
        return Erased(Platform.REDDIT, external_id)
    author = text_of(data, "author")
    if is_bot(author):
        return Skipped("written by a bot")
    posted_at = moment_of(data, "created_utc")
    return NewPost(
        platform=Platform.REDDIT,
        external_id=external_id,
        community=community or f"r/{required(data, 'subreddit')}",
        title=title,
        body=body,
        kind=PostKind.COMMENT if kind == _COMMENT else PostKind.SUBMISSION,
        author=None if author is None or is_gone(author) else author,
        permalink=_permalink(data, external_id),
        parent_external_id=text_of(data, "parent_id") if kind == _COMMENT else None,
        posted_at=posted_at,
        as_of=as_of or _as_of(data, posted_at),
    )


def is_bot(author: str | None) -> bool:
    """Whether this is the one bot that writes everywhere. Others' names tell nothing for sure: people are u/talbot."""
    return author == "AutoModerator"


def _unwrapped(row: Row) -> tuple[str, Row]:
    if "data" not in row:
        is_comment = "link_id" in row or ("body" in row and "title" not in row)
        return (_COMMENT if is_comment else _SUBMISSION), row
    data = row["data"]
    if not isinstance(data, dict):
        raise InvalidInput("data is missing")
    return required(row, "kind"), data


def _body(data: Row) -> str:
    """The text: of a crosspost without one, what it shares; with the options of a poll, and captions of pictures."""
    own = text_of(data, "selftext") or text_of(data, "body") or ""
    if is_gone(own):
        return own
    parents = data.get("crosspost_parent_list")
    if not own and isinstance(parents, list) and parents and isinstance(parents[0], dict):
        shared = _body(parents[0])
        own = "" if is_gone(shared) else shared
    options = "\n".join(f"- {text}" for text in _texts(data.get("poll_data"), "options", "text"))
    captions = "\n".join(_texts(data.get("gallery_data"), "items", "caption"))
    return "\n\n".join(part for part in (own, options, captions) if part)


def _texts(holder: object, name: str, field: str) -> list[str]:
    """One text of each row in a list that stands inside another object. What is not there is left out."""
    rows = holder.get(name) if isinstance(holder, dict) else None
    texts = [row.get(field) for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return [text for text in texts if isinstance(text, str) and text]


def _decoded(title: str, body: str) -> tuple[str, str]:
    if _ESCAPED.search(title + body) and not _BARE.search(title + body):
        title, body = (_ESCAPED.sub(lambda escaped: html.unescape(escaped[0]), text) for text in (title, body))
    return title, body


def _is_erased(data: Row, title: str, body: str) -> bool:
    # A removed link post keeps its title for those who ask with a moderator's rights; the public sees none of it.
    if is_gone(title) or is_gone(body) or data.get("removed_by_category") is not None:
        return True
    archive = data.get("_meta")
    if not isinstance(archive, dict):
        return False
    # An archive looks twice, 36 hours apart. What was gone at either look is gone: its text is not to be restored.
    return bool(archive.get("was_deleted_later") or archive.get("was_initially_deleted"))


def _as_of(data: Row, posted_at: datetime | None) -> datetime | None:
    edited = data.get("edited")
    if isinstance(edited, bool) or edited is None:
        # Edits of long ago are marked without their time.
        return moment_of(data, "retrieved_on") or posted_at if edited else posted_at
    return moment_of(data, "edited")


def _permalink(data: Row, external_id: str) -> str:
    path = text_of(data, "permalink")
    if path is None:
        _, _, name = external_id.partition("_")
        link = (text_of(data, "link_id") or "").removeprefix(f"{_SUBMISSION}_")
        path = f"/comments/{link}/_/{name}" if link else f"/comments/{name}"
    return f"https://www.reddit.com{path}" if path.startswith("/") else path
