"""Rows of our own form: `id, platform, community, author, title, body, url, date`."""

import re

from collectors.formats.records import ImportOptions, Outcome, is_gone, moment_of, required, text_of
from collectors.rows import Row
from collectors.slack.messages import message_id
from overheard.errors import InvalidInput
from overheard.listening.intake import Erased
from overheard.listening.posts import Key, NewPost
from overheard.vocabulary import Platform, PostKind

FIELDS = ("id", "platform", "community", "author", "title", "body", "url", "date")

_SLACK_ID = re.compile(r"slack_([A-Z0-9]+)_(\d+\.\d+)")


def recognises(row: Row) -> bool:
    """Whether this is a row of our own form."""
    return "platform" in row or ("id" in row and ("title" in row or "body" in row))


def key(row: Row, options: ImportOptions) -> Key:
    """The platform's own id, so that the same post has the same key however it came."""
    platform, external_id = _platform(row, options), required(row, "id")
    if platform is Platform.HACKERNEWS:
        external_id = external_id.removeprefix("hn_")
    elif platform is Platform.SLACK and (message := _SLACK_ID.fullmatch(external_id)):
        workspace, _, _ = _community(row, options, platform).partition("/")
        external_id = message_id(workspace, message[1], message[2])
    return (platform, external_id)


def read(row: Row, options: ImportOptions) -> Outcome:
    """The post, or that it is gone."""
    platform, external_id = key(row, options)
    title, body = text_of(row, "title") or "", text_of(row, "body") or ""
    if is_gone(title) or is_gone(body):
        return Erased(platform, external_id)
    if not title.strip() and not body.strip():
        raise InvalidInput("title and body are both missing")
    author = text_of(row, "author")
    return NewPost(
        platform=platform,
        external_id=external_id,
        community=_community(row, options, platform),
        title=title,
        body=body,
        kind=_kind(platform, external_id),
        author=None if author is None or is_gone(author) else author,
        permalink=text_of(row, "url"),
        posted_at=moment_of(row, "date"),
    )


def _platform(row: Row, options: ImportOptions) -> Platform:
    word = text_of(row, "platform") or options.platform
    if not word:
        raise InvalidInput("platform is missing")
    try:
        return Platform(re.sub("[^a-z]", "", word.lower()))  # "Hacker News" and "hacker_news" are meant well
    except ValueError as error:
        raise InvalidInput(f"platform {word[:40]!r} is none of {', '.join(Platform)}") from error


def _community(row: Row, options: ImportOptions, platform: Platform) -> str:
    community = (text_of(row, "community") or "").strip() or options.community
    if not community:
        raise InvalidInput("community is missing")
    if platform is Platform.REDDIT and not community.startswith("r/"):
        return f"r/{community.removeprefix('/r/')}"
    return community


def _kind(platform: Platform, external_id: str) -> PostKind:
    if platform is Platform.SLACK:
        return PostKind.MESSAGE
    return PostKind.COMMENT if platform is Platform.REDDIT and external_id.startswith("t1_") else PostKind.SUBMISSION
