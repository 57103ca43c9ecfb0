"""Reddit through its API, with the operator's own approved app: new posts and comments of a subreddit.

Reddit pushes nothing, and its listings show what is newest. So each pass walks back until what comes is known; PRAW's
`subreddit.stream` is not used, as it drops what comes in bursts (150 of 350 posts) without a word.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from collectors.base import Ask, Collector, Found, Page, Reading, Tools, Watched
from collectors.formats.records import Skipped
from collectors.formats.reddit import read_row
from collectors.reddit.client import RedditClient
from collectors.reddit.listing import Entry, names_in, read_back, rejected, remembered_in
from overheard.errors import CollectorError, InvalidInput
from overheard.listening.intake import Erased, Item
from overheard.listening.posts import NewPost
from overheard.listening.terms import Recheck, ReplyWay, Terms
from overheard.vocabulary import Platform

_LISTINGS = ("new", "comments")  # a subreddit's posts, and its comments
_PAGE = 100  # entries of one answer, and ids of one question: Reddit gives and takes no more
_PAGES = 10  # of a listing; further back Reddit shows nothing
# A listing of 1000 is shorter by what was removed from it. One as long as this had more behind it.
_WINDOW = 900
_ANCHORS = 4  # entries from which the next page is asked for, as one that was just deleted leads nowhere
_DEFAULT_BACKFILL = "1000"  # all that a listing shows: ten questions each


class Reddit(Collector):
    """Reads the newest posts and comments of subreddits."""

    platform = Platform.REDDIT
    terms = Terms(
        permission="Reddit's approval of your own app (Responsible Builder Policy). Commercial use, which finding "
        "leads is, needs Reddit's written permission (Developer Terms 4.1).",
        must_confirm=True,
        retention_hours=48,
        recheck=Recheck.ALL,
        recheck_hours=24,
        can_reply=ReplyWay.API,
        may_train=False,
    )
    account = (
        Ask("client_id", "Client id of your app (https://www.reddit.com/prefs/apps, under its name)"),
        Ask("client_secret", "Client secret of your app", is_secret=True),
        Ask("contact", "Your Reddit user name (Reddit wants it in the User-Agent)"),
        Ask("refresh_token", "Refresh token, only for subreddits that you are a member of", is_secret=True, default=""),
    )
    options = (Ask("backfill", "How many posts and comments to begin with (0 to 1000)", default=_DEFAULT_BACKFILL),)
    address = "Subreddit (several as one: bakers+cooking)"

    def __init__(self, tools: Tools) -> None:
        """Nothing is asked for yet."""
        super().__init__(tools)
        self._client = RedditClient(tools)

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def account_name(self) -> str:
        """Whose app it is. A question about nothing shows that Reddit knows the app."""
        self._children("api/info", {"id": "t3_0"})
        return f"u/{self._client.contact}"

    def communities(self, address: str | None = None) -> Sequence[Found]:
        """The subreddit, or several as one; Reddit is asked whether each can be read."""
        if address is None:
            return []
        about = [self._about(name) for name in names_in(address)]
        names = [str(each.get("display_name")) for each in about]
        return [Found("+".join(names), "+".join(f"r/{name}" for name in names), "; ".join(map(_note, about)))]

    def pages(self, source: Watched, reading: Reading) -> Iterator[Page]:
        """What is new among the posts, then among the comments."""
        remembered = remembered_in(reading.cursor)
        for listing in _LISTINGS:
            entries = self._entries(f"r/{source.address}/{listing}", source.community)
            batches = read_back(entries, reading, remembered.get(listing), backfill=_backfill(source), window=_WINDOW)
            for batch in batches:
                remembered[listing] = list(batch.remembered)
                yield Page(items=batch.items, cursor=json.dumps(remembered), missed=batch.missed, left=batch.left)

    def recheck(self, source: Watched, external_ids: Sequence[str]) -> Iterator[Sequence[Item]]:
        """The posts as they stand now. Of those that are gone Reddit says nothing, or shows `[deleted]` instead."""
        for start in range(0, len(external_ids), _PAGE):
            ids = external_ids[start : start + _PAGE]
            asked_at = self._tools.clock()  # before asking: what is read is at least as new as this
            children, _ = self._children("api/info", {"id": ",".join(ids)})
            if not children:  # all gone at once: or the whole place is closed to us
                for name in names_in(source.address):
                    self._about(name)
            entries = [entry_of(child, source.community, as_of=asked_at) for child in children]
            found = {entry.id: entry.item for entry in entries if entry.id in ids}
            gone = [Erased(Platform.REDDIT, id_) for id_ in ids if id_ not in found]
            yield [*(item for item in found.values() if isinstance(item, NewPost | Erased)), *gone]

    def _entries(self, path: str, community: str) -> Iterator[list[Entry]]:
        """The pages of a listing, newest first."""
        anchors: Sequence[str | None] = (None,)
        for _ in range(_PAGES):
            for anchor in anchors:
                children, after = self._children(path, {"limit": _PAGE} | ({"after": anchor} if anchor else {}))
                if children:
                    break
            else:
                return
            yield [entry_of(child, community) for child in children]
            if after is None:
                return
            ids = [_id(child) for child in reversed(children[-_ANCHORS:])]
            anchors = list(dict.fromkeys([after, *(id_ for id_ in ids if id_)]))

    def _children(self, path: str, params: Mapping[str, str | int]) -> tuple[list[object], str | None]:
        """What a listing holds, and after what it goes on. Anything else is no answer."""
        answer = self._client.get(path, params)
        data = answer.get("data") if isinstance(answer, dict) and answer.get("kind") == "Listing" else None
        children = data.get("children") if isinstance(data, dict) else None
        if not isinstance(children, list):
            raise CollectorError(f"Reddit answered {path} in an unknown form.")
        after = data.get("after") if isinstance(data, dict) else None
        return children, after if isinstance(after, str) else None

    def _about(self, name: str) -> Mapping[str, object]:
        """What Reddit says of a subreddit that can be read; otherwise a `CollectorError` says why it cannot."""
        answer = self._client.get(f"r/{name}/about")
        data = answer.get("data") if isinstance(answer, dict) and answer.get("kind") == "t5" else None
        if not isinstance(data, dict) or not data.get("display_name"):
            raise CollectorError(f"Reddit answered something other than a subreddit for r/{name}.")
        return data


def entry_of(child: object, community: str, *, as_of: datetime | None = None) -> Entry:
    """A row of Reddit. What somebody left behind who deleted their account is erased: Reddit wants no trace of them."""
    if not isinstance(child, dict):
        return rejected(None, f"a {type(child).__name__} stands where a row should", json.dumps(child).encode())
    try:
        outcome = read_row(child, may_be_escaped=False, community=community, as_of=as_of)
    except InvalidInput as error:
        return rejected(_id(child), str(error), json.dumps(child).encode())
    if isinstance(outcome, Skipped):
        return Entry(_id(child) or "", None)
    if isinstance(outcome, NewPost) and outcome.author is None and "author" in child["data"]:
        outcome = Erased(Platform.REDDIT, outcome.external_id, "the author's account was deleted")
    if isinstance(outcome, Erased):
        return Entry(outcome.external_id, outcome, is_changed=True)
    if isinstance(outcome, NewPost):
        return Entry(outcome.external_id, outcome, is_changed=bool(child["data"].get("edited")))
    raise CollectorError("Reddit's rows are read in an unknown way.")


def _id(child: object) -> str | None:
    data = child.get("data") if isinstance(child, dict) else None
    name = data.get("name") if isinstance(data, dict) else None
    return name if isinstance(name, str) else None


def _note(about: Mapping[str, object]) -> str:
    members = about.get("subscribers")
    kind = str(about.get("subreddit_type") or "public")
    return f"{kind}, {members:,} members" if isinstance(members, int) else kind


def _backfill(source: Watched) -> int:
    told = source.options.get("backfill", _DEFAULT_BACKFILL)
    if not (told.isascii() and told.isdigit()) or int(told) > _PAGE * _PAGES:
        raise CollectorError(f"backfill is {told[:20]!r}; it is a number from 0 to {_PAGE * _PAGES}.", permanent=True)
    return int(told)
