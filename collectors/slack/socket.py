"""Slack's Socket Mode: two connections, and an event is acknowledged when it is on disk and not before.

Of a workspace's events each goes to one of the connections. A connection may die in silence, with pings answered and
nothing else coming: https://github.com/slackapi/python-slack-sdk/issues/1701. So one on which nothing has come for a
while is replaced, which costs one request where it was only quiet; what was missed is found by history.
"""

import json
import logging
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass

from slack_sdk.errors import SlackClientError
from slack_sdk.socket_mode.builtin import SocketModeClient
from slack_sdk.socket_mode.client import BaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from collectors.base import Deliver
from collectors.rows import Row
from collectors.slack.api import QUIET, SlackApi
from collectors.slack.messages import told_of
from overheard.errors import CollectorError

logger = logging.getLogger(__name__)

_CONNECTIONS = 2
_LOOK_EVERY = 0.5  # seconds between two looks at the connections
_GREETING_WITHIN = 20.0
_QUIET_FOR = 600.0
_AGAIN_AFTER = 30.0  # a connection that could not be opened, while the other one holds

_OFF = (
    "Socket Mode is switched off for the app. Switch it on at https://api.slack.com/apps, under Socket Mode; or give "
    "no app-level token: overheard sources add slack."
)
_TOO_MANY = "Slack has ten connections of this app open, and takes no more: another Overheard may be using its tokens."
_GONE = (
    "The app was removed from the workspace, or its tokens were revoked. Install it anew: overheard sources add slack."
)


class Connection(SocketModeClient):
    """One connection. It is opened once, and says when it is to be replaced."""

    def __init__(self, api: SlackApi, app_token: str, deliver: Deliver, quiet_for: float) -> None:
        """Open it. `CollectorError` when Slack gives no address to connect to."""
        self.error: Exception | None = None
        """Why listening must end."""
        self._deliver, self._quiet_for = deliver, quiet_for
        self._greeted = self._is_ending = False
        self._heard_at = time.monotonic()
        url = api.open_socket(app_token)  # before the threads of the vendor's client are there
        super().__init__(
            app_token, QUIET, api.client, auto_reconnect_enabled=False, concurrency=1,
            on_message_listeners=[self._on_text],
        )  # fmt: skip
        self.socket_mode_request_listeners.append(self._on_request)
        self.wss_uri = url
        self.connect()

    @property
    def is_good(self) -> bool:
        """Whether Slack greeted us on it, and it holds."""
        return self._greeted and self.is_connected() and not self._is_ending

    @property
    def is_spent(self) -> bool:
        """Whether another one should take its place."""
        quiet_for = time.monotonic() - self._heard_at
        is_quiet = quiet_for > (self._quiet_for if self._greeted else _GREETING_WITHIN)
        return not self.is_connected() or self._is_ending or is_quiet

    def connect_to_new_endpoint(self, force: bool = False) -> None:  # noqa: FBT001, FBT002 - the vendor's signature
        """Not by the vendor's client, which waits without end where it is refused: the listener replaces it."""

    def close(self) -> None:
        """Hang up at once: the vendor's client would first wait, for a frame and for a message."""
        self.closed = True
        self.message_queue.put(None)
        with suppress(AttributeError, OSError):
            self.current_session.sock.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr] # None is suppressed
        super().close()

    def _on_text(self, text: str) -> None:
        self._heard_at = time.monotonic()
        message = _parsed(text)
        if message.get("type") == "hello":
            self._greeted = True
        elif message.get("type") == "disconnect":
            self._is_ending = True
            match message.get("reason"):
                case "link_disabled":
                    self.error = CollectorError(_OFF, permanent=True)
                case "too_many_websockets":
                    self.error = CollectorError(_TOO_MANY)

    def _on_request(self, _client: BaseSocketModeClient, request: SocketModeRequest) -> None:
        try:
            if request.type == "events_api":
                self._keep(request.payload)
        except Exception as error:  # noqa: BLE001 - whatever kept it from the disk: not acknowledged, and told below
            self.error = error
            return
        with suppress(SlackClientError, OSError):  # the acknowledgement is lost, so the event comes again
            self.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))

    def _keep(self, payload: Row) -> None:
        event = payload.get("event")
        if not isinstance(event, dict):
            return
        if event.get("type") in ("tokens_revoked", "app_uninstalled"):
            raise CollectorError(_GONE, permanent=True)
        told = told_of(payload)
        if told is not None:
            self._deliver(*told, json.dumps(payload).encode())


@dataclass
class Listener:
    """Keeps two connections, as long as it is to listen."""

    api: SlackApi
    app_token: str
    quiet_for: float = _QUIET_FOR
    """Seconds after which a connection that brought nothing is replaced."""

    def listen(self, deliver: Deliver, stop: threading.Event) -> None:
        """Keep what comes, until told to stop. What keeps it from the disk, and what Slack refuses, is raised."""
        connections: list[Connection] = []
        try:
            again_at = 0.0
            while not stop.is_set():
                for error in (connection.error for connection in connections if connection.error):
                    raise error
                if time.monotonic() >= again_at:
                    again_at = time.monotonic() + self._renew(connections, deliver)
                stop.wait(_LOOK_EVERY)
        finally:
            for connection in connections:
                connection.close()

    def _renew(self, connections: list[Connection], deliver: Deliver) -> float:
        """Replace what is spent, the new one first; how long to wait until the next look."""
        for index in range(_CONNECTIONS):
            old = connections[index] if index < len(connections) else None
            if old is not None and not old.is_spent:
                continue
            try:
                new = self._opened(deliver)
            except CollectorError as error:
                if error.permanent or not any(connection.is_good for connection in connections):
                    raise
                logger.warning("one of two connections could not be opened", extra={"action": "slack_socket_failed"})
                return error.retry_after or _AGAIN_AFTER
            connections[index : index + 1] = [new]
            if old is not None:
                old.close()
        return 0.0

    def _opened(self, deliver: Deliver) -> Connection:
        connection = Connection(self.api, self.app_token, deliver, self.quiet_for)
        if not connection.is_connected():
            connection.close()
            raise CollectorError("Slack gave an address for Socket Mode at which no connection can be opened.")
        return connection


def _parsed(text: str) -> Row:
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}
