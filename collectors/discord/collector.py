"""Discord over REST, with the token of a bot that an admin of the server has added.

No gateway: asking after the newest message loses nothing and needs no socket; a gateway would only be quicker.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import httpx

from collectors.base import Ask, Collector, Found, Page, Reading, Tools, Watched
from collectors.discord.messages import Place, read_message
from collectors.discord.window import Window
from collectors.http import JsonReader, retry_after
from collectors.rows import Row, has_id, without_id
from overheard.errors import CollectorError
from overheard.listening.intake import Erased, Item, Rejected
from overheard.listening.posts import NewPost
from overheard.listening.sources import Pause
from overheard.listening.terms import Recheck, Terms
from overheard.vocabulary import Platform

_PAGE = 100  # messages; as many as Discord gives at once
_CHANNELS = frozenset({0, 5})  # text, announcements
_FORUMS = frozenset({15, 16})  # of posts, of media: threads and nothing else
_MAY_READ_CONTENT = 1 << 18 | 1 << 19  # flags of an application: intent granted, or switched on below 10,000 users
_LOOKBACK = "200"
_MOST_THREAD_PAGES = 20  # of a hundred threads, when a message is looked for

_LINK = re.compile(r"(?:https://(?:\w+\.)?discord\.com/channels/\d+/)?(?P<channel>\d+)(?:/\d*)?")


class _Gone(CollectorError):
    """The channel, the thread or the message does not exist any more."""


class _Closed(CollectorError):
    """The bot may not see it."""


class Discord(Collector):
    """Reads text channels and forums, with their threads."""

    platform = Platform.DISCORD
    terms = Terms(
        permission="An admin of the server has added your bot and knows what it reads. Discord's developer policy "
        "allows neither training models on messages nor writing to people who did not ask for it.",
        must_confirm=True,
        recheck=Recheck.LEADS,
    )
    account = (Ask("token", "Token of your bot (discord.com/developers → your application → Bot)", is_secret=True),)
    options = (
        Ask("lookback", "How many of the newest messages are read again for edits, deletions", default=_LOOKBACK),
    )
    pause = Pause(shortest=30, longest=600)

    def __init__(self, tools: Tools) -> None:
        """Nothing is asked for yet."""
        super().__init__(tools)
        self._wait = 0.0
        self._reader = JsonReader(
            "Discord",
            str(tools.settings.services.discord_url),
            tools,
            headers={"Authorization": f"Bot {tools.secrets.get('token', '')}"},
            on_answer=self._note_limits,
            on_refusal=self._refusal,
        )

    def close(self) -> None:
        """Hang up."""
        self._reader.close()

    def account_name(self) -> str:
        """The bot's name."""
        self._must_read_content()
        return str(self._row("users/@me").get("username"))

    def communities(self, address: str | None = None) -> Sequence[Found]:
        """The channel with this link or id, or all that the bot can see."""
        if address is not None:
            link = _LINK.fullmatch(address.strip())
            if link is None:
                raise CollectorError(
                    f"{address!r} is no channel. Give its link: right click, Copy Link.", permanent=True
                )
            channel = self._row(f"channels/{link['channel']}")
            return [_found(self._row(f"guilds/{channel.get('guild_id')}"), channel)]
        servers = self._rows("users/@me/guilds")
        return [
            _found(server, channel)
            for server in servers
            for channel in self._rows(f"guilds/{server.get('id')}/channels")
            if channel.get("type") in _CHANNELS | _FORUMS
        ]

    def pages(self, source: Watched, reading: Reading) -> Iterator[Page]:
        """The newest messages again and all that came after them: in the channel, then in each of its threads."""
        self._must_read_content()
        window = Window.of(reading.cursor, size=_size(source))
        channel = self._row(f"channels/{source.address}")
        home = Place(source.address, str(channel.get("guild_id")), source.community)
        threads_until = _snowflake(channel.get("last_message_id"))  # of a forum: its newest thread
        if channel.get("type") not in _FORUMS:
            yield from self._read(home, window)
            threads_until = window.newest.get(home.id, 0)
        for thread in self._threads(home, window, is_forum=channel.get("type") in _FORUMS):
            try:
                yield from self._read(thread, window)
            except _Gone:
                yield Page(items=_erased(window.forget(thread.id)))
            except _Closed:
                window.forget(thread.id)
        window.threads_until = max(threads_until, window.threads_until or 0)
        yield Page(cursor=window.as_cursor())

    def recheck(self, source: Watched, external_ids: Sequence[str]) -> Iterator[Iterable[Item]]:
        """Messages, asked for one by one: there is no other way. What is not in the channel is looked for in those
        threads that were written in at its time, and it is gone if all of them say so.
        """
        channel = self._row(f"channels/{source.address}")
        home = Place(source.address, str(channel.get("guild_id")), source.community)
        is_forum = channel.get("type") in _FORUMS
        threads: list[tuple[Place, int]] | None = None
        for external_id in external_ids:
            try:
                yield [self._look_for(external_id, [] if is_forum else [home])]
            except _Gone:
                threads = self._threads_for_recheck(home, is_forum=is_forum) if threads is None else threads
                yield self._look_into(external_id, threads)

    def _threads_for_recheck(self, home: Place, *, is_forum: bool) -> list[tuple[Place, int]]:
        return list(self._all_threads(home, is_forum=is_forum, pages=_MOST_THREAD_PAGES))

    def _look_into(self, external_id: str, threads: Sequence[tuple[Place, int]]) -> list[Item]:
        id_ = _snowflake(external_id)
        try:
            return [
                self._look_for(external_id, [place for place, until in threads if _snowflake(place.id) <= id_ <= until])
            ]
        except _Closed:
            return []  # it may be there still
        except _Gone:
            # Of a server with more threads than we look through nobody can say that a message is in none of them.
            is_whole = len(threads) < _MOST_THREAD_PAGES * _PAGE
            return [Erased(Platform.DISCORD, external_id)] if is_whole else []

    def _look_for(self, external_id: str, places: Iterable[Place]) -> Item:
        """The message, wherever it stands; `_Gone` if in none of the places."""
        for place in places:
            try:
                row = self._row(f"channels/{place.id}/messages/{external_id}")
            except _Gone:
                continue
            return read_message(row, place) or Erased(Platform.DISCORD, external_id)
        raise _Gone("Discord knows no such message (any more).", permanent=True)

    # --- reading ---------------------------------------------------------------------------------------------------

    def _read(self, place: Place, window: Window) -> Iterator[Page]:
        after = window.begins(place.id)
        if after is None:
            # A thread that we have not met is new or has been woken: in it all since our last look is new to us.
            after = window.threads_until if place.is_thread else None
        if after is None:
            after = self._start(place, window.size)
        is_last = False
        while not is_last:
            rows, unread = self._messages(place, {"after": after})
            is_last = len(rows) + len(unread) < _PAGE
            ids = [_snowflake(row.get("id")) for row in rows]
            until = None if is_last else max(ids)
            # A message whose id cannot be read may be any of those that are not here.
            gone = [] if unread else window.missing(place.id, after, until, ids)
            if gone and not rows:
                self._must_be_gone(place, gone[-1])
            items = [item for row in rows if (item := read_message(row, place)) is not None]
            posts = [int(item.external_id) for item in items if isinstance(item, NewPost)]
            window.take(place.id, ids, posts, gone)
            yield Page(items=[*items, *unread, *_erased(gone)], cursor=window.as_cursor())
            after = max(ids, default=after)

    def _start(self, place: Place, wanted: int) -> int:
        """The id after which the newest messages stand, so many of them."""
        oldest: int | None = None
        while wanted > 0:
            where = {"before": oldest} if oldest is not None else {}
            rows, _ = self._messages(place, where, limit=min(wanted, _PAGE))
            if not rows:
                break
            oldest = min(_snowflake(row.get("id")) for row in rows)
            wanted -= len(rows)
        return oldest - 1 if oldest is not None else 0

    def _messages(
        self, place: Place, where: Mapping[str, int], *, limit: int = _PAGE
    ) -> tuple[list[Row], list[Rejected]]:
        """A page, oldest first, and what of it has no id. With `after` Discord gives those that follow it next, not the
        newest. A page in which nothing has an id is no answer.
        """
        path = f"channels/{place.id}/messages"
        answer = self._get(path, {**where, "limit": limit})
        if not isinstance(answer, list):
            raise CollectorError(f"Discord answered {path} in an unknown form.")
        rows = [{**row, "id": str(row["id"])} for row in answer if has_id(row)]
        if answer and not rows:
            raise CollectorError(f"Discord answered {path} in an unknown form: without ids.")
        unread = [without_id(f"a message of {place.id}", row, self.platform) for row in answer if not has_id(row)]
        return sorted(rows, key=lambda row: _snowflake(row["id"])), unread

    def _must_be_gone(self, place: Place, id_: int) -> None:
        """A bot that may not read the history is given an empty list, as if all had been deleted."""
        try:
            self._row(f"channels/{place.id}/messages/{id_}")
        except _Gone:
            return
        raise CollectorError(f"Discord gave no messages of {place.community} and then showed one of them.")

    def _threads(self, home: Place, window: Window, *, is_forum: bool) -> Iterator[Place]:
        """The threads in which something may have happened since the last pass."""
        listed: set[str] = set()
        for thread, newest in self._all_threads(
            home, is_forum=is_forum, pages=0 if window.threads_until is None else 1
        ):
            listed.add(thread.id)
            if thread.id in window.held or newest > window.newest.get(thread.id, window.threads_until or 0):
                yield thread
        # Put away long ago, or gone.
        yield from (replace(home, id=id_, is_thread=True) for id_ in list(window.held) if id_ not in {home.id, *listed})

    def _all_threads(self, home: Place, *, is_forum: bool, pages: int) -> Iterator[tuple[Place, int]]:
        """Each thread with the id of its newest message: the open ones, then as many pages of those put away."""
        rows = _part(self._row(f"guilds/{home.server}/threads/active"), "threads")
        yield from (_thread(row, home, is_forum=is_forum) for row in rows if row.get("parent_id") == home.id)
        before: dict[str, str | int] = {}
        for _ in range(pages):
            answer = self._row(f"channels/{home.id}/threads/archived/public", {"limit": _PAGE, **before})
            rows = _part(answer, "threads")
            yield from (_thread(row, home, is_forum=is_forum) for row in rows)
            if not rows or not answer.get("has_more"):
                return
            details = rows[-1].get("thread_metadata")
            before = {"before": str(details.get("archive_timestamp") if isinstance(details, Mapping) else "")}

    def _must_read_content(self) -> None:
        """Without this intent Discord gives messages whose text is empty."""
        flags = self._row("applications/@me").get("flags")
        if not isinstance(flags, int) or not flags & _MAY_READ_CONTENT:
            raise CollectorError(
                "The bot is not given what people write. Switch on Message Content Intent: "
                "discord.com/developers → your application → Bot → Privileged Gateway Intents.",
                permanent=True,
            )

    # --- asking ----------------------------------------------------------------------------------------------------

    def _get(self, path: str, params: Mapping[str, str | int] | None) -> object:
        if self._wait > 0:
            self._tools.sleep(self._wait)
            self._wait = 0.0
        return self._reader.get(path, params)

    def _row(self, path: str, params: Mapping[str, str | int] | None = None) -> Row:
        answer = self._get(path, params)
        if not isinstance(answer, dict):
            raise CollectorError(f"Discord answered {path} in an unknown form.")
        return answer

    def _rows(self, path: str, params: Mapping[str, str | int] | None = None) -> list[Row]:
        answer = self._get(path, params)
        if not isinstance(answer, list) or not all(isinstance(row, dict) and row.get("id") for row in answer):
            raise CollectorError(f"Discord answered {path} in an unknown form.")
        return answer

    def _note_limits(self, headers: httpx.Headers) -> None:
        told = {
            name: float(headers[f"X-RateLimit-{header}"])
            for name, header in (("limit", "Limit"), ("remaining", "Remaining"), ("resets_in", "Reset-After"))
            if headers.get(f"X-RateLimit-{header}", "").replace(".", "", 1).isdigit()
        }
        self._tools.meter.budget = told or self._tools.meter.budget
        if told.get("remaining") == 0:
            self._wait = min(told.get("resets_in", 0.0), 60.0)

    def _refusal(self, status: int, answer: object) -> CollectorError | None:
        told = answer if isinstance(answer, dict) else {}
        match status:
            case 429:
                seconds = (
                    retry_after(str(told["retry_after"]), now=self._tools.clock()) if "retry_after" in told else None
                )
                whose = "the whole bot" if told.get("global") else "this channel"
                return CollectorError(f"Discord asks {whose} to slow down.", retry_after=seconds) if seconds else None
            case 401:
                message = "Discord does not know this token. Reset it in the developer portal and give the new one."
                return CollectorError(message, permanent=True)
            case 403:
                needs = "It needs View Channel and Read Message History."
                return _Closed(f"The bot may not read this channel ({told.get('code')}). {needs}", permanent=True)
            case 404:
                return _Gone("Discord knows no such channel or message (any more).", permanent=True)
        return None


def _size(source: Watched) -> int:
    value = source.options.get("lookback", _LOOKBACK)
    if not value.isascii() or not value.isdigit():
        raise CollectorError(f"The option lookback takes a number of messages, not {value!r}.", permanent=True)
    return int(value)


def _found(server: Row, channel: Row) -> Found:
    kind = "forum" if channel.get("type") in _FORUMS else "channel"
    return Found(str(channel.get("id")), f"{server.get('name')}/#{channel.get('name')}", kind)


def _thread(row: Row, home: Place, *, is_forum: bool) -> tuple[Place, int]:
    place = Place(
        str(row.get("id")), home.server, home.community, str(row.get("name")), is_thread=True, is_of_forum=is_forum
    )
    return place, _snowflake(row.get("last_message_id"))


def _part(answer: Row, name: str) -> list[Row]:
    rows = answer.get(name)
    if not isinstance(rows, list) or not all(isinstance(row, dict) and row.get("id") for row in rows):
        raise CollectorError(f"Discord answered without its {name}.")
    return rows


def _snowflake(value: object) -> int:
    """0 where there is none: a channel in which nothing was written yet."""
    if value is None:
        return 0
    if not isinstance(value, str) or not value.isascii() or not value.isdigit():
        raise CollectorError(f"Discord gave {value!r} for an id.")
    return int(value)


def _erased(ids: Iterable[int]) -> list[Item]:
    return [Erased(Platform.DISCORD, str(id_)) for id_ in ids]
