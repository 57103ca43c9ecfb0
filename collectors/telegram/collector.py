"""Telegram's Bot API: what is written in groups and channels that have taken the operator's bot in.

All chats of a bot share one queue, and asking for the next update acknowledges those before it. So `listen` puts each
update on disk before it asks on, and the passes over the chats take them from there.
"""

import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from collectors.base import Ask, Collector, Deliver, Found, Missed, Page, Reading, Tools, Watched
from collectors.http import JsonReader, retry_after
from collectors.rows import Row
from collectors.telegram.updates import MESSAGES, chat_of, read_update
from overheard.errors import CollectorError
from overheard.listening.sources import Pause
from overheard.listening.terms import Recheck, Terms
from overheard.vocabulary import Platform

_PATIENCE = 2  # seconds that Telegram may hold a question open; when we are told to stop, it is waited for
_AT_ONCE = 100  # updates, as many as it gives
_KEPT_FOR = timedelta(hours=24)  # core.telegram.org/bots/api#getting-updates
# A second poller that is only our own predecessor's last question is gone after as many tries.
_CONFLICTS = 3
_CONFLICT_WAIT = 5.0

_OWN_BOT = "make a bot for Overheard alone"

_TOKEN = re.compile(r"\d+:[\w-]+", re.ASCII)
_ADDRESS = re.compile(
    r"(?:https://)?t\.me/c/(?P<inner>\d+)(?:/.*)?"
    r"|(?:https://web\.telegram\.org/\w+/?#)?(?P<id>-?\d+)"
    r"|(?:(?:https://)?t\.me/|@)(?P<name>[A-Za-z]\w+)(?:/.*)?",
    re.ASCII,
)


class _Conflict(CollectorError):
    """Somebody else reads the queue of this bot."""


class Telegram(Collector):
    """Reads the updates of one bot."""

    platform = Platform.TELEGRAM
    terms = Terms(
        permission="An admin of the group has added your bot, and its members can know what it reads. Nobody tells a "
        "bot of deletions, and it cannot ask: so nothing is kept for longer than a week.",
        must_confirm=True,
        retention_hours=168,
        recheck=Recheck.NONE,
    )
    account = (Ask("token", "Token of your bot, as @BotFather gave it", is_secret=True),)
    address = "The group's @name or link; a private group's id is in its address at web.telegram.org (#-100…)"
    pause = Pause(shortest=10, longest=900)  # what is delivered makes a pass due at once
    listens = True

    def __init__(self, tools: Tools) -> None:
        """Nothing is asked for yet."""
        super().__init__(tools)
        token = tools.secrets.get("token", "").strip()
        if not _TOKEN.fullmatch(token):
            raise CollectorError("This is no token of a Telegram bot: it looks like 123456:AbC-…", permanent=True)
        # In the base address and not in the path: paths stand in error messages.
        base_url = f"{tools.settings.services.telegram_url}bot{token}/"
        self._reader = JsonReader("Telegram", base_url, tools, on_refusal=self._refusal)
        self._patience = min(_PATIENCE, int(tools.settings.http_timeout / 2))

    def close(self) -> None:
        """Hang up."""
        self._reader.close()

    def account_name(self) -> str:
        """The bot's name, if it may read groups."""
        me = self._row("getMe")
        if not me.get("can_read_all_group_messages"):
            raise CollectorError(
                "In groups the bot is shown commands only. Send @BotFather /setprivacy, choose the bot, Disable; then "
                "take the bot out of the group and add it again.",
                permanent=True,
            )
        return f"@{me.get('username')}"

    def communities(self, address: str | None = None) -> Sequence[Found]:
        """The chat at an address. A bot cannot list its chats."""
        found = _ADDRESS.fullmatch((address or "").strip())
        if found is None:
            raise CollectorError(f"{address!r} is no Telegram group. {self.address}.", permanent=True)
        name = found["name"]
        chat = self._row("getChat", {"chat_id": f"@{name}" if name else found["id"] or f"-100{found['inner']}"})
        return [Found(str(chat.get("id")), str(chat.get("title") or name), str(chat.get("type")))]

    def listen(self, deliver: Deliver, stop: threading.Event) -> None:
        """Put each update on disk, and only then ask for the next: that is how Telegram learns that we have it."""
        offset: int | None = None
        conflicts = 0
        while not stop.is_set():
            try:
                updates = self._updates(offset)
            except _Conflict:
                conflicts += 1
                if conflicts == _CONFLICTS:
                    raise
                self._tools.sleep(_CONFLICT_WAIT)
                continue
            conflicts = 0
            for number, update in updates:
                if (chat := chat_of(update)) is not None:
                    deliver(str(number), chat, json.dumps(update).encode())
                offset = number + 1

    def pages(self, source: Watched, reading: Reading) -> Iterator[Page]:
        """What has been delivered for this chat. The cursor is the time of the last pass beside which we listened."""
        while deliveries := reading.deliveries():
            items = [read_update(delivery.raw, source.community) for delivery in deliveries]
            taken = [delivery.id for delivery in deliveries]
            yield Page(items=[item for item in items if item is not None], taken=taken)
            for delivery in deliveries:
                _must_still_be_here(delivery.raw)
        if reading.stays():
            yield self._time_kept(reading.cursor)

    def _time_kept(self, cursor: str | None) -> Page:
        now = self._tools.clock()
        lost_until = now - _KEPT_FOR
        if cursor is None or datetime.fromisoformat(cursor) >= lost_until:
            return Page(cursor=now.isoformat())
        reason = "nobody listened for more than a day, and Telegram keeps updates for 24 hours"
        return Page(cursor=now.isoformat(), missed=[Missed(cursor, lost_until.isoformat(), reason)])

    def _updates(self, offset: int | None) -> list[tuple[int, Row]]:
        asked: dict[str, str | int] = {
            "timeout": self._patience,
            "limit": _AT_ONCE,
            "allowed_updates": json.dumps(MESSAGES),
        }
        updates = self._result("getUpdates", asked if offset is None else {**asked, "offset": offset})
        if not isinstance(updates, list):
            raise CollectorError("Telegram answered getUpdates in an unknown form.")
        numbered = []
        for update in updates:
            number = update.get("update_id") if isinstance(update, dict) else None
            if not isinstance(number, int):
                raise CollectorError("Telegram gave an update without its number.")
            numbered.append((number, update))
        return sorted(numbered, key=lambda pair: pair[0])

    def _row(self, method: str, params: Mapping[str, str | int] | None = None) -> Row:
        result = self._result(method, params)
        if not isinstance(result, dict):
            raise CollectorError(f"Telegram answered {method} in an unknown form.")
        return result

    def _result(self, method: str, params: Mapping[str, str | int] | None) -> object:
        answer = self._reader.get(method, params)
        if not isinstance(answer, dict) or answer.get("ok") is not True:
            raise CollectorError(f"Telegram answered {method} in an unknown form.")
        return answer.get("result")

    def _refusal(self, status: int, answer: object) -> CollectorError | None:
        told = answer if isinstance(answer, dict) else {}
        description = str(told.get("description", ""))
        match status:
            case 429:
                details = told.get("parameters")
                seconds = details.get("retry_after") if isinstance(details, dict) else None
                wait = retry_after(str(seconds), now=self._tools.clock()) if seconds is not None else None
                return CollectorError("Telegram asks us to slow down.", retry_after=wait) if wait else None
            case 401 | 404:
                message = "Telegram does not know this token. Ask @BotFather for a new one (/token) and give it here."
                return CollectorError(message, permanent=True)
            case 409 if "webhook" in description:
                message = f"A webhook takes this bot's updates. Remove it (deleteWebhook), or {_OWN_BOT}."
                return CollectorError(message, permanent=True)
            case 409:
                message = (
                    f"Another program takes this bot's updates; each goes to one of us only. End it, or {_OWN_BOT}."
                )
                return _Conflict(message, permanent=True)
            case 400 | 403 if "chat" in description or "bot was" in description:
                message = "The bot is not in this group: add it there, then try again."
                return CollectorError(message, permanent=True)
        return None


def _must_still_be_here(raw: bytes) -> None:
    """A group that grows becomes a supergroup, which has another id."""
    update = json.loads(raw)
    moved_to = (update.get("message") or {}).get("migrate_to_chat_id")
    if moved_to:
        message = f"This group has become a supergroup with the id {moved_to}: add that one, and remove this."
        raise CollectorError(message, permanent=True)
