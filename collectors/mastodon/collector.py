"""Mastodon: timelines of one instance, walked by id, and followed through its streams in between.

The walk loses nothing, and the stream is quick: whatever the stream did not bring, because it was down, the next walk
does.
"""

import json
import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx

from collectors.base import Ask, Collector, Deliver, Delivery, Found, Page, Reading, Tools, Watched
from collectors.http import JsonReader
from collectors.mastodon.statuses import LeftOut, id_of, key, read_status
from collectors.mastodon.stream import AGENT, CONNECTED, DELETE, Streams, Timeline
from collectors.run import OPTION_KEEP
from overheard.errors import CollectorError
from overheard.listening.intake import Erased, Item
from overheard.listening.posts import NewPost
from overheard.listening.sources import Pause
from overheard.listening.terms import Recheck, ReplyWay, Terms
from overheard.vocabulary import Platform

logger = logging.getLogger(__name__)

_PAGE = 40  # statuses; as many as Mastodon gives at once
_FIRST_PAGES = 5  # how far back the first walk goes

# A status that comes late from another instance gets an id of the time at which it was written. A walk begins as far
# before the cursor, except on public timelines, where that would be thousands of statuses.
_LOOK_BACK_MS = 15 * 60 * 1000
_SNOWFLAKE = 2**40  # ids from there on hold their time, in milliseconds, above 16 bits of sequence

_WALK_EVERY = 60.0  # seconds; a pass that was called for by the stream does not walk more often

_UNAUTHORISED, _FORBIDDEN, _UNPROCESSABLE, _TOO_MANY = 401, 403, 422, 429
_GONE = frozenset({404, 410})
_SAID = {
    _UNAUTHORISED: "does not know the token any more. Make a new one (Preferences → Development) and give it again: "
    "overheard sources add mastodon",
    _FORBIDDEN: "does not let this account read that. The token needs the scope `read`.",
    _UNPROCESSABLE: "does not show that timeline to this account. Its admins may have closed it.",
}


class _GoneError(CollectorError):
    """There is no such thing, or not any more."""


class Mastodon(Collector):
    """Reads timelines of the instance on which somebody has an account."""

    platform = Platform.MASTODON
    terms = Terms(
        permission="The rules of your instance allow reading by a program: ask its admins. Who writes #nobot into "
        "their profile, or does not want to be found or searched, is not read.",
        must_confirm=True,
        # As on Bluesky: a deletion that happens while the stream is down is learned of for leads only.
        retention_hours=720,
        recheck=Recheck.ALL,
        can_reply=ReplyWay.API,
        may_train=False,
    )
    account = (
        Ask("instance", "Address of your instance, such as mastodon.example"),
        Ask("token", "Access token (Preferences → Development → New application, scope `read`)", is_secret=True),
    )
    options = (Ask(OPTION_KEEP, "Which posts are kept: `all`, or `matches` of a query?", default="all"),)
    address = "Timeline: #tag, public, public:local or list:<id>"
    pause = Pause(shortest=30, longest=300)
    listens = True

    def __init__(self, tools: Tools) -> None:
        """Nothing is asked for yet."""
        super().__init__(tools)
        typed = tools.secrets.get("instance", "").strip().rstrip("/")
        self._url = typed if "://" in typed else f"https://{typed}"
        self._token = tools.secrets.get("token", "")
        self._reader = JsonReader(
            "Mastodon", f"{self._url}/api/", tools,
            headers={"Authorization": f"Bearer {self._token}", "User-Agent": AGENT},
            on_answer=self._note_limits, on_refusal=self._refusal,
        )  # fmt: skip
        self._resets_in: float | None = None
        self._domain: str | None = None
        self._walked_at: dict[str, float] = {}
        """When each timeline was walked last, by the clock that never jumps."""

    def close(self) -> None:
        """Hang up."""
        self._reader.close()

    def account_name(self) -> str:
        """The account, as the fediverse writes it."""
        return f"@{self._row('v1/accounts/verify_credentials').get('acct')}@{self._instance()}"

    def communities(self, address: str | None = None) -> Sequence[Found]:
        """The timeline at an address, or the tags and lists that the account follows, and the public timelines."""
        if address is not None:
            timeline = Timeline.of(address)
            self._statuses(timeline, {"limit": 1})
            return [self._found(timeline)]
        tags = [Timeline("tag", str(tag.get("name")).lower()) for tag in self._rows("v1/followed_tags")]
        lists = {str(each.get("id")): str(each.get("title")) for each in self._rows("v1/lists")}
        return [
            *(self._found(timeline) for timeline in tags),
            *(self._found(Timeline("list", id_), title) for id_, title in lists.items()),
            self._found(Timeline("public:local"), "all that is written on the instance"),
            self._found(Timeline("public"), "all that the instance hears of; let only matches be kept"),
        ]

    def pages(self, source: Watched, reading: Reading) -> Iterator[Page]:
        """What was pushed, then what else there is."""
        instance, timeline = self._instance(), Timeline.of(source.address)
        was_pushed = False
        while deliveries := reading.deliveries():
            was_pushed = True
            events = [_event(delivery) for delivery in deliveries]
            if any(event == CONNECTED for event, _ in events):
                self._walked_at.pop(source.address, None)
            items = [_read_event(event, payload, instance, source.community) for event, payload in events]
            yield Page(items=_ours(items, reading), taken=[delivery.id for delivery in deliveries])
        walked_at = self._walked_at.get(source.address)
        if not was_pushed or walked_at is None or time.monotonic() - walked_at >= _WALK_EVERY:
            walk = self._first_walk(timeline) if reading.cursor is None else self._walk(timeline, reading.cursor)
            for statuses, cursor in walk:
                items = [read_status(status, instance=instance, community=source.community) for status in statuses]
                yield Page(items=_ours(items, reading), cursor=cursor)
            self._walked_at[source.address] = time.monotonic()

    def recheck(self, source: Watched, external_ids: Sequence[str]) -> Iterator[Sequence[Item]]:
        """Each status again, as it stands now."""
        instance = self._instance()
        for external_id in external_ids:
            its_instance, _, status_id = external_id.rpartition(":")
            if its_instance != instance:
                continue  # another account told us of it
            try:
                status = self._row(f"v1/statuses/{status_id}")
            except _GoneError:
                yield [Erased(Platform.MASTODON, external_id)]
                continue
            if id_of(status) != status_id:
                raise CollectorError("Mastodon answered a status with something else.")
            found = read_status(status, instance=instance, community=source.community)
            yield [_erased(found)] if isinstance(found, LeftOut) else [found] if found else []

    def listen(self, deliver: Deliver, stop: threading.Event) -> None:
        """Keep what the streams of all watched timelines bring."""
        Streams(self._tools, self._url, self._token, deliver).follow(list(self._tools.addresses), stop)

    # --- walking a timeline --------------------------------------------------------------------------------------

    def _first_walk(self, timeline: Timeline) -> Iterator[tuple[list[object], str | None]]:
        """The newest statuses, backwards, and where the next walk begins."""
        newest: str | None = None
        before: dict[str, str] = {}
        for _ in range(_FIRST_PAGES):
            statuses = self._statuses(timeline, before)
            ids = _ids(statuses)
            if not ids:
                break
            newest, before = newest or ids[-1], {"max_id": ids[0]}
            yield statuses, None
        if newest is not None:
            yield [], newest

    def _walk(self, timeline: Timeline, cursor: str) -> Iterator[tuple[list[object], str | None]]:
        """Forwards, until nothing is left. The cursor never goes back, though the walk begins before it."""
        since = cursor if timeline.kind.startswith("public") else _looked_back(cursor)
        while statuses := self._statuses(timeline, {"min_id": since}):
            ids = _ids(statuses)
            if not ids or _order(ids[-1]) <= _order(since):
                raise CollectorError("Mastodon answered a timeline with statuses that were not asked for.")
            since = ids[-1]
            cursor = max(cursor, since, key=_order)
            yield statuses, cursor

    def _statuses(self, timeline: Timeline, params: Mapping[str, str | int]) -> list[object]:
        answer = self._reader.get(timeline.path, {"limit": _PAGE, **timeline.params, **params})
        if not isinstance(answer, list):
            raise CollectorError("Mastodon answered a timeline in an unknown form.")
        return answer

    # --- the instance --------------------------------------------------------------------------------------------

    def _instance(self) -> str:
        """Its domain, which is the second half of its accounts' names; its web pages may be elsewhere."""
        if self._domain is None:
            domain = self._row("v2/instance").get("domain")
            if not isinstance(domain, str) or not domain:
                raise CollectorError("Mastodon answered v2/instance in an unknown form.")
            self._domain = domain.lower()
        return self._domain

    def _found(self, timeline: Timeline, note: str = "") -> Found:
        names = {"tag": f"#{timeline.name}", "list": f" list {timeline.name}", "public:local": " (local)"}
        return Found(timeline.address, self._instance() + names.get(timeline.kind, ""), note)

    def _row(self, path: str) -> dict[str, object]:
        answer = self._reader.get(path)
        if not isinstance(answer, dict):
            raise CollectorError(f"Mastodon answered {path} in an unknown form.")
        return answer

    def _rows(self, path: str) -> list[dict[str, object]]:
        answer = self._reader.get(path)
        if not isinstance(answer, list):
            raise CollectorError(f"Mastodon answered {path} in an unknown form.")
        return [row for row in answer if isinstance(row, dict)]

    def _note_limits(self, headers: httpx.Headers) -> None:
        """How many requests are left, and for how long, by the server's own clock."""
        try:
            now = parsedate_to_datetime(headers["Date"]) if "Date" in headers else self._tools.clock()
            resets_in = (datetime.fromisoformat(headers["X-RateLimit-Reset"]) - now).total_seconds()
            left = {name: float(headers[f"X-RateLimit-{name}"]) for name in ("Limit", "Remaining")}
        except (KeyError, ValueError, TypeError):
            self._resets_in = None
            return
        self._resets_in = max(resets_in, 1.0)
        self.meter.budget = {"limit": left["Limit"], "remaining": left["Remaining"], "resets_in": self._resets_in}

    def _refusal(self, status: int, _: object) -> CollectorError | None:
        if status in _GONE:
            return _GoneError(f"{urlsplit(self._url).hostname} has no such timeline or status.", permanent=True)
        if status in _SAID:
            return CollectorError(f"{urlsplit(self._url).hostname} {_SAID[status]}", permanent=True)
        if status == _TOO_MANY and self._resets_in is not None:
            return CollectorError("Mastodon answered 429: too many requests.", retry_after=self._resets_in)
        return None


def _order(status_id: str) -> tuple[int, str]:
    """Ids in the order of their times, whether they are numbers or texts: the longer one is the later."""
    return len(status_id), status_id


def _ids(statuses: Sequence[object]) -> list[str]:
    return sorted((id_ for status in statuses if (id_ := id_of(status)) is not None), key=_order)


def _looked_back(cursor: str) -> str:
    is_snowflake = cursor.isdecimal() and int(cursor) >= _SNOWFLAKE
    return str(max(int(cursor) - (_LOOK_BACK_MS << 16), 0)) if is_snowflake else cursor


def _event(delivery: Delivery) -> tuple[str, object]:
    event = json.loads(delivery.raw)  # we wrote it ourselves
    return event["event"], event["payload"]


def _read_event(event: str, payload: object, instance: str, community: str) -> Item | LeftOut | None:
    if event == CONNECTED:
        return None
    if event == DELETE:
        return Erased(Platform.MASTODON, key(instance, payload))
    return read_status(payload, instance=instance, community=community)


def _ours(items: Sequence[Item | LeftOut | None], reading: Reading) -> list[Item]:
    """What is to be taken in. Of what we never had, no deletion is worth a tombstone."""
    gone = [item.external_id for item in items if isinstance(item, Erased | LeftOut)]
    have = reading.stored(gone) if gone else frozenset[str]()
    have |= {item.external_id for item in items if isinstance(item, NewPost)}
    left_out = sum(isinstance(item, LeftOut) for item in items)
    if left_out:
        logger.info("left statuses out", extra={"action": "left_out", "mode": "mastodon", "count": left_out})
    taken: list[Item] = []
    for item in items:
        if isinstance(item, Erased | LeftOut):
            if item.external_id in have:
                taken.append(_erased(item) if isinstance(item, LeftOut) else item)
        elif item is not None:
            taken.append(item)
    return taken


def _erased(item: LeftOut) -> Erased:
    return Erased(Platform.MASTODON, item.external_id, "its author does not want it to be read by programs")
