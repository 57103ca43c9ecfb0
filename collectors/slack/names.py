"""How the ids in Slack's messages are called, asked for when they are met and not before."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from collectors.formats.slack_text import Names, name_of
from collectors.rows import Row
from collectors.slack.api import SlackApi, SlackError

_PERSON = re.compile(r"[UW][A-Z0-9]{1,30}")
_CHANNEL = re.compile(r"[CG][A-Z0-9]{1,30}")
_UNKNOWN = frozenset({"user_not_found", "user_not_visible", "users_not_found", "channel_not_found"})


@dataclass(frozen=True, slots=True)
class _Person:
    name: str | None
    is_bot: bool


class _Asked(Mapping[str, str]):
    """A mapping of which nobody knows the keys: each is asked for when it is looked up."""

    def __init__(self, find: Callable[[str], str | None]) -> None:
        self._find = find

    def __getitem__(self, key: str) -> str:
        found = self._find(key)
        if found is None:
            raise KeyError(key)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


class Directory:
    """The people and channels of one workspace, each asked for once."""

    def __init__(self, api: SlackApi, own_id: str) -> None:
        """`own_id`: the app's own user. What it posts is nobody's need."""
        self._api = api
        self._people: dict[str, _Person] = {}
        self._channels: dict[str, str | None] = {}
        self._never_people = frozenset({own_id, "USLACKBOT"})
        self.names = Names(people=_Asked(self._name), channels=_Asked(self._channel))

    def __contains__(self, user: object) -> bool:
        """Whether it is a bot."""
        return isinstance(user, str) and (user in self._never_people or self._person(user).is_bot)

    def _name(self, user: str) -> str | None:
        return self._person(user).name

    def _person(self, user: str) -> _Person:
        if user not in self._people:
            told = self._ask("users.info", "user", user) if _PERSON.fullmatch(user) else {}
            self._people[user] = _Person(name_of(told), is_bot=told.get("is_bot") is True)
        return self._people[user]

    def _channel(self, channel: str) -> str | None:
        if channel not in self._channels:
            told = self._ask("conversations.info", "channel", channel) if _CHANNEL.fullmatch(channel) else {}
            name = told.get("name")
            self._channels[channel] = name if isinstance(name, str) else None
        return self._channels[channel]

    def _ask(self, method: str, what: str, id_: str) -> Row:
        try:
            told = self._api.call(method, {what: id_}).get(what)
        except SlackError as error:
            if error.code in _UNKNOWN:  # of another workspace, or hidden from us
                return {}
            raise
        return told if isinstance(told, dict) else {}
