"""The seam between the outbox and a platform: a sender looks at the target again, sends once, and reads back.

What the outbox must know of every failure is whether the reply can stand there by now. `Refused`: surely not. Anything
else that is raised while sending: perhaps.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus

from collectors.base import Caller, Clock, Sleep, Tools
from overheard.errors import CollectorError, OverheardError
from overheard.listening.posts import NewPost
from overheard.models import Source
from overheard.settings import Settings
from overheard.text import text_hash

Get = Callable[[str, Mapping[str, str | int]], object]
"""Asks for a path with parameters, and gives what JSON came."""

# Who is told to wait for so long is watched: sending stops until a person has looked.
PAUSE_FROM = 60.0  # seconds

_MENTION = re.compile(r"^@\S+\s+")
_AUTHENTICATION = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A reply as its sender sees it."""

    key: str
    """A random word that goes along where the platform takes one."""
    target: str
    """The key of the post that is answered."""
    title: str
    body: str
    """The target's text as the SDR saw it."""
    permalink: str | None
    """The target's address: GitHub numbers issues there, and nowhere else."""
    recipient: str
    text: str
    written_at: datetime
    """When the draft was begun. It never changes, so it may be part of a name."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """The reply as it stands at its platform."""

    remote_id: str
    """Its key, as its collector would give it. Empty where the platform did not say."""
    permalink: str | None
    text: str = ""
    """As the platform shows it, where we read it back."""


@dataclass(frozen=True, slots=True)
class HeardAnswer:
    """Something that came back."""

    external_id: str
    parent: str
    """The key of what it answers: a reply of ours, or something else of this account."""
    author: str | None
    text: str
    permalink: str | None
    posted_at: datetime | None


def heard_of(post: NewPost, parent: str) -> HeardAnswer:
    """A post as an answer."""
    return HeardAnswer(post.external_id, parent, post.author, post.body, post.permalink, post.posted_at)


@dataclass(frozen=True, slots=True)
class SeenThread:
    """The posts around a target, oldest first, as the platform shows them now."""

    posts: Sequence[NewPost]
    target: NewPost | None
    """None: it is gone, or its writer is, or it is not for us."""
    is_locked: bool = False
    lock: str = "locked or archived"
    """What stands in the way, where it is locked."""
    told: Mapping[str, str] = field(default_factory=dict)
    """What else the platform must hear of the target when it is answered."""
    is_hidden: bool = False
    """It is there, and its writer does not want to be read by programs."""
    score: int | None = None
    """What the target's votes come to, where the platform has votes."""

    def below(self, external_id: str) -> list[NewPost]:
        """What answers one of them directly."""
        return [post for post in self.posts if post.parent_external_id == external_id]


@dataclass(frozen=True, slots=True)
class SenderTools:
    """What a sender works with."""

    settings: Settings
    clock: Clock
    sleep: Sleep
    secrets: Mapping[str, str] = field(repr=False)
    """What opens the account, and under `me` its key as its posts have it."""
    address: str = ""
    """Where the platform is, for those that stand in many places."""
    name: str = ""

    def reading(self, secrets: Mapping[str, str] | None = None) -> Tools:
        """The same for what only reads."""
        return Tools(self.settings, self.clock, self.sleep, secrets if secrets is not None else self.secrets)


class Refused(OverheardError):
    """It was surely not posted."""

    def __init__(self, message: str, *, pause: bool = False, retry_after: float | None = None) -> None:
        """`pause`: nothing more is to be sent by this account until a person has looked."""
        super().__init__(message)
        self.pause = pause
        self.retry_after = retry_after


class UnclearError(OverheardError):
    """The platform's answer was lost, or says nothing: it may stand there or not."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A thread to be read by the source's own account: around a post of ours or theirs."""

    tools: Tools
    target: str
    permalink: str | None
    source: Source


class Sender(Caller, ABC):
    """Sends for one connected account, one reply after the other."""

    def __init__(self, tools: SenderTools) -> None:
        """Nothing is asked for yet."""
        self._tools = tools
        self.me = tools.secrets.get("me", "")

    def send(self, outgoing: Outgoing, *, check: Callable[[SeenThread], None] = lambda _: None) -> Delivered:
        """Look at the target again, and post the reply in one attempt.

        `check` is shown the thread and may raise `Refused`, which means that it was surely not posted. Whatever else is
        raised: it may have been.
        """
        try:
            seen = self.thread(outgoing)
            there = self.find(outgoing) if seen.target is not None else None
        except CollectorError as error:
            message = f"The post could not be looked at again, so nothing was sent. {error}"
            raise Refused(message, retry_after=error.retry_after) from error
        if there is not None and _words(there.text) == _words(outgoing.text):
            return there  # an earlier attempt had come through after all
        _check(seen, there)
        check(seen)
        return self.post(outgoing, seen)

    @abstractmethod
    def thread(self, outgoing: Outgoing) -> SeenThread:
        """The thread around the target. `CollectorError` when it cannot be read."""

    @abstractmethod
    def post(self, outgoing: Outgoing, seen: SeenThread) -> Delivered:
        """The one attempt."""

    @abstractmethod
    def find(self, outgoing: Outgoing) -> Delivered | None:
        """What this account has written under the target, read back. `CollectorError` when it cannot be.

        The check before sending has seen that there was nothing, so what is there afterwards is the reply.
        """

    def answers(self, cursor: str | None) -> tuple[list[HeardAnswer], str | None]:
        """What has come into the account's inbox since, for platforms that have one; and how far it was read."""
        return [], cursor


def _check(seen: SeenThread, there: Delivered | None) -> None:
    """Raise `Refused` where nothing can be posted, or was posted already. What else has changed is for `check`."""
    if seen.is_locked:
        raise Refused(f"The thread is {seen.lock}. Nothing was sent.")
    if seen.target is None:
        raise Refused("The post is gone, or its writer has left. Nothing was sent.")
    if there is not None:
        raise Refused(f"This account has answered there already: {there.permalink or there.remote_id}")


def is_same_text(post: NewPost, title: str, body: str) -> bool:
    """Whether a post still says what was read of it. The ways of reading differ in markup, not in words."""
    if text_hash(post.title, post.body) == text_hash(title, body):
        return True
    return _words(f"{post.title} {post.body}") == _words(f"{title} {body}")


def _words(text: str) -> str:
    """What is left when markup and a mention at the beginning are set aside, which a platform wants or adds."""
    text = _MENTION.sub("", text)
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def judge(platform: str, status: int, *, retry_after: float | None = None, said: str = "") -> None:
    """Raise what a status that answers the one attempt means; do nothing where it means success."""
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return
    told = f"{platform} answered {status}{f' ({said[:200]})' if said else ''}."
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise limited(platform, retry_after)
    if status in _AUTHENTICATION:
        raise Refused(f"{told} It does not let this account write there. Nothing was sent.", pause=True)
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.REQUEST_TIMEOUT:
        raise Refused(f"{told} Nothing was sent.")
    raise UnclearError(told)  # a redirect, a server in trouble: it may have stored the reply before


def limited(platform: str, seconds: float | None) -> Refused:
    """The platform slows us down. Where it does not say for how long, it counts as long."""
    pause = seconds is None or seconds >= PAUSE_FROM
    told = "" if seconds is None else f" for {seconds:.0f} seconds"
    return Refused(f"{platform} asks this account to wait{told}. Nothing was sent.", pause=pause, retry_after=seconds)
