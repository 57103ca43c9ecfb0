"""The websocket of Jetstream v2: one connection, read frame by frame."""

import json
import re
from collections.abc import Sequence
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

from websockets import Subprotocol
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.sync.client import ClientConnection, connect

from collectors.base import Tools
from collectors.bluesky.events import POSTS
from collectors.http import retry_after
from overheard.errors import CollectorError

# No post is so long, and the server leaves out what is longer: else one frame beyond what we take would end every
# connection at the same place.
_LONGEST_FRAME = 2**19
_FRAMES_AHEAD = 1_000  # read from the socket while a page is being stored: about a megabyte

_BAD_REQUEST = 400
_FLOOR = re.compile(r"floor\D{0,3}(\d+)")


class CursorTooOldError(Exception):
    """The server has not kept what came after our cursor. It said where it begins, or None."""

    def __init__(self, floor: int | None) -> None:
        super().__init__("cursor too old")
        self.floor = floor


class Stream:
    """One connection. Whatever goes wrong with it is a `CollectorError` that may pass."""

    def __init__(self, tools: Tools, *, cursor: int, dids: Sequence[str] = ()) -> None:
        """`cursor`: a seq, whose event comes again, or microseconds since 1970. Entering raises `CursorTooOldError`."""
        settings = tools.settings
        # The lexicon's filters: accounts and identities are told of whatever the collections are.
        asked = {
            "cursor": cursor, "collections": [POSTS], "kinds": ["commit", "account", "identity"],
            "maxMessageSizeBytes": _LONGEST_FRAME, "dids": list(dids),
        }  # fmt: skip
        self._tools = tools
        self._connection = connect(
            f"{settings.bluesky.stream_url}?{urlencode(asked, doseq=True)}",
            subprotocols=[Subprotocol("xrpc.v1.json")],
            compression=None,  # the server never does
            max_size=2 * _LONGEST_FRAME,
            max_queue=_FRAMES_AHEAD,
            open_timeout=settings.http_timeout,
            ping_interval=settings.http_timeout,
            ping_timeout=settings.http_timeout,
            close_timeout=1,
            legacy=False,  # it connects when it is entered
        )

    def __enter__(self) -> Self:
        self._tools.meter.count()
        try:
            self._socket: ClientConnection = self._connection.__enter__()
        except InvalidStatus as error:
            raise _refused(error, self._tools) from error
        except (OSError, InvalidHandshake, InvalidURI) as error:
            raise CollectorError(f"Bluesky's stream cannot be reached: {type(error).__name__}.") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._connection.__exit__(kind, error, traceback)

    def receive(self, *, within: float) -> str | bytes | None:
        """The next frame; None when none came for so many seconds."""
        try:
            return self._socket.recv(timeout=within)
        except TimeoutError:
            return None
        except ConnectionClosed as error:  # told only after all that has come before
            raise CollectorError("Bluesky's stream broke off.") from error


def _refused(error: InvalidStatus, tools: Tools) -> Exception:
    response = error.response
    try:
        answer = json.loads(response.body or b"")
        name, message = str(answer.get("error")), str(answer.get("message"))
    except (ValueError, AttributeError, RecursionError):
        name, message = "", ""
    if response.status_code == _BAD_REQUEST and name == "CursorTooOld":
        floor = _FLOOR.search(message)
        return CursorTooOldError(int(floor[1]) if floor else None)
    seconds = retry_after(response.headers.get("Retry-After"), now=tools.clock())
    told = f" ({name})" if re.fullmatch(r"[A-Za-z]{1,40}", name) else ""
    # The stream needs no key: what it refuses today it may answer tomorrow.
    return CollectorError(f"Bluesky's stream answered {response.status_code}{told}.", retry_after=seconds)
