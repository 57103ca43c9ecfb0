"""The sources, the worst first, and what can be done about them."""

from typing import Annotated

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.access import Action
from api.deps import Db, Id, Now, ReadDb, on_page
from api.pages import Flash, done, page
from api.words import plain
from overheard.listening import source_health, sources
from overheard.models import User

router = APIRouter(prefix="/sources")

_HERE = "/sources"


@router.get("")
def all_sources(
    request: Request, viewer: Annotated[User, on_page(Action.READ_SOURCES)], db: ReadDb, now: Now
) -> Response:
    """All sources with their health."""
    return page(request, "sources.html", viewer=viewer, found=source_health.health(db, now))


@router.post("/{source_id}/pause")
def pause(
    request: Request, source_id: Id, _viewer: Annotated[User, on_page(Action.PAUSE_SOURCE)], db: Db, now: Now
) -> Response:
    """Stop reading it for a while."""
    source = source_health.health_of(db, source_id, now).source
    sources.pause(source)
    return done(request, _HERE, Flash(f"{plain(source.community)} is paused. Its posts stay."))


@router.post("/{source_id}/enable")
def enable(
    request: Request, source_id: Id, _viewer: Annotated[User, on_page(Action.ENABLE_SOURCE)], db: Db, now: Now
) -> Response:
    """Read it again."""
    source = source_health.health_of(db, source_id, now).source
    sources.enable(source)
    return done(request, _HERE, Flash(f"{plain(source.community)} is read again with the next pass."))


@router.post("/{source_id}/remove")
def remove(
    request: Request, source_id: Id, _viewer: Annotated[User, on_page(Action.REMOVE_SOURCE)], db: Db, now: Now
) -> Response:
    """Read it no more. Its posts are erased by the page of privacy, and by no other way."""
    source = source_health.health_of(db, source_id, now).source
    sources.remove(source)
    return done(request, _HERE, Flash(f"{plain(source.community)} is no longer read. Its posts stay."))
