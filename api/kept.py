"""What was found out of the database as it stands, and whole pages of it: gone with the next commit of anybody.

Before anything is read for a request, the database is asked whether it changed (`overheard.db.Watch`): a statement of
some microseconds. So nothing is answered out of here that is older than the database. What time alone changes, an age
or the end of a claim, is told to the minute, and with each new minute all begins anew.
"""

from collections.abc import Hashable
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api.security import binding
from overheard.db import Watch

_MOST = 200
"""Things that are kept; a page takes some 100 KB."""

Things = dict[Hashable, Any]


class Kept:
    """What is known of one state of the database, in one minute."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._known: tuple[Hashable, Things] = (None, {})

    def now(self, at: datetime) -> Things:
        """What is known; also where to keep what is read after this call. Emptied by no one: replaced."""
        state = (self._watch.state(), at.replace(second=0, microsecond=0))
        known = self._known
        if known[0] != state or len(known[1]) >= _MOST:
            known = self._known = (state, {})
        return known[1]

    def forget(self) -> None:
        """Everything, so that no text outlives its erasure here where nobody looks."""
        self._known = (None, {})


def kept_page(request: Request, now: datetime) -> Response | None:
    """The same page for the same browser, if nothing that it shows can have changed."""
    content, until = request.state.kept.get(_key(request), (None, None))
    if content is None or (until is not None and until <= now):
        return None
    return Response(content, media_type="text/html")


def keep_page(request: Request, response: Response, *, until: datetime | None) -> Response:
    """Keep a page that was made in this request. `until`: when it changes though nobody does anything."""
    if key := _key(request):
        request.state.kept[key] = bytes(response.body), until
    return response


def _key(request: Request) -> tuple[str | None, ...] | None:
    """All of a request that its page shows: whose forms, which address, light or dark. None: it tells of something
    once.
    """
    if "overheard_flash" in request.cookies:
        return None
    return binding(request), request.url.path, request.url.query, request.cookies.get("overheard_theme")
