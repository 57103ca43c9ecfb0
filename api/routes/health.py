"""Whether we are up, and the static files: what is answered without a login."""

import sqlalchemy as sa
from fastapi import APIRouter
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import JSONResponse, Response

from api.deps import StateDep
from overheard.errors import NotFound
from overheard.readiness import OK, readiness

router = APIRouter()

# Lets a phone that has put us on its home screen share a post with us.
_SHARED = {"action": "/posts/new", "method": "GET", "params": {"title": "title", "text": "text", "url": "url"}}
_MANIFEST = {"name": "Overheard", "start_url": "/queue", "display": "minimal-ui", "share_target": _SHARED}

_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}


@router.get("/healthz")
def healthz(state: StateDep) -> JSONResponse:
    """Whether the database can be reached."""
    try:
        with state.reading() as session:  # on SQLite one that waits for no writer
            session.execute(sa.select(1))
    except SQLAlchemyError:
        return JSONResponse({"database": "unreachable"}, 503)
    return JSONResponse({"database": "reachable"})


@router.get("/readyz")
def readyz(state: StateDep) -> JSONResponse:
    """Whether requests can be sent here: what was looked at, and what is wrong with it."""
    found = readiness(state.engine, state.settings.home)
    return JSONResponse(found, 200 if set(found.values()) == {OK} else 503)


@router.get("/manifest.webmanifest")
def manifest(state: StateDep) -> JSONResponse:
    """What a browser needs to know to install us. It is fetched without a login."""
    icon = {"src": state.assets.url("icon.svg"), "sizes": "any", "type": "image/svg+xml"}
    return JSONResponse({**_MANIFEST, "icons": [icon]}, media_type="application/manifest+json")


@router.get("/static/{digest}/{name}")
def static(digest: str, name: str, state: StateDep) -> Response:
    """A static file. Its address changes with its content, so it may be kept for ever."""
    asset = state.assets.find(digest, name)
    if asset is None:
        raise NotFound("There is no such file.")
    return Response(asset.content, media_type=asset.media_type, headers=_FOR_EVER)
