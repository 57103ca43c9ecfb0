"""A post of X as ours."""

import html
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from collectors.rows import Row, needed_text
from overheard.errors import InvalidInput
from overheard.listening.intake import Item, Rejected
from overheard.listening.posts import NewPost
from overheard.vocabulary import Platform, PostKind

FIELDS = "author_id,created_at,edit_history_tweet_ids,entities,note_tweet,referenced_tweets"
"""What is asked for of each post. None of these costs anything."""

_EPOCH = datetime.fromtimestamp(1_288_834_974.657, UTC)  # ids count milliseconds from here, in their upper bits


def time_of(id_: str) -> datetime:
    """When a post was written, or edited: an edit gives it a new id."""
    return _EPOCH + timedelta(milliseconds=int(id_) >> 22)


def id_at(moment: datetime) -> str:
    """The lowest id of a moment."""
    return str(int((moment - _EPOCH).total_seconds() * 1000) << 22)


def history(row: Row) -> list[str]:
    """The ids of all versions of a post, the first one first."""
    ids = row.get("edit_history_tweet_ids")
    known = [id_ for id_ in ids if isinstance(id_, str) and id_.isdigit()] if isinstance(ids, list) else []
    return sorted(known or [str(row.get("id"))], key=lambda id_: (len(id_), id_))


def read_post(row: Row, community: str, names: Mapping[str, str]) -> Item | None:
    """The post under the id of its first version, so that an edit is an edit; None for a repost."""
    external_id = history(row)[0]
    try:
        return _post(row, external_id, community, names)
    except InvalidInput as error:
        raw = json.dumps(row).encode()
        return Rejected(f"post {external_id}", str(error), raw, Platform.X, external_id)


def _post(row: Row, external_id: str, community: str, names: Mapping[str, str]) -> NewPost | None:
    refers_to = _referenced(row)
    if "retweeted" in refers_to:
        return None
    own = needed_text(row, "id")
    if not own.isascii() or not own.isdigit() or not external_id.isdigit():
        raise InvalidInput("id is no number")
    author = needed_text(row, "author_id")
    return NewPost(
        platform=Platform.X,
        external_id=external_id,
        community=community,
        title="",
        body=_body(row),
        kind=PostKind.COMMENT if "replied_to" in refers_to else PostKind.SUBMISSION,
        author=author,
        author_name=names.get(author),
        permalink=f"https://x.com/i/web/status/{external_id}",
        parent_external_id=refers_to.get("replied_to"),
        posted_at=time_of(external_id),
        as_of=time_of(own),
    )


def _body(row: Row) -> str:
    note = row.get("note_tweet")
    longer = note if isinstance(note, Mapping) and isinstance(note.get("text"), str) else row
    text, entities = needed_text(longer, "text"), longer.get("entities")
    links = entities.get("urls") if isinstance(entities, Mapping) else None
    for link in links if isinstance(links, list) else []:
        if isinstance(link, Mapping) and isinstance(link.get("url"), str) and isinstance(link.get("expanded_url"), str):
            text = text.replace(str(link["url"]), str(link["expanded_url"]))
    return html.unescape(text)


def _referenced(row: Row) -> dict[str, str]:
    references = row.get("referenced_tweets")
    found = [each for each in references if isinstance(each, Mapping)] if isinstance(references, list) else []
    return {str(each.get("type")): str(each.get("id")) for each in found}
