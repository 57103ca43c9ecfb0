"""What a Mastodon instance pushes: one event stream for each timeline, kept on disk event by event.

Nothing that happens while a stream is down is sent afterwards. So every time one is opened, that is kept as an event as
well, and the pass that finds it walks the timeline.
"""

import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import uuid4

from mastodon import Mastodon, StreamListener
from mastodon.errors import MastodonError
from requests import RequestException, Response

from collectors.base import Deliver, Tools
from overheard.errors import CollectorError

logger = logging.getLogger(__name__)

CONNECTED, UPDATE, EDIT, DELETE = "connected", "update", "status.update", "delete"
AGENT = "overheard (self-hosted social listening)"

_FIRST_WAIT = 1.0  # seconds, doubled with each failure in a row
_LONGEST_WAIT = 60.0
_LOOK_EVERY = 0.5


@dataclass(frozen=True, slots=True)
class Timeline:
    """A timeline, as its address names it: `#tag`, `public`, `public:local`, `list:<id>`."""

    kind: str
    name: str = ""

    @classmethod
    def of(cls, address: str) -> "Timeline":
        """As a person types it, or copies it from a browser."""
        typed = address.strip()
        for marker in ("/tags/", "/lists/"):
            if "://" in typed and marker in typed:
                typed = {"/tags/": "#", "/lists/": "list:"}[marker] + typed.partition(marker)[2].partition("?")[0]
        if typed in {"public", "public:local"}:
            return cls(typed)
        if typed.startswith("list:") and typed[5:].strip().isalnum():
            return cls("list", typed[5:].strip())
        tag = typed.removeprefix("#")
        if tag and tag.replace("_", "").isalnum():
            return cls("tag", tag.lower())
        raise CollectorError(
            f"{address[:80]!r} is no timeline: type #tag, public, public:local or list:<id>.", permanent=True
        )

    @property
    def address(self) -> str:
        """The one way in which we write it."""
        return {"tag": f"#{self.name}", "list": f"list:{self.name}"}.get(self.kind, self.kind)

    @property
    def path(self) -> str:
        """Where it can be asked for."""
        return f"v1/timelines/{self.kind}/{self.name}" if self.name else "v1/timelines/public"

    @property
    def params(self) -> dict[str, str]:
        """What must be said besides."""
        return {"local": "true"} if self.kind == "public:local" else {}


class Streams:
    """The streams of an account."""

    def __init__(self, tools: Tools, instance: str, token: str, deliver: Deliver) -> None:
        """Nothing is opened yet."""
        self._tools, self._instance, self._token, self._deliver = tools, instance, token, deliver
        self._over = threading.Event()

    def follow(self, addresses: list[str], stop: threading.Event) -> None:
        """Keep what they bring, until told to stop or something unforeseen happens, which is raised."""
        listeners = [_Listener(address, self._deliver, self._over) for address in addresses]
        with ThreadPoolExecutor(max(len(listeners), 1), thread_name_prefix="mastodon") as pool:
            followed = [pool.submit(self._follow, listener) for listener in listeners]
            while not stop.wait(_LOOK_EVERY) and not any(future.done() for future in followed):
                pass
            self._over.set()
            for listener in listeners:
                listener.hang_up()
        for future in followed:
            future.result()

    def _follow(self, listener: "_Listener") -> None:
        timeline, wait = Timeline.of(listener.address), _FIRST_WAIT
        timeout = self._tools.settings.http_timeout
        while not self._over.is_set():
            listener.has_heard = False
            client = Mastodon(
                api_base_url=self._instance, access_token=self._token, request_timeout=timeout,
                ratelimit_method="throw", user_agent=AGENT,
            )  # fmt: skip
            client.session.hooks["response"].append(listener.note)
            try:
                _open(client, timeline, listener, timeout=3 * timeout)  # it says something every 15 seconds
            except (MastodonError, RequestException, OSError):
                # Why, the next pass learns: the stream's errors do not say it.
                logger.info("a stream broke off", extra={"action": "stream_failed", "mode": "mastodon"})
            finally:
                listener.close()  # the library leaves a refused one open
                client.session.close()
            wait = _FIRST_WAIT if listener.has_heard else min(2 * wait, _LONGEST_WAIT)
            self._over.wait(wait)


def _open(client: Mastodon, timeline: Timeline, listener: "_Listener", *, timeout: float) -> None:
    if timeline.kind == "tag":
        client.stream_hashtag(timeline.name, listener, timeout=timeout)
    elif timeline.kind == "list":
        client.stream_list(timeline.name, listener, timeout=timeout)
    else:
        client.stream_public(listener, timeout=timeout, local=timeline.kind == "public:local")


class _Listener(StreamListener):
    """Called by Mastodon.py for every event of one stream."""

    def __init__(self, address: str, deliver: Deliver, over: threading.Event) -> None:
        self.address = address
        self.has_heard = False
        self._deliver, self._over = deliver, over
        self._response: Response | None = None

    def note(self, response: Response, *_: object, **__: object) -> None:
        """Called with every answer; the last one is the stream's."""
        self._response = response

    def close(self) -> None:
        """Nothing more is read from it."""
        if self._response is not None:
            self._response.close()
        self._response = None

    def handle_stream(self, response: Response) -> None:
        if not self._over.is_set():
            self._keep(CONNECTED, uuid4().hex, None)
            super().handle_stream(response)  # type: ignore[no-untyped-call]

    def hang_up(self) -> None:
        """From another thread: what waits for the next event finds the end."""
        with suppress(AttributeError, ValueError, RuntimeError, OSError):  # it may be over already, or not begun
            self._response.raw.shutdown()  # type: ignore[union-attr]

    def on_update(self, status: Any) -> None:  # noqa: ANN401 - whatever came, in the library's clothes
        self._keep(UPDATE, _id_of(status), status)

    def on_status_update(self, status: Any) -> None:  # noqa: ANN401
        self._keep(EDIT, _id_of(status), status)

    def on_delete(self, status_id: Any) -> None:  # noqa: ANN401
        self._keep(DELETE, str(status_id), str(status_id))

    def on_unknown_event(self, name: str, unknown_event: Any = None) -> None:  # noqa: ANN401
        """The library's own handler raises nothing; this one says that it is meant."""

    def _keep(self, event: str, id_: str, payload: Any) -> None:  # noqa: ANN401
        self.has_heard = True
        if not self._over.is_set():
            raw = json.dumps({"event": event, "payload": payload}, default=str).encode()
            self._deliver(f"{self.address} {event} {id_}", self.address, raw)


def _id_of(status: Any) -> str:  # noqa: ANN401
    """What makes this version of a status this one."""
    if isinstance(status, dict) and status.get("id"):
        return f"{status['id']} {status.get('edited_at') or ''}".strip()
    return sha256(json.dumps(status, default=str).encode()).hexdigest()
