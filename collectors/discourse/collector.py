"""Forums on Discourse: the newest posts of the whole forum, walked back to the highest number that is known."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import httpx

from collectors.base import Ask, Collector, Found, Missed, Page, Reading, Tools, Watched
from collectors.discourse.posts import number_of, read_post
from collectors.http import JsonReader
from collectors.web import web_address, web_reader
from overheard.errors import CollectorError
from overheard.listening.intake import Erased, Item
from overheard.listening.sources import Pause
from overheard.listening.terms import Recheck, ReplyWay, Terms
from overheard.vocabulary import Platform

_PAGE = 50  # posts of one answer, and numbers of one where older versions count numbers
_FIRST_PAGES = 4  # the first pass goes back this far
_MOST_PAGES = 40  # of one walk: the rest is a gap, which the next passes fill
_CATEGORY = re.compile(r"/c/(?:[^/]+/)*(\d+)$")

# What a forum says of a post that is gone. A 404 without it may be anything: a forum that moved, a proxy.
_GONE = frozenset({"not_found", "invalid_access"})


class _GoneError(CollectorError):
    """The forum says that there is no such post, or none for us."""


@dataclass(frozen=True, slots=True)
class _Forum:
    """A source's address, taken apart."""

    base_url: str
    category: int | None

    @classmethod
    def at(cls, address: str) -> "_Forum":
        category = _CATEGORY.search(address)
        base = address[: category.start()] if category else address
        return cls(base.rstrip("/"), int(category[1]) if category else None)

    @property
    def key(self) -> str:
        """Host and path: numbers are given by each forum for itself."""
        return self.base_url.partition("://")[2]


class Discourse(Collector):
    """Reads the posts that a forum shows to everybody, or to the account whose key it has."""

    platform = Platform.DISCOURSE
    terms = Terms(
        permission="None for a forum that everybody can read; its own terms hold. For a closed one: its "
        "administrator's, who makes the key.",
        recheck=Recheck.ALL,
        can_reply=ReplyWay.API,
    )
    account = (
        Ask("forum", "Address of the forum that you have an API key of (empty: read as everybody can)", default=""),
        Ask("api_username", "Name of the user that the key is for", default=""),
        Ask("api_key", "API key (an administrator makes it: Admin, API, read-only)", is_secret=True, default=""),
    )
    address = "Address of the forum, or of one of its categories"
    pause = Pause(shortest=60, longest=900)

    def __init__(self, tools: Tools) -> None:
        """Nothing is asked for yet."""
        super().__init__(tools)
        self._readers: dict[str, JsonReader] = {}

    def close(self) -> None:
        """Hang up."""
        for reader in self._readers.values():
            reader.close()

    def account_name(self) -> str:
        """The user that the key is for; nobody where there is none."""
        forum = self._tools.secrets.get("forum", "")
        if not forum:
            return "nobody"
        base_url = str(web_address(forum)).rstrip("/")
        answer = self._get(base_url, "session/current.json")
        user = answer.get("current_user")
        if not isinstance(user, dict):
            raise CollectorError(f"{base_url} does not take this API key. Ask for a new one.", permanent=True)
        return f"{user.get('username')} at {base_url.partition('://')[2]}"

    def communities(self, address: str | None = None) -> Sequence[Found]:
        """The forum at an address, whatever page of it was typed; a category if the address is one's."""
        if address is None:
            return []
        typed = str(web_address(address).copy_with(query=None, fragment=None)).rstrip("/")
        forum = _Forum.at(typed)
        base_url = re.sub(r"/(?:t|u|latest|top|categories|c)(?:/.*)?$", "", forum.base_url)
        answer = self._get(base_url, "site/basic-info.json")
        suffix = f"/c/{forum.category}" if forum.category else ""
        found = f"{base_url}{suffix}"
        title = answer.get("title")
        self._newest(base_url)  # a forum may show its name to everybody and its posts to nobody
        return [Found(found, found.partition("://")[2], title if isinstance(title, str) else "")]

    def pages(self, source: Watched, reading: Reading) -> Iterator[Page]:
        """What is new, and a stretch of what was missed."""
        forum = _Forum.at(source.address)
        known = int(reading.cursor) if reading.cursor is not None else None
        yield from self._new(source, forum, known)
        for gap in reading.gaps[:1]:
            yield from self._fill(source, forum, gap)

    def recheck(self, source: Watched, external_ids: Sequence[str]) -> Iterator[Sequence[Item]]:
        """The posts again, one by one."""
        forum = _Forum.at(source.address)
        for external_id in external_ids:
            number = external_id.rpartition(":")[2]
            if not number.isdigit():  # given by hand: an address tells the topic, and not which post it is
                continue
            try:
                answer = self._get(forum.base_url, f"posts/{number}.json")
            except _GoneError:
                self._must_be_open(forum)
                yield [Erased(Platform.DISCOURSE, external_id)]
                continue
            item = read_post(answer, forum=forum.key, base_url=forum.base_url, community=source.community)
            if str(number_of(answer)) != number:  # somebody else answered
                raise CollectorError(f"{forum.key} answered post {number} with another one.")
            yield [item] if item is not None else []

    def _must_be_open(self, forum: _Forum) -> None:
        """To a key that is void a forum says of every post that it is not for us: that erases nothing."""
        if not self._newest(forum.base_url):
            raise CollectorError(f"{forum.key} shows us no posts at all now.")

    def _new(self, source: Watched, forum: _Forum, known: int | None) -> Iterator[Page]:
        """Newest first, so the cursor moves with the last page: until then a crash costs nothing but asking again."""
        posts = self._newest(forum.base_url)
        newest = max(_numbers(posts), default=known or 0)
        depth = _FIRST_PAGES if known is None else _MOST_PAGES
        down_to = known or 0
        walk = _Walk(self, source, forum, newest, down_to)
        yield from walk.pages(depth, posts)
        missed = []
        if known is not None and walk.reached > down_to + 1:
            missed = [Missed(str(down_to + 1), str(walk.reached - 1), f"more than {depth * _PAGE} posts were new")]
        yield Page(cursor=str(max(newest, down_to)), missed=missed)

    def _fill(self, source: Watched, forum: _Forum, gap: Missed) -> Iterator[Page]:
        """Numbers stay readable, so a gap is closed from its newer end, as far as one pass goes."""
        walk = _Walk(self, source, forum, int(gap.last), int(gap.first) - 1)
        yield from walk.pages(_MOST_PAGES)
        rest = [Missed(gap.first, str(walk.reached - 1), gap.reason)] if walk.reached > int(gap.first) else []
        yield Page(repaired=[gap], missed=rest)

    def _newest(self, base_url: str) -> Sequence[dict[str, object]]:
        return self.posts(base_url, None)

    def posts(self, base_url: str, before: int | None) -> Sequence[dict[str, object]]:
        """Up to 50 posts, the newest or those up to a number."""
        answer = self._get(base_url, "posts.json" if before is None else f"posts.json?before={before}")
        found = answer.get("latest_posts")
        if not isinstance(found, list) or not all(isinstance(post, dict) for post in found):
            raise CollectorError(f"{base_url} answered posts.json in an unknown form.")
        return found

    def _get(self, base_url: str, path: str) -> dict[str, object]:
        if base_url not in self._readers:
            self._readers[base_url] = web_reader(
                base_url.partition("://")[2],
                self._tools,
                base_url=base_url + "/",
                headers=self._headers(base_url),
                on_refusal=_refusal,
            )
        answer = self._readers[base_url].get(path)
        if not isinstance(answer, dict):
            raise CollectorError(f"{base_url} answered {path} in an unknown form.")
        return answer

    def _headers(self, base_url: str) -> dict[str, str]:
        secrets = self._tools.secrets
        # The key is for one forum: no other must see it.
        if not secrets.get("forum") or web_address(secrets["forum"]).host != httpx.URL(base_url).host:
            return {}
        return {"Api-Key": secrets.get("api_key", ""), "Api-Username": secrets.get("api_username", "")}


class _Walk:
    """From a number down to another, page by page."""

    def __init__(self, collector: Discourse, source: Watched, forum: _Forum, newest: int, down_to: int) -> None:
        self._collector = collector
        self._source = source
        self._forum = forum
        self._down_to = down_to
        self.reached = newest + 1
        """All numbers from here up have been read."""

    def pages(self, depth: int, posts: Sequence[dict[str, object]] | None = None) -> Iterator[Page]:
        """`posts`: the first page, where it has been read."""
        for _ in range(depth):
            if self.reached <= self._down_to + 1:
                return
            if posts is None:
                # Newer versions give fifty posts before that number, older ones what is left of the fifty numbers up to
                # it. So the last number read is named: the one skips nothing, the other gives it again.
                posts = self._collector.posts(self._forum.base_url, self.reached)
            items = [item for post in posts if (item := self._item(post)) is not None]
            lowest = min(_numbers(posts), default=self.reached)
            if lowest >= self.reached:  # an older version, and nothing is left of fifty numbers
                lowest = self.reached - _PAGE + 1
            self.reached = max(self._down_to + 1, lowest)
            yield Page(items=items, left=max(0, self.reached - self._down_to - 1))
            posts = None

    def _item(self, post: dict[str, object]) -> Item | None:
        forum = self._forum
        if forum.category is not None and post.get("category_id") != forum.category:
            return None
        return read_post(post, forum=forum.key, base_url=forum.base_url, community=self._source.community)


def _numbers(posts: Sequence[dict[str, object]]) -> list[int]:
    return [number for post in posts if (number := number_of(post)) is not None]


def _refusal(status: int, answer: object) -> CollectorError | None:
    kind = answer.get("error_type") if isinstance(answer, dict) else None
    if kind in _GONE:
        return _GoneError("The forum has no such page, or not for us.", permanent=True)
    if kind == "not_logged_in":
        message = "The forum is read by members only: its administrator can make an API key for you."
        return CollectorError(message, permanent=True)
    if kind == "rate_limit" and isinstance(answer, dict):
        extras = answer.get("extras")
        seconds = extras.get("wait_seconds") if isinstance(extras, dict) else None
        return CollectorError(
            "The forum asks us to be slower.", retry_after=float(seconds) if isinstance(seconds, int | float) else None
        )
    if status in {403, 404}:  # a proxy's word, not the forum's
        return CollectorError(
            f"The forum cannot be read now ({status}).", retry_after=timedelta(hours=1).total_seconds()
        )
    return None
